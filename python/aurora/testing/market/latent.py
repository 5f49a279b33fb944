"""Latent log prices: what the books follow, and every planted part of them kept apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aurora.testing.market.plants import FlowPlant, Impulses, Jumps, PatternPlant
from aurora.testing.market.schedules import Episode, Grid, Spell, VolumeWindow, link_spells, recurring
from aurora.testing.market.settings import MarketSettings, SymbolSettings
from aurora.testing.market.units import PER_BPS, Ints, from_bps
from aurora.testing.settings import generator

__all__ = ["Burst", "Latent", "latent_paths", "one_symbol", "ramp"]

_QUIET_S = 1.0
"""An impulse needs this much quiet before the next, so that answers to two of them do not blur."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Trades in one direction, from one step to another."""

    start: int
    end: int
    side: int
    trades: int


@dataclass(slots=True)
class Latent:
    """One symbol's log price in quanta, one value per grid step, 0 at the beginning."""

    symbol: str
    log: Ints
    noise: Ints
    """Diffusion alone, regimes included: what no knob of a plant may change."""
    links: dict[str, Ints] = field(default_factory=dict)
    """By leader: the part that repeats it."""
    link_spells: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)
    payoff: Ints | None = None
    """Moves behind the triggers of all episodes."""
    impulses: list[tuple[int, int, float]] = field(default_factory=list)
    """First step, number of steps, signed size in basis points."""
    jumps: list[tuple[int, float]] = field(default_factory=list)
    windows: list[VolumeWindow] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)


def latent_paths(settings: MarketSettings, grid: Grid, spells: list[Spell]) -> dict[str, Latent]:
    """The paths of all symbols, in the order of the settings."""
    paths: dict[str, Latent] = {}
    for name in settings.order():
        path = one_symbol(settings.symbol(name), settings, grid, spells)
        for link in settings.links:
            if link.follower != name:
                continue
            on = link_spells(link, settings.seed, grid)
            lag = link.lag_ms // grid.step_ms
            moves = np.diff(paths[link.leader].log, prepend=0)
            copied = np.zeros(grid.steps, np.int64)
            copied[lag:] = moves[: max(grid.steps - lag, 0)]
            heard = np.zeros(grid.steps, np.bool_)
            for start, end in on:
                heard[start:end] = True
            part = np.cumsum(np.where(heard, copied, 0)) * round(link.strength * 1000) // 1000
            path.links[link.leader] = part
            path.link_spells[link.leader] = on
            path.log = path.log + part
        paths[name] = path
    return {symbol.symbol: paths[symbol.symbol] for symbol in settings.symbols}


def one_symbol(own: SymbolSettings, settings: MarketSettings, grid: Grid, spells: list[Spell]) -> Latent:
    """A symbol's own path, links left out. Every part draws from a stream of its own."""
    seed, name = settings.seed, own.symbol
    noise = _diffusion(own, seed, grid, spells)
    path = Latent(name, noise.copy(), noise)
    moves = np.zeros(grid.steps, np.int64)
    payoff = np.zeros(grid.steps, np.int64)
    if own.impulses is not None:
        _impulses(path, moves, own.impulses, generator(seed, "impulses", name), grid)
    if own.jumps is not None:
        _jumps(path, moves, own.jumps, generator(seed, "jumps", name), grid)
    for plant in settings.patterns:
        # Drawn by the symbol that the plant is on, so that its benchmark sees the same episodes.
        if name in (plant.symbol, plant.benchmark):
            noise_bps = settings.symbol(plant.symbol).noise_bps
            _pattern(path, moves, payoff, plant, noise_bps, settings, grid)
    for flow in settings.flows:
        if flow.symbol == name:
            _flow(path, moves, payoff, flow, generator(seed, "flow", name, flow.kind), grid)
    path.episodes.sort(key=lambda episode: episode.known)
    path.payoff = np.cumsum(payoff)
    path.log += np.cumsum(moves) + path.payoff
    return path


def ramp(moves: Ints, start: int, end: int, quanta: int) -> None:
    """Adds ``quanta`` in equal parts to the steps from ``start`` up to ``end``, the sum exact."""
    start, last = max(start, 0), min(end, len(moves))
    length = end - start
    if length > 0 and last > start:
        shares = quanta * np.arange(length + 1, dtype=np.int64) // length
        moves[start:last] += np.diff(shares)[: last - start]


def _diffusion(own: SymbolSettings, seed: int, grid: Grid, spells: list[Spell]) -> Ints:
    deviation = own.noise_bps * grid.step_s**0.5
    moves = generator(seed, "noise", own.symbol).standard_normal(grid.steps) * deviation
    moves[0] = 0.0
    for spell in spells:
        moves[spell.start : spell.end] *= spell.shape.volatility
    path = np.cumsum(from_bps(moves))
    correction = np.zeros(grid.steps, np.int64)
    for spell in spells:
        ramp(correction, spell.start, spell.end, _drift(spell, grid))
        if spell.shape.half_life_s is not None:
            _pull(correction, path, spell, spell.shape.half_life_s, grid)
    return np.asarray(path + np.cumsum(correction))


def _drift(spell: Spell, grid: Grid) -> int:
    return round(spell.drift_bps_per_hour * PER_BPS * (spell.end - spell.start) * grid.step_ms / 3_600_000)


def _pull(correction: Ints, path: Ints, spell: Spell, half_life_s: float, grid: Grid) -> None:
    """Turns the diffusion of a spell into one with a pull towards where the spell began, second by second."""
    every = max(grid.step(1.0), 1)
    edges = list(range(spell.start, spell.end, every))
    if len(edges) < 2:
        return
    known = path[edges]
    # 1 - ln 2 h / T to second order: plain arithmetic, and far below one second's noise for half lives of minutes.
    x = 0.6931471805599453 * every * grid.step_s / half_life_s
    keep = 1.0 / (1.0 + x + x * x / 2.0)
    level, before = 0.0, 0
    for number, move in enumerate(np.diff(known).tolist()):
        level = level * keep + move
        wanted = round(level)
        correction_of_step = wanted - before - move
        ramp(correction, edges[number], edges[number + 1], correction_of_step)
        before = wanted


def _impulses(path: Latent, moves: Ints, plant: Impulses, rng: np.random.Generator, grid: Grid) -> None:
    at_s = 1.0  # before that a reader has no book yet
    low, high = plant.smallest_bps, plant.largest_bps
    while True:
        at_s += _QUIET_S + 2.0 * (plant.every_s - _QUIET_S) * float(rng.random())
        size = low / (1.0 - float(rng.random()) * (1.0 - low / high))
        sign = 1.0 if rng.random() < 0.5 else -1.0
        shape = _sweeps(rng)
        first = grid.step(at_s)
        if first + len(shape) >= grid.steps:
            return
        total = int(from_bps(sign * size))
        parts = [round(total * part) for part in shape]
        parts[-1] += total - sum(parts)
        moves[first : first + len(parts)] += np.array(parts, np.int64)
        path.impulses.append((first, len(parts), round(sign * size, 3)))


def _sweeps(rng: np.random.Generator) -> list[float]:
    """Shares of an impulse on consecutive steps: an opening move, then 2 to 4 sweeps, each smaller, each followed by a
    small rebound and sometimes by a pause. They keep neighbouring changes from all having one sign, so that a
    correlation which pairs neighbours has one sharp peak."""
    sweep = 1.0
    parts = [0.06 + 0.04 * float(rng.random())]
    for number in range(int(rng.integers(2, 5))):
        if number:
            sweep *= 0.35 + 0.3 * float(rng.random())
            if rng.random() < 0.5:
                parts.append(0.0)
        parts += [sweep, -sweep * (0.08 + 0.06 * float(rng.random()))]
    total = sum(parts)
    return [part / total for part in parts]


def _jumps(path: Latent, moves: Ints, plant: Jumps, rng: np.random.Generator, grid: Grid) -> None:
    expected = (grid.steps * grid.step_s) / plant.every_s
    count = int(expected) + int(rng.random() < expected - int(expected))
    for step in sorted(rng.integers(1, grid.steps, size=count).tolist()):
        size = 1.0 - float(rng.random())
        for _ in range({1: 0, 2: 1, 4: 2}[plant.tail_index]):
            size = size**0.5
        bps = min(plant.scale_bps / size, plant.largest_bps)
        signed = bps if rng.random() < 0.5 else -bps
        moves[step] += int(from_bps(signed))
        path.jumps.append((step, round(signed, 3)))


def _pattern(
    path: Latent,
    moves: Ints,
    payoff: Ints,
    plant: PatternPlant,
    noise_bps: float,
    settings: MarketSettings,
    grid: Grid,
) -> None:
    with_numbers = plant.resolved(noise_bps)
    rng = generator(settings.seed, "pattern", plant.kind, plant.symbol)
    trigger = max(grid.step(with_numbers.trigger_s), 1)
    horizon = max(grid.step(with_numbers.horizon_s), 1)
    every = with_numbers.every_s * 1000 / grid.step_ms
    size, edge = int(from_bps(with_numbers.trigger_bps)), int(from_bps(plant.edge_bps))
    reverts = plant.kind in ("vwap_reversion", "quick_reversion")
    if plant.kind == "opening_range_breakout":
        session = round(every)
        first = (
            -(-settings.start_ms // (session * grid.step_ms)) * session - settings.start_ms // grid.step_ms
        )
        starts = iter(range(first, grid.steps, session))
    else:
        starts = recurring(rng, every, trigger + horizon, grid.steps)
    for start in starts:
        sign = 1 if rng.random() < 0.5 else -1
        later = float(rng.random())
        if path.symbol == plant.benchmark:
            # It moves against the symbol, so that only the comparison of the two shows the trigger at its size.
            ramp(moves, start, start + trigger, -sign * size // 2)
            continue
        if plant.kind == "opening_range_breakout":
            quick = max(trigger // 6, 1)
            spare = session - trigger - quick - horizon
            known = start + trigger + int(later * spare / 2) + quick
            _swing(moves, start, start + trigger, size // 2)
            ramp(moves, known - quick, known, sign * size * 3 // 2)
        else:
            known = start + trigger
            ramp(moves, start, known, sign * (size // 2 if plant.benchmark else size))
        if known + horizon > grid.steps:
            continue
        side = -sign if reverts else sign
        ramp(payoff, known, known + horizon, side * edge)
        path.episodes.append(
            Episode(plant.kind, plant.symbol, start, known, known + horizon, side, plant.edge_bps)
        )
        if with_numbers.volume_multiple != 1.0:
            direction = sign if with_numbers.volume_multiple > 1.0 else 0
            path.windows.append(VolumeWindow(start, known, with_numbers.volume_multiple, direction))


def _swing(moves: Ints, start: int, end: int, size: int) -> None:
    """Twice up and down around where it began: an opening range of at least twice ``size``."""
    edges = [start + (end - start) * eighth // 8 for eighth in range(9)]
    for number, share in enumerate((1, -1, -1, 1, 1, -1, -1, 1)):
        ramp(moves, edges[number], edges[number + 1], share * size)


def _flow(
    path: Latent, moves: Ints, payoff: Ints, plant: FlowPlant, rng: np.random.Generator, grid: Grid
) -> None:
    length = max(-(-plant.burst_ms // grid.step_ms), 1)
    horizon = max(grid.step(plant.horizon_s), 1)
    impact = int(from_bps(plant.impact_bps))
    for start in recurring(rng, plant.every_s * 1000 / grid.step_ms, length + horizon, grid.steps):
        sign = 1 if rng.random() < 0.5 else -1
        known = start + length
        if plant.kind == "benign":
            ramp(moves, start, known, sign * impact)
        side = sign if plant.kind == "toxic" else -sign
        ramp(payoff, known, known + horizon, side * impact)
        path.bursts.append(Burst(start, known, sign, plant.trades))
        path.episodes.append(
            Episode(f"{plant.kind}_flow", path.symbol, start, known, known + horizon, side, plant.impact_bps)
        )
