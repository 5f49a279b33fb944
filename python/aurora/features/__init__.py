"""Streaming features: what they are, what their kernels are set to, and how to have them as a frame."""

from aurora.features.catalogue import CATALOGUE, FEATURES, UNDEFINED_REASONS, FeatureInfo
from aurora.features.port import Feature, FeatureFactory, checked_column, user_features
from aurora.features.research import compute
from aurora.features.settings import FeatureSettings, KernelSettings

__all__ = [
    "CATALOGUE",
    "FEATURES",
    "UNDEFINED_REASONS",
    "Feature",
    "FeatureFactory",
    "FeatureInfo",
    "FeatureSettings",
    "KernelSettings",
    "checked_column",
    "compute",
    "user_features",
]
