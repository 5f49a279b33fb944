"""What an engine remembers of a series: the latest rows of every instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
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
_KNOWN, _START, _END = range(3)
_FIRST_CAPACITY = 64


def _bytes(array: npt.NDArray[Any], kind: str) -> str:
    return np.ascontiguousarray(array).astype(kind).tobytes().hex()


class SeriesHistory:
    """The latest rows of one series of every instrument, some of its columns.

    All instruments share one array, in which each has its own stretch: what is asked of the whole universe is read at
    once.

    Args:
        series: names it in errors.
        instruments: keys, in the order that rows are asked for by.
        columns: those that are kept.
        rows: how many rows before any later time can be asked for.
    """

    __slots__ = ("_capacity", "_instruments", "_series", "columns", "counts", "rows", "times", "values")

    def __init__(self, series: str, instruments: Sequence[str], columns: Sequence[str], rows: int):
        self._series = series
        self._instruments = tuple(instruments)
        self.columns = tuple(columns)
        self.rows = rows
        self.counts = [0] * len(self._instruments)
        """Rows of each instrument."""
        self._capacity = _FIRST_CAPACITY
        self.times: npt.NDArray[np.int64] = np.empty((3, len(self.counts), self._capacity), np.int64)
        """When rows became known, their starts and ends: × instruments × rows."""
        self.values: npt.NDArray[np.float64] = np.empty((len(self.columns), *self.times.shape[1:]))
        """Columns × instruments × rows."""

    def known_ns(self, n: int) -> IntColumn:
        """From when on the rows of an instrument were known."""
        return self.times[_KNOWN, n, : self.counts[n]]

    def until(self, n: int, now_ns: int) -> int:
        """How many rows of an instrument were known at a time."""
        known, count = self.times[_KNOWN, n], self.counts[n]
        # Mostly it is all of them, or all but the newest.
        if not count or known[count - 1] <= now_ns:
            return count
        if count == 1 or known[count - 2] <= now_ns:
            return count - 1
        return int(known[:count].searchsorted(now_ns, side="right"))

    def column(self, n: int, name: str) -> npt.NDArray[np.float64]:
        """A column of an instrument."""
        return self.values[self.columns.index(name), n, : self.counts[n]]

    def append(self, news: Mapping[int, Observations]) -> None:
        """Takes rows that are new, by the place of their instrument.

        Raises:
            DataError: times run backwards, or a row claims to be known before it ends, or a value is infinite.
        """
        news = {n: rows for n, rows in news.items() if len(rows.known_ns)}
        if not news:
            return
        parts = list(news.values())
        ends = list(accumulate(len(rows.known_ns) for rows in parts))
        starts = [0, *ends[:-1]]
        times = np.empty((3, ends[-1]), np.int64)
        np.concatenate([rows.known_ns for rows in parts], out=times[_KNOWN])
        np.concatenate([rows.start_ns for rows in parts], out=times[_START])
        np.concatenate([rows.end_ns for rows in parts], out=times[_END])
        values = np.empty((len(self.columns), ends[-1]))
        for place, name in enumerate(self.columns):
            np.concatenate([rows.columns[name] for rows in parts], out=values[place])
        self._check(times, values, list(news), starts, ends)
        self._make_room(
            max(self.counts[n] + end - start for n, start, end in zip(news, starts, ends, strict=True))
        )
        for n, start, end in zip(news, starts, ends, strict=True):
            count = self.counts[n]
            self.counts[n] = until = count + end - start
            self.times[:, n, count:until] = times[:, start:end]
            self.values[:, n, count:until] = values[:, start:end]

    def _check(
        self,
        times: IntMatrix,
        values: npt.NDArray[np.float64],
        instruments: Sequence[int],
        starts: Sequence[int],
        ends: Sequence[int],
    ) -> None:
        """Refuses rows, one instrument's behind another's, that are not as they should be."""
        known, begun, ended = times
        before = np.empty_like(known)
        before[1:] = known[:-1]
        for n, start in zip(instruments, starts, strict=True):
            before[start] = self.times[_KNOWN, n, self.counts[n] - 1] if self.counts[n] else known[start]
        backwards, unfinished, infinite = known < before, (known < ended) | (ended < begun), np.isinf(values)
        if not ((backwards | unfinished).any() or infinite.any()):
            return
        for wrong, complaint in (
            (backwards, "runs backwards; sort its rows by known_ns and give each once"),
            (unfinished, "has a row that is known before it ends; correct its times"),
            (infinite.any(axis=0), "has an infinite value; undefined ones are NaN"),
        ):
            if wrong.any():
                at = int(np.argmax(wrong))
                n = next(n for n, end in zip(instruments, ends, strict=True) if at < end)
                raise DataError(f"{self._series} of {self._instruments[n]} {complaint}")

    def _make_room(self, count: int) -> None:
        if count > self._capacity:
            kept = max(self.counts)
            self._capacity = 2 * count
            times = np.empty((*self.times.shape[:2], self._capacity), np.int64)
            values = np.empty((*self.values.shape[:2], self._capacity))
            times[:, :, :kept], values[:, :, :kept] = self.times[:, :, :kept], self.values[:, :, :kept]
            self.times, self.values = times, values

    def forget(self, now_ns: int) -> None:
        """Drops what no question about ``now_ns`` or later can reach."""
        limit = 4 * self.rows + _SPARE_ROWS
        for n, count in enumerate(self.counts):
            if count > limit:
                self.drop(n, self.until(n, now_ns) - self.rows)

    def drop(self, n: int, first: int) -> None:
        """Drops the rows of an instrument ahead of that place."""
        if first > 0:
            count = self.counts[n]
            self.counts[n] = kept = count - first
            self.times[:, n, :kept] = self.times[:, n, first:count].copy()
            self.values[:, n, :kept] = self.values[:, n, first:count].copy()

    def state(self) -> list[list[str]]:
        """Of each instrument: times it was known, starts and ends, values, row by row."""
        return [
            [
                _bytes(self.times[_KNOWN, n, :count], "<i8"),
                _bytes(self.times[_START:, n, :count].T, "<i8"),
                _bytes(self.values[:, n, :count].T, "<f8"),
            ]
            for n, count in enumerate(self.counts)
        ]

    def load(self, state: Sequence[Sequence[str]]) -> None:
        """Takes up a state of the same instruments and columns."""
        for n, part in enumerate(state):
            known, spans = (np.frombuffer(bytes.fromhex(column), "<i8") for column in part[:2])
            values = np.frombuffer(bytes.fromhex(part[2]), "<f8")
            count = len(known)
            self._make_room(count)
            self.counts[n] = count
            self.times[_KNOWN, n, :count] = known
            self.times[_START:, n, :count] = spans.reshape(count, 2).T
            self.values[:, n, :count] = values.reshape(count, len(self.columns)).T
