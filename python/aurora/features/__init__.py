"""Streaming features: what they are, and what their kernels are set to."""

from aurora.features.catalogue import FEATURES
from aurora.features.settings import FeatureSettings

__all__ = ["FEATURES", "FeatureSettings"]
