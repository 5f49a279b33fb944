"""An engine of your own in thirty lines: it stands against the crowd when funding is extreme for the instrument.

A package offers it by an entry point, and a config names it (docs/engines.md)::

    [project.entry-points."aurora.engines"]
    crowded_funding = "own_engine:CrowdedFunding"
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from aurora.engines import Need, Opinion, Panel, SeriesEngine, SeriesSettings


class CrowdedFundingSettings(SeriesSettings):
    rows: int = Field(30, ge=2, description="Funding rates that the last is compared with")
    volatility_bps: float = Field(
        150.0, gt=0, description="Standard deviation of the return over the horizon"
    )


class CrowdedFunding(SeriesEngine[CrowdedFundingSettings]):
    """Short where the last funding rate is far above its own mean, long where far below."""

    name = "crowded_funding"
    Settings = CrowdedFundingSettings
    clock = "funding"
    reason = "funding is extreme: one side is crowded"

    def needs(self) -> dict[str, Need]:
        return {"funding": Need(columns=("rate",), rows=self.settings.rows)}

    def judge(self, panel: Panel) -> Opinion:
        rows = self.settings.rows
        distance = panel.column("funding", "rate") - panel.mean("funding", "rate", rows)
        signal = -distance / panel.deviation("funding", "rate", rows)
        volatility = np.full(panel.shape, self.settings.volatility_bps)
        return Opinion(signal, volatility, abstain=[("too_few_rates", ~np.isfinite(signal))])
