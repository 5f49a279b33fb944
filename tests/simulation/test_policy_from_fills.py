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
