"""Three engines for futures: carry, trend and macro. Each needs what its name promises, and says what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from aurora.engines.arithmetic import count
from aurora.engines.cross_section import SERIES as DAILY
from aurora.engines.cross_section import DailyEngine, DailySettings
from aurora.engines.history import Matrix
from aurora.engines.panel import Panel
from aurora.engines.series_engine import BPS, MINUTE_NS, Need, Opinion, SeriesEngine, SeriesSettings

MINUTES_A_YEAR = 365.0 * 1440.0


def _nanoseconds(minutes: float) -> int:
    return round(minutes * MINUTE_NS)


class CarrySettings(SeriesSettings):
    horizon_minutes: float = Field(1440.0, gt=0, le=525_600, description="How far ahead a vote looks")
    min_carry_bps: float = Field(3.0, gt=0, description="Carry over the horizon that makes a signal of 1")
    convergence: float = Field(1.0, ge=0, le=1, description="Share of the basis that closes over the horizon")
    funding_max_age_minutes: float = Field(720.0, gt=0, description="A rate that is older has expired")
    basis_max_age_minutes: float = Field(60.0, gt=0, description="A basis that is older has expired")


class Carry(SeriesEngine[CarrySettings]):
    """Takes the side that is paid: what a position earns if the spot price stays where it is.

    Carry of a long, over the horizon: minus the funding rate per hour × hours (longs pay a positive rate), minus the
    share of the basis that closes. It is the edge itself; the signal is carry over ``min_carry_bps``. Koijen,
    Moskowitz, Pedersen and Vrugt (2018), *Carry*: (spot - future) / future, plus income.

    Series: ``funding`` (``rate``, a fraction per interval; ``interval_hours``), at whose news it decides, and
    ``basis`` (``basis``: perpetual or future over spot, less 1).
    """

    name: ClassVar[str] = "carry"
    Settings = CarrySettings
    clock = "funding"
    reason = "funding and basis pay this side"

    def needs(self) -> Mapping[str, Need]:
        settings = self.settings
        return {
            "funding": Need(("rate", "interval_hours"), 1, _nanoseconds(settings.funding_max_age_minutes)),
            "basis": Need(("basis",), 1, _nanoseconds(settings.basis_max_age_minutes)),
        }

    def judge(self, panel: Panel) -> Opinion:
        settings = self.settings
        rate, hours = panel.column("funding", "rate"), panel.column("funding", "interval_hours")
        basis = panel.column("basis", "basis")
        income = -rate / hours * (settings.horizon_minutes / 60.0)
        carry_bps = (income - settings.convergence * basis) * BPS
        abstain = (
            ("funding_undefined", np.isnan(rate) | ~(hours > 0)),
            ("basis_undefined", np.isnan(basis)),
        )
        return Opinion(carry_bps / settings.min_carry_bps, edge_bps=np.abs(carry_bps), abstain=abstain)


class TrendSettings(DailySettings):
    horizon_minutes: float = Field(7 * 1440.0, gt=0, le=525_600, description="How far ahead a vote looks")
    band: float = Field(
        0.01, ge=0, lt=1, description="Share of the long average that the short one must clear"
    )


class Trend(DailyEngine[TrendSettings]):
    """Moving averages in order: close and short average on one side of the long one.

    Up where the 20-day average exceeds the 200-day one by the band and the 50-day one lies between them, down where
    the order is reversed. Signal: distance of short from long average in the volatility of 200 days, its sign the
    trend's. Brock, Lakonishok and LeBaron (1992), *Simple technical trading rules*: averages up to 200 days, a band
    of 1 %.
    """

    name: ClassVar[str] = "trend"
    Settings = TrendSettings
    reason = "moving averages are in order"

    def columns(self) -> tuple[str, ...]:
        return "average_20d", "average_50d", "average_200d"

    def judge(self, panel: Panel) -> Opinion:
        short, middle, long = (panel.column(DAILY, f"average_{days}d") for days in (20, 50, 200))
        band = self.settings.band
        up = (short > long * (1 + band)) & (short > middle) & (middle > long)
        down = (short < long * (1 - band)) & (short < middle) & (middle < long)
        signal = (short / long - 1) / self.volatility(panel, 200)
        abstain = (
            ("average_undefined", np.isnan(short) | np.isnan(middle) | np.isnan(long)),
            ("averages_not_in_order", ~(up | down)),
        )
        return self.opinion(panel, signal, abstain)


class MacroSettings(SeriesSettings):
    horizon_minutes: float = Field(1440.0, gt=0, le=525_600, description="How far ahead a vote looks")
    volatility_rows: int = Field(90, ge=2, le=5_000, description="Values that the index is ranked among")
    min_volatility_rows: int = Field(30, ge=2, le=5_000, description="Values it takes at least")
    calm: float = Field(
        0.3, ge=0, le=1, description="Share of values below, up to which the universe is calm"
    )
    stressed: float = Field(
        0.8, ge=0, le=1, description="Share of values below, from which on it is stressed"
    )
    dominance_rows: int = Field(7, ge=1, le=5_000, description="Rows over which dominance is compared")
    dominance_change: float = Field(0.005, gt=0, description="Change that counts, as a share of all capital")
    crowded: float = Field(0.9, gt=0.5, le=1, description="Share of instruments that pay one side")
    min_members: int = Field(3, ge=1, description="Instruments with a funding rate")
    max_age_minutes: float = Field(
        2880.0, gt=0, description="Index and dominance that are older have expired"
    )
    funding_max_age_minutes: float = Field(720.0, gt=0, description="A rate that is older has expired")
    bitcoin: tuple[str, ...] = Field(("BTC", "XBT"), description="Symbols that begin so are bitcoin's")

    @model_validator(mode="after")
    def _order(self) -> MacroSettings:
        if self.calm >= self.stressed:
            raise ValueError("calm must be below stressed")
        if self.min_volatility_rows > self.volatility_rows:
            raise ValueError("min_volatility_rows must not exceed volatility_rows")
        return self


class Macro(SeriesEngine[MacroSettings]):
    """Three readings of the whole universe, of which two must agree and none outweighs.

    Volatility index: its share of the last values below it; calm is +1, stressed -1 (assets fall when volatility
    rises: Bekaert and Hoerova 2014 on the index of equities). Bitcoin's share of all capital: a rise is +1 for
    bitcoin and -1 for the others, a fall the opposite. Funding breadth: where nearly all instruments pay longs' way
    (positive rates) the crowd is long and the reading -1, where nearly none does +1. The signal is their sum over √3,
    its variance were they independent. The edge is stated with the index, taken as annual volatility in percent.

    Series: ``volatility_index`` (``value``), at whose news it decides, ``btc_dominance`` (``value``, 0 to 1), both the
    same for every instrument, and ``funding`` (``rate``).
    """

    name: ClassVar[str] = "macro"
    Settings = MacroSettings
    clock = "volatility_index"
    reason = "volatility, dominance and funding breadth agree"

    def needs(self) -> Mapping[str, Need]:
        settings = self.settings
        age = _nanoseconds(settings.max_age_minutes)
        return {
            "volatility_index": Need(("value",), settings.volatility_rows, age),
            "btc_dominance": Need(("value",), settings.dominance_rows + 1, age),
            "funding": Need(("rate",), 1, _nanoseconds(settings.funding_max_age_minutes)),
        }

    def judge(self, panel: Panel) -> Opinion:
        settings = self.settings
        stretch = panel.stretch("volatility_index", settings.volatility_rows)
        known = stretch.column("value")
        values = stretch.at(stretch.count(~np.isnan(known)))
        index = panel.column("volatility_index", "value")
        # Equal values count half: an index that never moves is neither calm nor stressed.
        below, equal = stretch.position(known)
        share = stretch.at(below + 0.5 * equal) / values
        volatility = (share <= settings.calm).astype(np.int64) - (share >= settings.stressed)

        change = panel.column("btc_dominance", "value") - panel.column(
            "btc_dominance", "value", settings.dominance_rows
        )
        moved = np.where(np.abs(change) >= settings.dominance_change, np.sign(change), 0.0)
        dominance = np.where(self._is_bitcoin(), moved, -moved)

        rate = panel.column("funding", "rate")
        members = panel.fresh("funding") & ~np.isnan(rate)
        n = count(members)
        longs, shorts = count(members & (rate > 0)), count(members & (rate < 0))
        # n·crowded may round upwards by a bit; a share is compared as the share it is.
        breadth = (shorts / n >= settings.crowded).astype(np.int64) - (longs / n >= settings.crowded)

        annual = index / 100.0
        abstain = (
            ("volatility_index_undefined", ~(index > 0)),
            ("volatility_index_too_short", values < settings.min_volatility_rows),
            ("btc_dominance_too_short", np.isnan(change)),
            ("too_few_members", n < settings.min_members),
            ("no_agreement", np.abs(volatility + dominance + breadth) < 2),
        )
        horizon_bps = annual * np.sqrt(settings.horizon_minutes / MINUTES_A_YEAR) * BPS
        signal = (volatility + dominance + breadth) / 3.0**0.5
        return Opinion(signal, horizon_bps, abstain=abstain)

    def _is_bitcoin(self) -> Matrix:
        symbols = [key.partition(":")[2] or key for key in self.instruments]
        return np.array([[symbol.startswith(self.settings.bitcoin) for symbol in symbols]])
