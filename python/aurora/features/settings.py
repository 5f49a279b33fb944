"""What the feature kernels are set to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from aurora._core import Instrument, MarketCore


class FeatureSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_ms: int = Field(50, gt=0, le=3_600_000, description="Grid of local time on which rows are written")
    depth_levels: int = Field(5, gt=0, le=10_000, description="Levels a side in obi_k")
    trade_flow_half_life_ms: int = Field(1000, gt=0, le=86_400_000)
    volatility_half_life_ms: int = Field(60_000, gt=0, le=86_400_000)
    volatility_minimum_changes: int = Field(10, ge=1, le=1_000_000)

    @property
    def sample_ns(self) -> int:
        return self.sample_ms * 1_000_000

    def core(self, instrument: Instrument) -> MarketCore:
        """Fresh book and kernels for one instrument."""
        return MarketCore(
            instrument,
            sample_ns=self.sample_ns,
            depth_levels=self.depth_levels,
            trade_flow_half_life_ns=self.trade_flow_half_life_ms * 1_000_000,
            volatility_half_life_ns=self.volatility_half_life_ms * 1_000_000,
            volatility_minimum_changes=self.volatility_minimum_changes,
        )
