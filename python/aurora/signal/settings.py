"""How votes become signals."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SignalSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    min_outcomes: int = Field(200, ge=2, description="Resolved votes before a calibration is fitted")
    max_outcomes: int = Field(5000, ge=2, description="Latest resolved votes it is fitted on")
    require_calibration: bool = Field(True, description="Refuse signals without a calibrated probability")
    min_p: float = Field(0.55, ge=0, le=1, description="Refuse signals less likely to be right than this")
