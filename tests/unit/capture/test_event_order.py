"""Two clocks at once, against plain stable sorts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aurora.capture.event_order import EXCHANGE_EVENT, LOCAL_EVENT, TwoClockOrder

DTYPE = np.dtype([("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8")])


def seen(rows: np.ndarray, flag: int) -> list[float]:
    return list(rows["px"][rows["ev"] & np.uint64(flag) != 0])


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_both_sides_see_their_own_order(steps: list[tuple[int, int]], cuts: list[int]) -> None:
    rows = np.zeros(len(steps), DTYPE)
    rows["local_ts"] = np.cumsum([step for step, _ in steps]) if steps else []
    rows["exch_ts"] = rows["local_ts"] - np.array([latency for _, latency in steps], np.int64)
    rows["px"] = np.arange(len(rows))
    rows["ev"] = 1
    order = TwoClockOrder(DTYPE)
    largest = max((latency for _, latency in steps), default=0)
    taken, late, start = [], 0, 0
    for cut in [*sorted(cuts), len(rows)]:
        part = rows[start:cut]
        start = max(start, cut)
        late += order.push(part)
        if len(part):
            taken.append(order.take(int(part["local_ts"][-1]) - largest))
    taken.append(order.take())
    result = np.concatenate(taken)
    assert len(result) == len(rows) + late
    assert seen(result, LOCAL_EVENT) == list(rows["px"])
    by_exchange = rows[np.argsort(rows["exch_ts"], kind="stable")]
    assert seen(result, EXCHANGE_EVENT) == list(by_exchange["px"])
    assert all(flags & 0xFF == 1 for flags in result["ev"].tolist())
    # Cutting changes nothing.
    whole = TwoClockOrder(DTYPE)
    assert whole.push(rows) == late
    assert np.array_equal(whole.take(), result)


def test_rows_do_not_wait_longer_than_they_must() -> None:
    rows = np.zeros(1000, DTYPE)
    rows["local_ts"] = np.arange(1000)
    rows["exch_ts"] = rows["local_ts"] - 5
    order = TwoClockOrder(DTYPE)
    order.push(rows)
    assert len(order.take(999 - 20)) == 985
    assert len(order.take()) == 15
