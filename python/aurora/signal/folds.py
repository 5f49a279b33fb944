"""Folds in the order of time: what is fitted knows only outcomes that were due before what it is used on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn, IntColumn
from aurora.signal.calibrator import Calibrator
from aurora.signal.checks import at_least, finite_column, outcome_column, same_length


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows to fit on and rows to predict, both in rising order."""

    train: IntColumn
    test: IntColumn


def time_ordered_folds(
    decided_ns: npt.ArrayLike,
    due_ns: npt.ArrayLike,
    folds: int,
    *,
    embargo_ns: int = 0,
    max_train: int | None = None,
) -> list[Fold]:
    """Walks forward through votes in ``folds + 1`` parts of (nearly) equal size by time of decision.

    The first part is only ever fitted on. Part k is predicted from earlier votes whose outcome was due at least
    ``embargo_ns`` before part k's first decision: votes still open then are purged. Votes of one instant stay in one
    part; a part may therefore be empty, and is then left out.

    Args:
        decided_ns: local time of each vote, in rising order.
        due_ns: when its outcome was known.
        folds: how many parts are predicted.
        max_train: fit on the latest so many only (a rolling window); None: on all.

    Raises:
        DataError: decisions run backwards, or an outcome is due before its decision.
        UsageError: columns differ in length, or a count is below 1.
    """
    decided, due = np.asarray(decided_ns, dtype=np.int64), np.asarray(due_ns, dtype=np.int64)
    same_length("decided_ns", decided, "due_ns", due)
    at_least("folds", folds, 1)
    if embargo_ns < 0:
        raise UsageError(f"embargo_ns is {embargo_ns}; it must not be negative")
    if max_train is not None:
        at_least("max_train", max_train, 1)
    back = np.flatnonzero(decided[1:] < decided[:-1])
    if len(back):
        raise DataError(f"decided_ns[{int(back[0]) + 1}] lies before the one ahead of it; sort votes by time")
    early = np.flatnonzero(due < decided)
    if len(early):
        raise DataError(f"due_ns[{int(early[0])}] lies before its decision")
    count = len(decided)
    # A part begins at the first vote of its instant, so that no instant is split.
    starts = [
        int(np.searchsorted(decided, decided[count * part // (folds + 1)], side="left")) if count else 0
        for part in range(1, folds + 1)
    ]
    found = []
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        if start == end:
            continue
        known = np.flatnonzero(due[:start] <= decided[start] - embargo_ns)
        if max_train is not None:
            known = known[-max_train:]
        found.append(Fold(known.astype(np.int64), np.arange(start, end, dtype=np.int64)))
    return found


def out_of_fold(
    make: Callable[[], Calibrator],
    scores: npt.ArrayLike,
    right: npt.ArrayLike,
    folds: list[Fold],
    *,
    min_train: int = 1,
) -> tuple[IntColumn, FloatColumn]:
    """Rows that a calibrator fitted on earlier outcomes could predict, and their probabilities.

    Folds with fewer than ``min_train`` outcomes to fit on, or whose fit falls with the score, predict nothing.
    """
    column, outcome = finite_column("scores", scores), outcome_column("right", right)
    same_length("scores", column, "right", outcome)
    at_least("min_train", min_train, 1)
    rows: list[IntColumn] = [np.empty(0, np.int64)]
    probabilities: list[FloatColumn] = [np.empty(0)]
    for fold in folds:
        if len(fold.train) < min_train:
            continue
        calibrator = make()
        calibrator.fit(column[fold.train], outcome[fold.train])
        if calibrator.rising:
            rows.append(fold.test)
            probabilities.append(calibrator.predict(column[fold.test]))
    return np.concatenate(rows), np.concatenate(probabilities)
