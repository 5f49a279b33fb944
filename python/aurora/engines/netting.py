"""One view per instrument and time where engines disagree: longs and shorts against each other, neither dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from aurora.messages import Votes

NAME = "net"


def net(votes: Iterable[Votes], weights: Mapping[str, float] | None = None) -> list[Votes]:
    """Nets the votes of several engines, row by row of each instrument.

    Score and signed edge are averaged over the engines that voted on the row, by weight; the side is the sign of the
    average edge. A short is worth what a long is: whichever side outweighs stays, short or long. Where the sides
    cancel, or edge and score end on different sides, there is no vote (``conflict_cancels``). The horizon is that of
    the vote with the largest weighted edge on the side that stays, of equals the first by engine.

    Args:
        votes: of one block; at most one per engine, instrument and row.
        weights: by engine, 1 where not named; 0 leaves an engine out.

    Returns:
        By instrument, one :class:`aurora.messages.Votes` of the engine ``net``. ``abstained`` counts rows on which
        engines voted, and no others.

    Raises:
        ValueError: a weight is negative or not finite, or an engine votes twice on a row.
    """
    given = weights or {}
    for name, weight in given.items():
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {name} is {weight}; it must be finite and not negative")
    by_instrument: dict[str, list[Votes]] = {}
    for one in votes:
        if given.get(one.engine, 1.0) > 0:
            by_instrument.setdefault(one.instrument, []).append(one)
    return [_net(key, parts, given) for key, parts in sorted(by_instrument.items())]


def _net(instrument: str, parts: list[Votes], weights: Mapping[str, float]) -> Votes:
    parts = sorted(parts, key=lambda part: part.engine)
    rows = np.unique(np.concatenate([part.row for part in parts]))
    local_ns = np.zeros(len(rows), np.int64)
    edge, score, mass = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    best = {side: np.full(len(rows), -1.0) for side in (-1, 1)}
    horizon = {side: np.zeros(len(rows), np.int64) for side in (-1, 1)}
    voted: dict[str, set[int]] = {}
    for part in parts:
        before = voted.setdefault(part.engine, set())
        mine = set(part.row.tolist())
        if len(mine) < len(part.row) or before & mine:
            raise ValueError(f"{part.engine} votes twice on a row of {instrument}")
        before |= mine
        weight = weights.get(part.engine, 1.0)
        at = np.searchsorted(rows, part.row)
        local_ns[at] = part.local_ns
        edge[at] += weight * part.side * part.edge_bps
        score[at] += weight * part.score
        mass[at] += weight
        for side in (-1, 1):
            mine_best = np.where(part.side == side, weight * part.edge_bps, -1.0)
            better = mine_best > best[side][at]
            best[side][at[better]] = mine_best[better]
            horizon[side][at[better]] = part.horizon_ns[better]
    side_of = np.sign(edge).astype(np.int8)
    keep = (side_of != 0) & (side_of * score >= 0)
    cancelled = int((~keep).sum())
    chosen = side_of[keep]
    return Votes(
        NAME,
        instrument,
        rows[keep],
        local_ns[keep],
        chosen,
        (score / mass)[keep],
        np.abs(edge / mass)[keep],
        np.where(chosen > 0, horizon[1][keep], horizon[-1][keep]),
        {"conflict_cancels": cancelled} if cancelled else {},
        "engines netted",
    )
