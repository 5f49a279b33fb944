"""A drawdown that leaves half of the limits: what is beyond them is closed, as fills and marks alone tell."""

import sys
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest
from replays import ROOT

sys.path.insert(0, str(ROOT))
from bench.thin_days import run, settings

from aurora.config import Settings
from aurora.journal import Journal

SECOND = 10**9
DAYS = 0.25
SEED = 11
HALF_POSITION = 0.075
"""Of equity: half of the 15 % that a position may have."""


def told(halve_pct: str, slice_ms: int = 600_000) -> Settings:
    made = settings()
    rules = made.policy.breakers.model_copy(
        update={"drawdown_alert_pct": Decimal(halve_pct) / 2, "drawdown_halve_pct": Decimal(halve_pct)}
    )
    capture = made.capture.model_copy(update={"slice_ms": slice_ms})
    policy = made.policy.model_copy(update={"breakers": rules})
    return made.model_copy(update={"policy": policy, "capture": capture})


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return run(SEED, DAYS, told("0.2"), tmp_path_factory.mktemp("halved") / "out")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return run(SEED, DAYS, told("9"), tmp_path_factory.mktemp("whole") / "out")


def reductions(journal: Journal) -> list[dict[str, Any]]:
    assert journal.summary is not None
    return list(journal.summary["breakers"]["reductions"])


def position(journal: Journal, key: str, at_ns: int) -> Decimal:
    fills = journal.fills().collect().iter_rows(named=True)
    known = [row for row in fills if row["instrument"] == key and row["local_ns"] <= at_ns]
    return sum((row["side"] * Decimal(row["size"]) for row in known), Decimal(0))


def shares(journal: Journal, at_ns: int) -> dict[str, float]:
    """Notional over equity of each instrument at the mark of that time."""
    (row,) = journal.equity().collect().filter(local_ns=at_ns).iter_rows(named=True)
    mids = {pair["instrument"]: float(pair["mid"]) for pair in row["mids"]}
    return {
        pair["instrument"]: abs(float(pair["size"])) * mids[pair["instrument"]] / float(row["equity"])
        for pair in row["positions"]
    }


def test_what_is_beyond_half_of_the_limits_is_closed_and_the_rest_is_kept(halved: Journal) -> None:
    closed = reductions(halved)
    times = groupby(closed, key=lambda one: one["local_ns"])
    kept = 0
    for at_ns, group in times:
        held = shares(halved, at_ns)
        beyond = {key for key, share in held.items() if share > HALF_POSITION}
        assert {one["symbol"] for one in group} == beyond
        for key in held:
            before = position(halved, key, at_ns)
            after = position(halved, key, at_ns + SECOND)
            assert before != 0
            if key in beyond:
                assert after == 0
            else:
                assert after == before
                kept += 1
    assert len(closed) >= 2
    assert kept


def test_without_the_breaker_the_same_positions_are_kept(halved: Journal, whole: Journal) -> None:
    assert reductions(whole) == []
    first = reductions(halved)[0]
    at_ns, key = first["local_ns"], first["symbol"]
    assert position(whole, key, at_ns) == position(halved, key, at_ns) != 0
    assert position(whole, key, at_ns + SECOND) == position(whole, key, at_ns)


def test_slices_of_another_length_close_the_same(
    halved: Journal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = run(SEED, DAYS, told("0.2", 250_000), tmp_path_factory.mktemp("again") / "out")
    assert reductions(again) == reductions(halved)
    assert again.fills().collect().equals(halved.fills().collect())
