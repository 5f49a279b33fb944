"""Streaming features: the kernels' settings, and the research one-liner."""

from aurora.features.compute import FEATURES, compute
from aurora.features.settings import FeatureSettings

__all__ = ["FEATURES", "FeatureSettings", "compute"]
