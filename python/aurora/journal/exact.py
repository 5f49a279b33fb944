"""Exact numbers of the journal: integer quanta to decimals and back, never through a float."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from aurora.errors import DataError, OutputError, UsageError

MONEY_EXPONENT = 8
"""Money is counted in 1e-8 of the settlement currency."""

PRECISION = 38
MAX_EXPONENT = 18

EXACT = decimal.Context(
    prec=120,
    traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
"""Arithmetic that raises rather than round: 120 digits hold every product of three journal columns."""


@dataclass(frozen=True, slots=True)
class InstrumentInfo:
    """Quanta and order steps of one instrument.

    A price quantum is 10^-``price_exponent`` of the quote currency, a size quantum 10^-``size_exponent`` of
    the base currency (both 0 to 18); ``tick`` and ``lot`` are the order steps in those quanta.
    """

    price_exponent: int
    size_exponent: int
    tick: int
    lot: int

    def __post_init__(self) -> None:
        for name in ("price_exponent", "size_exponent"):
            if not 0 <= getattr(self, name) <= MAX_EXPONENT:
                raise UsageError(f"{name} is {getattr(self, name)}: give 0 to {MAX_EXPONENT}")


class Quanta:
    """Converts between quanta of known instruments and decimal columns of one common scale.

    ``scale`` is 8 decimal digits, or more where an instrument is finer.
    """

    def __init__(self, instruments: Mapping[str, InstrumentInfo]) -> None:
        self.instruments = dict(instruments)
        finest = [max(info.price_exponent, info.size_exponent) for info in self.instruments.values()]
        self.scale = max([MONEY_EXPONENT, *finest])
        self.dtype = pl.Decimal(PRECISION, self.scale)
        self.money = 10 ** (self.scale - MONEY_EXPONENT)
        """Column units in one money quantum."""
        self._price = {name: 10 ** (self.scale - i.price_exponent) for name, i in self.instruments.items()}
        self._size = {name: 10 ** (self.scale - i.size_exponent) for name, i in self.instruments.items()}

    def price(self, instrument: str) -> int:
        """Column units in one price quantum of ``instrument``; OutputError when nobody declared it."""
        return self._known(self._price, instrument)

    def size(self, instrument: str) -> int:
        """Column units in one size quantum of ``instrument``; OutputError when nobody declared it."""
        return self._known(self._size, instrument)

    def _known(self, factors: dict[str, int], instrument: str) -> int:
        factor = factors.get(instrument)
        if factor is None:
            raise OutputError(
                f"the journal does not know instrument {instrument!r}; it was opened for "
                f"{', '.join(sorted(self.instruments)) or 'none'}: name every instrument at the start"
            )
        return factor

    def column(self, name: str, units: Sequence[int | None]) -> pl.Series:
        """A decimal column from integers of 10^-scale. OutputError when a value does not fit 38 digits."""
        try:
            integers = pl.Series(name, units, dtype=pl.Int128)
            one = pl.lit(Decimal(1).scaleb(-self.scale), dtype=self.dtype)
            whole = pl.col(name).cast(pl.Decimal(PRECISION, 0))
            made = pl.DataFrame({name: integers}).select((whole * one).cast(self.dtype).alias(name))[name]
        except (OverflowError, TypeError, pl.exceptions.PolarsError) as error:
            raise OutputError(f"column {name}: a value does not fit {PRECISION} digits: {error}") from error
        if not made.to_physical().equals(integers, null_equal=True, check_dtypes=True):
            raise OutputError(f"column {name}: a value does not fit {PRECISION} digits at scale {self.scale}")
        return made

    def quanta(self, units: int, factor: int) -> int:
        """The quanta that a stored integer of 10^-scale stands for. DataError when it lies between two."""
        whole, rest = divmod(units, factor)
        if rest:
            raise DataError(f"{Decimal(units).scaleb(-self.scale, EXACT)} is no whole number of quanta")
        return whole

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready description, for :meth:`from_dict`."""
        return {
            "decimal_scale": self.scale,
            "instruments": {name: asdict(info) for name, info in sorted(self.instruments.items())},
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Quanta:
        return cls({name: InstrumentInfo(**info) for name, info in description["instruments"].items()})


def plain(value: Decimal) -> str:
    """Decimal text without exponent or trailing zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def utc(nanoseconds: int) -> str:
    """``2025-01-02 03:04:05.123456789Z`` of nanoseconds since 1970."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest:09d}Z"
