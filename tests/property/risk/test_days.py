"""A hundred thin days with jumps, traded under the policy; a checker that knows fills and marks alone finds no breach.

The desk below is as small as can be: random signals, fills at the mark, stops that gap. What is tested is that sizing,
limits and breakers together keep the policy, and that each of them had something to keep.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from aurora.risk import (
    AccountState,
    Breakers,
    Entry,
    Lots,
    Policy,
    SizingInputs,
    SymbolState,
    breaches,
    room,
    size_trade,
)

MONEY = 10**8
UNIT = 1000
"""Money quanta of one size quantum times one price quantum: prices in cents, sizes in thousandths."""
STEP_NS = 600 * 10**9
DAY_NS = 86_400 * 10**9
STEPS = 144
SYMBOLS = ["A", "B", "C", "D", "E", "F"]
STOP_BPS, FEE_BPS = 80, 5
START = 100_000 * MONEY


@dataclass(frozen=True)
class Fill:
    time: int
    symbol: str
    size: int
    """Signed."""
    price: int
    entry: bool

    @property
    def notional(self) -> int:
        return abs(self.size) * self.price * UNIT

    @property
    def fee(self) -> int:
        return self.notional * FEE_BPS // 10_000


def market(seed: int, days: int) -> Any:
    """Prices in cents, steps × symbols: quiet, with jumps of Student's t with two degrees of freedom."""
    generator = np.random.default_rng(seed)
    shape = (days * STEPS, len(SYMBOLS))
    moves = generator.normal(0, 0.0008, shape)
    jumps = generator.random(shape) < 0.01
    moves[jumps] += generator.standard_t(2, int(jumps.sum())) * 0.006
    return np.round(10_000 * np.exp(np.cumsum(np.clip(moves, -0.3, 0.3), axis=0))).astype(int)


class Desk:
    def __init__(self, policy: Policy, prices: Any, seed: int, burst: str | None = None) -> None:
        self.policy, self.prices, self.burst = policy, prices, burst
        self.chance = np.random.default_rng(seed)
        self.breakers = Breakers(policy)
        self.fills: list[Fill] = []
        self.reasons: Counter[str] = Counter()
        self.trips: Counter[str] = Counter()
        self.cash = START
        self.held: dict[str, tuple[int, int, int]] = {}
        """Size, price and step of entry by symbol."""
        self.profit: Counter[str] = Counter()
        self.traded: deque[tuple[int, str, int]] = deque()

    def run(self) -> None:
        for step in range(len(self.prices)):
            now, marks = step * STEP_NS, dict(zip(SYMBOLS, (int(p) for p in self.prices[step]), strict=True))
            self.note(self.breakers.observe_equity(now, self.equity(marks)))
            for symbol in SYMBOLS:
                self.note(self.breakers.observe_symbol(now, symbol, self.marked(symbol, marks)))
            if step % 50 == 49:
                state = self.breakers.snapshot()
                self.breakers = Breakers(self.policy)
                self.breakers.restore(state)
            for symbol, (size, price, since) in list(self.held.items()):
                beyond = (marks[symbol] - price) * (1 if size > 0 else -1) <= -price * STOP_BPS // 10_000
                if beyond or step - since >= 6 or self.breakers.posture().flatten:
                    self.close(now, symbol, marks)
            symbol = self.burst or SYMBOLS[int(self.chance.integers(len(SYMBOLS)))]
            if self.chance.random() < 0.5:
                self.signal(now, step, symbol, int(self.chance.choice([-1, 1])), marks)

    def note(self, events: Any) -> None:
        self.trips.update(event.breaker for event in events if event.change == "trip")

    def equity(self, marks: dict[str, int]) -> int:
        return self.cash + sum(size * marks[symbol] * UNIT for symbol, (size, _, _) in self.held.items())

    def marked(self, symbol: str, marks: dict[str, int]) -> int:
        size, price, _ = self.held.get(symbol, (0, 0, 0))
        return self.profit[symbol] + size * (marks[symbol] - price) * UNIT

    def fill(self, fill: Fill) -> None:
        self.fills.append(fill)
        self.cash -= fill.size * fill.price * UNIT + fill.fee
        self.profit[fill.symbol] -= fill.fee
        self.traded.append((fill.time, fill.symbol, fill.notional))

    def close(self, now: int, symbol: str, marks: dict[str, int]) -> None:
        size, price, _ = self.held.pop(symbol)
        fill = Fill(now, symbol, -size, marks[symbol], False)
        self.fill(fill)
        gain = size * (marks[symbol] - price) * UNIT
        self.profit[symbol] += gain
        entry_fee = abs(size) * price * UNIT * FEE_BPS // 10_000
        self.note(self.breakers.observe_trade(now, gain - fill.fee - entry_fee))

    def signal(self, now: int, step: int, symbol: str, side: int, marks: dict[str, int]) -> None:
        # What closing cost counts before anything is opened.
        self.note(self.breakers.observe_equity(now, self.equity(marks)))
        posture = self.breakers.posture()
        reason = posture.refusal(symbol, takes=True)
        if reason is None:
            reason = self.enter(now, step, symbol, side, marks, posture)
        self.reasons[reason] += 1

    def enter(self, now: int, step: int, symbol: str, side: int, marks: dict[str, int], posture: Any) -> str:
        while self.traded and self.traded[0][0] <= now - 7 * DAY_NS:
            self.traded.popleft()
        week: Counter[str] = Counter()
        for _, name, notional in self.traded:
            week[name] += notional
        today = sum(n for t, _, n in self.traded if t // DAY_NS == now // DAY_NS)
        left, start = self.breakers.remaining_daily_loss, self.breakers.day_start_equity
        peak = self.breakers.peak_equity
        assert left is not None
        assert start is not None
        assert peak is not None
        equity = self.equity(marks)
        states = {}
        for name in SYMBOLS:
            size, price, _ = self.held.get(name, (0, 0, 0))
            at_stop = abs(size) * price * UNIT * (STOP_BPS + 2 * FEE_BPS) // 10_000
            states[name] = SymbolState(
                size * marks[name] * UNIT,
                open_risk=at_stop,
                traded_7d=week[name],
                sector="x" if name < "C" else "",
            )
        account = AccountState(equity, left, today, start, states)
        price = marks[symbol]
        stop = price * STOP_BPS // 10_000
        record = size_trade(
            self.policy,
            SizingInputs(
                Lots(100, 1000, 1, 1, 5 * MONEY),
                price,
                stop,
                FEE_BPS,
                FEE_BPS,
                equity,
                peak,
                left,
                account.open_risk,
                room=room(self.policy, account, symbol, side, exposure_scale=posture.exposure_scale),
                breaker_scale=posture.size_scale,
            ),
        )
        if record.refusal is not None:
            return record.refusal
        notional = record.size * price * UNIT
        loss = record.size * stop * UNIT + 2 * notional * FEE_BPS // 10_000
        found = breaches(
            self.policy,
            account,
            Entry(symbol, side, notional, loss),
            exposure_scale=posture.exposure_scale,
        )
        if found:
            return found[0].reason
        if symbol in self.held:
            return "reduces"  # An order the other way, no larger than the position: no entry.
        self.fill(Fill(now, symbol, side * record.size, price, True))
        self.held[symbol] = (side * record.size, price, step)
        return "trade"


def check(fills: list[Fill], prices: Any) -> list[str]:
    """Every breach of the balanced policy, from fills and marks alone: nothing of aurora is used here."""
    found: list[str] = []
    position: dict[str, int] = defaultdict(int)
    entered: dict[str, int] = {}
    profit: dict[str, int] = defaultdict(int)
    """Cash that a symbol's fills left, by symbol."""
    stopped: dict[str, int] = {}
    day_start: dict[str, int] = defaultdict(int)
    queue = deque(fills)
    traded: list[Fill] = []
    start = START
    ended_day, streak, opened = -1, 0, {}
    for step, row in enumerate(prices):
        now, marks = step * STEP_NS, {s: int(p) for s, p in zip(SYMBOLS, row, strict=True)}
        day = now // DAY_NS

        def worth(symbol: str, marks: dict[str, int] = marks) -> int:
            return profit[symbol] + position[symbol] * marks[symbol] * UNIT

        equity = START + sum(worth(s) for s in SYMBOLS)
        if now % DAY_NS == 0:
            start = equity
            day_start = defaultdict(int, {s: worth(s) for s in SYMBOLS})
        if start - equity >= start * Fraction(25, 1000):
            ended_day = day
        for symbol in SYMBOLS:
            if day_start[symbol] - worth(symbol) >= start / 100 and now >= stopped.get(symbol, 0):
                stopped[symbol] = now + DAY_NS
        while queue and queue[0].time == now:
            fill = queue.popleft()
            where = f"{fill.symbol} at step {step}"
            equity = START + sum(worth(s) for s in SYMBOLS)
            if fill.entry:
                if position[fill.symbol]:
                    found.append(f"scale-in: {where}")
                if ended_day == day:
                    found.append(f"entry on an ended day: {where}")
                if now < stopped.get(fill.symbol, 0):
                    found.append(f"entry in cool-down: {where}")
                loss = fill.notional * (STOP_BPS - 1 + 2 * FEE_BPS) // 10_000
                budget = equity * (Fraction(1, 200) if streak < 3 else Fraction(1, 400))
                if loss > budget:
                    found.append(f"risk: {where}")
                stops = sum(
                    abs(position[s]) * entered[s] * UNIT * (STOP_BPS - 1 + 2 * FEE_BPS) // 10_000
                    for s in SYMBOLS
                    if position[s]
                )
                if stops + loss > start * Fraction(25, 1000) - (start - equity):
                    found.append(f"open risk: {where}")
                opened[fill.symbol] = fill
                entered[fill.symbol] = fill.price
            profit[fill.symbol] -= fill.size * fill.price * UNIT + fill.fee
            position[fill.symbol] += fill.size
            traded.append(fill)
            if not fill.entry:
                first = opened[fill.symbol]
                gain = first.size * (fill.price - first.price) * UNIT - first.fee - fill.fee
                streak = streak + 1 if gain < 0 else (0 if gain > 0 else streak)
                continue
            notionals = {s: position[s] * marks[s] * UNIT for s in SYMBOLS}
            week = [f for f in traded if f.time > now - 7 * DAY_NS]
            own = sum(f.notional for f in week if f.symbol == fill.symbol)
            total = sum(f.notional for f in week)
            share = max(Fraction(1, 4), Fraction(3, 2) / len({f.symbol for f in week}))
            today = sum(f.notional for f in week if f.time // DAY_NS == day)
            gross, net = sum(abs(n) for n in notionals.values()), sum(notionals.values())
            for name, bad in (
                ("position", abs(notionals[fill.symbol]) > equity * Fraction(15, 100)),
                ("sector", fill.symbol < "C" and abs(notionals["A"]) + abs(notionals["B"]) > equity / 2),
                ("gross", gross > 2 * equity),
                ("net", not -equity * Fraction(3, 10) <= net <= equity and (fill.size > 0) == (net > 0)),
                ("turnover", today > start),
                ("share", own > share * max(total, equity)),
            ):
                if bad:
                    found.append(f"{name}: {where}")
    assert not queue
    return found


def test_a_hundred_thin_days_without_a_breach() -> None:
    reasons: Counter[str] = Counter()
    trips: Counter[str] = Counter()
    trades = 0
    for seed in range(5):
        prices = market(seed, 20)
        desk = Desk(Policy(), prices, seed)
        desk.run()
        assert check(desk.fills, prices) == []
        reasons += desk.reasons
        trips += desk.trips
        trades += sum(fill.entry for fill in desk.fills)
    assert trades > 250
    assert set(trips) >= {"loss_streak"}, trips
    assert set(reasons) >= {"trade", "deny.turnover"}, reasons


@pytest.fixture
def busy() -> Policy:
    """Turnover let loose, so that the other limits get something to keep."""
    return Policy.model_validate({"drawdown_zero_pct": 100, "limits": {"turnover_day_pct": 10_000}})


def test_busy_days_meet_every_gate(busy: Policy) -> None:
    reasons: Counter[str] = Counter()
    trips: Counter[str] = Counter()
    for seed in range(6):
        prices = market(seed + 100, 10)
        # Wilder, so that days end.
        prices = np.round(10_000 * (prices / 10_000.0) ** 2).astype(int)
        desk = Desk(busy, prices, seed)
        desk.run()
        assert [breach for breach in check(desk.fills, prices) if not breach.startswith("turnover")] == []
        reasons += desk.reasons
        trips += desk.trips
    assert set(trips) >= {"loss_streak", "symbol_day_stop", "drawdown_alert"}, trips
    assert set(reasons) >= {"trade", "deny.scale_in", "deny.symbol_day_stop", "deny.net_exposure"}, reasons


def test_a_burst_in_one_symbol_meets_its_cap_and_cools_down(busy: Policy) -> None:
    prices = market(3, 8)
    warm = Desk(busy, prices, 3)
    warm.run()
    assert warm.reasons["deny.notional_share"] < warm.reasons["trade"] / 5
    # Everybody trades for four days, then one symbol alone.
    burst = Desk(busy, prices[: 4 * STEPS], 3)
    burst.run()
    marks = dict(zip(SYMBOLS, (int(p) for p in prices[4 * STEPS - 1]), strict=True))
    for symbol in list(burst.held):
        burst.close((4 * STEPS - 1) * STEP_NS, symbol, marks)
    burst.reasons.clear()
    for step in range(4 * STEPS, 8 * STEPS):
        now, marks = step * STEP_NS, dict(zip(SYMBOLS, (int(p) for p in prices[step]), strict=True))
        burst.note(burst.breakers.observe_equity(now, burst.equity(marks)))
        if "A" in burst.held:
            burst.close(now, "A", marks)
        burst.signal(now, step, "A", 1, marks)
        own = sum(n for _, name, n in burst.traded if name == "A")
        everything = sum(n for _, _, n in burst.traded)
        # The close of an admitted entry may lift the share beyond its cap by at most its own notional.
        assert own <= max(everything, START) * 0.375 + 0.16 * START
    assert burst.reasons["deny.notional_share"] > 50, burst.reasons
    crash = Desk(busy, np.array([[10_000] * 6, [9_000] * 6, [9_000] * 6] + [[9_000] * 6] * 150), 1, burst="A")
    crash.held["A"] = (110_000, 10_000, 0)
    crash.cash -= 110_000 * 10_000 * UNIT
    crash.run()
    assert crash.trips["symbol_day_stop"] == 1
    assert crash.reasons["deny.symbol_day_stop"] > 50
    assert min(fill.time for fill in crash.fills if fill.entry and fill.time > STEP_NS) >= STEP_NS + DAY_NS


def test_the_checker_bites() -> None:
    prices = market(1, 2)
    price = int(prices[0][0])
    size = START * 16 // 100 // (price * UNIT)
    planted = [Fill(0, "A", size, price, True)]
    assert any(breach.startswith("position") for breach in check(planted, prices))
    twice = [Fill(0, "A", size // 4, price, True), Fill(STEP_NS, "A", size // 4, int(prices[1][0]), True)]
    assert any(breach.startswith("scale-in") for breach in check(twice, prices))
    many = [Fill(0, s, -size * 5, int(p), True) for s, p in zip(SYMBOLS, prices[0], strict=True)]
    kinds = {breach.split(":")[0] for breach in check(many, prices)}
    assert kinds == {"position", "sector", "gross", "net", "risk", "open risk", "turnover"}
    again = [Fill(0, s, 100, int(p), True) for s, p in zip(SYMBOLS, prices[0], strict=True)]
    again.append(Fill(STEP_NS, "A", -100, int(prices[1][0]), False))
    for step in range(2, 20):
        opens = step % 2 == 0
        again.append(
            Fill(step * STEP_NS, "A", size // 2 if opens else -(size // 2), int(prices[step][0]), opens)
        )
    assert {breach.split(":")[0] for breach in check(again, prices)} >= {"share"}
