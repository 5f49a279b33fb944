"""What was known of the whole universe at each decision time: the series of an engine, read for its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from aurora.engines.arithmetic import squares_total, total
from aurora.engines.history import IntMatrix, Mask, Matrix, SeriesHistory
from aurora.engines.rolling import Stretch
from aurora.messages import IntColumn

_BEGINNING = np.iinfo(np.int64).min


class Panel:
    """The series of the whole universe as they were known at each decision time.

    Every matrix is decision times × instruments. The row of a series at time t is the last that was known at t.
    One instrument lies together in memory, so that work on many times runs along them.
    """

    def __init__(
        self,
        times: IntColumn,
        instruments: Sequence[str],
        histories: Mapping[str, SeriesHistory],
        max_age_ns: Mapping[str, int],
    ):
        self.times = times
        self.instruments = tuple(instruments)
        self._histories = histories
        self._max_age_ns = max_age_ns
        self._indices: dict[str, IntMatrix] = {}
        self._rows: dict[tuple[str, int], tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = {}
        self._stretches: dict[tuple[str, int], Stretch] = {}
        self._fresh: dict[str, Mask] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.times), len(self.instruments)

    def index(self, series: str) -> IntMatrix:
        """Place of the row in its history; -1 where none was known."""
        found = self._indices.get(series)
        if found is None:
            history = self._histories[series]
            found = np.empty(self.shape[::-1], np.int64).T
            if len(self.times) == 1:
                now_ns = int(self.times[0])
                found[0] = [history.until(n, now_ns) for n in range(len(self.instruments))]
            else:
                for n in range(len(self.instruments)):
                    found[:, n] = history.known_ns(n).searchsorted(self.times, side="right")
            found -= 1
            self._indices[series] = found
        return found

    def column(self, series: str, name: str, back: int = 0) -> Matrix:
        """Values of the row ``back`` rows before the last; NaN where there is none or it is undefined."""
        place = self._histories[series].columns.index(name)
        answer: Matrix = self._at(series, back)[0][place].T
        return answer

    def start_ns(self, series: str, back: int = 0) -> IntMatrix:
        """Starts of those rows; 0 where there is none."""
        answer: IntMatrix = self._at(series, back)[1][0].T
        return answer

    def end_ns(self, series: str, back: int = 0) -> IntMatrix:
        """Ends of those rows; 0 where there is none."""
        answer: IntMatrix = self._at(series, back)[1][1].T
        return answer

    def _at(self, series: str, back: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Columns and times of those rows: columns × instruments × decision times."""
        kept = self._rows.get((series, back))
        if kept is None:
            history = self._histories[series]
            index = self.index(series).T - back
            none = index < 0
            capacity = history.times.shape[2]
            place = index + np.arange(0, capacity * len(index), capacity)[:, None]
            values = history.values.reshape(len(history.columns), -1).take(place, axis=1, mode="clip")
            times = history.times.reshape(3, -1)[1:].take(place, axis=1, mode="clip")
            if none.any():
                values[:, none] = np.nan
                times[:, none] = 0
            kept = self._rows[series, back] = (values, times)
        return kept

    def stretch(self, series: str, rows: int) -> Stretch:
        """The rows of a series that lie among the last ``rows`` of any of the times."""
        kept = self._stretches.get((series, rows))
        if kept is None:
            kept = self._stretches[series, rows] = Stretch(self._histories[series], self.index(series), rows)
        return kept

    def mean(self, series: str, name: str, rows: int) -> Matrix:
        """Mean of the last ``rows`` values; NaN where one is missing. Its bits do not depend on other times."""
        stretch = self.stretch(series, rows)
        return stretch.at(total(stretch.windows(stretch.column(name))) / rows)

    def deviation(self, series: str, name: str, rows: int) -> Matrix:
        """Standard deviation (divisor n) of the last ``rows`` values, 0 where all are equal; otherwise as the mean."""
        stretch = self.stretch(series, rows)
        values = stretch.column(name)
        windows = stretch.windows(values)
        spread = np.sqrt(squares_total(windows, total(windows) / rows) / rows)
        return stretch.at(np.where(stretch.constant(values), 0.0, spread))

    def known(self, series: str) -> Mask:
        """Whether any row was known."""
        answer: Mask = self.index(series) >= 0
        return answer

    def fresh(self, series: str) -> Mask:
        """Whether the last known row is not older than the engine allows."""
        answer = self._fresh.get(series)
        if answer is None:
            age = self.times[:, None] - self.end_ns(series)
            answer = self._fresh[series] = self.known(series) & (age <= self._max_age_ns[series])
        return answer

    def newest(self, series: str) -> Mask:
        """Instruments whose last row is fresh and ends at the latest time of all: those that can be compared."""
        fresh = self.fresh(series)
        end = np.where(fresh, self.end_ns(series), _BEGINNING)
        answer: Mask = fresh & (end == end.max(axis=1, keepdims=True))
        return answer

    def unbroken(self, series: str, rows: int) -> Mask:
        """Whether the last ``rows`` rows follow one another without a hole: equal lengths, each begun at an end."""
        end, first = self.end_ns(series), self.start_ns(series, rows - 1)
        length = end - self.start_ns(series)
        whole = end - first == rows * length
        answer: Mask = (self.index(series) >= rows - 1) & (length > 0) & whole
        return answer
