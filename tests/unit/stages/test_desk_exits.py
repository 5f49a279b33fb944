"""Targets, moved stops, the kill switch and closing one instrument, by the desk's core on a generated market."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aurora import AuroraError
from aurora._core import DeskCore, DurableLedger, ExitPlan, read_ledger
from aurora.capture import CaptureSet, CaptureSettings
from aurora.features import FeatureSettings
from aurora.stages import MarketStage
from aurora.testing import SyntheticSettings, generate

SECOND = 10**9
MUCH = 10**18
LOTS = 100
MakeDesk = Callable[[], tuple[DeskCore, int, tuple[int, int]]]


@pytest.fixture(scope="module")
def make_desk(tmp_path_factory: pytest.TempPathFactory) -> MakeDesk:
    """A desk of ETHUSDT with its whole market added, a time in it, and the touch of that time in quanta."""
    market = generate(SyntheticSettings(seed=1, duration_s=20.0), tmp_path_factory.mktemp("market"))
    captures = CaptureSet([market.paths["ETHUSDT"]], CaptureSettings(slice_ms=0))
    ((key, instrument),) = captures.instruments.items()
    stage = MarketStage(instrument, FeatureSettings())
    reader = captures.open(captures.streams[0])
    messages = []
    while (read := reader.next()) is not None:
        messages += stage.process([message for message in read if message.instrument == key])
    first = next(m.block.first_event_ns for m in messages if m.block.first_event_ns is not None)

    def make() -> tuple[DeskCore, int, tuple[int, int]]:
        desk = DeskCore(
            [instrument],
            start_cash=MUCH,
            order_latency_ns=10**6,
            response_latency_ns=10**6,
            maker_fee_e8=20_000,
            taker_fee_e8=50_000,
            entry_ttl_ns=SECOND,
            latency_budget_ns=SECOND,
            max_symbol_notional=MUCH,
            max_gross_notional=MUCH,
            max_day_loss=MUCH,
        )
        for message in messages:
            desk.add(0, message.block, message.features)
        now = first + 2 * SECOND
        desk.advance(now)
        ((_, twice_mid, _, _),) = desk.account()["instruments"]
        assert twice_mid is not None
        return desk, now, (twice_mid // 2, (twice_mid + 1) // 2)

    return make


def propose(desk: DeskCore, trace: int, now: int, touch: tuple[int, int], exits: ExitPlan | None) -> str:
    bid, ask = touch
    reason, *_ = desk.propose(
        trace=trace,
        instrument=0,
        local_ns=now,
        side=1,
        size=LOTS,
        route="taker",
        bid=bid,
        ask=ask,
        stop_distance=bid // 20,
        deadline_ns=now + 10 * SECOND,
        limit=bid // 100,
        exits=exits,
    )
    return reason


def placed(desk: DeskCore) -> list[dict[str, Any]]:
    orders, _, _ = desk.drain()
    return [row for row in orders if row["event"] == "placed"]


def test_targets_share_what_was_entered(make_desk: MakeDesk) -> None:
    desk, now, touch = make_desk()
    exits = ExitPlan(targets=[(touch[0] // 20, 3_000), (touch[0] // 10, 7_000)])
    assert propose(desk, 1, now, touch, exits) == "trade.taker"
    desk.advance(now + SECOND)
    rows = placed(desk)
    ((position, *_),) = desk.account()["instruments"]
    targets = [row for row in rows if row["leg"] == "target"]
    assert position > 0
    assert sum(row["size"] for row in targets) == position
    assert [row["side"] for row in targets] == [-1] * len(targets)
    prices = [row["price"] for row in targets]
    assert prices == sorted(prices)
    assert min(prices) > touch[1]
    assert [row["size"] for row in rows if row["leg"] == "stop"][-1] == position


def test_the_kill_switch_flattens_and_denies(make_desk: MakeDesk) -> None:
    desk, now, touch = make_desk()
    assert propose(desk, 1, now, touch, None) == "trade.taker"
    desk.advance(now + SECOND)
    desk.kill()
    desk.advance(now + 2 * SECOND)
    assert [(position, is_open) for position, _, is_open, _ in desk.account()["instruments"]] == [(0, False)]
    assert placed(desk)[-1]["leg"] == "exit"
    assert propose(desk, 2, now + 2 * SECOND, touch, None) == "deny.kill_switch"
    desk.resume()
    assert propose(desk, 3, now + 2 * SECOND, touch, None) == "trade.taker"


def test_what_an_instrument_has_is_closed_and_may_be_opened_again(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk, now, touch = make_desk()
    assert propose(desk, 1, now, touch, None) == "trade.taker"
    desk.advance(now + SECOND)
    desk.close(0)
    desk.advance(now + 2 * SECOND)
    assert [(position, is_open) for position, _, is_open, _ in desk.account()["instruments"]] == [(0, False)]
    orders, _, ledger = desk.drain()
    assert [row["leg"] for row in orders if row["event"] == "placed"][-1] == "exit"
    with_rows = DurableLedger(str(tmp_path / "ledger.redb"))
    with_rows.append_batch(ledger)
    del with_rows
    rows, _ = read_ledger(str(tmp_path / "ledger.redb"))
    told = [(row["words"], row["symbol"]) for row in rows if row["kind"] == "operator"]
    assert told == [("operator: close, symbol 0", 0)]
    assert propose(desk, 2, now + 2 * SECOND, touch, None) == "trade.taker"
    with pytest.raises(AuroraError, match="instrument 1 is not among the 1"):
        desk.close(1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"targets": [(1, 1)] * 5},
        {"targets": [(0, 5_000)]},
        {"targets": [(5, 6_000), (9, 6_000)]},
        {"break_even": "soon"},
        {"break_even": "true_range"},
        {"trail_arm_risk_e4": 15_000},
        {"trail_arm_risk_e4": 15_000, "true_range": 5, "trail_cap_e4": 0},
    ],
)
def test_an_impossible_plan_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(AuroraError):
        ExitPlan(**arguments)
