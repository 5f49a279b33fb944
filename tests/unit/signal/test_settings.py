"""Every number the room can be set to: default and range, as written here by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from setting_ranges import Table, check_numbers, check_strict

from aurora.signal import (
    CalibrationSettings,
    ConsensusSettings,
    DebateSettings,
    LearningSettings,
    MonitorSettings,
    ReliabilitySettings,
    SignalSettings,
    VolatilityGateSettings,
)

SHARE = "[0, 1]"
POSITIVE = "(0, inf)"
NOT_NEGATIVE = "[0, inf)"
TABLES: dict[type[BaseModel], Table] = {
    CalibrationSettings: {"min_outcomes": (200, "[2, inf)"), "max_outcomes": (5000, "[2, inf)")},
    MonitorSettings: {
        "bins": (15, "[1, inf)"),
        "max_ece": (0.05, SHARE),
        "min_outcomes": (2000, "[1, inf)"),
        "window": (5000, "[1, inf)"),
        "level": (0.95, "(0, 1)"),
        "draws": (1000, "[20, inf)"),
        "seed": (0, NOT_NEGATIVE),
    },
    ReliabilitySettings: {"half_life_s": (3600, POSITIVE), "prior_outcomes": (50, NOT_NEGATIVE)},
    ConsensusSettings: {
        "threshold": (0.75, NOT_NEGATIVE),
        "window": (100, "[2, 1000]"),
        "floor": (0.05, SHARE),
        "warm_up": (30, "[2, inf)"),
        "correlation_half_life": (500, POSITIVE),
        "correlation_prior": (50, NOT_NEGATIVE),
    },
    DebateSettings: {
        "alpha_weight": (0.4, NOT_NEGATIVE),
        "regime_weight": (0.25, NOT_NEGATIVE),
        "diversification_weight": (0.2, NOT_NEGATIVE),
        "drawdown_weight": (0.15, NOT_NEGATIVE),
        "full_edge_bps": (10, POSITIVE),
        "regime_low": (0.45, SHARE),
        "regime_high": (0.6, SHARE),
        "max_drawdown_bps": (200, POSITIVE),
        "strong": (0.6, SHARE),
        "weak": (0.4, SHARE),
        "min_outcomes": (30, NOT_NEGATIVE),
        "critic_timeout_s": (2, POSITIVE),
        "critic_arguments": (8, NOT_NEGATIVE),
    },
    LearningSettings: {
        "half_life": (200, POSITIVE),
        "exploration": (1, NOT_NEGATIVE),
        "learning_rate": (0.1, POSITIVE),
        "share": (0.001, SHARE),
        "reward_scale_bps": (10, POSITIVE),
    },
    VolatilityGateSettings: {"lookback": (50, "[1, inf)"), "multiple": (1.5, POSITIVE)},
    SignalSettings: {
        "min_outcomes": (50, "[2, inf)"),
        "max_outcomes": (5000, "[2, inf)"),
        "min_p": (0.55, SHARE),
        "refit_s": (10, "[0.001, 86400]"),
        "monitor_s": (60, "[0.001, 86400]"),
        "unproven_outcomes": (200, "[1, inf)"),
    },
}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_numbers_have_their_default_and_range(model: type[BaseModel]) -> None:
    check_numbers(model, TABLES[model])


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_settings_are_strict(model: type[BaseModel]) -> None:
    check_strict(model)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (CalibrationSettings, {"method": ("auto", "platt", "isotonic", "beta", "venn_abers")}),
        (
            MonitorSettings,
            {
                "binning": ("equal_width", "equal_mass"),
                "bootstrap": ("stationary", "moving_block"),
                "reference": ("climatology", "even"),
            },
        ),
        (ReliabilitySettings, {"form": ("skill", "plain"), "reference": ("climatology", "even")}),
        (LearningSettings, {"method": ("ucb", "hedge")}),
        (
            SignalSettings,
            {
                "method": ("auto", "platt", "isotonic", "beta", "venn_abers"),
                "calibrate_on": ("edge", "score"),
            },
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_words_the_first_of_which_is_the_default(
    model: type[BaseModel], words: dict[str, tuple[str, ...]]
) -> None:
    for field, known in words.items():
        assert getattr(model(), field) == known[0]
        for word in known:
            assert getattr(model(**{field: word}), field) == word
        for unknown in (known[0].upper(), "", None):
            with pytest.raises(ValidationError):
                model(**{field: unknown})


def test_what_the_stage_sets_its_parts_to() -> None:
    made = SignalSettings()
    # Votes are measured against a coin (docs/calibration.md).
    assert made.monitor == MonitorSettings(reference="even", draws=200)
    assert made.reliability == ReliabilitySettings(reference="even")
    assert made.consensus == ConsensusSettings()
    assert made.debate == DebateSettings()
    assert made.learning == LearningSettings()
    assert made.volatility_gate == VolatilityGateSettings()
    flags = (made.require_calibration, made.require_consensus, made.require_approval, made.require_proof)
    assert flags == (True, True, True, False)
    assert made.calibration == CalibrationSettings(method="auto", min_outcomes=50, max_outcomes=5000)
    other = SignalSettings(method="beta", min_outcomes=7, max_outcomes=11)
    assert other.calibration == CalibrationSettings(method="beta", min_outcomes=7, max_outcomes=11)


@pytest.mark.parametrize(
    ("model", "passes", "fails", "told"),
    [
        (
            CalibrationSettings,
            {"min_outcomes": 9, "max_outcomes": 9},
            {"min_outcomes": 10, "max_outcomes": 9},
            "nothing would ever be fitted",
        ),
        (
            SignalSettings,
            {"min_outcomes": 9, "max_outcomes": 9},
            {"min_outcomes": 10, "max_outcomes": 9},
            "nothing would ever be fitted",
        ),
        (MonitorSettings, {"min_outcomes": 9, "window": 9}, {"min_outcomes": 10, "window": 9}, "never open"),
        (ConsensusSettings, {"warm_up": 9, "window": 9}, {"warm_up": 10, "window": 9}, "ever be traded"),
        (
            DebateSettings,
            {"regime_low": 0.5, "regime_high": 0.51},
            {"regime_low": 0.5, "regime_high": 0.5},
            "regime_low is not below regime_high",
        ),
        (
            DebateSettings,
            {"weak": 0.5, "strong": 0.51},
            {"weak": 0.5, "strong": 0.5},
            "weak is not below strong",
        ),
        (
            DebateSettings,
            {"alpha_weight": 0, "regime_weight": 0, "diversification_weight": 0, "drawdown_weight": 0.1},
            {"alpha_weight": 0, "regime_weight": 0, "diversification_weight": 0, "drawdown_weight": 0},
            "all weights are 0",
        ),
        (LearningSettings, {"influence": [[0, 0.0], [1, 1.0]]}, {"influence": [[0, 0.0], [0, 1.0]]}, "rise"),
        (LearningSettings, {"influence": [[0, 0.5]]}, {"influence": [[1, 0.5]]}, "begin at 0"),
        (LearningSettings, {"influence": [[0, 1.0]]}, {"influence": [[0, 1.01]]}, "outside"),
        (LearningSettings, {"influence": [[0, 0.0]]}, {"influence": [[0, -0.01]]}, "outside"),
        (LearningSettings, {"influence": [[0, 0.0]]}, {"influence": []}, "begin at 0"),
    ],
)
def test_what_contradicts_itself_is_refused(
    model: type[BaseModel], passes: dict[str, Any], fails: dict[str, Any], told: str
) -> None:
    model(**passes)
    with pytest.raises(ValidationError, match=told):
        model(**fails)


def test_influence_of_a_list_is_that_of_tuples() -> None:
    default = ((0, 0.2), (10, 0.3), (30, 0.5), (100, 0.7))
    assert LearningSettings().influence == default
    assert LearningSettings(influence=[list(step) for step in default]) == LearningSettings()
