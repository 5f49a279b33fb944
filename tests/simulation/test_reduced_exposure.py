"""A drawdown that leaves half of the limits: what is beyond them is closed, as fills and marks alone tell."""

import sys
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from replays import ROOT

sys.path.insert(0, str(ROOT))
from bench.thin_days import plan, run, settings

from aurora.config import Settings
from aurora.errors import AbortRequested
from aurora.journal import Journal
from aurora.messages import Outcome, RegimeUpdate
from aurora.stages import run_inline
from aurora.stages.account import AccountRisk

SECOND = 10**9
MARKS_NS = 60 * SECOND
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


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_run_cut_short_and_resumed_closes_the_same(halved: Journal, tmp_path: Path, share: float) -> None:
    """A share of the limits that was forgotten would look like a fall, and close again."""
    assert halved.summary is not None
    events = int(share * halved.summary["events"])
    told_of = told("0.2"), tmp_path / "out"
    with pytest.raises(AbortRequested):
        run_inline(
            plan(SEED, DAYS, *told_of, abort_after_events=events), recovery=tmp_path / "r", checkpoint_s=0.0
        )
    again = plan(SEED, DAYS, *told_of, resume=True)
    run_inline(again, recovery=tmp_path / "r", resume=True, checkpoint_s=60.0)
    resumed = Journal.open(tmp_path / "out")
    assert reductions(resumed) == reductions(halved)
    assert resumed.fills().collect().equals(halved.fills().collect())


def test_a_volatility_index_above_its_halt_reduces_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not at the next mark, and no entry follows while it holds."""
    halts: list[int] = []
    resolved = AccountRisk.outcome

    def outcome(self: AccountRisk, one: Outcome) -> None:
        resolved(self, one)
        held = any(trade.filled for trade in self._trades.values())
        if not halts and held and one.due_ns % MARKS_NS and len(self._fills) == 0:
            halts.append(one.due_ns)
            self.regime(RegimeUpdate(one.due_ns, one.instrument, "panic", "intraday", True, 99.0))

    monkeypatch.setattr(AccountRisk, "outcome", outcome)
    made = told("9")
    rules = made.policy.breakers.model_copy(update={"halt_exposure_scale": Decimal("0.01")})
    made = made.model_copy(update={"policy": made.policy.model_copy(update={"breakers": rules})})
    journal = run(SEED, DAYS, made, tmp_path / "out")
    closed = reductions(journal)
    assert closed
    assert {one["local_ns"] for one in closed} == set(halts)
    for one in closed:
        assert position(journal, one["symbol"], halts[0]) != 0
        assert position(journal, one["symbol"], halts[0] + SECOND) == 0
    entries = journal.fills().collect().filter(leg="entry")["local_ns"]
    assert entries.max() <= halts[0] + SECOND
    assert journal.summary is not None
    assert "deny.volatility_halt" in journal.summary["reasons"]
