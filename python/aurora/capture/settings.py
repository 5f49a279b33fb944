"""How captures are read."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class InstrumentOverride(BaseModel):
    """Order filters that config knows better than the first messages of a capture show."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tick_size: Decimal | None = Field(None, gt=0, le=10**9)
    lot_size: Decimal | None = Field(None, gt=0, le=10**9)
    min_notional: Decimal | None = Field(
        None, ge=0, le=10**12, description="Quote currency; 5 where nothing is said"
    )


class CaptureSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    slice_ms: int = Field(
        1000, ge=0, le=10**12, description="Width of a slice of local time; 0: the whole input at once"
    )
    clock_offset_ms: float | None = Field(
        None,
        ge=-1e12,
        le=1e12,
        description="Receive clock minus exchange clock; None: estimated from the first 1,000 messages",
    )
    common_clock_ms: float = Field(
        100.0, ge=0, description="Streams whose estimated offsets lie within this share one recorder clock"
    )
    bad_lines: Literal["fatal", "skip"] = Field(
        "fatal",
        description="Records that cannot be read: end their stream with a fault, or are counted and passed over",
    )
    unsynchronised: bool = Field(
        False, description="Read books without waiting for a snapshot: levels appear as diffs show them"
    )
    market: str | None = Field(
        None,
        description="Market of raw frames that do not name theirs, e.g. bybit_spot; None: what the frames tell, and "
        "for Bybit books without trades, which tell nothing, a contract",
    )
    instruments: dict[str, InstrumentOverride] = Field(
        default_factory=dict, description="Order filters by instrument, e.g. binance_usdm:BTCUSDT"
    )
