"""Synthetic market v1: seeded raw captures in Binance USDⓈ-M futures format, with planted lead-lag truth.

Each symbol becomes one gzip file of raw capture lines, ``<local receive time, ns> <JSON>``: combined-stream
frames of ``depth@100ms``, ``bookTicker`` and ``trade``, and one REST depth snapshot a little after the first
diffs. A JSON truth file beside them says which symbol leads, by how many milliseconds and how strongly. All
of it is invented, and every file says so: a capture in its first line, the truth in its first key.

The leader moves by a small diffusion and by impulses: ramps of tens of basis points within 25 to 60 ms,
through several touch changes, with aggressive trades in their direction. A follower repeats the leader's log
price after its lag, scaled, with noise of its own. A control has the leader's statistics and no link to it.

Equal settings give equal capture lines. The compressed bytes are equal as well wherever the same zlib is
used; the gzip header carries neither time nor name.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora.testing.order_book import Impulse, MarketPath, simulate_capture
from aurora.testing.settings import (
    DEFAULT_SYMBOLS,
    GRID_MS,
    QUIET_S,
    FollowerPlant,
    SymbolSpec,
    SyntheticSettings,
    generator,
)

__all__ = [
    "DEFAULT_SYMBOLS",
    "VERSION",
    "FollowerPlant",
    "SymbolSpec",
    "SyntheticMarket",
    "SyntheticSettings",
    "generate",
]

VERSION = 1
"""Version of the recipe: the same settings give the same capture only within one version."""

# Displacements from the starting price decay this slowly: the pull is about 1 bps per second, far below any
# impulse, yet a long capture stays near its starting price.
_MEAN_REVERSION_S = 120.0
_WARM_UP_S = 1.0  # before it a reader has no book yet
# A ramp is a small opening move and then a few sweeps of decreasing size, each followed one step later by a
# small rebound and sometimes by a pause; 5 to 12 steps of 5 ms in all. The opening move ends the quiet
# interval before the large sweep, and the decrease and the rebounds keep neighbouring changes from all
# having one sign and one size: a Hayashi-Yoshida correlation, which pairs each change with its neighbours
# too, so has one sharp peak and stays below one.
_SWEEPS = (2, 4)
_OPENING = (0.06, 0.10)
_DECREASE = (0.35, 0.65)
_REBOUND = (0.08, 0.14)
_FOLLOWER_NOISE = 0.7
_OWN_IMPULSE_BPS = (8.0, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticMarket:
    """What `generate` wrote.

    settings: the settings it was generated from.
    paths: capture file of each symbol, leader first, then followers, then controls.
    truth_path: the truth file beside them.
    truth: its content.
    """

    settings: SyntheticSettings
    paths: dict[str, Path]
    truth_path: Path
    truth: dict[str, Any]


def generate(
    settings: SyntheticSettings,
    directory: str | Path,
    progress: Callable[[float], None] | None = None,
) -> SyntheticMarket:
    """Generate the market of `settings` into `directory`.

    Writes ``synthetic_<symbol>_seed<seed>.gz`` for each symbol and ``synthetic_truth_seed<seed>.json``. The
    directory is created if absent, and files of the same names are replaced. `progress` is called with the
    finished fraction, never decreasing, the last time with 1.0.

    The truth holds: synthetic (True), version, seed, duration_s, start_ms, leader, clock_offset_ms (local
    clock minus exchange clock), followers ({symbol: {lag_ms, strength}}), controls, linked, files ({symbol:
    name}) and impulses ({symbol: [[exchange time in ms, signed size in bps, ramp in ms], ...]}; a follower's
    are only its own, not those it copies). With ``linked=False`` followers is empty and its symbols are among
    the controls.

    Raises TypeError when `settings` is not a SyntheticSettings, and OSError when a file cannot be written.
    """
    if not isinstance(settings, SyntheticSettings):
        raise TypeError(f"settings must be a SyntheticSettings, got {type(settings).__name__}")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    instruments = settings.instruments()
    plants = settings.plants()
    symbols = [settings.leader, *(plant.symbol for plant in plants), *settings.controls]
    linked = {plant.symbol: plant for plant in plants} if settings.linked else {}

    connection = generator(settings.seed, "connection")
    drawn_offset_ms = int(connection.integers(-1500, -899))
    # One connection carries all symbols, so the base latency is common: a difference between symbols would be
    # a lag nobody planted.
    latency_ms = float(connection.uniform(4.0, 9.0))
    offset_ms = drawn_offset_ms if settings.clock_offset_ms is None else settings.clock_offset_ms

    leader_log, leader_impulses = _log_path(settings, settings.leader, None)
    paths: dict[str, Path] = {}
    impulses: dict[str, list[list[float]]] = {}
    for index, symbol in enumerate(symbols):
        plant = linked.get(symbol)
        if symbol == settings.leader:
            log_path, own = leader_log, leader_impulses
        else:
            log_path, own = _log_path(settings, symbol, plant)
        if plant is not None:
            shift = plant.lag_ms // GRID_MS
            log_path = log_path.copy()
            log_path[shift:] += plant.strength * leader_log[: max(len(leader_log) - shift, 0)]

        def report(fraction: float, done: int = index) -> None:
            if progress is not None:
                progress((done + fraction) / len(symbols))

        spec = instruments[symbol]
        lines = simulate_capture(
            spec=spec,
            path=MarketPath(
                mid_ticks=_price(spec.price, log_path) / spec.tick_size,
                start_ms=settings.start_ms,
                # A follower's trades must not announce a move that only the leader should announce.
                announced=tuple(own) if plant is None else (),
                pre_impulse_trades=settings.pre_impulse_trades,
            ),
            rng=generator(settings.seed, "book", symbol),
            clock_offset_ms=offset_ms,
            latency_ms=latency_ms,
            report=report,
        )
        header = (
            f"# aurora synthetic market v{VERSION} seed={settings.seed} symbol={symbol}"
            f" duration_s={settings.duration_s:g}"
        )
        paths[symbol] = directory / f"synthetic_{symbol.lower()}_seed{settings.seed}.gz"
        paths[symbol].write_bytes(_compress("\n".join([header, *lines, ""])))
        impulses[symbol] = [
            [settings.start_ms + impulse.step * GRID_MS, round(impulse.bps, 3), impulse.steps * GRID_MS]
            for impulse in own
        ]
        report(1.0)

    truth: dict[str, Any] = {
        "synthetic": True,
        "version": VERSION,
        "seed": settings.seed,
        "duration_s": settings.duration_s,
        "start_ms": settings.start_ms,
        "leader": settings.leader,
        "clock_offset_ms": offset_ms,
        "followers": {
            symbol: {"lag_ms": plant.lag_ms, "strength": plant.strength} for symbol, plant in linked.items()
        },
        "controls": [symbol for symbol in symbols if symbol != settings.leader and symbol not in linked],
        "linked": settings.linked,
        "files": {symbol: path.name for symbol, path in paths.items()},
        "impulses": impulses,
    }
    truth_path = directory / f"synthetic_truth_seed{settings.seed}.json"
    truth_path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return SyntheticMarket(settings=settings, paths=paths, truth_path=truth_path, truth=truth)


def _log_path(
    settings: SyntheticSettings, symbol: str, plant: FollowerPlant | None
) -> tuple[NDArray[np.float64], list[Impulse]]:
    """A symbol's own log price relative to its start, one value per grid step, and the impulses in it.

    With a plant the own part is a follower's: quieter, with rare small impulses.
    """
    steps = int(settings.duration_s * 1000) // GRID_MS + 1
    step_s = GRID_MS / 1000
    noise_bps = settings.noise_bps * (1.0 if plant is None else _FOLLOWER_NOISE)
    every_s = settings.impulse_every_s if plant is None else settings.own_impulse_every_s
    smallest, largest = settings.impulse_bps if plant is None else _OWN_IMPULSE_BPS

    noise = noise_bps * 1e-4 * step_s**0.5
    change = noise * generator(settings.seed, "noise", symbol).standard_normal(steps)
    rng = generator(settings.seed, "impulses", symbol)
    impulses: list[Impulse] = []
    at_s = _WARM_UP_S
    while True:
        at_s += QUIET_S + float(rng.exponential(every_s - QUIET_S))
        # Pareto sizes with exponent one between the two bounds: heavy, but a single impulse never dominates.
        size = smallest / (1.0 - float(rng.random()) * (1.0 - smallest / largest))
        sign = 1.0 if rng.random() < 0.5 else -1.0
        shape = _ramp(rng)
        first = int(at_s / step_s)
        if first + len(shape) >= steps:
            break
        for position, part in enumerate(shape):
            change[first + position] += sign * size * 1e-4 * part
        impulses.append(Impulse(step=first, steps=len(shape), bps=sign * size))

    keep = 1.0 - step_s / _MEAN_REVERSION_S
    level = 0.0
    levels: list[float] = []
    for value in change.tolist():
        level = level * keep + value
        levels.append(level)
    return np.array(levels), impulses


def _ramp(rng: np.random.Generator) -> list[float]:
    """Shares of an impulse on consecutive grid steps; they add up to one."""
    sweep = 1.0
    parts = [float(rng.uniform(*_OPENING))]
    for number in range(int(rng.integers(_SWEEPS[0], _SWEEPS[1] + 1))):
        if number:
            sweep *= float(rng.uniform(*_DECREASE))
            if rng.random() < 0.5:
                parts.append(0.0)
        parts += [sweep, -sweep * float(rng.uniform(*_REBOUND))]
    total = sum(parts)
    return [part / total for part in parts]


def _price(start: float, log_path: NDArray[np.float64]) -> NDArray[np.float64]:
    """``start * exp(log_path)`` as a polynomial.

    Plain products and sums round the same on every machine, which vectorised exponentials do not; a last-bit
    difference could move a touch by a tick and break the promise of equal bytes. The error is about 1e-9 of
    the price for displacements of a tenth.
    """
    x = log_path
    return start * (1.0 + x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0)))))


def _compress(text: str) -> bytes:
    buffer = io.BytesIO()
    # No file name and no time in the header: the bytes depend on the content alone.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=6, mtime=0) as stream:
        stream.write(text.encode("ascii"))
    return buffer.getvalue()
