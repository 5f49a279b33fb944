"""Which of many overlapping votes count as evidence: every so-many-th, so that no kind of vote is preferred."""

from __future__ import annotations

import heapq
from typing import Any

from aurora.signal.state import fields_of, versioned

KIND, VERSION = "thinning", 1
MOST_PER_HORIZON = 16
"""Votes of one horizon that are learnt from; more of them say hardly more about their one outcome."""


class Thinning:
    """Votes of one engine on one instrument, in the order in which they were cast.

    Votes within one horizon share their outcome, so they may not all *count*. To count the first that comes after the
    last one's horizon would prefer votes after a silence to those amid a run of votes; they are right less often.
    Here every m-th counts, m the most votes that were ever open at once: whatever a vote looks like, it counts as
    often as any other. Those that count never overlap.
    """

    def __init__(self) -> None:
        self._open: list[int] = []
        """A heap: ends of the horizons that were open at the last vote."""
        self._most = 1
        self._since = 0
        """Votes since the one that counted last, itself included; 0 before the first."""
        self._until_ns = 0
        """End of the horizon of the one that counted last."""
        self.counted = 0

    def take(self, decided_ns: int, due_ns: int) -> tuple[bool, bool]:
        """Takes the next vote: whether it counts as an outcome of its own, and whether it is to be learnt from."""
        while self._open and self._open[0] <= decided_ns:
            heapq.heappop(self._open)
        heapq.heappush(self._open, due_ns)
        self._most = max(self._most, len(self._open))
        counts = (self._since == 0 or self._since >= self._most) and decided_ns >= self._until_ns
        if counts:
            self._since = 0
            self._until_ns = due_ns
            self.counted += 1
        learnt = self._since % -(-self._most // MOST_PER_HORIZON) == 0
        self._since += 1
        return counts, learnt

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            open=sorted(self._open),
            most=self._most,
            since=self._since,
            until_ns=self._until_ns,
            counted=self.counted,
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        self._open, self._most, self._since, self._until_ns, self.counted = fields_of(
            state, KIND, VERSION, "open", "most", "since", "until_ns", "counted"
        )
        self._open = list(self._open)
