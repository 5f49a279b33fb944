"""Everything a synthetic market v2 depends on, typed and validated. Equal settings give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field, model_validator

from aurora.testing.market.plants import (
    FaultPlant,
    FlowPlant,
    Frozen,
    FundingPlant,
    Impulses,
    Jumps,
    LinkPlant,
    PatternPlant,
    RegimePlant,
)
from aurora.testing.market.rates import LIGHT, Rates
from aurora.testing.settings import DEFAULT_SYMBOLS, SymbolSpec

__all__ = ["INSTRUMENTS", "Costs", "MarketSettings", "SymbolSettings"]


def _spec(
    symbol: str, price: float, tick: float, lot: float, decimals: tuple[int, int], touch: float
) -> SymbolSpec:
    return SymbolSpec(
        symbol=symbol,
        price=price,
        tick_size=tick,
        lot_size=lot,
        price_decimals=decimals[0],
        quantity_decimals=decimals[1],
        touch_notional=touch,
    )


INSTRUMENTS: Mapping[str, SymbolSpec] = MappingProxyType(
    {
        spec.symbol: spec
        for spec in (
            *DEFAULT_SYMBOLS.values(),
            # Median displayed sizes of the touch in the capture of 2024-08-08.
            _spec("BTCUSDT", 61_800.0, 0.1, 0.001, (2, 3), 165_000.0),
            _spec("ETHUSDT", 2_680.0, 0.01, 0.001, (2, 3), 36_000.0),
            _spec("SOLUSDT", 150.0, 0.01, 0.1, (2, 1), 40_000.0),
            _spec("DOGEUSDT", 0.4, 0.00001, 1.0, (5, 0), 20_000.0),
            _spec("AVAXUSDT", 36.0, 0.001, 0.1, (3, 1), 15_000.0),
            _spec("LINKUSDT", 20.0, 0.001, 0.1, (3, 1), 15_000.0),
            _spec("LTCUSDT", 105.0, 0.01, 0.001, (2, 3), 15_000.0),
            _spec("BNBUSDT", 690.0, 0.01, 0.01, (2, 2), 20_000.0),
            _spec("SUIUSDT", 4.1, 0.0001, 0.1, (4, 1), 15_000.0),
        )
    }
)
"""Instruments known by name: the leader SOL, BTC, ETH and eight alts."""


class Costs(Frozen):
    """What a round trip costs: the unit that plants are measured in. Defaults are the venue's standard tier."""

    maker_fee_bps: float = Field(2.0, ge=-10, le=100)
    taker_fee_bps: float = Field(5.0, ge=0, le=100)


class SymbolSettings(Frozen):
    """One symbol, before anything links it to others."""

    symbol: str
    noise_bps: float = Field(
        1.2, ge=0, le=50, description="Diffusion, basis points per square root of a second"
    )
    activity: float = Field(1.0, gt=0, le=10, description="Multiplies all rates")
    impulses: Impulses | None = None
    jumps: Jumps | None = None
    instrument: SymbolSpec | None = Field(
        None, description="Filters and scale; None: the one known by this name"
    )

    @model_validator(mode="after")
    def _known(self) -> SymbolSettings:
        if self.instrument is None and self.symbol not in INSTRUMENTS:
            raise ValueError(f"unknown symbol {self.symbol!r}: give its `instrument`")
        if self.instrument is not None and self.instrument.symbol != self.symbol:
            raise ValueError(f"the instrument of {self.symbol!r} is {self.instrument.symbol!r}")
        return self

    @property
    def spec(self) -> SymbolSpec:
        return self.instrument or INSTRUMENTS[self.symbol]


class MarketSettings(Frozen):
    """A synthetic market: symbols on one clock, what is planted in them, and how much happens."""

    seed: int = Field(7, ge=0, lt=2**63, description="The only source of randomness")
    duration_s: float = Field(600.0, ge=5, le=86_400 * 3_660)
    start_ms: int = Field(
        1_735_689_600_000, ge=10**12, lt=10**13, description="Exchange time of the beginning"
    )
    symbols: tuple[SymbolSettings, ...] = Field(min_length=1)
    rates: Rates = LIGHT
    links: tuple[LinkPlant, ...] = ()
    patterns: tuple[PatternPlant, ...] = ()
    flows: tuple[FlowPlant, ...] = ()
    regimes: RegimePlant | None = None
    funding: FundingPlant | None = None
    faults: tuple[FaultPlant, ...] = ()
    costs: Costs = Costs()
    clock_offset_ms: int | None = Field(
        None,
        ge=-60_000,
        le=60_000,
        description="Receive clock minus exchange clock; None: drawn from -1500..-900",
    )
    max_events: int = Field(
        60_000_000, gt=0, description="A market expected to have more messages is refused"
    )

    @model_validator(mode="after")
    def _consistent(self) -> MarketSettings:
        names = [symbol.symbol for symbol in self.symbols]
        if len(set(names)) != len(names):
            raise ValueError("a symbol is there twice")
        mentioned = [(f"link {link.leader}", link.leader) for link in self.links]
        mentioned += [(f"link to {link.follower}", link.follower) for link in self.links]
        mentioned += [(f"pattern {plant.kind}", plant.symbol) for plant in self.patterns]
        mentioned += [("benchmark", plant.benchmark) for plant in self.patterns if plant.benchmark]
        mentioned += [(f"{plant.kind} flow", plant.symbol) for plant in self.flows]
        mentioned += [(f"fault {plant.kind}", plant.symbol) for plant in self.faults if plant.symbol]
        for what, symbol in mentioned:
            if symbol not in names:
                raise ValueError(f"{what}: {symbol!r} is none of the symbols")
        for link in self.links:
            if link.lag_ms % self.rates.grid_ms:
                raise ValueError(
                    f"lag_ms {link.lag_ms} is no multiple of the grid of {self.rates.grid_ms} ms"
                )
        pairs = [(link.leader, link.follower) for link in self.links]
        if len(set(pairs)) != len(pairs):
            raise ValueError("two links join the same symbols; join their intervals")
        self.order()
        noise = {symbol.symbol: symbol.noise_bps for symbol in self.symbols}
        for plant in self.patterns:
            plant.resolved(noise[plant.symbol])
        rates = self.rates
        a_second = rates.quotes + rates.trades + rates.diffs
        expected = self.duration_s * a_second * sum(symbol.activity for symbol in self.symbols)
        if expected > self.max_events:
            raise ValueError(
                f"about {expected:,.0f} messages, more than max_events ({self.max_events:,}); "
                "take thinner rates or a shorter market"
            )
        return self

    def order(self) -> list[str]:
        """Symbols so that leaders come before their followers.

        Raises:
            ValueError: links go in a circle.
        """
        left = [symbol.symbol for symbol in self.symbols]
        done: list[str] = []
        while left:
            ready = [
                name
                for name in left
                if all(link.leader in done for link in self.links if link.follower == name)
            ]
            if not ready:
                raise ValueError(f"links go in a circle among {', '.join(left)}")
            done += ready
            left = [name for name in left if name not in ready]
        return done

    def symbol(self, name: str) -> SymbolSettings:
        return next(symbol for symbol in self.symbols if symbol.symbol == name)
