"""What a synthetic market is made of: instruments, planted followers and the settings, all validated."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

__all__ = ["DEFAULT_SYMBOLS", "FollowerPlant", "SymbolSpec", "SyntheticSettings"]

# Every latent price path lives on this grid; planted lags are whole multiples of it, so that a delayed path
# is an exact copy and the planted lag carries no rounding of its own.
GRID_MS = 5

# An impulse needs this much quiet before the next one: longer than the longest drawn lag plus the ramp, so
# that a follower's answer to one impulse never blurs into the leader's next.
QUIET_S = 1.0

_SYMBOL = re.compile(r"[A-Z0-9]{2,20}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _check_symbol(symbol: object) -> None:
    _check(
        isinstance(symbol, str) and _SYMBOL.fullmatch(symbol) is not None,
        f"symbol must be 2-20 upper-case letters or digits, got {symbol!r}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSpec:
    """Trading filters and scale of one instrument.

    symbol: exchange name in upper case (``"SOLUSDT"``).
    price: starting mid price, in quote currency.
    tick_size: price step, in quote currency; at most 1 basis point of ``price``.
    lot_size: quantity step, in base currency.
    price_decimals, quantity_decimals: decimals printed in every price and quantity (0-8).
    touch_notional: typical displayed size of the best level, in quote currency.

    Raises ValueError when a value is out of range, or when a step cannot be printed with its decimals.
    """

    symbol: str
    price: float
    tick_size: float
    lot_size: float
    price_decimals: int
    quantity_decimals: int
    touch_notional: float = 20_000.0

    def __post_init__(self) -> None:
        _check_symbol(self.symbol)
        for name in ("price", "tick_size", "lot_size", "touch_notional"):
            value = getattr(self, name)
            _check(_is_number(value) and value > 0, f"{self.symbol}: {name} must be positive, got {value!r}")
        for name, step in (("price_decimals", self.tick_size), ("quantity_decimals", self.lot_size)):
            decimals = getattr(self, name)
            _check(
                _is_whole(decimals) and 0 <= decimals <= 8,
                f"{self.symbol}: {name} must be an integer 0-8, got {decimals!r}",
            )
            units = step * 10**decimals
            _check(
                round(units) >= 1 and abs(units - round(units)) < 1e-6,
                f"{self.symbol}: step {step!r} cannot be printed with {name}={decimals}",
            )
        _check(
            self.tick_size <= self.price * 1e-4 * (1 + 1e-9),
            f"{self.symbol}: tick_size {self.tick_size!r} exceeds 1 basis point of price {self.price!r}",
        )


DEFAULT_SYMBOLS: Mapping[str, SymbolSpec] = MappingProxyType(
    {
        spec.symbol: spec
        for spec in (
            SymbolSpec(
                symbol="SOLUSDT",
                price=150.0,
                tick_size=0.01,
                lot_size=0.01,
                price_decimals=2,
                quantity_decimals=2,
            ),
            SymbolSpec(
                symbol="ETHUSDT",
                price=2600.0,
                tick_size=0.01,
                lot_size=0.001,
                price_decimals=2,
                quantity_decimals=3,
            ),
            # Two printed decimals on a 0.1 tick, as the exchange itself prints it.
            SymbolSpec(
                symbol="BTCUSDT",
                price=61_800.0,
                tick_size=0.1,
                lot_size=0.001,
                price_decimals=2,
                quantity_decimals=3,
                touch_notional=60_000.0,
            ),
            SymbolSpec(
                symbol="XRPUSDT",
                price=2.5,
                tick_size=0.0001,
                lot_size=0.1,
                price_decimals=4,
                quantity_decimals=1,
            ),
            SymbolSpec(
                symbol="ADAUSDT",
                price=1.2,
                tick_size=0.0001,
                lot_size=1.0,
                price_decimals=4,
                quantity_decimals=0,
            ),
        )
    }
)
"""Instruments known by name: SOLUSDT, ETHUSDT, BTCUSDT, XRPUSDT, ADAUSDT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerPlant:
    """A planted follower: its log price is ``strength`` times the leader's, ``lag_ms`` later, plus own noise.

    symbol: exchange name in upper case.
    lag_ms: delay behind the leader in milliseconds, a positive multiple of 5, at most 2000.
    strength: fraction of the leader's log move that is repeated, in (0, 2].

    Raises ValueError when a value is out of range.
    """

    symbol: str
    lag_ms: int
    strength: float

    def __post_init__(self) -> None:
        _check_symbol(self.symbol)
        _check(
            _is_whole(self.lag_ms) and 0 < self.lag_ms <= 2000 and self.lag_ms % GRID_MS == 0,
            f"{self.symbol}: lag_ms must be a multiple of {GRID_MS} in {GRID_MS}..2000, got {self.lag_ms!r}",
        )
        _check(
            _is_number(self.strength) and 0 < self.strength <= 2,
            f"{self.symbol}: strength must be in (0, 2], got {self.strength!r}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSettings:
    """Everything a synthetic market depends on; equal settings give equal bytes.

    seed: non-negative integer below 2**63, the only source of randomness.
    duration_s: length of the capture in seconds, 5 to 86400.
    leader: symbol whose impulses come first.
    followers: planted followers; None draws two from the seed, with distinct lags of 100 to 600 ms in steps
        of 10 ms and strengths of 0.70 to 1.10. An empty tuple is a market without followers.
    controls: symbols with the leader's statistics and no link to anything.
    linked: False cuts every link, so the followers become controls (a null market).
    impulse_every_s: mean seconds between the impulses of the leader and of each control, at least 2.
    impulse_bps: smallest and largest impulse, in basis points, at most 200.
    noise_bps: idiosyncratic diffusion of the leader and controls, basis points per square root of a second;
        followers have 0.7 of it on top of what they copy.
    own_impulse_every_s: mean seconds between a follower's own small (8-15 bps) impulses, at least 2.
    pre_impulse_trades: mean number of additional trades, in the direction of an impulse, in the quarter
        second before it (leader and controls only).
    clock_offset_ms: local clock minus exchange clock in whole milliseconds; None draws -1500..-900 from the
        seed.
    start_ms: exchange time of the beginning, milliseconds since the Unix epoch.
    symbols: additional instruments, or replacements for the ones in DEFAULT_SYMBOLS.

    Raises ValueError on any value out of range, a symbol used twice or an unknown symbol.
    """

    seed: int = 7
    duration_s: float = 600.0
    leader: str = "SOLUSDT"
    followers: tuple[FollowerPlant, ...] | None = None
    controls: tuple[str, ...] = ("XRPUSDT",)
    linked: bool = True
    impulse_every_s: float = 5.0
    impulse_bps: tuple[float, float] = (25.0, 60.0)
    noise_bps: float = 1.0
    own_impulse_every_s: float = 40.0
    pre_impulse_trades: float = 2.0
    clock_offset_ms: int | None = None
    start_ms: int = 1_735_689_600_000
    symbols: tuple[SymbolSpec, ...] = ()

    def __post_init__(self) -> None:
        _check(
            _is_whole(self.seed) and 0 <= self.seed < 2**63, f"seed must be in 0..2**63-1, got {self.seed!r}"
        )
        for name, low, high in (
            ("duration_s", 5.0, 86_400.0),
            ("impulse_every_s", 2.0, 3600.0),
            ("own_impulse_every_s", 2.0, 86_400.0),
            ("noise_bps", 0.0, 20.0),
            ("pre_impulse_trades", 0.0, 50.0),
        ):
            value = getattr(self, name)
            _check(
                _is_number(value) and low <= value <= high, f"{name} must be in {low}..{high}, got {value!r}"
            )
        bounds = self.impulse_bps
        _check(
            isinstance(bounds, tuple)
            and len(bounds) == 2
            and all(_is_number(bound) for bound in bounds)
            and 0 < bounds[0] < bounds[1] <= 200,
            f"impulse_bps must be (smallest, largest) with 0 < smallest < largest <= 200, got {bounds!r}",
        )
        _check(isinstance(self.linked, bool), f"linked must be a bool, got {self.linked!r}")
        offset = self.clock_offset_ms
        _check(
            offset is None or (_is_whole(offset) and abs(offset) <= 60_000),
            f"clock_offset_ms must be an integer within one minute, got {offset!r}",
        )
        _check(
            _is_whole(self.start_ms) and 10**12 <= self.start_ms < 10**13,
            f"start_ms must be milliseconds since the epoch (13 digits), got {self.start_ms!r}",
        )
        for name, kind in (("symbols", SymbolSpec), ("followers", FollowerPlant), ("controls", str)):
            value = getattr(self, name)
            _check(
                (name == "followers" and value is None)
                or (isinstance(value, tuple) and all(isinstance(item, kind) for item in value)),
                f"{name} must be a tuple of {kind.__name__}, got {value!r}",
            )
        names = [spec.symbol for spec in self.symbols]
        _check(len(set(names)) == len(names), f"symbols has two instruments of one name: {names!r}")
        _check_symbol(self.leader)
        used = [self.leader, *(plant.symbol for plant in self.followers or ()), *self.controls]
        known = self.instruments()
        for symbol in used:
            _check(symbol in known, f"unknown symbol {symbol!r}: add a SymbolSpec to `symbols`")
            _check(used.count(symbol) == 1, f"symbol {symbol!r} is used more than once")

    def instruments(self) -> dict[str, SymbolSpec]:
        """All known instruments by name: the defaults, overridden by ``symbols``."""
        return {**DEFAULT_SYMBOLS, **{spec.symbol: spec for spec in self.symbols}}

    def plants(self) -> tuple[FollowerPlant, ...]:
        """The followers of this market: the given ones, or the two drawn from the seed."""
        if self.followers is not None:
            return self.followers
        taken = {self.leader, *self.controls}
        names = [name for name in ("ETHUSDT", "BTCUSDT", "SOLUSDT", "ADAUSDT") if name not in taken][:2]
        rng = generator(self.seed, "followers")
        lags = rng.choice(51, size=len(names), replace=False)
        strengths = rng.integers(70, 111, size=len(names))
        return tuple(
            FollowerPlant(symbol=name, lag_ms=100 + 10 * int(lag), strength=int(strength) / 100)
            for name, lag, strength in zip(names, lags, strengths, strict=True)
        )


def generator(seed: int, *labels: str) -> np.random.Generator:
    """An independent PCG64 stream for each purpose, so that adding a symbol never changes another's file."""
    # One word of the key for each character, behind the label's length: no two lists of labels collide.
    words = tuple(word for label in labels for word in (len(label), *label.encode("ascii")))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))
