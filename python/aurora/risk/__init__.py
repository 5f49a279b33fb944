"""The desk's first gate: one policy, and sizes that respect it."""

from aurora.risk.policy import PRESETS, Policy, describe_errors, load_policy, settings_hash
from aurora.risk.sizing import Size, size_order

__all__ = ["PRESETS", "Policy", "Size", "describe_errors", "load_policy", "settings_hash", "size_order"]
