"""What a panel shows of the universe against plain loops over lists, to the bit; memory in pieces against the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora.engines import Observations, Panel
from aurora.engines.arithmetic import ranks, squares_total, total
from aurora.engines.history import SeriesHistory
from aurora.errors import DataError

NAN = math.nan
SERIES = "news"


@dataclass(frozen=True)
class Row:
    known: int
    start: int
    end: int
    value: float


# Few different values, so that runs of equal ones and ties occur.
numbers = st.sampled_from([NAN, 0.1, 0.1, 0.7, 1.3, -2.9, 0.0, -0.0, 1e9 / 3])
lengths = st.tuples(st.integers(0, 3), st.integers(1, 2), st.integers(0, 2), numbers)


@st.composite
def histories(draw: st.DrawFn, longest: int = 30) -> list[list[Row]]:
    """Rows of up to four instruments, sorted by when they were known."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        rows, known = [], 0
        for gap, length, late, value in draw(st.lists(lengths, max_size=longest)):
            known += gap
            rows.append(Row(known, known - late - length, known - late, value))
        made.append(rows)
    return made


def observed(rows: list[Row]) -> Observations:
    return Observations(
        np.array([row.known for row in rows], np.int64),
        np.array([row.start for row in rows], np.int64),
        np.array([row.end for row in rows], np.int64),
        {"value": np.array([row.value for row in rows], np.float64), "unused": np.zeros(len(rows))},
    )


def remembered(whole: list[list[Row]], rows: int = 3) -> SeriesHistory:
    history = SeriesHistory(SERIES, [f"i{n}" for n in range(len(whole))], ("value",), rows)
    history.append({n: observed(part) for n, part in enumerate(whole)})
    return history


def panel_of(history: SeriesHistory, times: list[int], max_age: int = 5) -> Panel:
    keys = [f"i{n}" for n in range(len(history.counts))]
    return Panel(np.array(times, np.int64), keys, {SERIES: history}, {SERIES: max_age})


def bits(matrix: Any) -> list[list[str]]:
    """Every value so that only the same one is equal: NaN included, -0 told from 0."""
    return [[float(value).hex() for value in row] for row in np.asarray(matrix).tolist()]


def window(rows: list[Row], time: int, count: int) -> list[float]:
    """The last values that were known, newest first; NaN where there is none."""
    values = [row.value for row in rows if row.known <= time][::-1]
    return (values + [NAN] * count)[:count]


def left_to_right(values: list[float]) -> float:
    answer = values[0]
    for value in values[1:]:
        answer += value
    return answer


def mean_of(values: list[float]) -> float:
    return left_to_right(values) / len(values)


def deviation_of(values: list[float]) -> float:
    if all(value == values[0] for value in values):
        return 0.0
    mean = mean_of(values)
    return math.sqrt(left_to_right([(value - mean) ** 2 for value in values]) / len(values))


# Few times take one way through the sums, many the other.
moments = st.one_of(
    st.lists(st.integers(-1, 60), min_size=1, max_size=6, unique=True).map(sorted),
    st.integers(20, 90).map(lambda n: list(range(n))),
)


@settings(max_examples=150, deadline=None)
@given(whole=histories(), times=moments, count=st.integers(1, 9))
def test_statistics_of_the_last_rows_are_those_of_plain_loops(
    whole: list[list[Row]], times: list[int], count: int
) -> None:
    panel = panel_of(remembered(whole, count), times)
    windows = [[window(rows, time, count) for rows in whole] for time in times]

    def told(statistic: Any) -> list[list[str]]:
        return bits([[statistic(one) for one in row] for row in windows])

    assert bits(panel.mean(SERIES, "value", count)) == told(mean_of)
    assert bits(panel.deviation(SERIES, "value", count)) == told(deviation_of)
    stretch = panel.stretch(SERIES, count)
    values = stretch.column("value")
    assert bits(stretch.at(stretch.constant(values))) == told(lambda one: all(v == one[0] for v in one))
    assert bits(stretch.at(stretch.count(~np.isnan(values)))) == told(lambda one: sum(v == v for v in one))
    below, equal = (stretch.at(part) for part in stretch.position(values))
    assert bits(below) == told(lambda one: sum(v < one[0] for v in one))
    assert bits(equal) == told(lambda one: sum(v == one[0] for v in one))


@settings(max_examples=150, deadline=None)
@given(whole=histories(), times=moments, back=st.integers(0, 4), max_age=st.integers(0, 6))
def test_rows_are_the_last_that_were_known(
    whole: list[list[Row]], times: list[int], back: int, max_age: int
) -> None:
    panel = panel_of(remembered(whole), times, max_age)

    def row(rows: list[Row], time: int, back: int) -> Row | None:
        known = [one for one in rows if one.known <= time]
        return known[-1 - back] if len(known) > back else None

    def told(what: Any, back: int = back) -> list[list[Any]]:
        return [[what(row(rows, time, back), time) for rows in whole] for time in times]

    assert bits(panel.column(SERIES, "value", back)) == bits(told(lambda one, _: one.value if one else NAN))
    assert panel.start_ns(SERIES, back).tolist() == told(lambda one, _: one.start if one else 0)
    assert panel.end_ns(SERIES, back).tolist() == told(lambda one, _: one.end if one else 0)
    assert panel.known(SERIES).tolist() == told(lambda one, _: one is not None, 0)
    fresh = told(lambda one, time: one is not None and time - one.end <= max_age, 0)
    assert panel.fresh(SERIES).tolist() == fresh
    ends = told(lambda one, _: one.end if one else None, 0)
    newest = [
        [
            alive and end == max(e for e, a in zip(at, live, strict=True) if a)
            for end, alive in zip(at, live, strict=True)
        ]
        for at, live in zip(ends, fresh, strict=True)
    ]
    assert panel.newest(SERIES).tolist() == newest


@settings(max_examples=60, deadline=None)
@given(whole=histories(longest=90), pieces=st.integers(1, 40), rows=st.integers(1, 5), data=st.data())
def test_memory_in_pieces_is_that_of_the_whole(
    whole: list[list[Row]], pieces: int, rows: int, data: st.DataObject
) -> None:
    """Appended piece by piece, dropped from, saved and loaded: what is left is the end of what came."""
    keys = [f"i{n}" for n in range(len(whole))]
    history = SeriesHistory(SERIES, keys, ("value",), rows)
    kept = [0] * len(whole)
    for first in range(0, max(map(len, whole)), pieces):
        parts = {n: part[first : first + pieces] for n, part in enumerate(whole)}
        history.append({n: observed(part) for n, part in parts.items()})
        n = data.draw(st.integers(0, len(whole) - 1))
        gone = data.draw(st.integers(0, history.counts[n]))
        history.drop(n, gone)
        kept[n] += gone
        again = SeriesHistory(SERIES, keys, ("value",), rows)
        again.load(history.state())
        assert again.state() == history.state()
        history = again
    for n, part in enumerate(whole):
        left = part[kept[n] :]
        assert history.known_ns(n).tolist() == [row.known for row in left]
        assert history.times[1:, n, : len(left)].T.tolist() == [[row.start, row.end] for row in left]
        assert bits([history.column(n, "value")]) == bits([[row.value for row in left]])


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ([Row(9, 8, 9, 1.0), Row(8, 7, 8, 1.0)], "news of i1 runs backwards"),
        ([Row(4, 3, 4, 1.0)], "news of i1 runs backwards"),
        ([Row(9, 8, 10, 1.0)], "news of i1 has a row that is known before it ends"),
        ([Row(9, 9, 8, 1.0)], "news of i1 has a row that is known before it ends"),
        ([Row(9, 8, 9, 1.0), Row(9, 8, 9, math.inf)], "news of i1 has an infinite value"),
    ],
)
def test_it_is_said_whose_rows_are_wrong(bad: list[Row], complaint: str) -> None:
    good = [Row(5, 4, 5, 1.0)]
    history = remembered([good, good, good])
    # A later time of the one before and an earlier one of the one behind are no fault.
    news = {0: observed([Row(50, 4, 5, 1.0)]), 1: observed(bad), 2: observed(good)}
    with pytest.raises(DataError, match=complaint):
        history.append(news)


@pytest.mark.parametrize("width", [1, 64, 65, 300])
def test_sums_go_from_first_to_last_however_many_there_are(width: int) -> None:
    draw = np.random.default_rng(width)
    stack = draw.normal(0, 1, (40, width)) * 10.0 ** draw.integers(-9, 9, (40, width))
    centre = stack[3]
    rows = stack.T.tolist()
    assert bits([total(stack)]) == bits([[left_to_right(row) for row in rows]])
    distances = [[(value - row[3]) * (value - row[3]) for value in row] for row in rows]
    assert bits([squares_total(stack, centre)]) == bits([[left_to_right(row) for row in distances]])


@pytest.mark.parametrize("times", [1, 20])
@given(
    rows=st.lists(st.lists(st.tuples(numbers, st.booleans()), min_size=4, max_size=4), min_size=1, max_size=5)
)
def test_ranks_count_members_alone(times: int, rows: list[list[tuple[float, bool]]]) -> None:
    rows = rows * times
    values = np.array([[value for value, _ in row] for row in rows])
    members = np.array([[member for _, member in row] for row in rows])
    above, below = ranks(values, members)
    assert above.tolist() == [[sum(m and v > o for o, m in row) for v, _ in row] for row in rows]
    assert below.tolist() == [[sum(m and v < o for o, m in row) for v, _ in row] for row in rows]
