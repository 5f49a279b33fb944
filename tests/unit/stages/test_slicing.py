"""Which schedule an entry gets from settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from aurora._core import Instrument
from aurora.capture import CaptureSet
from aurora.messages import Signal
from aurora.stages import DeskSettings
from aurora.stages.slicing import Slicing, SlicingSettings
from aurora.testing import SyntheticSettings, generate

KEY = "binance_usdm:ETHUSDT"
SECOND = 10**9
SIGNAL = Signal(
    trace=1,
    instrument=KEY,
    local_ns=SECOND,
    engine="lead_lag",
    side=1,
    score=1.0,
    p=0.9,
    consensus=0.8,
    gross_edge_bps=5.0,
    horizon_ns=10**8,
    feature_hash=0,
    bid=254_983,
    ask=254_984,
    bid_size=1,
    ask_size=1,
)


@pytest.fixture(scope="module")
def instrument(tmp_path_factory: pytest.TempPathFactory) -> Instrument:
    market = generate(SyntheticSettings(seed=1, duration_s=5.0), tmp_path_factory.mktemp("market"))
    return CaptureSet([Path(market.paths["ETHUSDT"])]).instruments[KEY]


def test_by_default_nothing_is_cut(instrument: Instrument) -> None:
    settings = DeskSettings()
    slicing = Slicing(settings.schedule, settings.slicing, [KEY])
    assert not slicing.active
    assert slicing.schedule(SIGNAL, instrument, 10**6, SECOND, 1) is None


def test_persistence_is_the_share_of_the_latest_signals_on_its_side() -> None:
    slicing = Slicing("auto", SlicingSettings(persistence_signals=4), [KEY, "other"])
    for side in (1, -1, 1):
        slicing.saw(replace(SIGNAL, side=side))
    assert slicing.persistence(SIGNAL) == 0, "too few to tell"
    for side in (1, 1):
        slicing.saw(replace(SIGNAL, side=side))
    assert slicing.persistence(SIGNAL) == 3 / 4
    assert slicing.persistence(replace(SIGNAL, side=-1)) == 1 / 4
    again = Slicing("auto", SlicingSettings(persistence_signals=4), [KEY, "other"])
    again.load(slicing.state())
    assert again.persistence(SIGNAL) == 3 / 4
    assert again.state() == slicing.state() == {KEY: [-1, 1, 1, 1]}


def test_auto_follows_size_persistence_and_volume(instrument: Instrument) -> None:
    slicing = Slicing("auto", SlicingSettings(persistence_signals=1), [KEY])
    # 19.6 of 2 549.84 are just below 50 000, 19.7 above.
    small, large = 19_600, 19_700
    assert slicing.schedule(SIGNAL, instrument, small, SECOND, 10**9) is None
    assert slicing.schedule(SIGNAL, instrument, large, SECOND, 10**9) is not None
    assert slicing.schedule(SIGNAL, instrument, small, SECOND, small) is not None
    assert slicing.schedule(SIGNAL, instrument, small, SECOND, None) is None


def test_a_schedule_ends_with_the_trade_at_the_latest() -> None:
    slicing = Slicing("twap", SlicingSettings(over_ms=2_000), [KEY])
    assert slicing.span_ns(SIGNAL, 10 * SECOND) == 2 * SECOND
    assert slicing.span_ns(SIGNAL, 2 * SECOND) == SECOND


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValidationError, match="below child_min_lots"):
        SlicingSettings(child_min_lots=5, child_max_lots=4)
    with pytest.raises(ValidationError, match="288 volumes"):
        SlicingSettings(volume_curves={KEY: (1, 2)})
