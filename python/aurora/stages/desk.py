"""Stage Desk, key: account. Prices, sizes and routes signals; in replay the simulated venue is inside.

Signals that do not clear a gate end with its reason; the others meet the account one by one, in time order, after
everything the account saw before them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aurora._core import DeskCore, Instrument, Schedule
from aurora.errors import AbortRequested, RecoveryError
from aurora.messages import (
    CalibrationUpdate,
    DecisionRecord,
    DeskRecords,
    EquityPoint,
    FeatureMessage,
    Fill,
    OrderEvent,
    Outcome,
    RegimeUpdate,
    Signal,
    StrategyMessage,
)
from aurora.risk import Policy, Posture
from aurora.stages.account import AccountRisk, Priced, sizing_text
from aurora.stages.conduct import ConductSettings, MakerFirstSettings
from aurora.stages.reducing import Reducing
from aurora.stages.slicing import ScheduleKind, Slicing, SlicingSettings
from aurora.tca import CostSettings, Price, price_signal, take_within

STATE_VERSION = 4
_STALE_STATES = (2, 3, 4)
"""Book states that block entries; a book that awaits its first snapshot has never been good."""
MONEY = 10**8


class DeskSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    start_cash: Decimal = Field(Decimal(100_000), gt=0, le=10**15, description="Settlement currency")
    order_latency_ms: float = Field(5.0, ge=0, le=60_000, description="Desk to venue")
    response_latency_ms: float = Field(5.0, ge=0, le=60_000, description="Venue to desk")
    entry_ttl_ms: int = Field(
        1000, gt=0, le=86_400_000, description="A resting entry is cancelled after this"
    )
    latency_budget_ms: float = Field(500.0, gt=0, le=3_600_000, description="Older signals are refused")
    holding_horizons: float = Field(1.0, gt=0, le=10_000, description="Time exit, in horizons of the signal")
    holding_extra_ms: int = Field(100, ge=0, le=86_400_000, description="Added to it")
    max_spread_bps: float = Field(50.0, gt=0, description="Wider books are not traded")
    charged_latency_ms: float | None = Field(
        None, ge=0, le=60_000, description="Latency that costs contain; null: that of orders"
    )
    schedule: ScheduleKind = Field(
        "none",
        description="Entries are worked over time: in equal parts (twap), by the day's volume curve (vwap), at a "
        "share of the volume (pov), a part of it shown at a time (iceberg), or as suits each (auto)",
    )
    slicing: SlicingSettings = Field(default_factory=SlicingSettings)
    equity_ms: int = Field(
        1000,
        gt=0,
        le=86_400_000,
        description="Grid on which the account is marked; a part of a minute, or whole minutes",
    )
    maker_first: MakerFirstSettings | None = Field(
        default_factory=MakerFirstSettings, description="null: a resting entry rests until it expires"
    )
    leverage: int | None = Field(
        None,
        ge=1,
        le=125,
        description="Leverage at the venue; null: its margin is not checked, as in a replay",
    )
    conduct: ConductSettings = Field(
        default_factory=ConductSettings, description="Further checks of entries, each off unless it is set"
    )

    @field_validator("equity_ms")
    @classmethod
    def _meets_minutes(cls, value: int) -> int:
        """Volatility and correlation of the account are looked at on marks that are whole minutes."""
        if 60_000 % value and value % 60_000:
            raise ValueError(f"{value} ms neither divide a minute nor are whole minutes")
        return value

    @model_validator(mode="after")
    def _low_fill_is_reached(self) -> DeskSettings:
        rules = self.maker_first
        low_fill_ms = None if rules is None else rules.low_fill_ms
        if low_fill_ms is not None and low_fill_ms >= self.entry_ttl_ms:
            raise ValueError(
                f"maker_first.low_fill_ms {low_fill_ms} is never reached: entry_ttl_ms {self.entry_ttl_ms} ends "
                "the entry before"
            )
        return self


class GateSettings(BaseModel):
    """Confidence gates of the desk; what the signal room asks of a probability."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    require_calibration: bool = True
    min_p: float = 0.55


def _money(value: Decimal) -> int:
    return int(value * MONEY)


def _text(money: int) -> str:
    return format(Decimal(money).scaleb(-8).normalize(), "f")


class DeskStage:
    """One account over all instruments.

    Args:
        abort_after_events: raise :class:`AbortRequested` once so many events have been seen (a crash on request).
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        settings: DeskSettings,
        policy: Policy,
        costs: CostSettings,
        gates: GateSettings,
        *,
        abort_after_events: int | None = None,
    ):
        self._instruments = dict(sorted(instruments.items()))
        self._index = {key: i for i, key in enumerate(self._instruments)}
        self._keys = list(self._instruments)
        self._settings = settings
        self._policy = policy
        self._policy_hash = policy.hash
        charged = settings.charged_latency_ms
        self._risk = AccountRisk(
            self._instruments,
            policy,
            mark_ns=settings.equity_ms * 1_000_000,
            latency=(
                costs.latency_bps_per_ms,
                settings.order_latency_ms,
                settings.order_latency_ms if charged is None else charged,
            ),
        )
        self._costs = costs
        self._gates = gates
        self._abort_after_events = abort_after_events
        start = _money(settings.start_cash)
        self._start_cash = start
        self._core = DeskCore(
            list(self._instruments.values()),
            start_cash=start,
            order_latency_ns=round(settings.order_latency_ms * 1e6),
            response_latency_ns=round(settings.response_latency_ms * 1e6),
            maker_fee_e8=round(costs.maker_fee_bps * 10_000),
            taker_fee_e8=round(costs.taker_fee_bps * 10_000),
            entry_ttl_ns=settings.entry_ttl_ms * 1_000_000,
            latency_budget_ns=round(settings.latency_budget_ms * 1e6),
            max_symbol_notional=int(start * policy.symbol_exposure_pct / 100),
            max_gross_notional=int(start * min(policy.gross_exposure_pct, policy.leverage * 100) / 100),
            max_day_loss=int(start * policy.day_loss_limit_pct / 100),
            maker_first=None if settings.maker_first is None else settings.maker_first.rules(),
            leverage=settings.leverage,
            conduct=settings.conduct.rules(),
        )
        self._restricted: list[tuple[str | None, str | None]] = [(None, None)] * len(self._keys)
        self._slicing = Slicing(settings.schedule, settings.slicing, self._keys)
        self._reducing = Reducing(policy)
        self._flattening = False
        self._stale = dict.fromkeys(self._keys, False)
        self._orders: list[OrderEvent] = []
        self._fills: list[Fill] = []
        self._ledger: list[bytes] = []
        self._next_equity_ns: int | None = None
        self._events = 0
        self._quality: dict[str, Any] = {}

    def process(self, messages: list[StrategyMessage]) -> list[DeskRecords]:
        return [self._slice(message) for message in messages if not self._nothing_in(message)]

    def _nothing_in(self, message: StrategyMessage) -> bool:
        """A slice in which nothing happened: time alone is told by the next one that matters."""
        if message.final or message.signals or message.outcomes or message.counts:
            return False
        if self._next_equity_ns is not None and self._next_equity_ns <= message.end_ns:
            return False
        return not any(
            len(market.block) or market.features.quote_count or market.block.last
            for market in message.markets
        )

    def _slice(self, message: StrategyMessage) -> DeskRecords:
        faults = []
        self._start_equity_grid(message)
        for market in message.markets:
            self._events += market.features.event_count
            self._core.add(self._index[market.instrument], market.block, market.features)
            if market.block.fault is not None:
                faults.append(market.block.fault)
            if market.quality is not None:
                self._quality[market.instrument] = market.quality
        if self._abort_after_events is not None and self._events >= self._abort_after_events:
            raise AbortRequested(f"aborted after {self._events} events, as asked")
        equity: list[EquityPoint] = []
        decisions = []
        for at_ns, event in self._events_of(message):
            self._mark_until(at_ns, equity)
            if isinstance(event, Signal):
                decisions.append(self._decide(event))
            elif isinstance(event, Outcome):
                self._risk.outcome(event)
            elif isinstance(event, CalibrationUpdate):
                self._risk.calibration(event)
            elif isinstance(event, RegimeUpdate):
                self._risk.regime(event)
            else:
                self._risk.stale(at_ns, *event)
            if not isinstance(event, Signal):
                posture = self._risk.breakers.posture()
                self._restrict(at_ns, posture)
                if self._reducing.falls(posture):
                    self._look(at_ns, mark=False)
        self._mark_until(message.end_ns, equity)
        self._core.advance(message.end_ns)
        self._drain()
        orders, fills, ledger = self._orders, self._fills, self._ledger
        self._orders, self._fills, self._ledger = [], [], []
        return DeskRecords(
            slice_index=message.slice_index,
            events=self._events,
            decisions=decisions,
            orders=orders,
            fills=fills,
            outcomes=list(message.outcomes),
            equity=equity,
            slices=list(message.counts),
            ledger=ledger,
            faults=sorted(set(faults)),
            end=self._end(message) if message.final else None,
        )

    def _events_of(self, message: StrategyMessage) -> list[tuple[int, Any]]:
        """What happens to the desk in a slice, in order of time; at one time signals come first: what a refit instant
        brings was not known to the votes of that instant."""
        events: list[tuple[int, int, int, Any]] = []
        parts: tuple[tuple[str, Any], ...] = (
            ("local_ns", message.signals),
            ("due_ns", message.outcomes),
            ("local_ns", message.calibrations),
            ("local_ns", message.regimes),
        )
        for kind, (clock, rows) in enumerate(parts):
            events += [(getattr(row, clock), kind, n, row) for n, row in enumerate(rows)]
        stale = [change for market in message.markets for change in self._book_changes(market)]
        events += [(at_ns, -1, n, event) for n, (at_ns, event) in enumerate(stale)]
        events.sort(key=lambda row: row[:3])
        return [(at_ns, event) for at_ns, _, _, event in events]

    def _book_changes(self, market: FeatureMessage) -> list[tuple[int, tuple[str, bool]]]:
        """Rows at which an instrument's book goes stale or comes back."""
        features, key = market.features, market.instrument
        if not len(features):
            return []
        state, before = features.book_state, self._stale[key]
        if not before and int(state.max()) < min(_STALE_STATES):
            return []
        stale = np.isin(state, _STALE_STATES)
        self._stale[key] = bool(stale[-1])
        changed = np.flatnonzero(stale != np.concatenate([[before], stale[:-1]]))
        local_ns = features.local_ns
        return [(int(local_ns[row]), (key, bool(stale[row]))) for row in changed.tolist()]

    def _drain(self) -> None:
        """Takes what the core recorded; the account sees fills when it is next looked at."""
        orders, fills, ledger = self._core.drain()
        self._orders += [OrderEvent(**{**row, "instrument": self._keys[row["instrument"]]}) for row in orders]
        taken = [Fill(**{**row, "instrument": self._keys[row["instrument"]]}) for row in fills]
        self._fills += taken
        self._risk.take_fills(taken)
        self._ledger += ledger

    def _look(self, now_ns: int, *, mark: bool) -> Any:
        """The account at a time, with everything the venue did until then; breakers act on it."""
        self._core.advance(now_ns)
        self._drain()
        account = self._core.account()
        self._risk.observe(now_ns, account, mark=mark)
        posture = self._risk.breakers.posture()
        self._restrict(now_ns, posture)
        flatten = posture.flatten
        if flatten != self._flattening:
            self._flattening = flatten
            if flatten:
                self._core.kill()
            else:
                self._core.resume()
        for key in self._reducing.due(now_ns, posture, lambda: self._risk.exposures(account, now_ns)):
            self._core.close(self._index[key])
        return account

    def _restrict(self, at_ns: int, posture: Posture) -> None:
        """Tells the core what breakers leave of entries: nothing may follow one that they would refuse now."""
        modes = [(posture.refusal(key, takes=False), posture.taking) for key in self._keys]
        if modes == self._restricted:
            return
        # What happened until then happened without it.
        self._core.advance(at_ns)
        for index, (mode, before) in enumerate(zip(modes, self._restricted, strict=True)):
            if mode != before:
                self._core.restrict(index, entering=mode[0], taking=mode[1])
        self._restricted = modes

    def _start_equity_grid(self, message: StrategyMessage) -> None:
        firsts = [market.block.first_event_ns for market in message.markets]
        known = [first for first in firsts if first is not None]
        if self._next_equity_ns is None and known:
            step = self._settings.equity_ms * 1_000_000
            self._next_equity_ns = (min(known) // step + 1) * step

    def _mark_until(self, until_ns: int, points: list[EquityPoint]) -> None:
        """Marks the account at every grid time up to ``until_ns``."""
        if self._next_equity_ns is None:
            return
        while self._next_equity_ns <= until_ns:
            account = self._look(self._next_equity_ns, mark=True)
            positions, mids = {}, {}
            for key, (position, twice_mark, _, _) in zip(self._keys, account["instruments"], strict=True):
                positions[key] = position
                if twice_mark is not None:
                    mids[key] = twice_mark / 2.0
            points.append(
                EquityPoint(
                    self._next_equity_ns, account["equity"], account["cash"], account["fees"], positions, mids
                )
            )
            self._next_equity_ns += self._settings.equity_ms * 1_000_000

    def _decide(self, signal: Signal) -> DecisionRecord:
        gates = self._gates
        self._slicing.saw(signal)
        if self._instruments[signal.instrument].is_inverse:
            return self._refuse(signal, "deny.inverse_contract")
        if signal.refusal is not None:
            return self._refuse(signal, signal.refusal)
        if signal.p is None and gates.require_calibration:
            return self._refuse(signal, "deny.no_calibration")
        if signal.p is not None and signal.p < gates.min_p:
            return self._refuse(signal, "deny.low_confidence")
        price = price_signal(signal, self._costs)
        costs: dict[str, Any] = {
            "fee_bps": price.fee_bps,
            "half_spread_bps": price.half_spread_bps,
            "cost_bps": price.cost_bps,
            "net_edge_bps": price.net_edge_bps,
            "route": price.route,
        }
        if 2.0 * price.half_spread_bps > self._settings.max_spread_bps:
            return self._refuse(signal, "deny.wide_spread", **costs)
        if price.refusal is not None:
            return self._refuse(signal, price.refusal, **costs)
        return self._size_and_route(signal, price, costs)

    def _priced(self, signal: Signal, price: Price) -> Priced:
        """The entry as sizing wants it: each way's own cost, and the stop on the tick grid."""
        costs, instrument = self._costs, self._instruments[signal.instrument]
        taking = price.route == "taker"
        touch = signal.ask if (signal.side > 0) == taking else signal.bid
        spread = price.half_spread_bps if costs.charge_spread else 0.0
        tick = instrument.tick
        return Priced(
            signal,
            taking,
            touch,
            max(tick, int(touch * self._policy.stop_bps / 10_000) // tick * tick),
            costs.taker_fee_bps + spread if taking else costs.maker_fee_bps,
            costs.taker_fee_bps + spread,
        )

    def _size_and_route(self, signal: Signal, price: Price, costs: dict[str, Any]) -> DecisionRecord:
        account = self._look(signal.local_ns, mark=False)
        risk, equity = self._risk, account["equity"]
        posture = risk.breakers.posture()
        priced = self._priced(signal, price)
        refusal = posture.refusal(signal.instrument, takes=priced.taking)
        if refusal is not None:
            return self._refuse(signal, refusal, equity=equity, **costs)
        if risk.expectancy.vetoed(signal.local_ns, signal.instrument):
            risk.in_shadow(signal, price.cost_bps)
            return self._refuse(signal, "deny.expectancy", equity=equity, **costs)
        sized = risk.size(priced, account, posture)
        made: dict[str, Any] = {
            "equity": equity,
            "caps": sized.whole_caps,
            "scalers": sized.plain_scalers,
            "sizing": sizing_text(sized),
            **costs,
        }
        if sized.refusal is not None:
            closed = sized.scalers.get("regime") == 0
            return self._refuse(signal, "deny.regime" if closed else sized.refusal, size=0, **made)
        settings = self._settings
        deadline_ns = (
            signal.local_ns
            + round(settings.holding_horizons * signal.horizon_ns)
            + settings.holding_extra_ms * 1_000_000
        )
        schedule = self._schedule(signal, sized.size, deadline_ns)
        # What is worked over time and takes is bound by the edge, not by the touch of the decision.
        resting = price.route == "maker" or schedule is not None
        reason, client_id, order_price, order_size, _repairs = self._core.propose(
            trace=signal.trace,
            instrument=self._index[signal.instrument],
            local_ns=signal.local_ns,
            side=signal.side,
            size=sized.size,
            route=price.route,
            bid=signal.bid,
            ask=signal.ask,
            stop_distance=priced.stop_distance,
            deadline_ns=deadline_ns,
            limit=int(priced.price * self._policy.slippage_cap_bps / 10_000),
            take_within=self._take_within(signal) if resting and not posture.taking else None,
            volatility=risk.deviation(signal.instrument, priced.price, deadline_ns - signal.local_ns),
            depth=signal.depth,
            schedule=schedule,
        )
        if reason.startswith("trade."):
            risk.accepted(priced, order_size)
        return DecisionRecord(
            signal=signal,
            reason=reason,
            size=order_size,
            price=order_price,
            client_id=client_id,
            policy_hash=self._policy_hash,
            **made,
        )

    def _schedule(self, signal: Signal, size: int, deadline_ns: int) -> Schedule | None:
        """How the entry is worked over time; None: one order for all of it."""
        if not self._slicing.active:
            return None
        key = signal.instrument
        span_ns = self._slicing.span_ns(signal, deadline_ns)
        volume = self._core.average_volume(self._index[key], span_ns)
        return self._slicing.schedule(signal, self._instruments[key], size, span_ns, volume)

    def _take_within(self, signal: Signal) -> int | None:
        """Where what is left of an entry may be taken, in whole quanta on the safe side; None: nowhere."""
        if self._costs.entry == "maker":
            return None
        within = take_within(signal, self._costs)
        whole = math.floor(within) if signal.side > 0 else math.ceil(within)
        return whole if whole > 0 else None

    def _refuse(self, signal: Signal, reason: str, **fields: Any) -> DecisionRecord:
        return DecisionRecord(signal=signal, reason=reason, policy_hash=self._policy_hash, **fields)

    def _end(self, message: StrategyMessage) -> dict[str, Any]:
        account = self._core.account()
        net = account["equity"] - self._start_cash
        fees, funding = account["fees"], account["funding"]
        money = {"gross": net + fees + funding, "fees": fees, "funding": funding, "net": net}
        open_positions = {
            key: self._instruments[key].format_size(position)
            for key, (position, *_) in zip(self._keys, account["instruments"], strict=True)
            if position
        }
        return {
            "pnl": {name: value / MONEY for name, value in money.items()},
            "account": {
                "start_cash": _text(self._start_cash),
                "cash": _text(account["cash"]),
                "equity": _text(account["equity"]),
                "fees": _text(fees),
                "funding": _text(funding),
                "open_positions": open_positions,
            },
            "data_quality": self._quality,
            "data_grade": max((q["grade"] for q in self._quality.values()), default="F"),
            "findings": message.findings,
            "breakers": {
                "trips": self._risk.trips,
                "holding": [
                    name if symbol is None else f"{name}/{symbol}"
                    for name, symbol in self._risk.breakers.holding()
                ],
                "events": [
                    {name: getattr(event, name) for name in type(event).__slots__}
                    for event in self._risk.events
                ],
                "reductions": list(self._reducing.log),
            },
            "end_ns": message.end_ns,
        }

    def finish(self) -> list[DeskRecords]:
        return []

    def snapshot(self) -> bytes:
        head = json.dumps(
            {
                "version": STATE_VERSION,
                "risk": self._risk.state(),
                "flattening": self._flattening,
                "reducing": self._reducing.state(),
                "stale": self._stale,
                "restricted": self._restricted,
                "next_equity_ns": self._next_equity_ns,
                "events": self._events,
                "quality": self._quality,
                "sides": self._slicing.state(),
            }
        ).encode()
        return len(head).to_bytes(4, "little") + head + self._core.snapshot()

    def restore(self, state: bytes) -> None:
        length = int.from_bytes(state[:4], "little")
        head = json.loads(state[4 : 4 + length])
        if head.get("version") != STATE_VERSION:
            raise RecoveryError(f"desk state of version {head.get('version')}, expected {STATE_VERSION}")
        self._risk.load(head["risk"])
        self._flattening = head["flattening"]
        self._reducing.load(head["reducing"])
        self._stale = head["stale"]
        self._restricted = [(entering, taking) for entering, taking in head["restricted"]]
        self._next_equity_ns = head["next_equity_ns"]
        self._events = head["events"]
        self._quality = head["quality"]
        self._slicing.load(head["sides"])
        self._core.restore(state[4 + length :])
