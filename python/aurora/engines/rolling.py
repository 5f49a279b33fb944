"""Statistics of the last rows of a series: worked out once for each of its rows, then read at decision times."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from aurora.engines.history import IntMatrix, Mask, SeriesHistory

_Number = TypeVar("_Number", bound=np.generic)
Rows = npt.NDArray[np.float64]
"""Instruments × rows of a series."""


class Stretch:
    """The rows of a series that lie among the last so many at any decision time; NaN ahead of the first that is known.

    A statistic of the last rows belongs to a row of the series: however many decision times see it as their last,
    and however they lie, it is worked out once and its bits are the same.

    Args:
        index: decision times × instruments: place of the last row that was known, -1 for none.
        rows: how many rows a window holds.
    """

    __slots__ = ("_history", "_last", "_length", "_place", "rows")

    def __init__(self, history: SeriesHistory, index: IntMatrix, rows: int):
        self.rows = rows
        self._history = history
        by_instrument = index.T
        # Indices rise with time.
        first, last = by_instrument[:, 0].tolist(), by_instrument[:, -1].tolist()
        self._last = [(low, high + 1) for low, high in zip(first, last, strict=True)]
        self._length = length = max(end - begin for begin, end in self._last)
        offsets = np.arange(0, len(first) * length, length) - by_instrument[:, 0]
        self._place = by_instrument + offsets[:, None]

    def column(self, name: str) -> Rows:
        """Instruments × rows: each instrument's first window, and the rows behind it."""
        column = self._history.values[self._history.columns.index(name)]
        before = self.rows - 1
        answer = np.full((len(column), before + self._length), np.nan)
        for n, (begin, end) in enumerate(self._last):
            first = max(begin - before, 0)
            if end > first:
                at = first - (begin - before)
                answer[n, at : at + end - first] = column[n, first:end]
        return answer

    def windows(self, values: Rows) -> npt.NDArray[np.float64]:
        """The last rows of each row, newest first, without copying: rows × instruments × rows."""
        count, width = values.shape
        down, along = values.strides
        return np.lib.stride_tricks.as_strided(
            values[:, self.rows - 1 :],
            (self.rows, count, width - self.rows + 1),
            (-along, down, along),
            writeable=False,
        )

    def count(self, holds: Mask) -> npt.NDArray[np.int64]:
        """Of how many of the last rows something holds."""
        seen = np.zeros((len(holds), holds.shape[1] + 1), np.int64)
        np.cumsum(holds, axis=1, out=seen[:, 1:])
        return seen[:, self.rows :] - seen[:, : -self.rows]

    def constant(self, values: Rows) -> Mask:
        """Whether the last rows are all equal, and none is undefined."""
        newest = values[:, self.rows - 1 :]
        repeated = np.zeros(values.shape, np.int64)
        np.cumsum(values[:, 1:] == values[:, :-1], axis=1, out=repeated[:, 1:])
        repeats = repeated[:, self.rows - 1 :] - repeated[:, : newest.shape[1]]
        answer: Mask = (repeats == self.rows - 1) & (newest == newest)
        return answer

    def position(self, values: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How many of the last rows lie below the newest, and how many equal it, itself among them."""
        windows = self.windows(values)
        newest = windows[0]
        return (windows < newest).sum(axis=0), (windows == newest).sum(axis=0)

    def at(self, statistic: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
        """A statistic of every row, read at the decision times."""
        return statistic.reshape(-1).take(self._place).T
