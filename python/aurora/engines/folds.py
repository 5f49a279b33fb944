"""How well a link foretold returns on time folds that it was not fitted on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aurora.messages import BoolColumn, FloatColumn, IntColumn

BPS = 1e4


class FoldRecord:
    """Skill of predictions over the last folds, a fold being the time from one refit to the next.

    A prediction stands at t with the parameters of the time before t, and is scored at t + horizon; one whose horizon
    reaches past the end of its fold is purged (Lopez de Prado 2018, *Advances in Financial Machine Learning*, ch. 7),
    so that folds share no outcome. Skill is 1 - Σ(y - ŷ)² / Σy² over the folds: the share of the return's square that
    was foretold, 0 for a forecast of no move.

    Args:
        folds: how many are kept.
    """

    def __init__(self, folds: int):
        self._folds = folds
        self._closed: list[tuple[float, float]] = []
        self._due: list[tuple[int, float, float]] = []
        """Due time, predicted return (bps) and mid of predictions not scored yet, in the order they were made."""
        self._scored: list[tuple[float, float]] = []

    def take(
        self,
        local_ns: IntColumn,
        mid: FloatColumn,
        predicted_bps: FloatColumn,
        due_ns: IntColumn,
        made: BoolColumn,
    ) -> None:
        """Scores what is due at these rows, then notes the predictions that they make."""
        columns = (local_ns[made], due_ns[made], predicted_bps[made], mid[made])
        fresh = [(due, p, m) for _, due, p, m in zip(*(c.tolist() for c in columns), strict=True)]
        waiting = self._due + fresh
        if not waiting or not len(local_ns):
            self._due = waiting
            return
        due = np.array([item[0] for item in waiting], np.int64)
        at = np.searchsorted(local_ns, due)
        past = due <= local_ns[-1]
        there = np.minimum(at, len(local_ns) - 1)
        later = np.where(past & (local_ns[there] == due), mid[there], np.nan).tolist()
        for (_, predicted, before), after, is_past in zip(waiting, later, past.tolist(), strict=True):
            if is_past and after == after:
                change = (after / before - 1.0) * BPS
                self._scored.append(((change - predicted) ** 2, change**2))
        self._due = [item for item, is_past in zip(waiting, past.tolist(), strict=True) if not is_past]

    def close(self) -> None:
        """Ends the fold; one without any outcome is none."""
        self._due = []
        if self._scored:
            # Exactly rounded sums do not depend on the order in which outcomes fell due.
            sums = tuple(math.fsum(column) for column in zip(*self._scored, strict=True))
            self._closed = [*self._closed, (sums[0], sums[1])][-self._folds :]
            self._scored = []

    @property
    def skill(self) -> float | None:
        """None before all folds are there, or while nothing moved."""
        moved = math.fsum(fold[1] for fold in self._closed)
        if len(self._closed) < self._folds or moved <= 0:
            return None
        return 1.0 - math.fsum(fold[0] for fold in self._closed) / moved

    def state(self) -> dict[str, Any]:
        return {
            "closed": [[a.hex(), b.hex()] for a, b in self._closed],
            "due": [[due, p.hex(), m.hex()] for due, p, m in self._due],
            "scored": [[a.hex(), b.hex()] for a, b in self._scored],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._closed = [(float.fromhex(a), float.fromhex(b)) for a, b in state["closed"]]
        self._due = [(due, float.fromhex(p), float.fromhex(m)) for due, p, m in state["due"]]
        self._scored = [(float.fromhex(a), float.fromhex(b)) for a, b in state["scored"]]
