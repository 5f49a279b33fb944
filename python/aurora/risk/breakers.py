"""Circuit breakers: what stops or shrinks trading by itself, how long it holds, and what brings it back.

========================  =====================================================  ====================================
breaker                   trips                                                  comes back
========================  =====================================================  ====================================
``day_loss``              loss since 00:00 UTC >= its limit: flat                at the next 00:00 UTC
``drawdown_alert``        drawdown from the peak >= 5 %: alert only              below 80 % of that level
``drawdown_halve``        drawdown >= 10 %: exposure halved                      below 80 % of that level
``loss_streak``           3 losing trades in a row: half size                    with a winning trade
``volatility``            realised volatility > 95th percentile of its past      at or below the 80th percentile
``volatility_index``      index > halt level: no entries, less exposure          at or below the resume level
``symbol_day_stop``       a symbol's loss of the UTC day >= 1 % of equity        24 h later
``stale_book`` (symbol),  the condition begins: no entries                       30 s after it ended
``calibration``,
``latency``,
``reconciliation``
``safe_mode``             command ``safe``: conservative, maker only             command ``resume``
``kill_switch``           command ``kill``: flat                                 command ``resume``
========================  =====================================================  ====================================

Numbers are the policy's defaults. Time is an argument in nanoseconds and may not run backwards; what is due is done
at its due time when the input passes it. The state is versioned bytes, so a restart changes nothing.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, insort
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from aurora.errors import RecoveryError, UsageError
from aurora.risk.exact import exact, finite
from aurora.risk.policy import Policy
from aurora.risk.posture import CONDITIONS, Posture, posture_of

DAY_NS = 86_400 * 10**9
STATE_VERSION = 1
COMMANDS = ("kill", "safe", "resume", "reset_peak")
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    """One change of a breaker."""

    local_ns: int
    breaker: str
    change: str
    """``trip`` or ``reset``."""
    symbol: str | None
    value: str
    """What was measured, and in ``limit`` what it was compared with; money in quanta, exact decimals as text."""
    limit: str


@checked_dataclass(slots=True, config=_STRICT)
class _Hold:
    since_ns: int
    until_ns: int | None
    """When it ends by itself; None: something has to happen first."""


@checked_dataclass(slots=True, config=_STRICT)
class _SymbolDay:
    start: int
    """Profit and loss of the symbol so far at 00:00 UTC, money quanta."""
    last: int


@checked_dataclass(slots=True, config=_STRICT)
class _State:
    now_ns: int | None = None
    equity: int | None = None
    day_start_equity: int | None = None
    peak_equity: int | None = None
    losses_in_a_row: int = 0
    symbols: dict[str, _SymbolDay] = field(default_factory=dict)
    volatility: list[float] = field(default_factory=list)
    """Past readings, oldest first."""
    holds: dict[str, _Hold] = field(default_factory=dict)
    """By breaker, or ``breaker/symbol``."""


class Breakers:
    """All breakers of one account. Each ``observe`` answers with what changed, in order."""

    def __init__(self, policy: Policy):
        self._policy = policy
        self._state = _State()
        self._sorted: list[float] = []

    # --- what happens -------------------------------------------------------------------------------------------

    def observe_equity(self, now_ns: int, equity: int) -> list[BreakerEvent]:
        """The account marked to market, money quanta. The day starts with the equity at 00:00 UTC, or the last
        one known before it."""
        events = self._advance(now_ns)
        state, rules = self._state, self._policy.breakers
        state.equity = equity
        if state.day_start_equity is None or now_ns % DAY_NS == 0:
            state.day_start_equity = equity
        if state.peak_equity is None or equity > state.peak_equity:
            state.peak_equity = equity
        limit = self._day_loss_limit(state.day_start_equity)
        loss = state.day_start_equity - equity
        if loss >= limit and loss > 0:
            self._trip(events, "day_loss", loss, limit, until_ns=(now_ns // DAY_NS + 1) * DAY_NS)
        self._drawdown(events, "drawdown_alert", rules.drawdown_alert_pct)
        self._drawdown(events, "drawdown_halve", rules.drawdown_halve_pct)
        return events

    def observe_symbol(self, now_ns: int, symbol: str, profit: int) -> list[BreakerEvent]:
        """A symbol's profit and loss since the breakers began, open positions marked, money quanta."""
        events = self._advance(now_ns)
        state = self._state
        day = state.symbols.setdefault(symbol, _SymbolDay(0, 0))
        day.last = profit
        if now_ns % DAY_NS == 0:
            day.start = profit
        limits, loss = self._policy.limits, day.start - profit
        equity = state.day_start_equity
        limit = Fraction(limits.symbol_day_stop_pct) * max(0, equity or 0) / 100
        if equity is not None and loss >= limit and loss > 0:
            hold_ns = int(limits.symbol_cool_down_hours * 3600 * 10**9)
            self._trip(events, "symbol_day_stop", loss, limit, symbol=symbol, until_ns=now_ns + hold_ns)
        return events

    def observe_trade(self, now_ns: int, profit: int) -> list[BreakerEvent]:
        """A finished trade's net profit, money quanta; exactly 0 is neither a loss nor a win."""
        events = self._advance(now_ns)
        state, streak = self._state, self._policy.breakers.loss_streak
        if profit < 0:
            state.losses_in_a_row += 1
            if state.losses_in_a_row >= streak:
                self._trip(events, "loss_streak", state.losses_in_a_row, streak)
        elif profit > 0:
            state.losses_in_a_row = 0
            self._reset(events, "loss_streak", 0, streak)
        return events

    def observe_volatility(self, now_ns: int, volatility: float) -> list[BreakerEvent]:
        """A reading of realised volatility, on an even grid of time, in any unit."""
        reading = finite("volatility", volatility)
        events = self._advance(now_ns)
        rules = self._policy.breakers
        if len(self._sorted) >= rules.volatility_minimum:
            trip = self._percentile(rules.volatility_percentile)
            back = self._percentile(rules.volatility_reset_percentile)
            if reading > trip:
                self._trip(events, "volatility", reading, trip)
            elif reading <= back:
                self._reset(events, "volatility", reading, back)
        self._state.volatility.append(reading)
        insort(self._sorted, reading)
        while len(self._sorted) > rules.volatility_window:
            oldest = self._state.volatility.pop(0)
            del self._sorted[bisect_left(self._sorted, oldest)]
        return events

    def observe_volatility_index(self, now_ns: int, index: float | None) -> list[BreakerEvent]:
        """The universe's volatility index on its equity scale; None (unknown) leaves everything as it is."""
        reading = None if index is None else exact("volatility index", index)
        events = self._advance(now_ns)
        rules = self._policy.breakers
        if reading is None:
            return events
        if reading > Fraction(rules.volatility_index_halt):
            self._trip(events, "volatility_index", reading, rules.volatility_index_halt)
        elif reading <= Fraction(rules.volatility_index_resume):
            self._reset(events, "volatility_index", reading, rules.volatility_index_resume)
        return events

    def observe_correlation(self, now_ns: int, mean: float | None) -> list[BreakerEvent]:
        """The weighted mean correlation of what is held; None where it is not known of two positions."""
        events = self._advance(now_ns)
        level = self._policy.limits.correlation_alert
        reading = None if mean is None else finite("mean correlation", mean)
        if reading is not None and reading > level:
            self._trip(events, "correlation", reading, level)
        else:
            self._reset(events, "correlation", 0.0 if reading is None else reading, level)
        return events

    def condition(
        self, now_ns: int, name: str, active: bool, symbol: str | None = None
    ) -> list[BreakerEvent]:
        """A condition begins or ends: ``stale_book``, ``calibration``, ``latency`` or ``reconciliation``.

        Args:
            symbol: whom it concerns; None: the whole account.
        """
        if name not in CONDITIONS:
            raise UsageError(f"condition {name!r} is unknown; there are {', '.join(CONDITIONS)}")
        events = self._advance(now_ns)
        hold = self._state.holds.get(_key(name, symbol))
        if active:
            if hold is not None:
                hold.until_ns = None
            else:
                self._trip(events, name, 1, 0, symbol=symbol)
        elif hold is not None and hold.until_ns is None:
            hold.until_ns = now_ns + int(self._policy.breakers.condition_hold_s * 10**9)
            events += self._advance(now_ns)
        return events

    def command(self, now_ns: int, verb: str) -> list[BreakerEvent]:
        """An operator's ``kill``, ``safe``, ``resume`` (ends both) or ``reset_peak`` (drawdown counts from now)."""
        if verb not in COMMANDS:
            raise UsageError(f"command {verb!r} is unknown; there are {', '.join(COMMANDS)}")
        events = self._advance(now_ns)
        if verb == "kill":
            self._trip(events, "kill_switch", 1, 0)
        elif verb == "safe":
            self._trip(events, "safe_mode", 1, 0)
        elif verb == "resume":
            self._reset(events, "kill_switch", 0, 0)
            self._reset(events, "safe_mode", 0, 0)
        else:
            self._state.peak_equity = self._state.equity
            self._drawdown(events, "drawdown_alert", self._policy.breakers.drawdown_alert_pct)
            self._drawdown(events, "drawdown_halve", self._policy.breakers.drawdown_halve_pct)
        return events

    def advance(self, now_ns: int) -> list[BreakerEvent]:
        """Time passes: ends what is due, starts a new UTC day."""
        return self._advance(now_ns)

    # --- what follows -------------------------------------------------------------------------------------------

    def posture(self) -> Posture:
        """What may be done now."""
        return posture_of(self._policy, self.holding())

    def holding(self) -> list[tuple[str, str | None]]:
        """Breakers that hold, with the symbol of those that concern one."""
        return [_split(key) for key in sorted(self._state.holds)]

    @property
    def peak_equity(self) -> int | None:
        return self._state.peak_equity

    @property
    def day_start_equity(self) -> int | None:
        return self._state.day_start_equity

    @property
    def remaining_daily_loss(self) -> int | None:
        """What may still be lost today, money quanta, at least 0; None before the first equity. 0 all day once
        the day's loss has tripped."""
        state = self._state
        if state.equity is None or state.day_start_equity is None:
            return None
        if "day_loss" in state.holds:
            return 0
        left = self._day_loss_limit(state.day_start_equity) - (state.day_start_equity - state.equity)
        return max(0, math.floor(left))

    # --- across a restart ---------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state, the same bytes for the same state."""
        body = {"version": STATE_VERSION, "state": asdict(self._state)}
        return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    def restore(self, state: bytes) -> None:
        """Takes up where a snapshot ended. The policy may be another one: its limits hold from now on.

        Raises:
            RecoveryError: not a snapshot, of another version, or damaged.
        """
        try:
            body: Any = json.loads(state)
            version = body["version"]
            if version != STATE_VERSION:
                raise RecoveryError(f"breaker state of version {version}, expected {STATE_VERSION}")
            restored = TypeAdapter(_State).validate_json(json.dumps(body["state"]))
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise RecoveryError(f"breaker state is damaged: {error}") from error
        unknown = [key for key in restored.holds if _split(key)[0] not in _NAMES]
        if unknown:
            raise RecoveryError(f"breaker state is damaged: no breaker {unknown[0]!r}")
        self._state = restored
        self._sorted = sorted(restored.volatility)

    # --- the machine --------------------------------------------------------------------------------------------

    def _advance(self, now_ns: int) -> list[BreakerEvent]:
        state = self._state
        if state.now_ns is not None and now_ns < state.now_ns:
            raise UsageError(f"time runs backwards: {now_ns} after {state.now_ns}")
        if state.now_ns is not None and now_ns // DAY_NS > state.now_ns // DAY_NS:
            state.day_start_equity = state.equity
            for day in state.symbols.values():
                day.start = day.last
        state.now_ns = now_ns
        events: list[BreakerEvent] = []
        due = [(h.until_ns, key) for key, h in state.holds.items() if h.until_ns is not None]
        for until_ns, key in sorted(due):
            if until_ns <= now_ns:
                del state.holds[key]
                name, symbol = _split(key)
                events.append(BreakerEvent(until_ns, name, "reset", symbol, "time", "time"))
        return events

    def _day_loss_limit(self, day_start: int) -> Fraction:
        return Fraction(self._policy.day_loss_limit_pct) * max(0, day_start) / 100

    def _drawdown(self, events: list[BreakerEvent], name: str, percent: Decimal) -> None:
        peak, equity = self._state.peak_equity, self._state.equity
        if peak is None or equity is None:
            return
        drawdown, level = Fraction(peak - equity), Fraction(percent) * max(0, peak) / 100
        back = level * Fraction(self._policy.breakers.drawdown_reset_share)
        if drawdown > 0 and drawdown >= level:
            self._trip(events, name, drawdown, level)
        elif drawdown < back or drawdown <= 0:
            self._reset(events, name, drawdown, back)

    def _percentile(self, percent: Decimal) -> float:
        """The smallest past reading that at least ``percent`` per cent of them do not exceed."""
        rank = math.ceil(Fraction(percent) * len(self._sorted) / 100)
        return self._sorted[rank - 1]

    def _trip(
        self,
        events: list[BreakerEvent],
        name: str,
        value: Fraction | Decimal | float,
        limit: Fraction | Decimal | float,
        *,
        symbol: str | None = None,
        until_ns: int | None = None,
    ) -> None:
        key = _key(name, symbol)
        assert self._state.now_ns is not None
        if key in self._state.holds:
            return
        now_ns = self._state.now_ns
        self._state.holds[key] = _Hold(now_ns, until_ns)
        events.append(BreakerEvent(now_ns, name, "trip", symbol, _text(value), _text(limit)))

    def _reset(
        self,
        events: list[BreakerEvent],
        name: str,
        value: Fraction | Decimal | float,
        limit: Fraction | Decimal | float,
    ) -> None:
        if self._state.holds.pop(name, None) is not None:
            assert self._state.now_ns is not None
            events.append(BreakerEvent(self._state.now_ns, name, "reset", None, _text(value), _text(limit)))


_NAMES = {
    "day_loss",
    "drawdown_alert",
    "drawdown_halve",
    "loss_streak",
    "volatility",
    "volatility_index",
    "correlation",
    "symbol_day_stop",
    "safe_mode",
    "kill_switch",
    *CONDITIONS,
}


def _key(name: str, symbol: str | None) -> str:
    return name if symbol is None else f"{name}/{symbol}"


def _split(key: str) -> tuple[str, str | None]:
    name, slash, symbol = key.partition("/")
    return name, symbol if slash else None


def _text(value: Fraction | Decimal | float) -> str:
    if isinstance(value, Fraction) and value.denominator != 1:
        return repr(float(value))
    return str(value)
