"""Every number the room can be set to: default and range, as written here by hand."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from setting_ranges import Table, check_numbers, check_strict

from aurora.regime import (
    ChangePointSettings,
    ClassifierSettings,
    CusumSettings,
    LeaderboardSettings,
    LikelihoodRatioSettings,
    MarketStateSettings,
    ModeSettings,
    PageHinkleySettings,
    ScalerSettings,
    VolatilityIndexSettings,
)

SHARE = "[0, 1]"
POSITIVE = "(0, inf)"
TABLES: dict[type[BaseModel], Table] = {
    PageHinkleySettings: {
        "delta": (0.1, "[0, 1e60]"),
        "threshold": (20, "[1e-60, 1e60]"),
        "fading": (0.9999, "(0, 1]"),
        "minimum_observations": (30, f"[1, {2**63}]"),
    },
    CusumSettings: {"allowance": (0.5, "[0, 1e60]"), "threshold": (4.774, "[1e-60, 1e60]")},
    LikelihoodRatioSettings: {
        "mean": (0, "[-1e60, 1e60]"),
        "variance": (1, "[1e-60, 1e60]"),
        "window": (200, "[2, 100000]"),
        "minimum_segment": (5, "[1, inf)"),
        "growth": (1, "[1, 10]"),
        "threshold": (8, "[1e-60, 1e60]"),
    },
    ChangePointSettings: {
        "expected_run": (250, "(1, 1e12]"),
        "prior_mean": (0, "[-1e60, 1e60]"),
        "prior_mean_weight": (1, "[1e-60, 1e60]"),
        "prior_shape": (1, "[1e-60, 1e60]"),
        "prior_scale": (1, "[1e-60, 1e60]"),
        "runs": (500, "[10, 100000]"),
        "least_mass": (1e-6, "[0, 1)"),
        "recent": (5, f"[1, {2**62}]"),
        "threshold": (0.5, "(0, 1)"),
    },
    MarketStateSettings: {
        "bar_minutes": (15, "[1, 1440]"),
        "directional_index_length": (14, "[2, 1000]"),
        "volatility_hours": (24, "[1, 168]"),
        "volume_minutes": (60, "[1, 1440]"),
        "usual_days": (7, "[1, 60]"),
    },
    ClassifierSettings: {
        "illiquid_volume_ratio": (0.3, "[0, inf)"),
        "illiquid_spread_bps": (50, POSITIVE),
        "panic_volatility": (0.05, POSITIVE),
        "panic_volume_ratio": (1.5, "[0, inf)"),
        "trend_directional_index": (25, "[0, 100]"),
        "range_directional_index": (20, "[0, 100]"),
        "range_volatility_low": (0.01, "[0, inf)"),
        "range_volatility_high": (0.04, POSITIVE),
        "hysteresis": (0.1, "[0, 1)"),
        "confirmation_minutes": (30, "[0, 10080]"),
        "dwell_minutes": (60, "[0, 10080]"),
        "protective_minutes": (0, "[0, 10080]"),
    },
    ScalerSettings: {
        "trend": (1, SHARE),
        "range": (0.75, SHARE),
        "neutral": (0.5, SHARE),
        "panic": (0, SHARE),
        "illiquid": (0, SHARE),
    },
    VolatilityIndexSettings: {
        "low_level": (15, POSITIVE),
        "high_level": (30, POSITIVE),
        "halt_level": (35, POSITIVE),
        "low_percentile": (0.35, "(0, 1)"),
        "high_percentile": (0.9, "(0, 1)"),
        "halt_percentile": (0.95, "(0, 1)"),
        "floor_level": (9, "[0, inf)"),
        "ceiling_level": (80, POSITIVE),
        "step_minutes": (15, "[1, 1440]"),
        "history": (90 * 96, "[10, 1000000]"),
        "minimum_history": (7 * 96, "[2, 1000000]"),
        "minimum_instruments": (1, "[1, 10000]"),
    },
    ModeSettings: {"band": (1, "[0, inf)"), "halted_exposure": (0.5, "[0, 1)")},
    LeaderboardSettings: {
        "weeks": (4, "[1, 52]"),
        "minimum_votes": (100, "[2, inf)"),
        "minimum_days": (10, "[2, 364]"),
        "critical_value": (2, "(0, 10]"),
    },
}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_numbers_have_their_default_and_range(model: type[BaseModel]) -> None:
    check_numbers(model, TABLES[model])


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_settings_are_strict(model: type[BaseModel]) -> None:
    check_strict(model)


def test_words_have_their_defaults() -> None:
    assert PageHinkleySettings().direction == "both"
    assert LikelihoodRatioSettings().of == "mean"
