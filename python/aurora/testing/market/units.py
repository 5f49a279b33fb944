"""Quanta of the latent price, and the few functions of it: all in exact integers or in plain products and sums.

Log prices are whole numbers of 1e-10 (a basis point is a million of them), so that sums of any length and order are
exact. What has to be a float is made of additions, multiplications, divisions and square roots alone, which round the
same on every machine; vectorised exponentials and powers do not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "NS_PER_MS",
    "NS_PER_S",
    "PER_BPS",
    "Floats",
    "Ints",
    "exponential",
    "from_bps",
    "hashed",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PER_BPS = 1_000_000
"""Quanta of a basis point of log price."""
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
LARGEST = 40_000 * PER_BPS
"""A log price further from its start than this (a factor of e⁴) is refused."""


def from_bps(bps: Floats | float) -> Ints:
    """Basis points of log price as quanta, rounded half to even."""
    return np.asarray(np.rint(np.asarray(bps, dtype=np.float64) * PER_BPS), dtype=np.int64)


def exponential(quanta: Ints) -> Floats:
    """e to the power of log prices given in quanta, relative error below 1e-12 for moves of a tenth.

    The Taylor polynomial of a sixty-fourth of the exponent, squared six times.

    Raises:
        ValueError: a log price is out of range.
    """
    if quanta.size and int(np.abs(quanta).max()) > LARGEST:
        raise ValueError(
            "the price moved by more than a factor of e to the fourth; plant less volatility, drift or fewer jumps"
        )
    x = quanta * (1e-10 / 64.0)
    y = 1.0 + x * (
        1.0
        + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0)))))
    )
    for _ in range(6):
        y = y * y
    return y


def hashed(values: Ints, salt: int) -> npt.NDArray[np.uint64]:
    """Well mixed 64 bits of each value (the finaliser of splitmix64), different for every salt."""
    mixed = values.astype(np.uint64) + np.uint64(
        (salt * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & (2**64 - 1)
    )
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
