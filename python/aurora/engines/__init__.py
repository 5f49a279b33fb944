"""Alpha models that vote: columns of features in, votes out."""

from aurora.engines.lead_lag import LeadLagEngine, LeadLagSettings
from aurora.engines.port import Engine, EngineInput

__all__ = ["Engine", "EngineInput", "LeadLagEngine", "LeadLagSettings"]
