"""A thin market with jumps under the whole desk: fills alone show no breach, and the checker sees one when there is."""

import sys
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from replays import ROOT

sys.path.insert(0, str(ROOT))
from bench.thin_days import check, limits_of, run, settings

from aurora.journal import Journal


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return run(11, 0.25, settings(), tmp_path_factory.mktemp("thin") / "out")


def told(journal: Journal) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any], Decimal]:
    made = settings()
    marks = journal.equity().select("local_ns", "mids").collect()
    return journal.fills().collect(), marks, limits_of(made), made.desk.start_cash


def test_no_breach_and_something_to_keep(journal: Journal) -> None:
    fills, marks, limits, cash = told(journal)
    assert len(fills) > 30
    breaches, close = check(fills, marks, limits, cash)
    assert breaches == []
    assert close, "limits were within reach"


@pytest.mark.parametrize("name", ["position", "turnover", "day_loss"])
def test_the_checker_sees_a_tighter_policy_breached(journal: Journal, name: str) -> None:
    fills, marks, limits, cash = told(journal)
    tight = {**limits, name: Decimal("0.01")}
    assert check(fills, marks, tight, cash)[0]


def test_an_entry_breaches_the_net_limit_in_its_own_direction_alone() -> None:
    def fill(at_ns: int, key: str, side: int, size: str, leg: str) -> dict[str, Any]:
        return {
            "local_ns": at_ns,
            "instrument": key,
            "side": side,
            "size": Decimal(size),
            "price": Decimal(100),
            "fee": Decimal(0),
            "leg": leg,
        }

    opened = [fill(1, "A", -1, "40", "entry"), fill(2, "B", 1, "20", "entry"), fill(3, "B", -1, "20", "stop")]
    marks = pl.DataFrame(schema={"local_ns": pl.Int64, "mids": pl.List(pl.Struct({"instrument": pl.String}))})
    wide = {
        "position": 1_000,
        "gross": 1_000,
        "turnover": 1_000,
        "net_max": 10,
        "net_min": -30,
        "day_loss": 50,
    }

    def found(*fills: dict[str, Any]) -> list[str]:
        return check(pl.DataFrame([*fills]), marks, wide, Decimal(10_000))[0]

    (first,) = found(opened[0])
    assert "net short 4000" in first, "of 3,000"
    assert found(*opened, fill(4, "B", 1, "5", "entry")) == [first], "leads back"
    assert len(found(*opened, fill(4, "B", -1, "5", "entry"))) == 2
    assert "net long 2000" in found(fill(1, "B", 1, "20", "entry"))[0]


def test_limits_and_breakers_had_work(journal: Journal) -> None:
    assert journal.summary is not None
    reasons = set(journal.summary["reasons"])
    assert {"trade.taker", "deny.position_open"} <= reasons
    assert reasons & {
        "deny.turnover",
        "deny.kelly",
        "deny.defence",
        "deny.symbol_day_stop",
        "deny.expectancy",
    }
