"""Markets for the planted-edge score: links of known worth, and controls among them."""

from __future__ import annotations

from collections.abc import Sequence

from aurora.testing.market.oracle import link_strength, round_trip_bps
from aurora.testing.market.plants import Impulses, LinkPlant
from aurora.testing.market.rates import LIGHT, Rates
from aurora.testing.market.settings import Costs, MarketSettings, SymbolSettings
from aurora.testing.settings import generator

__all__ = ["lead_lag_market"]

_FOLLOWERS = ("ETHUSDT", "DOGEUSDT", "LINKUSDT", "ADAUSDT", "LTCUSDT", "SUIUSDT")


def lead_lag_market(
    seed: int,
    *,
    duration_s: float = 600.0,
    rates: Rates = LIGHT,
    multiples: Sequence[float] = (1.5, 3.0),
    linked: bool = True,
    impulses: Impulses | None = None,
    costs: Costs | None = None,
) -> MarketSettings:
    """SOL leads; one follower for each multiple answers its mean impulse with that many round trips of a taker.

    Lags are drawn from 100 to 600 ms in steps of 10 ms (of the grid where that is coarser), all different. Controls:
    AVAX moves with SOL at once, BTC and XRP have impulses of their own and no link. With ``linked=False`` nothing is
    linked, and who would follow has impulses of its own: a market without any edge.

    Raises:
        ValueError: more multiples than followers, or one that the impulses cannot carry.
    """
    if len(multiples) > len(_FOLLOWERS):
        raise ValueError(f"at most {len(_FOLLOWERS)} multiples, got {len(multiples)}")
    impulses, costs = impulses or Impulses(), costs or Costs()
    step = max(10, rates.grid_ms)
    slots = range(-(-100 // step) * step, 601, step)
    lags = generator(seed, "lags").choice(len(slots), size=len(multiples), replace=False).tolist()
    followers = _FOLLOWERS[: len(multiples)]
    moved = None if linked else impulses
    symbols = [
        SymbolSettings(symbol="SOLUSDT", noise_bps=1.0, impulses=impulses),
        SymbolSettings(symbol="BTCUSDT", noise_bps=1.0, impulses=impulses),
        *(SymbolSettings(symbol=name, noise_bps=0.7, impulses=moved) for name in followers),
        SymbolSettings(symbol="AVAXUSDT", noise_bps=0.7, impulses=moved),
        SymbolSettings(symbol="XRPUSDT", noise_bps=1.0, impulses=impulses),
    ]
    links: list[LinkPlant] = []
    if linked:
        for name, multiple, slot in zip(followers, multiples, lags, strict=True):
            cost = round_trip_bps(SymbolSettings(symbol=name).spec, costs)
            links.append(
                LinkPlant(
                    leader="SOLUSDT",
                    follower=name,
                    lag_ms=slots[slot],
                    strength=link_strength(multiple, cost, impulses),
                )
            )
        links.append(LinkPlant(leader="SOLUSDT", follower="AVAXUSDT", lag_ms=0, strength=0.8))
    return MarketSettings(
        seed=seed,
        duration_s=duration_s,
        symbols=tuple(symbols),
        rates=rates,
        links=tuple(links),
        costs=costs,
    )
