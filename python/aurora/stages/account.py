"""What the account's risk remembers between decisions: breakers, expectancy, turnover, tails, volatilities.

It is told fills, marks and what the market taught, in the order of time, and answers with the inputs of a size. Nothing
in here depends on when slices end: fills wait until the account is looked at, on a grid of time and at decisions.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from aurora._core import Instrument
from aurora.errors import RecoveryError
from aurora.messages import CalibrationUpdate, Fill, Outcome, RegimeUpdate, Signal
from aurora.risk import (
    AccountState,
    BreakerEvent,
    Breakers,
    ExpectancyFilter,
    KellyInputs,
    LatencyInputs,
    Lots,
    Policy,
    Posture,
    SizingInputs,
    SizingRecord,
    SymbolState,
    correlation_concentration,
    estimate_tail,
    posterior_quantile,
    room,
    size_trade,
)
from aurora.stages.co_movement import CoMovement

MONEY = 10**8
HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS
MINUTE_NS = 60 * 10**9
STATE_VERSION = 2
WEEK_HOURS = 168
TAIL_KEPT = 2_000
TAIL_REFRESH_NS = MINUTE_NS
TAIL_MINIMUM = 50
"""Fewer outcomes say nothing of the tail: the loss at the stop stands for it."""
EVENTS_KEPT = 1_000
SHARPE_DAYS = 7
SHARPE_MINIMUM = 3
VOLATILITY_HALF_LIFE_S = 300.0
LONGEST_TARGET = 3.0
"""Expected moves: a target no further away than this many of them."""


@dataclass(slots=True)
class _Trade:
    """An accepted entry until the trade is over."""

    trace: int
    side: int
    opened_ns: int
    stop_loss: int
    """Money quanta lost at the stop by the whole entry, costs included."""
    cash: int = 0
    """Price times size quanta, sales positive."""
    entered: int = 0
    fees: int = 0
    filled: bool = False


@dataclass(slots=True)
class _Volatility:
    """Exponentially weighted variance of mid returns on the grid of marks."""

    mid: float | None = None
    weight: float = 0.0
    squares: float = 0.0

    def observe(self, mid: float, fade: float) -> None:
        if self.mid is not None:
            change = mid / self.mid - 1.0
            self.weight = self.weight * fade + 1.0
            self.squares = self.squares * fade + change * change
        self.mid = mid

    @property
    def value(self) -> float | None:
        return math.sqrt(self.squares / self.weight) if self.weight > 0 and self.squares > 0 else None


@dataclass(frozen=True, slots=True)
class Priced:
    """What the desk has found out about an entry before its size."""

    signal: Signal
    taking: bool
    price: int
    stop_distance: int
    entry_cost_bps: float
    exit_cost_bps: float


class AccountRisk:
    """One account over all instruments.

    Args:
        keys: instruments in the order of the core's account.
        mark_ns: distance of the marks.
        latency: edge lost per ms of latency (bps), its 95th percentile and what costs contain (ms).
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        policy: Policy,
        *,
        mark_ns: int,
        latency: tuple[float, float, float],
    ):
        self._instruments = dict(instruments)
        self._keys = list(instruments)
        self._lots = {key: Lots.of(one) for key, one in instruments.items() if not one.is_inverse}
        self._policy = policy
        self._sectors = {key: policy.limits.sector_of(key) for key in self._keys}
        self._mark_ns = mark_ns
        self._kappa, self._latency_ms, self._charged_ms = latency
        self._fade = 0.5 ** (mark_ns / 1e9 / VOLATILITY_HALF_LIFE_S)
        self.breakers = Breakers(policy)
        self.expectancy = ExpectancyFilter(policy.expectancy)
        self._fills: deque[Fill] = deque()
        """Drained, and not looked at yet."""
        self._trades: dict[str, _Trade] = {}
        self._flows = dict.fromkeys(self._keys, 0)
        """Price times size quanta of all fills, sales positive; fees apart."""
        self._fees = dict.fromkeys(self._keys, 0)
        self._hours: dict[str, dict[int, int]] = {key: {} for key in self._keys}
        """Traded notional by hour since the epoch, a week of it."""
        self._today = [-1, 0]
        """UTC day, notional traded in it."""
        self._losses: dict[str, deque[float]] = {key: deque(maxlen=TAIL_KEPT) for key in self._keys}
        self._tails: dict[str, tuple[int, float | None]] = {}
        self._volatility = {key: _Volatility() for key in self._keys}
        self._together = CoMovement(self._keys)
        self._shadow: dict[int, tuple[str, int, int, float]] = {}
        """Signals refused for their expectancy: instrument, time, side, cost."""
        self._days: list[tuple[int, int]] = []
        """UTC days and the equity they began with, the latest eight."""
        self._calibration: tuple[float | None, float | None] = (None, None)
        self.events: deque[BreakerEvent] = deque(maxlen=EVENTS_KEPT)
        self.trips = 0

    # --- what happens --------------------------------------------------------------------------------------------

    def take_fills(self, fills: Sequence[Fill]) -> None:
        self._fills.extend(fills)

    def accepted(self, priced: Priced, size: int) -> None:
        """An entry was routed."""
        signal = priced.signal
        loss = (
            priced.stop_distance
            + priced.price * Decimal(repr(priced.entry_cost_bps + priced.exit_cost_bps)) / 10_000
        )
        lots = self._lots[signal.instrument]
        stop_loss = math.ceil(size * loss * lots.unit.numerator / lots.unit.denominator)
        self._trades[signal.instrument] = _Trade(signal.trace, signal.side, signal.local_ns, stop_loss)

    def observe(self, now_ns: int, account: Mapping[str, Any], *, mark: bool) -> None:
        """Looks at the account: fills up to now, then equity and symbols for the breakers, then what is finished.

        Args:
            mark: this is a time of the grid.
        """
        while self._fills and self._fills[0].local_ns <= now_ns:
            self._fill(self._fills.popleft())
        self._note(self.breakers.observe_equity(now_ns, account["equity"]))
        for key, (position, twice_mark, trade_open, _) in zip(
            self._keys, account["instruments"], strict=True
        ):
            if twice_mark is not None and key in self._lots:
                if mark:
                    self._volatility[key].observe(twice_mark / 2.0, self._fade)
                if position or self._flows[key]:
                    profit = self._money(key, self._flows[key] + position * twice_mark // 2) - self._fees[key]
                    self._note(self.breakers.observe_symbol(now_ns, key, profit))
            trade = self._trades.get(key)
            if trade is not None and not trade_open:
                del self._trades[key]
                if trade.filled:
                    self._finished(now_ns, key, trade)
        if mark:
            self._on_grid(now_ns, account)

    def _on_grid(self, now_ns: int, account: Mapping[str, Any]) -> None:
        day, equity = now_ns // DAY_NS, account["equity"]
        if not self._days or self._days[-1][0] != day:
            self._days.append((day, equity))
            del self._days[: -SHARPE_DAYS - 1]
        if now_ns % MINUTE_NS == 0:
            known = [one.value for one in self._volatility.values()]
            readings = [value for value in known if value is not None]
            if readings:
                self._note(self.breakers.observe_volatility(now_ns, math.fsum(readings) / len(readings)))
            self._watch_correlation(now_ns, account)

    def _watch_correlation(self, now_ns: int, account: Mapping[str, Any]) -> None:
        """Whether the positions all say the same: an alert, where enough is known of how they move."""
        rows = dict(zip(self._keys, account["instruments"], strict=True))
        self._together.observe({key: row[1] / 2.0 for key, row in rows.items() if row[1] is not None})
        held = {key: row[0] * row[1] for key, row in rows.items() if row[0] and row[1] and key in self._lots}
        known = self._together.known(list(held))
        matrix = self._together.correlation(known) if len(known) > 1 else None
        mean = None
        if matrix is not None:
            weights = np.array([self._money(key, held[key]) / MONEY for key in known])
            level = self._policy.limits.correlation_alert
            mean = correlation_concentration(weights, matrix, level).mean_correlation
        self._note(self.breakers.observe_correlation(now_ns, None if mean is None else round(mean, 9)))

    def _fill(self, fill: Fill) -> None:
        key = fill.instrument
        amount = fill.price * fill.size
        notional = self._money(key, amount)
        self._flows[key] -= fill.side * amount
        self._fees[key] += fill.fee
        hours, hour = self._hours[key], fill.local_ns // HOUR_NS
        hours[hour] = hours.get(hour, 0) + notional
        for old in [h for h in hours if h <= hour - WEEK_HOURS]:
            del hours[old]
        day = fill.local_ns // DAY_NS
        if self._today[0] != day:
            self._today = [day, 0]
        self._today[1] += notional
        trade = self._trades.get(key)
        if trade is not None and trade.trace == fill.trace:
            trade.cash -= fill.side * amount
            trade.fees += fill.fee
            trade.filled = True
            if fill.side == trade.side:
                trade.entered += amount

    def _finished(self, now_ns: int, key: str, trade: _Trade) -> None:
        profit = self._money(key, trade.cash) - trade.fees
        self._note(self.breakers.observe_trade(now_ns, profit))
        entered = self._money(key, trade.entered)
        if entered > 0:
            self.expectancy.observe(now_ns, key, trade.opened_ns, profit / entered * 1e4, shadow=False)

    def outcome(self, outcome: Outcome) -> None:
        """What the market did after a vote: the tail learns, and a shadow trade ends."""
        if outcome.return_bps is None:
            return
        gained = outcome.side * outcome.return_bps
        self._losses[outcome.instrument].append(-gained)
        shadow = self._shadow.get(outcome.trace)
        if shadow is not None and outcome.side == shadow[2]:
            del self._shadow[outcome.trace]
            key, opened_ns, _, cost = shadow
            self.expectancy.observe(outcome.due_ns, key, opened_ns, gained - cost, shadow=True)

    def in_shadow(self, signal: Signal, cost_bps: float) -> None:
        """A signal that a veto refused is traded in the shadow."""
        self._shadow[signal.trace] = (signal.instrument, signal.local_ns, signal.side, cost_bps)

    def regime(self, update: RegimeUpdate) -> None:
        self._note(self.breakers.observe_volatility_index(update.local_ns, update.volatility_index))

    def calibration(self, update: CalibrationUpdate) -> None:
        self._calibration = (update.error, update.expected)
        self._note(self.breakers.condition(update.local_ns, "calibration", update.lost))

    def stale(self, now_ns: int, instrument: str, stale: bool) -> None:
        self._note(self.breakers.condition(now_ns, "stale_book", stale, instrument))

    def _note(self, events: Sequence[BreakerEvent]) -> None:
        if events:
            self.events.extend(events)
            self.trips += sum(event.change == "trip" for event in events)

    # --- a size --------------------------------------------------------------------------------------------------

    def size(self, priced: Priced, account: Mapping[str, Any], posture: Posture) -> SizingRecord:
        """Sizes an entry by everything that is known (SPEC section 7)."""
        signal, key = priced.signal, priced.signal.instrument
        state = self.account_state(account, signal.local_ns)
        own = state.symbols.get(key, SymbolState())
        tails = {one: self._tail(one, signal.local_ns, priced) for one in self._held(account, key)}
        held = sum(
            abs(state.symbols[one].position) * tail / 10_000
            for one, tail in tails.items()
            if one in state.symbols
        )
        error, expected = self._calibration
        room_left = room(
            self._policy, state, key, signal.side, sector=own.sector, exposure_scale=posture.exposure_scale
        )
        depth = signal.depth
        inputs = SizingInputs(
            lots=self._lots[key],
            price=priced.price,
            stop_distance=priced.stop_distance,
            entry_cost_bps=_decimal(priced.entry_cost_bps),
            stop_cost_bps=_decimal(priced.exit_cost_bps),
            equity=state.equity,
            peak_equity=max(self.breakers.peak_equity or 0, state.equity),
            remaining_daily_loss=state.remaining_daily_loss,
            open_risk=state.open_risk,
            budget_share=self._budget_share(key),
            symbol_open_risk=own.open_risk,
            room=room_left,
            kelly=self._kelly(priced),
            cvar95_bps=_decimal(tails[key]),
            portfolio_cvar=math.ceil(held),
            calibration_error=None if error is None else _decimal(error),
            calibration_error_expected=0 if expected is None else _decimal(expected),
            regime=None if signal.regime is None else signal.regime.upper(),
            depth=depth,
            latency=LatencyInputs(
                kappa=_decimal(self._kappa),
                p95_ms=_decimal(self._latency_ms),
                charged_ms=_decimal(self._charged_ms),
                edge_bps=_decimal(signal.gross_edge_bps),
            ),
            sharpe_7d=self._sharpe(),
            breaker_scale=posture.size_scale,
            **self._of_volatility(key),
        )
        return size_trade(self._policy, inputs)

    def account_state(self, account: Mapping[str, Any], now_ns: int) -> AccountState:
        """The account as the limits see it."""
        symbols = {}
        oldest = now_ns // HOUR_NS - WEEK_HOURS
        for key, (position, twice_mark, _, reserved) in zip(self._keys, account["instruments"], strict=True):
            if key not in self._lots:
                continue
            trade = self._trades.get(key)
            side = 0 if trade is None else trade.side
            symbols[key] = SymbolState(
                position=0 if twice_mark is None else self._money(key, position * twice_mark // 2),
                working_buys=reserved if side > 0 else 0,
                working_sells=reserved if side < 0 else 0,
                open_risk=0 if trade is None else trade.stop_loss,
                traded_7d=sum(amount for hour, amount in self._hours[key].items() if hour > oldest),
                sector=self._sectors[key],
            )
        equity = account["equity"]
        return AccountState(
            equity=equity,
            remaining_daily_loss=self.breakers.remaining_daily_loss or 0,
            traded_today=self._today[1] if self._today[0] == now_ns // DAY_NS else 0,
            day_start_equity=self.breakers.day_start_equity or equity,
            symbols=symbols,
        )

    def exposures(self, account: Mapping[str, Any], now_ns: int) -> AccountState | None:
        """The same, where everything that is held has a mark."""
        marked = all(twice_mark is not None or not held for held, twice_mark, *_ in account["instruments"])
        return self.account_state(account, now_ns) if marked else None

    def _held(self, account: Mapping[str, Any], key: str) -> list[str]:
        rows = zip(self._keys, account["instruments"], strict=True)
        return [one for one, (position, *_) in rows if (position and one in self._lots) or one == key]

    def _tail(self, key: str, now_ns: int, priced: Priced) -> float:
        """Expected shortfall at 95 % of a trade, basis points of notional, costs included."""
        at_stop = priced.stop_distance / priced.price * 1e4
        cost = priced.entry_cost_bps + priced.exit_cost_bps
        if len(self._losses[key]) < TAIL_MINIMUM:
            return at_stop + cost
        estimated_ns, value = self._tails.get(key, (-TAIL_REFRESH_NS, None))
        if now_ns - estimated_ns >= TAIL_REFRESH_NS:
            losses = np.array(self._losses[key])
            value = estimate_tail(losses, self._policy.tail, seed=0, interval=False).expected_shortfall
            self._tails[key] = (now_ns, value)
        # A law without a mean bounds nothing: then the stop does.
        return (at_stop if value is None else value) + cost

    def _budget_share(self, key: str) -> Decimal | None:
        """By inverse volatility over the symbols that have moved (shares add up to 1)."""
        known = {one: held.value for one, held in self._volatility.items() if one in self._lots}
        if known.get(key) is None:
            return None
        inverse = {one: 1.0 / value for one, value in known.items() if value is not None}
        return _decimal(inverse[key] / math.fsum(inverse.values()))

    def _of_volatility(self, key: str) -> dict[str, Decimal]:
        values = [held.value for held in self._volatility.values()]
        own, known = self._volatility[key].value, [value for value in values if value is not None]
        if own is None:
            return {}
        return {"volatility": _decimal(own * 1e4), "volatility_reference": _decimal(min(known) * 1e4)}

    def deviation(self, key: str, price: int, horizon_ns: int) -> int | None:
        """One standard deviation of the price over a horizon, in whole price quanta (rounded up); None while the
        instrument has not moved. Returns between marks scale with the square root of time."""
        value = self._volatility[key].value
        if value is None:
            return None
        return math.ceil(value * math.sqrt(max(horizon_ns, 0) / self._mark_ns) * price)

    def _kelly(self, priced: Priced) -> KellyInputs | None:
        """The trade as a bet between a target and the stop, with the mean that a cautious p leaves of the edge.

        A trade that ends at its horizon seldom meets its stop. The law on {target, -stop} with the same mean spreads
        outcomes wider, so its Kelly fraction is not above that of the trade.
        """
        signal = priced.signal
        if signal.p is None or signal.p_outcomes is None:
            return None
        n, p = max(signal.p_outcomes, 1.0), signal.p
        low = min(p, posterior_quantile(p * n, (1.0 - p) * n, float(self._policy.kelly.posterior_quantile)))
        edge = signal.gross_edge_bps
        clear = 2.0 * p - 1.0
        mean = edge * (2.0 * low - 1.0) / clear if clear > 0 else 0.0
        target = edge / clear if clear > 1.0 / LONGEST_TARGET else LONGEST_TARGET * edge
        stop = priced.stop_distance / priced.price * 1e4
        chance = max(0.0, min(1.0, (mean + stop) / (target + stop)))
        distance = max(1, int(priced.price * target / 1e4))
        return KellyInputs(_decimal(chance), distance, _decimal(priced.exit_cost_bps))

    def _sharpe(self) -> Decimal | None:
        """Annualised, of the whole UTC days among the last seven; None below three of them."""
        pairs = list(zip(self._days, self._days[1:], strict=False))
        returns = [(b[1] - a[1]) / a[1] for a, b in pairs if a[1] > 0]
        if len(returns) < SHARPE_MINIMUM:
            return None
        mean = math.fsum(returns) / len(returns)
        spread = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
        return _decimal(max(-1e6, min(1e6, mean / spread * math.sqrt(365)))) if spread > 0 else None

    def _money(self, key: str, quanta: int) -> int:
        """Money quanta of price times size quanta, towards minus infinity."""
        one = self._instruments[key]
        return quanta * MONEY // (one.price_scale * one.size_scale)

    # --- across a restart ----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Plain JSON; fills that wait are handed over apart."""
        return {
            "version": STATE_VERSION,
            "breakers": self.breakers.snapshot().decode(),
            "expectancy": self.expectancy.snapshot().decode(),
            "fills": [[getattr(fill, name) for name in Fill.__slots__] for fill in self._fills],
            "trades": {
                key: [getattr(trade, name) for name in _Trade.__slots__]
                for key, trade in self._trades.items()
            },
            "flows": self._flows,
            "fees": self._fees,
            "hours": {key: sorted(hours.items()) for key, hours in self._hours.items()},
            "today": self._today,
            "losses": {key: [loss.hex() for loss in losses] for key, losses in self._losses.items()},
            "tails": {
                key: [at, None if value is None else value.hex()] for key, (at, value) in self._tails.items()
            },
            "volatility": {
                key: [None if one.mid is None else one.mid.hex(), one.weight.hex(), one.squares.hex()]
                for key, one in self._volatility.items()
            },
            "together": self._together.state(),
            "shadow": [[trace, *row[:3], row[3].hex()] for trace, row in self._shadow.items()],
            "days": self._days,
            "calibration": [None if value is None else value.hex() for value in self._calibration],
            "events": [[getattr(event, name) for name in BreakerEvent.__slots__] for event in self.events],
            "trips": self.trips,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: it is of another version.
        """
        if state.get("version") != STATE_VERSION:
            raise RecoveryError(f"account state of version {state.get('version')}, expected {STATE_VERSION}")
        self.breakers.restore(state["breakers"].encode())
        self.expectancy.restore(state["expectancy"].encode())
        self._fills = deque(Fill(*row) for row in state["fills"])
        self._trades = {key: _Trade(*row) for key, row in state["trades"].items()}
        self._flows, self._fees = dict(state["flows"]), dict(state["fees"])
        self._hours = {key: {hour: amount for hour, amount in rows} for key, rows in state["hours"].items()}
        self._today = list(state["today"])
        for key, losses in state["losses"].items():
            self._losses[key] = deque((float.fromhex(loss) for loss in losses), maxlen=TAIL_KEPT)
        self._tails = {
            key: (at, None if value is None else float.fromhex(value))
            for key, (at, value) in state["tails"].items()
        }
        self._volatility = {
            key: _Volatility(
                None if mid is None else float.fromhex(mid), float.fromhex(weight), float.fromhex(squares)
            )
            for key, (mid, weight, squares) in state["volatility"].items()
        }
        self._together.load(state["together"])
        self._shadow = {
            trace: (key, opened, side, float.fromhex(cost))
            for trace, key, opened, side, cost in state["shadow"]
        }
        self._days = [(day, equity) for day, equity in state["days"]]
        error, expected = (None if value is None else float.fromhex(value) for value in state["calibration"])
        self._calibration = (error, expected)
        self.events = deque((BreakerEvent(*row) for row in state["events"]), maxlen=EVENTS_KEPT)
        self.trips = state["trips"]


def _decimal(value: float) -> Decimal:
    """Rounded to 1e-9, so that a size does not hang on the last bit of a statistic."""
    return Decimal(repr(round(value, 9)))


def sizing_text(record: SizingRecord) -> str:
    """Everything a size is made of as JSON: exact numbers as text, enough to compute it again."""
    inputs, rules = record.inputs, record.rules
    lots = inputs.lots
    told: dict[str, Any] = {
        "lots": {name: getattr(lots, name) for name in lots.__slots__},
        **{
            name: _plain(getattr(inputs, name))
            for name in inputs.__slots__
            if name not in ("lots", "room", "kelly", "latency")
        },
        "room": dict(inputs.room),
        "kelly": None
        if inputs.kelly is None
        else {name: _plain(getattr(inputs.kelly, name)) for name in inputs.kelly.__slots__},
        "latency": None
        if inputs.latency is None
        else {name: _plain(getattr(inputs.latency, name)) for name in inputs.latency.__slots__},
        "rules": {
            name: {key: str(value) for key, value in rules.regime.items()}
            if name == "regime"
            else str(getattr(rules, name))
            for name in rules.__slots__
        },
        "binding": record.binding,
        "absent": list(record.absent),
        "size": record.size,
    }
    return json.dumps(told, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)
