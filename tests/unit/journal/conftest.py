"""A small run by hand: one traded buy that closes flat, one denied sell, one taken but unfilled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aurora.journal import InstrumentInfo
from aurora.messages import (
    DebateArgument,
    DecisionRecord,
    DeskRecords,
    EquityPoint,
    Fill,
    OrderEvent,
    Outcome,
    Signal,
    SliceCount,
    Voice,
)

ETH = "binance_usdm:ETHUSDT"
BTC = "binance_usdm:BTCUSDT"
START = 1_735_787_045_123_456_789  # 2025-01-02 03:04:05.123456789 UTC
SECOND = 1_000_000_000


class Records:
    """Makers of records; what matters to a test is an argument, the rest stays at rest."""

    ETH, BTC, START, SECOND = ETH, BTC, START, SECOND
    instruments = {ETH: InstrumentInfo(2, 3, 1, 1), BTC: InstrumentInfo(1, 3, 1, 1)}  # noqa: RUF012
    run = {"run_id": "r1", "config": {"seed": 7}, "instruments": [ETH, BTC]}  # noqa: RUF012

    @staticmethod
    def signal(number: int, **changed: Any) -> Signal:
        signal = Signal(
            trace=0x1000 + number,
            instrument=ETH,
            local_ns=START + number * SECOND,
            engine="lead_lag",
            side=1,
            score=0.4123456789,
            p=0.6,
            consensus=0.2,
            gross_edge_bps=6.2,
            horizon_ns=2 * SECOND,
            feature_hash=0xFEDC_BA98_7654_3210,
            bid=300_001,
            ask=300_002,
            bid_size=1_500,
            ask_size=2_100,
            regime="range",
            threshold=0.125,
            p_outcomes=321.0,
            depth=12_000,
            voices=(
                Voice("lead_lag", 1, 0.6, 0.75, 6.2, True, 0.5),
                Voice("carry", -1, None, 0.0, 2.5, False),
            ),
            arguments=(DebateArgument("lead_lag", "for", "alpha", "edge after costs is 2.18 bps"),),
        )
        return replace(signal, **changed)

    @classmethod
    def decision(cls, number: int, signal: dict[str, Any] | None = None, **changed: Any) -> DecisionRecord:
        decision = DecisionRecord(
            signal=cls.signal(number, **(signal or {})),
            reason="trade.maker",
            fee_bps=4.0,
            half_spread_bps=0.02,
            cost_bps=4.02,
            net_edge_bps=2.18,
            route="maker",
            equity=10_000 * 10**8,
            scalers={"regime": 0.5, "calibration": 1.0},
            caps={"risk": 900, "leverage": 5_000, "exposure": 1_200},
            size=450,
            price=300_001,
            client_id=f"a-{number:04d}-e",
            policy_hash="beef",
            sizing='{"size":450}',
        )
        return replace(decision, **changed)

    @classmethod
    def denied(cls, number: int, **changed: Any) -> DecisionRecord:
        """Fell at the gate before sizing."""
        decision = cls.decision(number, signal={"side": -1, "p": None, "instrument": BTC, "score": -0.25})
        nothing = dict.fromkeys(("route", "equity", "size", "price", "client_id"))
        bare: dict[str, Any] = {"reason": "deny.net_edge", "scalers": {}, "caps": {}, **nothing, **changed}
        return replace(decision, **bare)

    @staticmethod
    def order(number: int, **changed: Any) -> OrderEvent:
        order = OrderEvent(
            local_ns=START + number * SECOND,
            client_id=f"a-{number:04d}-e",
            trace=0x1000 + number,
            instrument=ETH,
            leg="entry",
            event="placed",
            side=1,
            order_type="limit_post_only",
            price=300_001,
            trigger=None,
            size=450,
            cumulative=0,
            detail="",
        )
        return replace(order, **changed)

    @staticmethod
    def fill(number: int, **changed: Any) -> Fill:
        fill = Fill(
            trade_id=number,
            client_id=f"a-{number:04d}-e",
            trace=0x1000 + number,
            instrument=ETH,
            leg="entry",
            side=1,
            price=300_001,
            size=450,
            fee=27_000_090,
            liquidity="maker",
            exchange_ns=START + number * SECOND + 490_000_000,
            local_ns=START + number * SECOND + 500_000_000,
            bid=300_001,
            ask=300_002,
        )
        return replace(fill, **changed)

    @staticmethod
    def desk(slice_index: int = 0, **changed: Any) -> DeskRecords:
        empty: dict[str, Any] = {
            name: []
            for name in ("decisions", "orders", "fills", "outcomes", "equity", "slices", "ledger", "faults")
        }
        return DeskRecords(**{"slice_index": slice_index, "events": 0, **empty, **changed})

    @classmethod
    def story(cls) -> list[DeskRecords]:
        """Three slices: 0.45 ETH bought at 3000.01 and sold at 3001.51, -0.00000045 after fees (by hand)."""
        half = SECOND // 2
        exit_fill = {
            "trade_id": 2,
            "client_id": "a-0001-x",
            "leg": "exit",
            "side": -1,
            "price": 300_151,
            "fee": 27_000_000 + 13_500_045 - 90,
            "liquidity": "taker",
            "local_ns": START + 3 * SECOND,
            "bid": 300_151,
            "ask": 300_153,
        }
        leaving = {"client_id": "a-0001-x", "leg": "exit", "side": -1, "order_type": "market", "price": None}
        first = cls.desk(
            0,
            events=100,
            decisions=[cls.decision(1)],
            orders=[
                cls.order(1),
                cls.order(1, event="filled", cumulative=450, local_ns=START + SECOND + half),
            ],
            fills=[cls.fill(1)],
            equity=[cls.point(0, 10_000), cls.point(1, 9_999)],
            slices=[
                SliceCount(0, START, ETH, 10, 1, {"warming_up": 7, "weak": 2}),
                SliceCount(0, START, BTC, 0, 0, {}),
            ],
            ledger=[b"one", b"two"],
        )
        second = cls.desk(
            1,
            events=250,
            decisions=[cls.denied(2), cls.decision(4, reason="trade.taker")],
            orders=[
                cls.order(1, **leaving, local_ns=START + 3 * SECOND - half),
                cls.order(1, **leaving, event="filled", cumulative=450, local_ns=START + 3 * SECOND),
                cls.order(4),
            ],
            fills=[cls.fill(1, **exit_fill)],
            outcomes=[
                Outcome(0x1001, "lead_lag", ETH, START + 3 * SECOND, 1, 5.0),
                Outcome(0x1002, "lead_lag", BTC, START + 4 * SECOND, -1, None),
            ],
            equity=[cls.point(2, 10_001)],
            slices=[SliceCount(1, START + SECOND, BTC, 5, 2, {"weak": 3})],
            ledger=[b"three"],
            faults=["line 7 is half a line"],
        )
        last = cls.desk(2, events=300, end={"pnl": {"net": "0.13"}, "wall_s": 0.5, "rate": float("nan")})
        return [first, second, last]

    @staticmethod
    def point(number: int, equity: int) -> EquityPoint:
        return EquityPoint(
            local_ns=START + number * SECOND,
            equity=equity * 10**8,
            cash=equity * 10**8 - 1,
            fees=number * 5,
            positions={ETH: 450} if number == 1 else {},
            mids={ETH: 300_001.5 + number, BTC: 950_000.5},
        )


@pytest.fixture(scope="session")
def make() -> type[Records]:
    return Records
