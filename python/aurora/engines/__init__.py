"""Alpha models that vote: columns of features and slow series in, votes out."""

from aurora.engines.cross_section import (
    CrossSectionalMomentum,
    CrossSectionalReversion,
    Quality,
    TimeSeriesMomentum,
)
from aurora.engines.drive import drive, merge, spans
from aurora.engines.futures import Carry, Macro, Trend
from aurora.engines.intraday import (
    IntradayMomentum,
    OpeningRangeBreakout,
    QuickReversion,
    RelativeStrength,
    VolumeSpike,
    VwapReversion,
)
from aurora.engines.lead_lag import LeadLagEngine, LeadLagSettings
from aurora.engines.netting import net
from aurora.engines.panel import Panel
from aurora.engines.port import Engine, EngineInput, Observations, observations, with_series
from aurora.engines.registry import (
    BUILT_IN,
    ENTRY_POINT_GROUP,
    EngineChoice,
    EngineClass,
    choose_engine,
    engine_class,
    user_engines,
)
from aurora.engines.sentiment import SentimentSettings, SentimentTilt
from aurora.engines.series_engine import Need, Opinion, SeriesEngine, SeriesSettings
from aurora.messages import Votes

__all__ = [
    "BUILT_IN",
    "ENTRY_POINT_GROUP",
    "Carry",
    "CrossSectionalMomentum",
    "CrossSectionalReversion",
    "Engine",
    "EngineChoice",
    "EngineClass",
    "EngineInput",
    "IntradayMomentum",
    "LeadLagEngine",
    "LeadLagSettings",
    "Macro",
    "Need",
    "Observations",
    "OpeningRangeBreakout",
    "Opinion",
    "Panel",
    "Quality",
    "QuickReversion",
    "RelativeStrength",
    "SentimentSettings",
    "SentimentTilt",
    "SeriesEngine",
    "SeriesSettings",
    "TimeSeriesMomentum",
    "Trend",
    "VolumeSpike",
    "Votes",
    "VwapReversion",
    "choose_engine",
    "drive",
    "engine_class",
    "merge",
    "net",
    "observations",
    "spans",
    "user_engines",
    "with_series",
]
