"""Every vote is resolved at its horizon, whether it was traded or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.signal.checks import positive, same_length, within
from aurora.signal.state import fields_of, versioned

KIND, VERSION = "open_votes", 1


@dataclass(frozen=True, slots=True)
class OpenVote:
    """A vote that waits for its horizon."""

    trace: int
    engine: str
    instrument: str
    regime: str
    decided_ns: int
    due_ns: int
    side: int
    score: float
    """What its probability was read from: larger where the vote speaks more for its side."""
    p: float | None
    """P(the side is right) at the time of the vote; None while uncalibrated."""
    mid: float


@dataclass(frozen=True, slots=True)
class ResolvedVote:
    """A vote and what became of it; ``right`` and ``return_bps`` are None where there was no mid at its horizon."""

    vote: OpenVote
    right: bool | None
    """Whether the mid had moved towards the side; unmoved is wrong."""
    return_bps: float | None
    """Log return of the mid, basis points, up positive."""


class OpenVotes:
    """Votes that wait, resolved by the rows of their instrument in the order of time."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[OpenVote]] = {}

    def __len__(self) -> int:
        return sum(len(votes) for votes in self._waiting.values())

    def add(self, vote: OpenVote) -> None:
        """Takes a vote at the time of its decision.

        Raises:
            DataError: no mid above 0, p outside [0, 1], or due before it was decided.
            UsageError: a side other than -1 and +1.
        """
        if vote.side not in (-1, 1):
            raise UsageError(f"side is {vote.side}; it must be -1 or +1")
        positive("mid", vote.mid)
        if vote.p is not None:
            within("p", vote.p, 0.0, 1.0)
        if vote.due_ns < vote.decided_ns:
            raise DataError(f"due_ns is {vote.due_ns}, before the decision at {vote.decided_ns}")
        self._waiting.setdefault(vote.instrument, []).append(vote)

    def resolve(
        self, instrument: str, local_ns: npt.NDArray[np.int64], mid: npt.NDArray[np.float64]
    ) -> list[ResolvedVote]:
        """Closes votes on an instrument that are due by the last of these rows, by due time and trace.

        A vote looks at the row of exactly its due time: where that row is missing or has no mid (NaN, or not above
        0), nothing is learnt from it.

        Args:
            local_ns: times of the rows, strictly rising, beginning after the rows given before.

        Raises:
            UsageError: columns differ in length.
        """
        same_length("local_ns", local_ns, "mid", mid)
        waiting = self._waiting.get(instrument, [])
        if not waiting or not len(local_ns):
            return []
        last = int(local_ns[-1])
        due = sorted((v for v in waiting if v.due_ns <= last), key=lambda v: (v.due_ns, v.trace, v.engine))
        self._waiting[instrument] = [v for v in waiting if v.due_ns > last]
        answers = []
        for vote, row in zip(due, np.searchsorted(local_ns, [v.due_ns for v in due]).tolist(), strict=True):
            later = float(mid[row]) if int(local_ns[row]) == vote.due_ns else math.nan
            if later > 0 and math.isfinite(later):
                right = (later - vote.mid) * vote.side > 0
                answers.append(ResolvedVote(vote, right, math.log(later / vote.mid) * 1e4))
            else:
                answers.append(ResolvedVote(vote, None, None))
        return answers

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            votes=[
                [
                    v.trace,
                    v.engine,
                    v.instrument,
                    v.regime,
                    v.decided_ns,
                    v.due_ns,
                    v.side,
                    v.score.hex(),
                    None if v.p is None else v.p.hex(),
                    v.mid.hex(),
                ]
                for _, votes in sorted(self._waiting.items())
                for v in votes
            ],
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        (votes,) = fields_of(state, KIND, VERSION, "votes")
        self._waiting = {}
        for trace, engine, instrument, regime, decided, due, side, score, p, mid in votes:
            self.add(
                OpenVote(
                    trace,
                    engine,
                    instrument,
                    regime,
                    decided,
                    due,
                    side,
                    float.fromhex(score),
                    None if p is None else float.fromhex(p),
                    float.fromhex(mid),
                )
            )
