"""The truth file: everything that was planted, in exchange time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aurora.testing.market.funding import FundingRow
from aurora.testing.market.latent import Latent
from aurora.testing.market.oracle import round_trip_bps
from aurora.testing.market.plants import LinkPlant
from aurora.testing.market.schedules import Grid, Spell
from aurora.testing.market.settings import MarketSettings

__all__ = ["VERSION", "truth_of"]

VERSION = 2
"""Version of the recipe and of this file: equal settings give equal captures only within one version."""


def truth_of(
    settings: MarketSettings,
    grid: Grid,
    paths: Mapping[str, Latent],
    regimes: Sequence[Spell],
    funding: Sequence[FundingRow],
    faults: Sequence[Mapping[str, Any]],
    clock_offset_ms: int,
    files: Mapping[str, str],
) -> dict[str, Any]:
    """JSON values; docs/synthetic-market.md says what each is."""

    def at(step: int) -> int:
        return settings.start_ms + step * grid.step_ms

    symbols: dict[str, Any] = {}
    costs: dict[str, float] = {}
    for own in settings.symbols:
        path, spec = paths[own.symbol], own.spec
        costs[own.symbol] = round_trip_bps(spec, settings.costs)
        symbols[own.symbol] = {
            "price": spec.price,
            "tick_size": spec.tick_size,
            "lot_size": spec.lot_size,
            "noise_bps": own.noise_bps,
            "activity": own.activity,
            "round_trip_bps": {
                "taker": round(costs[own.symbol], 6),
                "maker": round(round_trip_bps(spec, settings.costs, "maker"), 6),
            },
            "impulses": [[at(step), bps, steps * grid.step_ms] for step, steps, bps in path.impulses],
            "jumps": [[at(step), bps] for step, bps in path.jumps],
            "bursts": [[at(burst.start), at(burst.end), burst.side, burst.trades] for burst in path.bursts],
        }
    followers = {link.follower for link in settings.links}
    leaders = {link.leader for link in settings.links}
    delayed = {link.follower for link in settings.links if link.lag_ms}
    return {
        "synthetic": True,
        "version": VERSION,
        "seed": settings.seed,
        "duration_s": settings.duration_s,
        "start_ms": settings.start_ms,
        "grid_ms": grid.step_ms,
        "clock_offset_ms": clock_offset_ms,
        "symbols": symbols,
        "links": [_link(link, settings, paths, costs, at) for link in settings.links],
        "controls": {
            "zero_lag": sorted(followers - delayed),
            "unlinked": [name for name in symbols if name not in followers | leaders],
        },
        "regimes": [
            {
                "name": spell.name,
                "start_ms": at(spell.start),
                "end_ms": at(spell.end),
                "drift_bps_per_hour": spell.drift_bps_per_hour,
            }
            for spell in regimes
        ],
        "episodes": sorted(
            (
                {
                    "plant": episode.plant,
                    "symbol": episode.symbol,
                    "start_ms": at(episode.start),
                    "known_ms": at(episode.known),
                    "end_ms": at(episode.end),
                    "side": episode.side,
                    "edge_bps": episode.edge_bps,
                    "edge_over_cost": round(episode.edge_bps / costs[episode.symbol], 4),
                }
                for path in paths.values()
                for episode in path.episodes
            ),
            key=lambda row: (row["known_ms"], row["symbol"], row["plant"]),
        ),
        "funding": {
            symbol: [[row.time_ms, row.rate] for row in funding if row.symbol == symbol]
            for symbol in symbols
            if funding
        },
        "faults": [dict(fault) for fault in faults],
        "files": dict(files),
        "settings": settings.model_dump(mode="json"),
    }


def _link(
    link: LinkPlant,
    settings: MarketSettings,
    paths: Mapping[str, Latent],
    costs: Mapping[str, float],
    at: Any,
) -> dict[str, Any]:
    impulses = settings.symbol(link.leader).impulses
    edge = None if impulses is None else round(link.strength * impulses.mean_bps, 4)
    return {
        "leader": link.leader,
        "follower": link.follower,
        "lag_ms": link.lag_ms,
        "strength": link.strength,
        "on": [[at(start), at(end)] for start, end in paths[link.follower].link_spells[link.leader]],
        "edge_bps": edge,
        "edge_over_cost": None if edge is None or not link.lag_ms else round(edge / costs[link.follower], 4),
    }
