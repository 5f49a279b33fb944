"""What someone who knows the plants would expect, in basis points, and what a round trip costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from aurora.testing.market.latent import Latent
from aurora.testing.market.plants import Impulses, LinkPlant
from aurora.testing.market.schedules import Grid, Spell
from aurora.testing.market.settings import Costs
from aurora.testing.market.units import NS_PER_MS, PER_BPS, Floats, Ints
from aurora.testing.settings import SymbolSpec

__all__ = ["Oracle", "link_strength", "round_trip_bps"]


def round_trip_bps(
    spec: SymbolSpec, costs: Costs | None = None, route: Literal["taker", "maker"] = "taker"
) -> float:
    """Fees and spread of one round trip at the instrument's usual spread of a tick, as the desk prices it.

    A taker pays its fee twice and a half spread twice; who enters as a maker pays both fees, and the half spread that
    the entry earns pays for the exit.
    """
    costs = costs or Costs()
    if route == "maker":
        return costs.maker_fee_bps + costs.taker_fee_bps
    return 2.0 * costs.taker_fee_bps + spec.tick_size / spec.price * 1e4


def link_strength(multiple: float, cost_bps: float, impulses: Impulses) -> float:
    """Strength at which a follower's answer to the leader's mean impulse is ``multiple`` round trips, in thousandths.

    Raises:
        ValueError: it would need more than twice the leader's move; take larger impulses.
    """
    strength = round(multiple * cost_bps / impulses.mean_bps, 3)
    if not 0 < strength <= 2:
        raise ValueError(
            f"{multiple:g} × {cost_bps:.2f} bps is {strength:g} times the mean impulse of {impulses.mean_bps:.2f} bps: "
            "strength must be in (0, 2]"
        )
    return strength


class Oracle:
    """Knows the plants and the latent prices up to now, and nothing of what is drawn later.

    Times are exchange times, which corrected local times are but for the latency's jitter.
    """

    def __init__(
        self,
        paths: Mapping[str, Latent],
        links: Sequence[LinkPlant],
        spells: Sequence[Spell],
        grid: Grid,
        start_ms: int,
    ):
        self._paths = paths
        self._links = links
        self._spells = spells
        self._grid = grid
        self._start_ns = start_ms * NS_PER_MS

    def expected_bps(
        self, symbol: str, at_ns: npt.ArrayLike, horizon_ns: int, *, regimes: bool = False
    ) -> Floats:
        """Expected move of the latent log price over the horizon from each time, basis points.

        Of links that are on: the leader's moves that the follower has not repeated yet. Of episodes whose trigger is
        over: the rest of their move. With ``regimes`` also the drift of the regime, as if it lasted.
        """
        at = np.atleast_1d(np.asarray(at_ns, dtype=np.int64)) - self._start_ns
        steps = np.clip(at // self._grid.step_ns, 0, self._grid.steps - 1)
        ahead = max(horizon_ns // self._grid.step_ns, 0)
        quanta = self._expected(symbol, steps, ahead)
        expected = quanta.astype(np.float64) / PER_BPS
        if regimes:
            expected += self._drift(steps) * horizon_ns / 3.6e12
        return expected

    def latent_bps(self, symbol: str, at_ns: npt.ArrayLike) -> Floats:
        """Latent log price at each time, relative to the start, basis points."""
        at = np.atleast_1d(np.asarray(at_ns, dtype=np.int64)) - self._start_ns
        steps = np.clip(at // self._grid.step_ns, 0, self._grid.steps - 1)
        return self._paths[symbol].log[steps].astype(np.float64) / PER_BPS

    def _expected(self, symbol: str, steps: Ints, ahead: int) -> Ints:
        path = self._paths[symbol]
        last = self._grid.steps - 1
        total = self._of_episodes(path, steps, np.minimum(steps + ahead, last))
        for link in self._links:
            if link.follower != symbol:
                continue
            lag = link.lag_ms // self._grid.step_ms
            part = path.links[link.leader]
            known = np.minimum(steps + min(ahead, lag), last)
            total = total + part[known] - part[steps]
            if ahead > lag:
                # What is expected of the leader arrives later.
                heard = np.zeros(self._grid.steps, np.bool_)
                for start, end in path.link_spells[link.leader]:
                    heard[start:end] = True
                coming = self._expected(link.leader, steps, ahead - lag)
                total = total + np.where(heard[steps], coming * round(link.strength * 1000) // 1000, 0)
        return np.asarray(total)

    @staticmethod
    def _of_episodes(path: Latent, steps: Ints, until: Ints) -> Ints:
        if not path.episodes or path.payoff is None:
            return np.zeros(len(steps), np.int64)
        expected = np.zeros(len(steps), np.int64)
        for episode in path.episodes:
            first, last = (
                np.searchsorted(steps, (episode.known, episode.end)) if _sorted(steps) else (0, None)
            )
            chosen = slice(first, last)
            now, then = steps[chosen], np.minimum(until[chosen], episode.end)
            inside = (now >= episode.known) & (now < episode.end)
            # Linear, as planted: the share of the way that lies between now and then.
            size = episode.side * round(episode.edge_bps * PER_BPS)
            length = episode.end - episode.known
            expected[chosen] += np.where(inside, size * np.maximum(then - now, 0) // length, 0)
        return expected

    def _drift(self, steps: Ints) -> Floats:
        drift = np.zeros(len(steps))
        for spell in self._spells:
            drift[(steps >= spell.start) & (steps < spell.end)] = spell.drift_bps_per_hour
        return drift


def _sorted(steps: Ints) -> bool:
    return bool((steps[1:] >= steps[:-1]).all())
