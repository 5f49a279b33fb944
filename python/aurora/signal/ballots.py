"""The votes of several engines at the instants of a block: how much each says, and which of them leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora.messages import FloatColumn, Voice, Votes


@dataclass(slots=True)
class Ballots:
    """One engine's votes among the instants of a block."""

    votes: Votes
    at: npt.NDArray[np.int64]
    """Place of each vote among the instants."""
    p: FloatColumn
    """NaN while uncalibrated."""
    weight: float
    approved: bool


class PlainBallots:
    """One engine's votes as plain Python numbers."""

    __slots__ = (
        "approved",
        "at",
        "edge_bps",
        "engine",
        "evidence",
        "horizon_ns",
        "p",
        "score",
        "side",
        "weight",
    )

    def __init__(self, ballots: Ballots, evidence: FloatColumn):
        votes = ballots.votes
        self.engine = votes.engine
        self.weight = ballots.weight
        self.approved = ballots.approved
        self.at: list[int] = ballots.at.tolist()
        self.side: list[int] = votes.side.tolist()
        self.score: list[float] = votes.score.tolist()
        self.evidence: list[float] = evidence.tolist()
        self.p: list[float | None] = [None if p != p else p for p in ballots.p.tolist()]
        self.edge_bps: list[float] = votes.edge_bps.tolist()
        self.horizon_ns: list[int] = votes.horizon_ns.tolist()

    def voice(self, n: int) -> Voice:
        return Voice(self.engine, self.side[n], self.p[n], self.weight, self.edge_bps[n], self.approved)


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each instant."""

    score: FloatColumn
    """S."""
    weight: FloatColumn
    """Of those that voted."""
    lead: npt.NDArray[np.int64]
    """Which ballot leads."""
    place: npt.NDArray[np.int64]
    """Which vote of that ballot it is."""
    conviction: FloatColumn
    """2p - 1 of the leading vote, at least 0."""


def weighed(ballots: Sequence[Ballots], count: int) -> Scores:
    """Score, weight of those that voted, the leading ballot and its conviction at each instant.

    The vote that adds most to the winning side leads; where nothing was added, the approved one of most conviction, and
    of equals the first.
    """
    score, weight = np.zeros(count), np.zeros(count)
    convictions = []
    for one in ballots:
        clear = np.nan_to_num(2.0 * np.maximum(one.p, 0.5) - 1.0, nan=0.0)
        convictions.append(clear)
        score[one.at] += one.weight * clear * one.votes.side
        weight[one.at] += one.weight
    lead, place = np.zeros(count, np.int64), np.zeros(count, np.int64)
    best, conviction = np.full(count, -np.inf), np.zeros(count)
    for i, (one, clear) in enumerate(zip(ballots, convictions, strict=True)):
        at = one.at
        # Between -2 and 0 where it adds nothing, above 0 where it adds to the side that wins.
        adds = np.where(one.votes.side == np.sign(score[at]), one.weight * clear, 0.0)
        rank = np.where(adds > 0, adds, (clear - 1.0) + (0.0 if one.approved else -1.0) - 1e-9)
        better = np.flatnonzero(rank > best[at])
        chosen = at[better]
        lead[chosen], place[chosen] = i, better
        best[chosen], conviction[chosen] = rank[better], clear[better]
    return Scores(score, weight, lead, place, conviction)
