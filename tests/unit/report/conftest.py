"""A run with trades, drawn from a seed, and runs in which less and less happened."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aurora.journal import InstrumentInfo, JournalWriter
from aurora.messages import (
    DecisionRecord,
    DeskRecords,
    EquityPoint,
    Fill,
    OrderEvent,
    Outcome,
    Signal,
    SliceCount,
)

ETH, SOL = "binance_usdm:ETHUSDT", "binance_usdm:SOLUSDT"
START, SECOND = 1_735_787_045_000_000_000, 1_000_000_000
INSTRUMENTS = {ETH: InstrumentInfo(2, 3, 1, 1), SOL: InstrumentInfo(2, 0, 1, 1)}
QUALITY = {
    ETH: {"grade": "A", "messages": 120_034, "gaps": 0, "crossed": 2, "clock_offset_ms": -1270.5},
    SOL: {"grade": "C <thin>", "messages": 5_000, "gaps": 7, "note": {"stale_share": 0.25}},
}


def desk(**given: Any) -> DeskRecords:
    names = ("decisions", "orders", "fills", "outcomes", "equity", "slices", "ledger", "faults")
    return DeskRecords(**{"slice_index": 0, "events": 0, **{name: [] for name in names}, **given})


def records(rounds: int) -> DeskRecords:
    """``rounds`` signals in turn: most denied, each third a round trip of maker entry and taker exit."""
    draw = random.Random(7)
    made = desk()
    cash, fees, mid = 10_000 * 10**8, 0, 300_000
    for number in range(rounds):
        now = START + number * 10 * SECOND
        mid += draw.randint(-150, 150)
        instrument = ETH if number % 2 else SOL
        side = draw.choice([-1, 1])
        trace = draw.getrandbits(64)
        client_id = f"c-{number:05d}"
        traded = number % 3 == 0
        reason = (
            "trade.maker" if traded else draw.choice(["deny.net_edge", "deny.volatility", "deny.size_zero"])
        )
        signal = Signal(
            trace=trace,
            instrument=instrument,
            local_ns=now,
            engine="lead_lag",
            side=side,
            score=draw.gauss(0, 1),
            p=None if number < 20 else draw.uniform(0.5, 0.7),
            consensus=0.1,
            gross_edge_bps=5.0,
            horizon_ns=2 * SECOND,
            feature_hash=draw.getrandbits(64),
            bid=mid - 1,
            ask=mid + 1,
            bid_size=1_000,
            ask_size=1_000,
        )
        made.decisions.append(DecisionRecord(signal, reason, client_id=client_id if traded else None))
        right = draw.random() < 0.58
        made.outcomes.append(
            Outcome(trace, "lead_lag", instrument, now + 2 * SECOND, side, side * (3.0 if right else -3.0))
        )
        if traded:
            size = 450 if instrument == ETH else 3
            order = OrderEvent(
                now, client_id, trace, instrument, "entry", "placed", side, "limit", mid, None, size, 0, ""
            )
            made.orders.append(order)
            moved = side * draw.randint(-60, 90)
            legs = [("entry", side, mid - side, "maker", 0)]
            if number < rounds - 3:
                legs.append(("exit", -side, mid + moved - side, "taker", 2))
            for leg, way, price, liquidity, wait in legs:
                notional = price * size * (1_000 if instrument == ETH else 10**6)
                fee = notional * (2 if liquidity == "maker" else 5) // 10_000
                at = now + (wait + 1) * SECOND
                centre = mid if leg == "entry" else mid + moved
                made.fills.append(
                    Fill(
                        len(made.fills),
                        client_id,
                        trace,
                        instrument,
                        leg,
                        way,
                        price,
                        size,
                        fee,
                        liquidity,
                        at,
                        at,
                        centre - 1,
                        centre + 1,
                    )
                )
                cash -= way * notional + fee
                fees += fee
        made.equity.append(
            EquityPoint(
                now, 10_000 * 10**8 + draw.randint(-50, 60) * 10**8, cash, fees, {}, {ETH: mid, SOL: mid}
            )
        )
        made.slices.append(SliceCount(number, now, instrument, 20, 1, {"weak_score": 12, "warming_up": 7}))
    return made


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a run from records and answers with its directory."""

    def writing(*given: DeskRecords, end: bool = True, **run: Any) -> Path:
        directory = tmp_path / "run"
        writer = JournalWriter(directory, INSTRUMENTS, {"run_id": "f00d", **run})
        writer.write(list(given))
        if end:
            pnl = {"gross": "12.5", "fees": "-3.25", "funding": "0", "net": "9.25"}
            writer.write([desk(end={"pnl": pnl, "wall_s": 1.5})])
        writer.close()
        return directory

    return writing


@pytest.fixture
def full(write: Write) -> Path:
    return write(records(300), synthetic=True, data_quality=QUALITY)


@pytest.fixture(scope="session")
def empty_desk() -> Callable[..., DeskRecords]:
    return desk
