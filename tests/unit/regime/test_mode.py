"""Modes and the halt at the exact boundary of each level."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from aurora.errors import DataError
from aurora.regime import Mode, ModeReading, ModeSettings, ModeSwitch, Regime, VolatilityIndexSettings

LEVELS = VolatilityIndexSettings()


def switch(*indices: float | None, regime: Regime = Regime.TREND) -> ModeReading:
    """The last reading of a new switch."""
    made = ModeSwitch(ModeSettings(), LEVELS)
    reading = None
    for index in indices:
        reading = made.update(index, regime)
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    ("index", "regime", "mode", "halted"),
    [
        (30.0, Regime.TREND, Mode.HYBRID, False),
        (math.nextafter(30, 99), Regime.TREND, Mode.INTRADAY, False),
        (31.0, Regime.RANGE, Mode.INTRADAY, False),
        (35.0, Regime.TREND, Mode.INTRADAY, False),
        (math.nextafter(35, 99), Regime.TREND, Mode.INTRADAY, True),
        (15.0, Regime.TREND, Mode.HYBRID, False),
        (math.nextafter(15, 0), Regime.TREND, Mode.POSITION, False),
        (10.0, Regime.RANGE, Mode.HYBRID, False),
        (10.0, Regime.NEUTRAL, Mode.HYBRID, False),
        (10.0, Regime.PANIC, Mode.HYBRID, False),
        (20.0, Regime.TREND, Mode.HYBRID, False),
    ],
)
def test_boundaries(index: float, regime: Regime, mode: Mode, halted: bool) -> None:
    reading = switch(index, regime=regime)
    assert (reading.mode, reading.halted, reading.entries_allowed) == (mode, halted, not halted)
    assert reading.exposure == (0.5 if halted else 1.0)


@pytest.mark.parametrize(
    ("before", "index", "mode"),
    [
        (31.0, math.nextafter(29, 99), Mode.INTRADAY),
        (31.0, 29.0, Mode.HYBRID),
        (10.0, math.nextafter(16, 0), Mode.POSITION),
        (10.0, 16.0, Mode.HYBRID),
    ],
)
def test_a_mode_is_left_a_point_beyond_its_level(before: float, index: float, mode: Mode) -> None:
    assert switch(before, index).mode is mode
    # From hybrid the band does not help.
    assert switch(20.0, index).mode is Mode.HYBRID


def test_position_ends_with_the_trend() -> None:
    made = ModeSwitch(ModeSettings(), LEVELS)
    assert made.update(10.0, Regime.TREND).mode is Mode.POSITION
    assert made.update(10.0, Regime.RANGE).mode is Mode.HYBRID
    assert made.update(15.5, Regime.TREND).mode is Mode.HYBRID, "hybrid in between: the band is lost"


def test_the_halt_holds_within_its_band_and_without_an_index() -> None:
    assert switch(36.0, math.nextafter(34, 99)).halted
    assert not switch(36.0, 34.0).halted
    assert not switch(34.5).halted
    assert switch(36.0, None) == ModeReading(Mode.HYBRID, True, 0.5)
    assert switch(None) == ModeReading(Mode.HYBRID, False, 1.0)
    assert not switch(36.0, None, 33.0).halted
    assert not switch(30.0, None).halted


def test_exposure_and_settings() -> None:
    made = ModeSwitch(ModeSettings(halted_exposure=0.0, band=0), LEVELS)
    assert made.update(40.0, Regime.NEUTRAL).exposure == 0.0
    assert made.update(35.0, Regime.NEUTRAL).exposure == 1.0
    for bad in ({"halted_exposure": 1.0}, {"halted_exposure": -0.1}, {"band": -1}, {"band": math.nan}):
        with pytest.raises(ValidationError):
            ModeSettings(**bad)
    with pytest.raises(DataError):
        made.update(math.nan, Regime.TREND)


def test_state_survives() -> None:
    first, second = ModeSwitch(ModeSettings(), LEVELS), ModeSwitch(ModeSettings(), LEVELS)
    for index in (10.0, 36.0, 31.0):
        first.update(index, Regime.TREND)
        second.load(first.state())
        assert second.state() == first.state()
        for later in (34.5, 29.5, 15.5):
            copy = ModeSwitch(ModeSettings(), LEVELS)
            copy.load(first.state())
            other = ModeSwitch(ModeSettings(), LEVELS)
            other.load(second.state())
            assert copy.update(later, Regime.TREND) == other.update(later, Regime.TREND)
