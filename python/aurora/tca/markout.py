"""Markouts: what a quote or a fill is worth at the mid of some time later."""

from __future__ import annotations

from typing import Literal

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn, IntColumn

__all__ = ["MidPath", "markout_bps"]


def markout_bps(side: IntColumn, reference: FloatColumn, later_mid: FloatColumn) -> FloatColumn:
    """Markout of each row in basis points, positive where it pays who quoted: ``D·(M(t+h) − P)/P·10⁴``.

    With the price of the quote as reference it holds the half-spread that the quote earns: the realised half-spread of
    Huang and Stoll (1996). With the mid just before, it is the move alone: the negative of the adverse selection.

    Args:
        side: D; 1 where the quote buys, −1 where it sells.
        reference: P, positive; what the gain is measured from.
        later_mid: M(t+h), in the unit of the reference; NaN where it is not known, as is the markout then.

    Raises:
        DataError: a side other than 1 and −1, a reference that is not positive, or columns of unequal length.
    """
    if not len(side) == len(reference) == len(later_mid):
        raise DataError(
            f"markouts of {len(side)} sides, {len(reference)} references and {len(later_mid)} mids"
        )
    if not np.isin(side, (-1, 1)).all():
        raise DataError("a side is neither 1 nor -1")
    # A reference that is not known is no fault of the caller; its markout is not known either.
    if (reference <= 0).any():
        raise DataError("a reference is not positive")
    return side * (later_mid - reference) / reference * 1e4


class MidPath:
    """The mid as a step function of time.

    Args:
        time_ns: when the touch changed; not falling.
        mid: from then on; NaN while there is no touch.
        end_ns: where the record ends; after it no mid is known.

    Raises:
        DataError: times that fall, or columns of unequal length.
    """

    def __init__(self, time_ns: IntColumn, mid: FloatColumn, end_ns: int):
        if len(time_ns) != len(mid):
            raise DataError(f"{len(time_ns)} times and {len(mid)} mids")
        if (np.diff(time_ns) < 0).any():
            raise DataError("the times of the mids fall")
        self._time_ns = time_ns
        self._end_ns = end_ns
        # One more at the front: before the first touch there is no mid.
        self._mid = np.concatenate([[np.nan], mid])

    def at(self, time_ns: IntColumn) -> FloatColumn:
        """The mid of each time, what happened at that very time included; NaN where it is not known."""
        return self._value(time_ns, "right")

    def before(self, time_ns: IntColumn) -> FloatColumn:
        """The mid just before each time; NaN where it is not known."""
        return self._value(time_ns, "left")

    def _value(self, time_ns: IntColumn, edge: Literal["left", "right"]) -> FloatColumn:
        place = np.searchsorted(self._time_ns, time_ns, side=edge)
        return np.where(time_ns <= self._end_ns, self._mid[place], np.nan)
