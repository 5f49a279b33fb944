"""How much happens: events per second, how bunched they are, and the presets measured on a real capture."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LIGHT", "REAL", "THIN", "Rates"]


class Rates(BaseModel):
    """Events per second of an instrument of ``activity`` 1, and the grid that latent prices live on."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    quotes: float = Field(gt=0, le=1_000, description="bookTickers per second, those of trades included")
    trades: float = Field(gt=0, le=1_000, description="Prints per second")
    diffs: float = Field(
        gt=0, le=50, description="Depth messages per second at most: one per interval that has news"
    )
    depth_changes: float = Field(ge=0, le=5_000, description="Changes of levels behind the touch, per second")
    prints: float = Field(1.0, ge=1, le=50, description="Mean prints of one aggressive order")
    quote_bunching: int = Field(
        0,
        ge=0,
        le=10,
        description="Activity of a second is 2^k with odds 2^-k, k up to this: 2 doubles, 0 is even",
    )
    trade_bunching: int = Field(0, ge=0, le=10, description="The same for trades")
    wide_share: float = Field(
        0.075, ge=0, le=0.5, description="Share of quotes in spells of a wide spread, some of which end early"
    )
    depth_bps: float = Field(12.0, gt=0, le=200, description="How far the book reaches on each side")
    level_bps: float = Field(0.4, gt=0, le=10, description="Mean distance of its levels, one tick at least")
    grid_ms: int = Field(
        10, ge=1, le=86_400_000, description="Step of latent prices; lags are multiples of it"
    )


REAL = Rates(
    quotes=192,
    trades=62,
    diffs=19,
    depth_changes=1_250,
    prints=3.9,
    quote_bunching=2,
    trade_bunching=7,
    depth_bps=20.0,
    level_bps=0.05,
    grid_ms=5,
)
"""BTCUSDT as captured on 2024-08-08: 192 bookTickers, 62 prints, 19 diffs of 68 levels a second, 94 % of quotes one
tick wide, counts per second over-dispersed 100-fold (quotes) and 400-fold (prints)."""
LIGHT = Rates(
    quotes=12, trades=3, diffs=5, depth_changes=10, prints=1.5, quote_bunching=1, trade_bunching=2, grid_ms=10
)
"""For many markets of minutes: the same shapes at a tenth of the events and less."""
THIN = Rates(quotes=0.6, trades=0.3, diffs=0.2, depth_changes=0.2, depth_bps=10.0, level_bps=1.0, grid_ms=100)
"""About one event a second, for days."""
