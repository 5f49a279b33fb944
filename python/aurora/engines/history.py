"""What an engine remembers of its series, and how it is read back at decision times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora.engines.port import Observations
from aurora.errors import DataError
from aurora.messages import IntColumn

Matrix = npt.NDArray[np.float64]
"""Decision times × instruments."""
IntMatrix = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SPARE_ROWS = 256


def total(stack: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum over the first axis, from its first entry to its last: a library's own order would depend on the shape."""
    answer: npt.NDArray[np.float64] = stack[0].copy(order="K")
    for part in stack[1:]:
        answer += part
    return answer


def _bytes(array: npt.NDArray[Any], kind: str) -> str:
    return np.ascontiguousarray(array).astype(kind).tobytes().hex()


class History:
    """The latest rows of one series of one instrument, some of its columns.

    Args:
        what: names it in errors.
        columns: those that are kept.
        rows: how many rows before any later time can be asked for.
    """

    __slots__ = ("_what", "columns", "known_ns", "rows", "spans", "values")

    def __init__(self, what: str, columns: Sequence[str], rows: int):
        self._what = what
        self.columns = tuple(columns)
        self.rows = rows
        self.known_ns: IntColumn = np.empty(0, np.int64)
        self.spans: IntMatrix = np.empty((0, 2), np.int64)
        """Start and end of each row."""
        self.values: Matrix = np.empty((0, len(self.columns)))

    def append(self, news: Observations) -> None:
        """Takes rows that are new.

        Raises:
            DataError: times run backwards, or a row claims to be known before it ends.
        """
        if not len(news.known_ns):
            return
        known, start, end = news.known_ns, news.start_ns, news.end_ns
        last = self.known_ns[-1] if len(self.known_ns) else known[0]
        if known[0] < last or (known[1:] < known[:-1]).any():
            raise DataError(f"{self._what} runs backwards; sort its rows by known_ns and give each once")
        if (known < end).any() or (end < start).any():
            raise DataError(f"{self._what} has a row that is known before it ends; correct its times")
        fresh = np.stack([news.columns[name] for name in self.columns], axis=1)
        if np.isinf(fresh).any():
            raise DataError(f"{self._what} has an infinite value; undefined ones are NaN")
        self.known_ns = np.concatenate([self.known_ns, known])
        self.spans = np.concatenate([self.spans, np.stack([start, end], axis=1)])
        self.values = np.concatenate([self.values, fresh])

    def forget(self, now_ns: int) -> None:
        """Drops what no question about ``now_ns`` or later can reach."""
        if len(self.known_ns) > 4 * self.rows + _SPARE_ROWS:
            self.drop(int(np.searchsorted(self.known_ns, now_ns, side="right")) - self.rows)

    def drop(self, first: int) -> None:
        """Drops the rows ahead of that place."""
        if first > 0:
            self.known_ns, self.spans = self.known_ns[first:].copy(), self.spans[first:].copy()
            self.values = self.values[first:].copy()

    def state(self) -> list[str]:
        return [_bytes(self.known_ns, "<i8"), _bytes(self.spans, "<i8"), _bytes(self.values, "<f8")]

    def load(self, state: Sequence[str]) -> None:
        known, spans = (np.frombuffer(bytes.fromhex(part), "<i8").astype(np.int64) for part in state[:2])
        values = np.frombuffer(bytes.fromhex(state[2]), "<f8").astype(np.float64)
        self.known_ns, self.spans = known, spans.reshape(len(known), 2)
        self.values = values.reshape(len(known), len(self.columns))


class Panel:
    """The series of the whole universe as they were known at each decision time.

    Every matrix is decision times × instruments. The row of a series at time t is the last that was known at t.
    """

    def __init__(
        self,
        times: IntColumn,
        instruments: Sequence[str],
        histories: Mapping[str, Sequence[History]],
        max_age_ns: Mapping[str, int],
    ):
        self.times = times
        self.instruments = tuple(instruments)
        self._histories = histories
        self._max_age_ns = max_age_ns
        self._indices: dict[str, IntMatrix] = {}
        self._windows: dict[tuple[str, str, int], npt.NDArray[np.float64]] = {}
        self._rows: dict[tuple[str, int], tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.times), len(self.instruments)

    def index(self, series: str) -> IntMatrix:
        """Place of the row in its history; -1 where none was known."""
        found = self._indices.get(series)
        if found is None:
            histories = self._histories[series]
            found = np.empty(self.shape, np.int64)
            for n, history in enumerate(histories):
                found[:, n] = np.searchsorted(history.known_ns, self.times, side="right")
            found -= 1
            self._indices[series] = found
        return found

    def column(self, series: str, name: str, back: int = 0) -> Matrix:
        """Values of the row ``back`` rows before the last; NaN where there is none or it is undefined."""
        values, _ = self._at(series, back)
        return values[:, :, self._histories[series][0].columns.index(name)]

    def start_ns(self, series: str, back: int = 0) -> IntMatrix:
        """Starts of those rows; 0 where there is none."""
        return self._at(series, back)[1][:, :, 0]

    def end_ns(self, series: str, back: int = 0) -> IntMatrix:
        """Ends of those rows; 0 where there is none."""
        return self._at(series, back)[1][:, :, 1]

    def _at(self, series: str, back: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Columns and times of those rows: decision times × instruments × columns."""
        kept = self._rows.get((series, back))
        if kept is None:
            histories = self._histories[series]
            values = np.full((*self.shape, len(histories[0].columns)), np.nan)
            times = np.zeros((*self.shape, 2), np.int64)
            index = self.index(series) - back
            for n, history in enumerate(histories):
                at = index[:, n]
                first = int(np.searchsorted(at, 0))
                if first < len(at):
                    # Indices rise with time, so those of no row are ahead of all others.
                    values[first:, n] = history.values[at[first:]]
                    times[first:, n] = history.spans[at[first:]]
            kept = self._rows[series, back] = (values, times)
        return kept

    def window(self, series: str, name: str, rows: int) -> npt.NDArray[np.float64]:
        """The last ``rows`` values, newest first: rows × decision times × instruments."""
        kept = self._windows.get((series, name, rows))
        if kept is None:
            histories = self._histories[series]
            # One instrument lies together in memory: each is written at a stretch.
            parts = np.full((len(histories), rows, len(self.times)), np.nan)
            back = np.arange(rows)[:, None]
            for n, history in enumerate(histories):
                if len(history.known_ns):
                    at = self.index(series)[:, n] - back
                    values = history.values[np.maximum(at, 0), history.columns.index(name)]
                    parts[n] = np.where(at >= 0, values, np.nan)
            kept = self._windows[series, name, rows] = parts.transpose(1, 2, 0)
        return kept

    def mean(self, series: str, name: str, rows: int) -> Matrix:
        """Mean of the last ``rows`` values; NaN where one is missing. Its bits do not depend on other times."""
        return total(self.window(series, name, rows)) / rows

    def deviation(self, series: str, name: str, rows: int) -> Matrix:
        """Standard deviation (divisor n) of the last ``rows`` values, 0 where all are equal; otherwise as the mean."""
        window = self.window(series, name, rows)
        spread: Matrix = np.sqrt(total((window - self.mean(series, name, rows)) ** 2) / rows)
        return np.where(window.min(axis=0) == window.max(axis=0), 0.0, spread)

    def known(self, series: str) -> Mask:
        """Whether any row was known."""
        answer: Mask = self.index(series) >= 0
        return answer

    def fresh(self, series: str) -> Mask:
        """Whether the last known row is not older than the engine allows."""
        age = self.times[:, None] - self.end_ns(series)
        answer: Mask = self.known(series) & (age <= self._max_age_ns[series])
        return answer

    def newest(self, series: str) -> Mask:
        """Instruments whose last row is fresh and ends at the latest time of all: those that can be compared."""
        fresh = self.fresh(series)
        end = np.where(fresh, self.end_ns(series), np.iinfo(np.int64).min)
        answer: Mask = fresh & (end == end.max(axis=1, keepdims=True))
        return answer

    def unbroken(self, series: str, rows: int) -> Mask:
        """Whether the last ``rows`` rows follow one another without a hole: equal lengths, each begun at an end."""
        end, first = self.end_ns(series), self.start_ns(series, rows - 1)
        length = end - self.start_ns(series)
        whole = end - first == rows * length
        answer: Mask = (self.index(series) >= rows - 1) & (length > 0) & whole
        return answer
