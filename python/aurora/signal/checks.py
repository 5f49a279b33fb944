"""What every statistic asks of its columns: one dimension, finite, of one length; refused with place and cause."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aurora.errors import DataError, UsageError
from aurora.messages import FloatColumn

BoolColumn = npt.NDArray[np.bool_]


def finite_column(place: str, values: npt.ArrayLike) -> FloatColumn:
    """A contiguous copy as float64.

    Raises:
        DataError: a value is no finite number; the message names the first one's place.
        UsageError: not one-dimensional.
    """
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{place} holds something that is no number: {error}") from error
    if column.ndim != 1:
        raise UsageError(f"{place} has {column.ndim} dimensions; give one column")
    wrong = np.flatnonzero(~np.isfinite(column))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(f"{place}[{first}] is {column[first]}; every value must be a finite number")
    return column


def probability_column(place: str, values: npt.ArrayLike) -> FloatColumn:
    """A column of probabilities in [0, 1].

    Raises:
        DataError: a value is outside.
        UsageError: not one-dimensional.
    """
    column = finite_column(place, values)
    wrong = np.flatnonzero((column < 0) | (column > 1))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(f"{place}[{first}] is {column[first]}; a probability lies in [0, 1]")
    return column


def outcome_column(place: str, values: npt.ArrayLike) -> BoolColumn:
    """Outcomes as booleans; 0 and 1 are taken for what they are.

    Raises:
        DataError: a value is neither 0 nor 1.
        UsageError: not one-dimensional.
    """
    column = finite_column(place, values)
    wrong = np.flatnonzero((column != 0) & (column != 1))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(f"{place}[{first}] is {column[first]}; an outcome is 0 or 1")
    return np.asarray(column == 1, dtype=np.bool_)


def same_length(
    one: str, first: npt.NDArray[np.generic], other: str, second: npt.NDArray[np.generic]
) -> None:
    """Raises UsageError unless both columns have one length."""
    if len(first) != len(second):
        raise UsageError(f"{one} has {len(first)} values and {other} {len(second)}; they must be as many")


def finite(place: str, value: float) -> float:
    """The number as a float.

    Raises:
        DataError: not a finite number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"{place} is {value!r}; it must be a finite number") from error
    if not math.isfinite(number):
        raise DataError(f"{place} is {number}; it must be a finite number")
    return number


def within(place: str, value: float, low: float, high: float) -> float:
    """The number, if it lies in [low, high].

    Raises:
        DataError: it does not, or is not finite.
    """
    number = finite(place, value)
    if not low <= number <= high:
        raise DataError(f"{place} is {number}; it must lie in [{low:g}, {high:g}]")
    return number


def positive(place: str, value: float) -> float:
    """The number, if it is above 0.

    Raises:
        DataError: it is not, or is not finite.
    """
    number = finite(place, value)
    if number <= 0:
        raise DataError(f"{place} is {number}; it must be above 0")
    return number


def at_least(place: str, value: int, low: int) -> int:
    """The integer, if it is not below ``low``.

    Raises:
        UsageError: it is.
    """
    if value < low:
        raise UsageError(f"{place} is {value}; it must be at least {low}")
    return int(value)
