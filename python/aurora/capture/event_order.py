"""Events by receive time, brought into an order that holds for two clocks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]

LOCAL_EVENT = 1 << 30
"""The local side (the strategy) sees the row, at ``local_ts``."""
EXCHANGE_EVENT = 1 << 31
"""The exchange's side sees the row, at ``exch_ts``."""
_EARLIEST = np.iinfo(np.int64).min


class TwoClockOrder:
    """Splits rows so that the local rows follow ``local_ts`` and the exchange's rows ``exch_ts``.

    Rows come by ``local_ts``. One whose ``exch_ts`` lies before an earlier row's stays where it is for the local
    side and is put a second time, for the exchange, where its ``exch_ts`` belongs (hftbacktest's
    ``correct_event_order``). Every other row is for both. Rows wait until no later one can go before them, so
    memory is that of the spread between the clocks.
    """

    def __init__(self, dtype: np.dtype[Any]):
        self._rows: Rows = np.empty(0, dtype)
        self._copies: Rows = np.empty(0, dtype)
        """Of rows that came late, for the exchange, in the order they came."""
        self._highest = _EARLIEST

    def push(self, rows: Rows) -> int:
        """Takes further rows, whose ``ev`` holds neither of the two flags; answers how many came late."""
        late = self._late(rows["exch_ts"])
        rows = rows.copy()
        copies = rows[late]
        rows["ev"] |= np.where(late, LOCAL_EVENT, LOCAL_EVENT | EXCHANGE_EVENT).astype(np.uint64)
        copies["ev"] |= np.uint64(EXCHANGE_EVENT)
        self._rows = np.concatenate((self._rows, rows))
        self._copies = np.concatenate((self._copies, copies))
        return len(copies)

    def _late(self, exchange_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        before = np.maximum.accumulate(np.concatenate(([self._highest], exchange_ns)))
        self._highest = before[-1]
        return exchange_ns < before[:-1]

    def take(self, safe_ns: int | None = None) -> Rows:
        """Rows that no later row with ``exch_ts`` of ``safe_ns`` or more can go before; all where None."""
        (on_time,) = np.nonzero(self._rows["ev"] & np.uint64(EXCHANGE_EVENT))
        times = self._rows["exch_ts"][on_time]
        end, ready = len(self._rows), np.ones(len(self._copies), np.bool_)
        # A copy goes before the first row on time that is later than it; there is one, since it came late.
        places = on_time[np.searchsorted(times, self._copies["exch_ts"], side="right")]
        if safe_ns is not None:
            kept = int(np.searchsorted(times, safe_ns, side="right"))
            if kept < len(on_time):
                end = int(on_time[kept])
                ready = places < end
        order = np.argsort(self._copies["exch_ts"][ready], kind="stable")
        taken = np.insert(self._rows[:end], places[ready][order], self._copies[ready][order])
        self._rows, self._copies = self._rows[end:], self._copies[~ready]
        return taken
