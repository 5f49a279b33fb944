"""Exponential and logarithm with the same bits on every platform.

A decision may not depend on which vector unit or C library a machine has. These are the reductions and polynomials of
FreeBSD's msun (``e_exp.c``, ``e_log.c``), which use nothing but correctly rounded operations; the error is below one
unit in the last place. Sums are exact before their one rounding (:func:`total`).
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from aurora.messages import FloatColumn

LN2 = 0.6931471805599453
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
SQRT_HALF = 0.7071067811865476
EXP_POLYNOMIAL = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
LOG_POLYNOMIAL = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
LARGEST_EXPONENT = 709.0
SMALLEST_EXPONENT = -745.0

_Number = TypeVar("_Number", float, FloatColumn)


def _exp_reduced(high: _Number, low: _Number) -> _Number:
    """exp(high - low) where the difference is at most ln(2) / 2 from 0."""
    p1, p2, p3, p4, p5 = EXP_POLYNOMIAL
    r = high - low
    t = r * r
    c = r - t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))))
    return 1.0 - ((low - r * c / (2.0 - c)) - high)


def _log_reduced(f: _Number, k: _Number) -> _Number:
    """log((1 + f) 2^k) where 1 + f lies in [sqrt(1/2), sqrt(2))."""
    l1, l2, l3, l4, l5, l6, l7 = LOG_POLYNOMIAL
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    r = z * (l1 + w * (l3 + w * (l5 + w * l7))) + w * (l2 + w * (l4 + w * l6))
    half_square = 0.5 * f * f
    return k * LN2_HIGH - ((half_square - (s * (half_square + r) + k * LN2_LOW)) - f)


def exp(x: float) -> float:
    """e to the x; 0 below -745, and as at 709 above that."""
    if x < SMALLEST_EXPONENT:
        return 0.0
    x = min(x, LARGEST_EXPONENT)
    k = round(x / LN2)
    return math.ldexp(_exp_reduced(x - k * LN2_HIGH, k * LN2_LOW), k)


def exp_column(x: FloatColumn) -> FloatColumn:
    """:func:`exp` of every value."""
    held = np.clip(x, SMALLEST_EXPONENT, LARGEST_EXPONENT)
    k = np.rint(held / LN2)
    with np.errstate(under="ignore"):
        y = np.ldexp(_exp_reduced(held - k * LN2_HIGH, k * LN2_LOW), k.astype(np.int32))
    return np.where(x < SMALLEST_EXPONENT, 0.0, y)


def log(x: float) -> float:
    """Natural logarithm of a number above 0."""
    m, k = math.frexp(x)
    if m < SQRT_HALF:
        m, k = 2.0 * m, k - 1
    return _log_reduced(m - 1.0, float(k))


def log_column(x: FloatColumn) -> FloatColumn:
    """:func:`log` of every value."""
    m, k = np.frexp(x)
    low = m < SQRT_HALF
    return _log_reduced(np.where(low, 2.0 * m, m) - 1.0, (k - low).astype(np.float64))


def half_life_decay(elapsed: float, half_life: float) -> float:
    """2^(-elapsed / half_life): exactly one half after one half-life."""
    ratio = elapsed / half_life
    whole = math.floor(ratio)
    return math.ldexp(exp(-(ratio - whole) * LN2), -min(int(whole), 2000))


def softplus_column(x: FloatColumn) -> FloatColumn:
    """log(1 + exp(x)) without overflow."""
    small = exp_column(-np.abs(x))
    one_more = 1.0 + small
    # Where 1 + small loses digits of small, the quotient gives them back (Kahan).
    lost = one_more == 1.0
    logarithm = log_column(one_more) * small / np.where(lost, 1.0, one_more - 1.0)
    return np.maximum(x, 0.0) + np.where(lost, small, logarithm)


def logistic_column(x: FloatColumn) -> FloatColumn:
    """1 / (1 + exp(-x)) without overflow."""
    small = exp_column(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def total(values: FloatColumn) -> float:
    """The sum, rounded once: it depends neither on the order nor on how a machine adds."""
    return math.fsum(values.tolist())
