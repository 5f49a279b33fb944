"""Synthetic market v2: planted truth at the rates of real captures, as captures, blocks and bars."""

from aurora.testing.market.bars import BarSettings, PlantedBars, make_bars
from aurora.testing.market.make import PlantedMarket, make_market
from aurora.testing.market.oracle import Oracle, link_strength, round_trip_bps
from aurora.testing.market.plants import (
    REGIME_SHAPES,
    FaultPlant,
    FlowPlant,
    FundingPlant,
    Impulses,
    Jumps,
    LinkPlant,
    PatternPlant,
    RegimePlant,
    RegimeShape,
)
from aurora.testing.market.presets import lead_lag_market
from aurora.testing.market.rates import LIGHT, REAL, THIN, Rates
from aurora.testing.market.settings import INSTRUMENTS, Costs, MarketSettings, SymbolSettings
from aurora.testing.market.slow import SlowPlant

__all__ = [
    "INSTRUMENTS",
    "LIGHT",
    "REAL",
    "REGIME_SHAPES",
    "THIN",
    "BarSettings",
    "Costs",
    "FaultPlant",
    "FlowPlant",
    "FundingPlant",
    "Impulses",
    "Jumps",
    "LinkPlant",
    "MarketSettings",
    "Oracle",
    "PatternPlant",
    "PlantedBars",
    "PlantedMarket",
    "Rates",
    "RegimePlant",
    "RegimeShape",
    "SlowPlant",
    "SymbolSettings",
    "lead_lag_market",
    "link_strength",
    "make_bars",
    "make_market",
    "round_trip_bps",
]
