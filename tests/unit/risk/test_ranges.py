"""Every number of the policy: default and range, as written here by hand."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from setting_ranges import Table, check_numbers, check_strict

from aurora.risk import (
    BreakerPolicy,
    ExpectancyPolicy,
    KellyPolicy,
    LimitPolicy,
    Policy,
    PortfolioPolicy,
    ScalerPolicy,
    TailPolicy,
)

SHARE = "[0, 1]"
PER_CENT = "(0, 100]"
TABLES: dict[type[BaseModel], Table] = {
    Policy: {
        "per_trade_risk_pct": ("0.5", PER_CENT),
        "daily_loss_pct": ("2.5", PER_CENT),
        "leverage": ("2", "(0, 20]"),
        "position_pct": ("15", PER_CENT),
        "symbol_exposure_pct": ("25", PER_CENT),
        "gross_exposure_pct": ("200", "(0, 2000]"),
        "stop_bps": ("80", "(0, 5000]"),
        "slippage_cap_bps": ("5", "(0, 500]"),
        "drawdown_zero_pct": ("10", PER_CENT),
    },
    ScalerPolicy: {
        "calibration_decay": ("5", "(0, 1000]"),
        "regime_trend": ("1", SHARE),
        "regime_range": ("0.75", SHARE),
        "regime_neutral": ("0.5", SHARE),
        "regime_panic": ("0", SHARE),
        "regime_illiquid": ("0", SHARE),
        "depth_share": ("0.1", "(0, 1]"),
        "throttle_slope": ("0.5", "(0, 10]"),
        "throttle_floor": ("0.25", SHARE),
    },
    KellyPolicy: {"quantile": ("0.2", "(0, 0.5]"), "fraction": (None, "(0, 0.25]")},
    TailPolicy: {
        "trade_pct": ("2", PER_CENT),
        "threshold_quantile": ("0.9", "(0, 1)"),
        "minimum_observations": (1000, "[50, 10000000]"),
        "minimum_exceedances": (100, "[10, 1000000]"),
        "haircut_pct": ("15", "[0, 500]"),
        "resamples": (500, "[20, 100000]"),
    },
    LimitPolicy: {
        "sector_pct": ("50", "(0, 2000]"),
        "net_min_pct": ("-30", "[-2000, 0]"),
        "net_max_pct": ("100", "[0, 2000]"),
        "notional_share_pct": ("25", PER_CENT),
        "notional_share_multiple": ("1.5", "[0, 100]"),
        "notional_share_floor_pct": ("100", "[0, 10000]"),
        "symbol_day_stop_pct": ("1", PER_CENT),
        "symbol_cool_down_hours": ("24", "(0, 8760]"),
        "correlation_alert": ("0.7", "(0, 1)"),
        "turnover_day_pct": ("50", "(0, 1000000]"),
    },
    BreakerPolicy: {
        "day_loss_cap_pct": ("3", PER_CENT),
        "drawdown_alert_pct": ("5", PER_CENT),
        "drawdown_halve_pct": ("10", PER_CENT),
        "drawdown_reset_share": ("0.8", "(0, 1)"),
        "loss_streak": (3, "[1, 1000]"),
        "loss_streak_scale": ("0.5", "[0, 1)"),
        "volatility_percentile": ("95", "(0, 100)"),
        "volatility_reset_percentile": ("80", "(0, 100)"),
        "volatility_window": (1000, "[20, 100000]"),
        "volatility_minimum": (100, "[20, 100000]"),
        "defence_scale": ("0.5", SHARE),
        "volatility_index_halt": ("35", "(0, 1000]"),
        "volatility_index_resume": ("30", "(0, 1000]"),
        "halt_exposure_scale": ("0.5", SHARE),
        "condition_hold_s": ("30", "[0, 86400]"),
    },
    ExpectancyPolicy: {
        "window_trades": (500, "[10, 100000]"),
        "window_hours": ("24", "(0, 8760]"),
        "minimum_trades": (30, "[10, 100000]"),
        "confidence": ("0.95", "(0.5, 1)"),
        "reentry_trades": (30, "[5, 100000]"),
    },
    PortfolioPolicy: {
        "gross_pct": ("70", PER_CENT),
        "cash_pct": ("10", "[0, 100)"),
        "concentration": ("0.25", "(0, 1]"),
        "concentration_free": (4, "[0, 1000]"),
        "turnover_penalty": ("0.1", "[0, 1000]"),
        "concentration_penalty": ("1", "[0, 1000]"),
        "risk_aversion": ("0", "[0, 1000]"),
        "correlated_pct": ("60", PER_CENT),
    },
}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_numbers_have_their_default_and_range(model: type[BaseModel]) -> None:
    check_numbers(model, TABLES[model])


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_sections_are_strict(model: type[BaseModel]) -> None:
    check_strict(model)
