"""Each number against one reckoned by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aurora.report import cost_split, drawdown, reliability, resolved, trade_totals, trades


def fill(
    trace: str, leg: str, side: int, price: str, size: str, fee: str, at: int, **given: Any
) -> dict[str, Any]:
    return {
        "trace": trace,
        "instrument": "X",
        "leg": leg,
        "side": side,
        "price": Decimal(price),
        "size": Decimal(size),
        "fee": Decimal(fee),
        "liquidity": "maker",
        "local_ns": at,
        "bid": Decimal(99),
        "ask": Decimal(101),
        **given,
    }


FILLS = [
    fill("b", "entry", -1, "100", "2", "0.1", 2_000_000_000),
    fill("a", "entry", 1, "100", "1", "0.05", 1_000_000_000),
    fill("a", "exit", -1, "103", "1", "0.15", 3_000_000_000, liquidity="taker"),
    fill("b", "stop", 1, "101", "2", "0.3", 6_000_000_000, liquidity="taker"),
    fill("c", "entry", 1, "100", "1", "0.05", 7_000_000_000),
]


def test_trades_per_trace_in_order_of_their_first_fill() -> None:
    found = trades(FILLS)
    assert [trade.trace for trade in found] == ["a", "b", "c"]
    assert [trade.result.net for trade in found] == [Decimal("2.8"), Decimal("-2.4"), None]
    assert [trade.result.side for trade in found] == [1, -1, 1]


def test_totals_count_closed_trades() -> None:
    totals = trade_totals(trades(FILLS))
    assert (totals.closed, totals.open, totals.wins) == (2, 1, 1)
    assert (totals.gross, totals.fees, totals.net) == (1, Decimal("0.6"), Decimal("0.4"))
    assert (totals.average_win, totals.average_loss) == (Decimal("2.8"), Decimal("-2.4"))
    assert totals.hit_rate == 0.5
    assert totals.average_holding_s == 3.0  # 2 s and 4 s


def test_nothing_gives_none_not_zero() -> None:
    totals = trade_totals([])
    assert (totals.hit_rate, totals.average_win, totals.average_loss, totals.average_holding_s) == (None,) * 4
    assert (totals.closed, totals.net) == (0, 0)
    assert drawdown([]).deepest is None
    assert drawdown([]).deepest_share is None
    assert cost_split([]) == []
    assert reliability([]) == []


def test_costs_by_liquidity() -> None:
    maker, taker = cost_split(
        [
            fill("a", "entry", 1, "99", "2", "0.1", 0),  # one below the mid of 100: 2 earned
            fill("b", "entry", -1, "101", "1", "-0.02", 0),  # one above: 1 earned
            fill("c", "entry", 1, "99", "1", "0.01", 0, bid=Decimal(0)),
            fill("a", "exit", -1, "98.5", "2", "0.2", 0, liquidity="taker"),  # 1.5 below: 3 paid
        ]
    )
    assert (maker.liquidity, maker.fills, maker.without_touch) == ("maker", 3, 1)
    assert (maker.half_spread, maker.fee, maker.notional) == (-3, Decimal("0.09"), 398)
    assert (taker.half_spread, taker.fee, taker.notional) == (3, Decimal("0.2"), 197)
    assert taker.bps(taker.half_spread) == pytest.approx(3 / 197 * 1e4)


def test_a_mid_between_quanta_is_exact() -> None:
    (cost,) = cost_split(
        [
            fill(
                "a",
                "entry",
                1,
                "0.00000002",
                "1",
                "0",
                0,
                bid=Decimal("0.00000001"),
                ask=Decimal("0.00000002"),
            )
        ]
    )
    assert cost.half_spread == Decimal("0.000000005")


def test_drawdown_from_the_peak_so_far() -> None:
    found = drawdown([Decimal(value) for value in (100, 90, 120, 84, 130, 100)])
    assert found.depths == [0, 10, 0, 36, 0, 30]
    assert found.deepest == 36
    assert found.deepest_share == pytest.approx(0.3)
    assert drawdown([Decimal(-1), Decimal(-3)]).deepest == 2
    assert drawdown([Decimal(-1), Decimal(-3)]).deepest_share is None


def test_reliability_in_groups_of_equal_count() -> None:
    pairs = [(number / 100, number % 4 != 0) for number in range(100)]
    found = reliability(reversed(pairs))
    assert [item.count for item in found] == [10] * 10
    assert found[0].mean_p == pytest.approx(0.045)
    assert found[0].right == 7  # 0, 4 and 8 are wrong
    assert found[0].low < 0.7 < found[0].high
    # Wilson by hand for 7 of 10: 0.3968 to 0.8922.
    assert (found[0].low, found[0].high) == (pytest.approx(0.3968, abs=1e-4), pytest.approx(0.8922, abs=1e-4))


def test_equal_claims_stay_in_one_group() -> None:
    found = reliability([(0.5, True)] * 30 + [(0.6, False)] * 3)
    assert [(item.count, item.right) for item in found] == [(30, 30), (3, 0)]
    assert sum(item.count for item in reliability([(0.5, True), (0.4, False)])) == 2


def test_an_outcome_is_right_when_the_mid_came_to_the_side() -> None:
    def decision(trace: str, side: int, p: float | None) -> dict[str, Any]:
        return {"trace": trace, "engine": "e", "side": side, "p": p}

    def outcome(trace: str, moved: float | None, engine: str = "e") -> dict[str, Any]:
        return {"trace": trace, "engine": engine, "return_bps": moved}

    decisions = [
        *(decision("a", 1, 0.6), decision("b", -1, 0.7), decision("c", 1, 0.8), decision("d", 1, None)),
        *(decision("e", 1, 0.9), decision("f", 1, 0.55), decision("g", -1, 0.65)),
    ]
    outcomes = [
        *(outcome("a", 2.0), outcome("b", 1.0), outcome("c", 0.0), outcome("d", 5.0), outcome("e", None)),
        *(outcome("f", -1.0, "other"), outcome("f", 1.0), outcome("g", -1.0, "other")),
    ]
    assert resolved(decisions, outcomes) == [
        (0.6, True),
        (0.7, False),
        (0.8, False),
        (0.55, True),
        (0.65, True),
    ]
