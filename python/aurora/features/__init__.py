"""Streaming features: what they are, what their kernels are set to, and how to have them as a frame."""

from aurora._core import FeatureBlock, Instrument, MarketBlock
from aurora.features.bar_frames import BAR_COLUMNS, bar_schema, bar_step_ns, resample, with_floats
from aurora.features.catalogue import CATALOGUE, FEATURES, UNDEFINED_REASONS, FeatureInfo
from aurora.features.cross import cross_beta, lead_lag, lead_lag_ratio
from aurora.features.port import Feature, FeatureFactory, checked_column, user_features
from aurora.features.research import bars, compute
from aurora.features.settings import FeatureSettings, KernelSettings
from aurora.features.slow import daily, intraday
from aurora.features.streaming import (
    DAILY_COLUMNS,
    INTRADAY_COLUMNS,
    BarMerger,
    DailyTracker,
    IntradayTracker,
    SlowRow,
    StreamedBar,
    TrueRange,
)

__all__ = [
    "BAR_COLUMNS",
    "BarMerger",
    "DailyTracker",
    "IntradayTracker",
    "SlowRow",
    "StreamedBar",
    "TrueRange",
    "CATALOGUE",
    "DAILY_COLUMNS",
    "FEATURES",
    "INTRADAY_COLUMNS",
    "UNDEFINED_REASONS",
    "Feature",
    "FeatureBlock",
    "FeatureFactory",
    "FeatureInfo",
    "FeatureSettings",
    "Instrument",
    "KernelSettings",
    "MarketBlock",
    "bar_schema",
    "bar_step_ns",
    "bars",
    "checked_column",
    "compute",
    "cross_beta",
    "daily",
    "intraday",
    "lead_lag",
    "lead_lag_ratio",
    "resample",
    "user_features",
    "with_floats",
]
