"""Which of many overlapping votes count as evidence: every so-many-th, whatever they look like."""

from __future__ import annotations

import heapq
from typing import Any

from aurora.signal.state import fields_of, versioned

KIND, VERSION = "thinning", 1
MOST_PER_HORIZON = 16
"""Votes of one horizon that are learnt from; more of them say hardly more about their one outcome."""
REMEMBERED = 512
"""Votes that count after which the most that were open at once before them is forgotten, at twice as many at latest."""


class Thinning:
    """Votes of one engine on one instrument, one after the other.

    Votes within one horizon share their outcome, so they may not all *count*. To count the first that comes after the
    last one's horizon would prefer votes after a silence to those amid a run of votes; they are right less often.
    Here every m-th counts, m the most votes that were lately open at once, whatever the vote looks like. Those that
    count never overlap. Runs of always m votes, or of a multiple, would still meet the same place each time.
    """

    def __init__(self) -> None:
        self._open: list[int] = []
        """A heap: ends of the horizons that were open at the last vote."""
        self._most = 1
        """Most that were open at once since the last vote at which some were forgotten."""
        self._most_before = 1
        """And from the one before to that."""
        self._since = 0
        """Votes since the one that counted last, itself included; 0 before the first."""
        self._until_ns = 0
        """End of the horizon of the one that counted last."""
        self._counted = 0

    def take(self, decided_ns: int, due_ns: int) -> tuple[bool, bool]:
        """Takes the next vote: whether it counts as an outcome of its own, and whether it is to be learnt from."""
        while self._open and self._open[0] <= decided_ns:
            heapq.heappop(self._open)
        heapq.heappush(self._open, due_ns)
        self._most = max(self._most, len(self._open))
        most = max(self._most, self._most_before)
        counts = (self._since == 0 or self._since >= most) and decided_ns >= self._until_ns
        if counts:
            self._since = 0
            self._until_ns = due_ns
            self._counted += 1
            if self._counted % REMEMBERED == 0:
                self._most_before, self._most = self._most, len(self._open)
        learnt = self._since % -(-most // MOST_PER_HORIZON) == 0
        self._since += 1
        return counts, learnt

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            open=sorted(self._open),
            most=self._most,
            most_before=self._most_before,
            since=self._since,
            until_ns=self._until_ns,
            counted=self._counted,
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        held, self._most, self._most_before, self._since, self._until_ns, self._counted = fields_of(
            state, KIND, VERSION, "open", "most", "most_before", "since", "until_ns", "counted"
        )
        self._open = list(held)
