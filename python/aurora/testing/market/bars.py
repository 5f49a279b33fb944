"""Bars, funding, basis and indices of a synthetic market: the same plants where books would be too much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aurora.features import bar_schema, with_floats
from aurora.testing.market.funding import FundingRow, funding_rows
from aurora.testing.market.latent import Latent, latent_paths
from aurora.testing.market.lines import units
from aurora.testing.market.oracle import Oracle
from aurora.testing.market.plants import FundingPlant, LinkPlant, PatternPlant, RegimePlant
from aurora.testing.market.rates import Rates
from aurora.testing.market.schedules import Grid, Spell, regime_spells
from aurora.testing.market.settings import Costs, MarketSettings, SymbolSettings
from aurora.testing.market.slow import (
    DAY_MS,
    SlowPlant,
    SlowSpell,
    drift_of,
    quality_of,
    slow_spells,
)
from aurora.testing.market.truth import truth_of
from aurora.testing.market.units import NS_PER_MS, Floats, Ints, exponential, from_bps
from aurora.testing.settings import generator

__all__ = ["BarSettings", "PlantedBars", "make_bars"]

_STEPS_PER_BAR = 4
_TURNOVER = 0.2
"""Of the touch's size, traded per second."""
_BASIS_BPS, _BASIS_KEPT = 1.0, 0.9
_FUNDING = FundingPlant(deviation_bps=0.3, mean_bps=0.0)
_CALM, _STRESSED, _USUAL = 40.0, 90.0, 60.0
_DOMINANCE, _DOMINANCE_A_DAY = 0.5, 0.002


class BarSettings(BaseModel):
    """A synthetic market of bars: symbols, days, and what is planted in them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = Field(7, ge=0, lt=2**63)
    days: int = Field(30, ge=1, le=3_650)
    bar_minutes: int = Field(1, ge=1, le=1_440, description="A divisor of the day")
    start_ms: int = Field(1_704_067_200_000, ge=10**12, lt=10**13, description="A UTC midnight")
    symbols: tuple[SymbolSettings, ...] = Field(min_length=1)
    links: tuple[LinkPlant, ...] = ()
    patterns: tuple[PatternPlant, ...] = ()
    slow: tuple[SlowPlant, ...] = ()
    regimes: RegimePlant | None = None
    funding: FundingPlant | None = Field(
        None, description="None: rates near zero; carry and macro set their own"
    )
    costs: Costs = Costs()

    @model_validator(mode="after")
    def _whole_days(self) -> BarSettings:
        if 1_440 % self.bar_minutes:
            raise ValueError(f"bars of {self.bar_minutes} minutes do not divide the day")
        if self.start_ms % DAY_MS:
            raise ValueError("start_ms must be a UTC midnight")
        if any(symbol.impulses is not None for symbol in self.symbols):
            raise ValueError("impulses are events of milliseconds; bars have jumps")
        kinds = [plant.kind for plant in self.slow]
        if len(set(kinds)) != len(kinds):
            raise ValueError("a slow plant is there twice")
        self.market()
        return self

    def market(self) -> MarketSettings:
        """The same market as settings of books; only its latent prices are made."""
        rates = Rates(
            quotes=1e-6,
            trades=1e-6,
            diffs=1e-6,
            depth_changes=0,
            grid_ms=self.bar_minutes * 60_000 // _STEPS_PER_BAR,
        )
        return MarketSettings(
            seed=self.seed,
            duration_s=self.days * 86_400,
            start_ms=self.start_ms,
            symbols=self.symbols,
            rates=rates,
            links=self.links,
            patterns=self.patterns,
            regimes=self.regimes,
            funding=self.funding or _FUNDING,
            costs=self.costs,
        )


def make_bars(settings: BarSettings) -> PlantedBars:
    """The bars of these settings. Nothing is computed before it is asked for.

    Raises:
        TypeError: these are no BarSettings.
    """
    if not isinstance(settings, BarSettings):
        raise TypeError(f"settings must be BarSettings, got {type(settings).__name__}")
    return PlantedBars(settings)


class PlantedBars:
    """Frames of a synthetic market, and all that is known about it.

    Every frame has ``instrument, start_ns, end_ns, known_ns`` and its values; a row is known when it ends.
    """

    def __init__(self, settings: BarSettings):
        self.settings = settings
        self._market = settings.market()
        step_ms = self._market.rates.grid_ms
        self.grid = Grid(step_ms, settings.days * DAY_MS // step_ms)
        self.names = [symbol.symbol for symbol in settings.symbols]

    @cached_property
    def regimes(self) -> list[Spell]:
        return regime_spells(self.settings.regimes, self.settings.seed, self.grid)

    @cached_property
    def spells(self) -> list[SlowSpell]:
        """Spells of the slow plants, in grid steps."""
        return slow_spells(self.settings.slow, self.names, self.settings.seed, self.grid)

    @cached_property
    def paths(self) -> dict[str, Latent]:
        """Latent log prices, slow plants and basis included."""
        paths = latent_paths(self._market, self.grid, self.regimes)
        for name, path in paths.items():
            path.log = path.log + drift_of(self.spells, name, self.grid) + self._basis_path(name)
        return paths

    @cached_property
    def bars(self) -> pl.DataFrame:
        """Time bars with the columns and types of :data:`aurora.features.BAR_COLUMNS`, by end, then instrument."""
        decimals = [own.spec.price_decimals + own.spec.quantity_decimals for own in self.settings.symbols]
        frames = [self._bars_of(own, max(decimals)) for own in self.settings.symbols]
        return pl.concat(frames).sort("end_ns", "instrument")

    @cached_property
    def funding(self) -> pl.DataFrame:
        """``rate`` (a fraction per interval, longs pay a positive one) and ``interval_hours``."""
        rows = self.funding_rows
        end = np.array([row.time_ms * NS_PER_MS for row in rows], np.int64)
        span = np.array([round(row.interval_hours * 3.6e12) for row in rows], np.int64)
        values = {
            "rate": np.array([row.rate for row in rows], np.float64),
            "interval_hours": np.array([row.interval_hours for row in rows], np.float64),
        }
        return _frame([row.symbol for row in rows], end - span, end, values)

    @cached_property
    def funding_rows(self) -> list[FundingRow]:
        """Funding by time, as planted by carry, macro and quality."""
        rows = []
        qualities = quality_of(self.names, self.settings.seed) if self._planted("quality") else {}
        carry, macro = self._by_symbol("carry"), self._by_symbol("macro")
        crowd = next(iter(macro.values()), [])
        for row in funding_rows(self._market):
            rate, step = row.rate, (row.time_ms - self.settings.start_ms) // self.grid.step_ms
            if row.symbol in qualities:
                rate *= 1.0 - 0.9 * qualities[row.symbol]
            spell = _at(carry.get(row.symbol, []), step)
            if spell is not None:
                # Whoever is on the side of the spell is paid its edge, interval by interval.
                rate += -spell.side * spell.edge_bps_per_day * 1e-4 * row.interval_hours / 24.0
            state = _at(crowd, step)
            if state is not None:
                rate = -state.side * (abs(rate) + 1e-5)
            rows.append(FundingRow(row.symbol, row.time_ms, round(rate * 1e8) / 1e8, row.interval_hours))
        return rows

    @cached_property
    def basis(self) -> pl.DataFrame:
        """``basis``: perpetual over spot, less 1, hour by hour. It decays, and the perpetual's price with it."""
        hour = max(3_600_000 // self.grid.step_ms, 1)
        at = np.arange(hour, self.grid.steps, hour)
        times = self._ns(at)
        parts = [
            _frame([name] * len(at), times, times, {"basis": exponential(self._basis_path(name)[at]) - 1.0})
            for name in self.names
        ]
        return pl.concat(parts).sort("known_ns", "instrument")

    @cached_property
    def listing(self) -> pl.DataFrame:
        """``listed_day``: days since 1970-01-01; older with quality."""
        first = self.settings.start_ms // DAY_MS
        qualities = quality_of(self.names, self.settings.seed) if self._planted("quality") else {}
        ages = [800 + round(700 * qualities.get(name, 0.0)) for name in self.names]
        times = np.full(len(ages), self.settings.start_ms * NS_PER_MS)
        return _frame(
            self.names, times, times, {"listed_day": np.array([float(first - age) for age in ages])}
        )

    @cached_property
    def volatility_index(self) -> pl.DataFrame:
        """``value``: annual volatility of the universe in percent, day by day, the same for every instrument."""
        rng = generator(self.settings.seed, "volatility index")
        values = []
        for state in self._states():
            level = {1: _CALM, -1: _STRESSED, 0: _USUAL}[state]
            values.append(level * (1.0 + 0.1 * (2.0 * float(rng.random()) - 1.0)))
        return self._daily(values)

    @cached_property
    def btc_dominance(self) -> pl.DataFrame:
        """``value``: bitcoin's share of all capital, day by day, the same for every instrument."""
        rng = generator(self.settings.seed, "dominance")
        value, values = _DOMINANCE, []
        for state in self._states():
            # Pulled back softly, so that years of spells stay between its bounds.
            value += (
                -state * _DOMINANCE_A_DAY + 0.01 * (_DOMINANCE - value) + 2e-4 * (float(rng.random()) - 0.5)
            )
            value = min(max(value, 0.1), 0.9)
            values.append(value)
        return self._daily(values)

    def expected_bps(self, symbol: str, at_ns: npt.ArrayLike, horizon_ns: int) -> Floats:
        """Expected gain of a long over the horizon, price and planted funding, of all that is planted."""
        at = np.atleast_1d(np.asarray(at_ns, dtype=np.int64))
        oracle = Oracle(self.paths, self.settings.links, self.regimes, self.grid, self.settings.start_ms)
        expected = oracle.expected_bps(symbol, at, horizon_ns)
        steps = (at - self.settings.start_ms * NS_PER_MS) / self.grid.step_ns
        ahead = horizon_ns / self.grid.step_ns
        for spell in self.spells:
            if spell.symbol == symbol:
                inside = (steps >= spell.known) & (steps < spell.end)
                days = np.minimum(ahead, spell.end - steps) * self.grid.step_ms / DAY_MS
                expected += np.where(inside, spell.side * spell.edge_bps_per_day * days, 0.0)
        return expected

    @cached_property
    def truth(self) -> dict[str, Any]:
        """Everything planted, as that of books, and ``slow``: the spells of the slow plants."""

        def at(step: int) -> int:
            return self.settings.start_ms + step * self.grid.step_ms

        found = truth_of(self._market, self.grid, self.paths, self.regimes, self.funding_rows, [], 0, {})
        found["settings"] = self.settings.model_dump(mode="json")
        found["slow"] = [
            {
                "plant": spell.plant,
                "symbol": spell.symbol,
                "start_ms": at(spell.start),
                "known_ms": at(spell.known),
                "end_ms": at(spell.end),
                "side": spell.side,
                "edge_bps_per_day": spell.edge_bps_per_day,
            }
            for spell in self.spells
        ]
        return found

    def write(self, directory: str | Path) -> dict[str, Path]:
        """Writes every frame as ``synthetic_<name>_seed<seed>.parquet`` and the truth; answers with the paths.

        Raises:
            OSError: a file cannot be written.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        paths = {}
        for name in ("bars", "funding", "basis", "listing", "volatility_index", "btc_dominance"):
            paths[name] = directory / f"synthetic_{name}_seed{self.settings.seed}.parquet"
            getattr(self, name).write_parquet(paths[name])
        paths["truth"] = directory / f"synthetic_truth_seed{self.settings.seed}.json"
        paths["truth"].write_text(json.dumps(self.truth, indent=1) + "\n", encoding="utf-8")
        return paths

    def _planted(self, kind: str) -> bool:
        return any(plant.kind == kind for plant in self.settings.slow)

    def _by_symbol(self, kind: str) -> dict[str, list[SlowSpell]]:
        found: dict[str, list[SlowSpell]] = {}
        for spell in self.spells:
            if spell.plant == kind:
                found.setdefault(spell.symbol, []).append(spell)
        return found

    def _ns(self, steps: Ints) -> Ints:
        return np.asarray((self.settings.start_ms + steps * self.grid.step_ms) * NS_PER_MS)

    def _states(self) -> list[int]:
        """Of every day: 1 calm, -1 stressed, 0 neither."""
        spells = next(iter(self._by_symbol("macro").values()), [])
        steps = (np.arange(self.settings.days) + 1) * (DAY_MS // self.grid.step_ms) - 1
        states = np.zeros(len(steps), np.int64)
        for spell in spells:
            states[(steps >= spell.start) & (steps < spell.end)] = spell.side
        return [int(state) for state in states]

    def _daily(self, values: Sequence[float]) -> pl.DataFrame:
        edges = self._ns(np.arange(len(values) + 1) * (DAY_MS // self.grid.step_ms))
        parts = [
            _frame([name] * len(values), edges[:-1], edges[1:], {"value": np.array(values)})
            for name in self.names
        ]
        return pl.concat(parts).sort("known_ns", "instrument")

    def _basis_path(self, symbol: str) -> Ints:
        hour = max(3_600_000 // self.grid.step_ms, 1)
        count = -(-self.grid.steps // hour)
        rng = generator(self.settings.seed, "basis", symbol)
        level, levels = 0.0, []
        for shock in rng.standard_normal(count).tolist():
            level = _BASIS_KEPT * level + _BASIS_BPS * shock
            levels.append(level)
        return np.repeat(from_bps(np.array(levels)), hour)[: self.grid.steps]

    def _bars_of(self, own: SymbolSettings, notional_decimals: int) -> pl.DataFrame:
        spec, path = own.spec, self.paths[own.symbol]
        tick, lot = units(spec)
        shape = (-1, _STEPS_PER_BAR)
        ticks = np.maximum((exponential(path.log) * (spec.price / spec.tick_size) + 0.5).astype(np.int64), 1)
        price = ticks.reshape(shape) * tick
        lots, buys = self._volumes(own, path)
        size, bought = lots.reshape(shape) * lot, buys.reshape(shape) * lot
        start = self._ns(np.arange(len(price)) * _STEPS_PER_BAR)
        end = start + self.settings.bar_minutes * 60_000 * NS_PER_MS
        count = len(price)
        notional = (price * size).sum(axis=1)
        scale = 10 ** (notional_decimals - spec.price_decimals - spec.quantity_decimals)
        texts = [_decimal(int(value), notional_decimals) for value in (notional * scale).tolist()]
        columns: dict[str, Any] = {
            "instrument": [f"binance_usdm:{own.symbol}"] * count,
            "start_ns": start,
            "end_ns": end,
            "known_ns": end,
            "first_ns": start,
            "last_ns": start + (_STEPS_PER_BAR - 1) * self.grid.step_ns,
            "notional": pl.Series(texts, dtype=pl.String).cast(pl.Decimal(38, notional_decimals)),
            "trades": np.full(count, _STEPS_PER_BAR, np.uint64),
            "open_quanta": price[:, 0],
            "high_quanta": price.max(axis=1),
            "low_quanta": price.min(axis=1),
            "close_quanta": price[:, -1],
            "volume_quanta": size.sum(axis=1),
            "buy_volume_quanta": bought.sum(axis=1),
            "price_decimals": np.full(count, spec.price_decimals, np.uint8),
            "size_decimals": np.full(count, spec.quantity_decimals, np.uint8),
            "filled": np.zeros(count, np.bool_),
            "complete": np.ones(count, np.bool_),
            "observed_ns": np.full(count, start[0]),
        }
        return with_floats(pl.DataFrame(columns)).cast(dict(bar_schema(notional_decimals)))  # type: ignore[arg-type]

    def _volumes(self, own: SymbolSettings, path: Latent) -> tuple[Ints, Ints]:
        """Lots traded at every step, and those of buying aggressors."""
        spec = own.spec
        typical = (
            _TURNOVER * own.activity * spec.touch_notional / spec.price / spec.lot_size * self.grid.step_s
        )
        rng = generator(self.settings.seed, "volume", own.symbol)
        multiple = np.ones(self.grid.steps)
        for spell in self.regimes:
            multiple[spell.start : spell.end] *= spell.shape.activity
        for window in path.windows:
            multiple[window.start : window.end] *= window.multiple
        if self._planted("quality"):
            multiple *= 1.0 + 0.8 * quality_of(self.names, self.settings.seed)[own.symbol]
        lots = 1 + (typical * multiple * (0.5 + rng.random(self.grid.steps))).astype(np.int64)
        # Aggressors lean the way the price went.
        moves = np.sign(np.diff(path.log, prepend=0))
        share = np.clip(0.5 + 0.15 * moves + 0.2 * (rng.random(self.grid.steps) - 0.5), 0.0, 1.0)
        return lots, np.minimum((lots * share).astype(np.int64), lots)


def _at(spells: Sequence[SlowSpell], step: int) -> SlowSpell | None:
    return next((spell for spell in spells if spell.start < step <= spell.end), None)


def _decimal(value: int, decimals: int) -> str:
    scale = 10**decimals
    return f"{value // scale}.{value % scale:0{decimals}d}" if decimals else str(value)


def _frame(names: Sequence[str], start: Ints, end: Ints, values: dict[str, Floats]) -> pl.DataFrame:
    keys = [f"binance_usdm:{name}" for name in names]
    return pl.DataFrame({"instrument": keys, "start_ns": start, "end_ns": end, "known_ns": end, **values})
