"""Entries that are worked over time: which schedule, with which settings (docs/execution.md)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aurora._core import Instrument, Schedule, choose_schedule
from aurora.messages import Signal

ScheduleKind = Literal["none", "auto", "twap", "vwap", "pov", "iceberg"]
CURVE_SLOTS = 288
_VWAP_SLICES = 32


class SlicingSettings(BaseModel):
    """How an entry is cut where ``desk.schedule`` says so, and when ``auto`` cuts it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    over_ms: int = Field(
        60_000, gt=0, le=86_400_000, description="Length of a schedule; never beyond the time exit"
    )
    slices: int = Field(10, gt=0, le=100_000, description="Slices of equal length; vwap has at most 32")
    child_min_lots: int = Field(1, gt=0, le=10**15, description="Least order")
    child_max_lots: int = Field(10**9, gt=0, le=10**15, description="Largest order")
    participation: float = Field(0.1, ge=0.0001, le=1, description="pov: share of what the market trades")
    display_lots: int = Field(1, gt=0, le=10**15, description="iceberg: lots shown at a time")
    volume_curves: dict[str, tuple[int, ...]] = Field(
        default_factory=dict,
        description="vwap: by instrument, mean volume of each of 288 slots of the UTC day over past days "
        "(aurora.tca.volume_curve); an instrument without one gets equal slices",
    )
    persistence: float = Field(0.7, ge=0, le=1, description="auto: above it a signal can wait")
    persistence_signals: int = Field(
        10,
        gt=0,
        le=10_000,
        description="auto: a signal persists by the share of so many of its instrument's latest signals, itself "
        "included, that are on its side",
    )
    volume_share: float = Field(
        0.1, ge=0, le=100, description="auto: above this share of the average volume an entry is large"
    )
    notional: Decimal = Field(
        Decimal(50_000),
        ge=0,
        le=10**15,
        description="auto: above this an entry is large; settlement currency",
    )
    spread_bps: int = Field(
        5, ge=0, le=10_000, description="auto: above it a spread is earned, not paid; whole basis points"
    )

    @model_validator(mode="after")
    def _consistent(self) -> SlicingSettings:
        if self.child_max_lots < self.child_min_lots:
            raise ValueError("child_max_lots is below child_min_lots")
        for key, curve in self.volume_curves.items():
            if len(curve) != CURVE_SLOTS or min(curve) < 0 or max(curve) > 2**63:
                raise ValueError(f"volume_curves.{key}: 288 volumes from zero to 2^63, got {len(curve)}")
        return self


class Slicing:
    """The schedule of each entry. Remembers, per instrument, on which side its latest signals were."""

    def __init__(self, kind: ScheduleKind, settings: SlicingSettings, keys: Iterable[str]):
        self._kind: ScheduleKind = kind
        self._settings = settings
        self._sides = {key: deque[int](maxlen=settings.persistence_signals) for key in keys}

    @property
    def active(self) -> bool:
        return self._kind != "none"

    def saw(self, signal: Signal) -> None:
        """Takes every signal, traded or not."""
        if self._kind == "auto":
            self._sides[signal.instrument].append(signal.side)

    def persistence(self, signal: Signal) -> float:
        """Share of the instrument's latest signals on the side of this one; 0 until there are enough."""
        sides = self._sides[signal.instrument]
        if len(sides) < self._settings.persistence_signals:
            return 0.0
        return sides.count(signal.side) / len(sides)

    def span_ns(self, signal: Signal, deadline_ns: int) -> int:
        """Length of a schedule that begins now; it ends with the trade at the latest."""
        return min(self._settings.over_ms * 1_000_000, deadline_ns - signal.local_ns)

    def schedule(
        self,
        signal: Signal,
        instrument: Instrument,
        size: int,
        span_ns: int,
        average_volume: int | None,
    ) -> Schedule | None:
        """How an entry of ``size`` is worked; None: one order for all of it.

        Args:
            average_volume: what the market trades on average in ``span_ns``, size quanta; None: not known.
        """
        settings, key = self._settings, signal.instrument
        curve = settings.volume_curves.get(key)
        kind: str = self._kind
        if kind == "auto":
            kind = choose_schedule(
                instrument,
                persistence_e4=math.floor(self.persistence(signal) * 10_000),
                size=size,
                average_volume=average_volume,
                bid=signal.bid,
                ask=signal.ask,
                has_curve=curve is not None,
                min_persistence_e4=math.floor(settings.persistence * 10_000),
                volume_share_e4=round(settings.volume_share * 10_000),
                notional=int(settings.notional * 10**8),
                spread_e4=settings.spread_bps,
            )
        lots = size // instrument.lot
        if kind == "none" or lots < settings.child_min_lots or span_ns <= 0:
            return None
        slices = min(settings.slices, _VWAP_SLICES) if kind == "vwap" else settings.slices
        return Schedule(
            kind,
            slices=slices,
            over_ns=span_ns,
            child_min=settings.child_min_lots,
            child_max=settings.child_max_lots,
            rate_e4=round(settings.participation * 10_000),
            display=settings.display_lots,
            start_ns=signal.local_ns,
            curve=None if curve is None else list(curve),
        )

    def state(self) -> dict[str, list[int]]:
        return {key: list(sides) for key, sides in self._sides.items() if sides}

    def load(self, state: Mapping[str, list[int]]) -> None:
        for key, sides in self._sides.items():
            sides.clear()
            sides.extend(state.get(key, ()))
