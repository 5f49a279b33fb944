"""What the feature kernels are set to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aurora._core import Instrument, MarketCore
from aurora.errors import ConfigError

Milliseconds = Annotated[int, Field(gt=0, le=86_400_000)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]


class KernelSettings(BaseModel):
    """Settings of the features that have to be asked for; see `aurora features list`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    imbalance_decay: float = Field(0.5, ge=0, le=1000, description="obi_weighted: decay per tick of distance")
    microprice: Path | None = Field(
        None, description="Table written by `aurora features fit`; microprice is undefined without"
    )
    integrated_ofi: Path | None = Field(
        None, description="Weights written by `aurora features fit`; integrated_ofi is undefined without"
    )
    rate_half_life_ms: Milliseconds = Field(10_000, description="Of all fading rates")
    attribution_ms: Milliseconds = Field(
        1_000, description="How long a trade may explain a decrease of its level"
    )
    trade_window_ms: Milliseconds = Field(10_000, description="tfi_window")
    vpin_bucket: int | None = Field(
        None, gt=0, description="Size quanta; None: fifty times the mean size of the first hundred trades"
    )
    vpin_buckets: Count = 50
    kyle_interval_ms: Milliseconds = 1_000
    kyle_intervals: Count = 300
    kyle_minimum_intervals: int = Field(30, ge=3, le=1_000_000)
    roll_trades: int = Field(100, ge=4, le=1_000_000)
    spread_horizon_ms: Milliseconds = Field(5_000, description="After how long a realised spread is measured")
    spread_half_life_ms: Milliseconds = 60_000
    volatility_step_ms: Milliseconds = 1_000
    volatility_samples: int = Field(300, ge=2, le=1_000_000)
    volatility_minimum_samples: int = Field(30, ge=2, le=1_000_000)
    two_scale_changes: int = Field(1024, ge=4, le=1_000_000)
    two_scale_subgrids: int = Field(32, ge=2, le=100_000)
    two_scale_minimum_changes: int = Field(256, ge=4, le=1_000_000)
    mid_half_life_ms: Milliseconds = Field(1_000, description="ewma_mid")

    def core(self) -> str:
        """The same as JSON for the kernels, times in ns, fitted tables read in.

        Raises:
            ConfigError: a fitted table cannot be read.
        """
        given = self.model_dump(exclude={"microprice", "integrated_ofi"})
        core: dict[str, Any] = {}
        for name, value in given.items():
            if name.endswith("_ms"):
                core[name.removesuffix("_ms") + "_ns"] = value * 1_000_000
            else:
                core[name] = value
        core["microprice"] = _fitted(self.microprice, "microprice")
        core["integrated_weights"] = _fitted(self.integrated_ofi, "integrated_ofi")
        return json.dumps(core)


def _fitted(path: Path | None, kind: str) -> Any:
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; write it with `aurora features fit {kind} CAPTURES`") from error
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise ConfigError(f"{path}: no fitted {kind}; write one with `aurora features fit {kind} CAPTURES`")
    return content["fitted"]


class FeatureSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sampling: Literal["grid", "touch", "trade"] = Field(
        "grid", description="Rows on a grid of local time, at every change of the touch, or at every trade"
    )
    sample_ms: int = Field(50, gt=0, le=3_600_000, description="Grid of local time on which rows are written")
    depth_levels: int = Field(5, gt=0, le=10_000, description="Levels a side in obi_k")
    trade_flow_half_life_ms: int = Field(1000, gt=0, le=86_400_000)
    volatility_half_life_ms: int = Field(60_000, gt=0, le=86_400_000)
    volatility_minimum_changes: int = Field(10, ge=1, le=1_000_000)
    extra: tuple[str, ...] = Field(
        (), description="Features beside the fixed columns: `aurora features list`"
    )
    kernels: KernelSettings = Field(default_factory=KernelSettings)

    @property
    def sample_ns(self) -> int:
        return self.sample_ms * 1_000_000

    def core(
        self, instrument: Instrument, *, clock_offset_ns: int = 0, unsynchronised: bool = False
    ) -> MarketCore:
        """Fresh book and kernels for one instrument.

        Args:
            clock_offset_ns: what was taken off receive times, so that quality can tell them as captured.
            unsynchronised: read the book without waiting for a snapshot.

        Raises:
            UsageError: an unknown feature.
            ConfigError: a setting out of range, or a fitted table that cannot be read.
        """
        return MarketCore(
            instrument,
            sample_ns=self.sample_ns,
            depth_levels=self.depth_levels,
            trade_flow_half_life_ns=self.trade_flow_half_life_ms * 1_000_000,
            volatility_half_life_ns=self.volatility_half_life_ms * 1_000_000,
            volatility_minimum_changes=self.volatility_minimum_changes,
            sampling=self.sampling,
            extra=list(self.extra),
            kernels=self.kernels.core() if self.extra else None,
            clock_offset_ns=clock_offset_ns,
            unsynchronised=unsynchronised,
        )
