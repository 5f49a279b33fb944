"""Numbers that may be computed with: finite, and exact where an order results."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import numpy as np

from aurora.errors import DataError
from aurora.messages import FloatColumn

Number = int | float | Decimal | Fraction


def exact(name: str, value: Number) -> Fraction:
    """The number as a fraction; a float counts as the decimal it prints as (0.1 is a tenth).

    Raises:
        DataError: it is not finite.
    """
    if isinstance(value, Fraction | int):
        return Fraction(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise DataError(f"{name} is {value}; it must be finite")
        return Fraction(value)
    return Fraction(repr(finite(name, value)))


def finite(name: str, value: Number) -> float:
    """The number as a float.

    Raises:
        DataError: it is not finite.
    """
    number = float(value)
    if not math.isfinite(number):
        raise DataError(f"{name} is {number}; it must be finite")
    return number


def within(name: str, value: Number, low: float, high: float, *, open_ends: bool = False) -> float:
    """The number as a float in [low, high], or in (low, high).

    Raises:
        DataError: it is not.
    """
    number = finite(name, value)
    if not (low < number < high if open_ends else low <= number <= high):
        ends = "()" if open_ends else "[]"
        raise DataError(f"{name} is {number}; it must lie in {ends[0]}{low}, {high}{ends[1]}")
    return number


def series(name: str, values: Iterable[float] | FloatColumn) -> FloatColumn:
    """A one-dimensional column of finite floats, copied.

    Raises:
        DataError: another shape, or a value that is not finite.
    """
    return _checked(name, values, 1)


def table(name: str, values: Iterable[Iterable[float]] | FloatColumn) -> FloatColumn:
    """A two-dimensional table of finite floats, copied.

    Raises:
        DataError: another shape, or a value that is not finite.
    """
    return _checked(name, values, 2)


def _checked(name: str, values: object, dimensions: int) -> FloatColumn:
    try:
        # An iterator has no length that numpy knows of.
        given = values if hasattr(values, "__len__") else list(values)  # type: ignore[call-overload]
        column = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is no table of numbers: {error}") from error
    if column.ndim != dimensions:
        raise DataError(f"{name} has {column.ndim} dimension(s), expected {dimensions}")
    if not np.isfinite(column).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(column))[0])
        raise DataError(f"{name} is {column[where]} at {', '.join(map(str, where))}; all must be finite")
    return column
