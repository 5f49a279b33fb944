"""Streaming features: what they are, what their kernels are set to, and how to have them as a frame."""

from aurora._core import FeatureBlock, Instrument, MarketBlock
from aurora.features.catalogue import CATALOGUE, FEATURES, UNDEFINED_REASONS, FeatureInfo
from aurora.features.cross import cross_beta, lead_lag, lead_lag_ratio
from aurora.features.port import Feature, FeatureFactory, checked_column, user_features
from aurora.features.research import compute
from aurora.features.settings import FeatureSettings, KernelSettings

__all__ = [
    "CATALOGUE",
    "FEATURES",
    "UNDEFINED_REASONS",
    "Feature",
    "FeatureBlock",
    "FeatureFactory",
    "FeatureInfo",
    "FeatureSettings",
    "Instrument",
    "KernelSettings",
    "MarketBlock",
    "checked_column",
    "compute",
    "cross_beta",
    "lead_lag",
    "lead_lag_ratio",
    "user_features",
]
