"""Test material that ships with Aurora: the seeded synthetic market with planted lead-lag truth."""

from aurora.testing.synthetic import (
    DEFAULT_SYMBOLS,
    FollowerPlant,
    SymbolSpec,
    SyntheticMarket,
    SyntheticSettings,
    generate,
)

__all__ = [
    "DEFAULT_SYMBOLS",
    "FollowerPlant",
    "SymbolSpec",
    "SyntheticMarket",
    "SyntheticSettings",
    "generate",
]
