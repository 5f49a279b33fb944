"""Bars of captures: the streaming builder run to the end, its bars as one polars frame."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from aurora._core import BarBlock, BarCore, Instrument
from aurora.capture import CaptureSet, CaptureSettings
from aurora.errors import DataError, UsageError
from aurora.features import bar_schema, bar_step_ns, with_floats
from aurora.stages.research import WIDE_SLICES

_QUANTA = ("open", "high", "low", "close", "volume", "buy_volume")
_MONEY_QUANTA = Decimal(10**8)


def _exact(value: Decimal | int | str, what: str) -> Decimal:
    """Raises: UsageError: no finite positive decimal, or a float, which is none."""
    try:
        # A float would bring digits nobody wrote.
        amount = Decimal("nan") if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount <= 0:
        raise UsageError(f"{what} is {value!r}; give a positive decimal such as Decimal('100')")
    return amount


def _whole(amount: Decimal, quanta: Decimal, what: str) -> int:
    if amount.adjusted() > 30:
        raise UsageError(f"{what} of {amount} are out of range")
    scaled = amount * quanta
    if scaled != scaled.to_integral_value():
        raise UsageError(f"{what} of {amount} are finer than {1 / quanta:f}")
    return int(scaled)


def _core(
    key: str,
    instrument: Instrument,
    every: str | None,
    volume: Decimal | int | str | None,
    dollar: Decimal | int | str | None,
) -> BarCore:
    if volume is not None:
        quanta = _whole(_exact(volume, "volume"), Decimal(instrument.size_scale), f"{key}: volume bars")
        return BarCore(instrument, "volume", quanta)
    if dollar is not None:
        return BarCore(
            instrument, "dollar", _whole(_exact(dollar, "dollar"), _MONEY_QUANTA, f"{key}: dollar bars")
        )
    return BarCore(instrument, "time", bar_step_ns("1m" if every is None else every))


def _frame(
    block: BarBlock, key: str, instrument: Instrument, observed_ns: int | None, schema: pl.Schema
) -> pl.DataFrame:
    columns = pl.DataFrame(block).rename({name: f"{name}_quanta" for name in _QUANTA})
    return with_floats(
        columns.with_columns(
            pl.lit(key).alias("instrument"),
            pl.lit(instrument.price_exponent, pl.UInt8).alias("price_decimals"),
            pl.lit(instrument.size_exponent, pl.UInt8).alias("size_decimals"),
            pl.lit(observed_ns, pl.Int64).alias("observed_ns"),
            pl.col("notional").cast(schema["notional"]),
        )
    )


def compute_bars(
    paths: Sequence[str | Path],
    every: str | None = None,
    volume: Decimal | int | str | None = None,
    dollar: Decimal | int | str | None = None,
    capture: CaptureSettings | None = None,
) -> pl.DataFrame:
    """Bars of captures; see :func:`aurora.features.bars`.

    Args:
        paths: capture files, directories, or a catalogue; files of a symbol in time order.
        every: time bars of that length; ``"1m"`` where no rule is given.
        volume: bars of that traded size at least, in base currency (contracts where inverse).
        dollar: bars of that notional at least, in quote currency.
        capture: how captures are read; in slices of a minute where None. Slices carry no meaning.

    Returns:
        :data:`aurora.features.BAR_COLUMNS`, sorted by end, then instrument; no row where nothing was traded. The
        notional has as many decimals as the finest of the instruments needs.

    Raises:
        UsageError: more than one rule, or one that no bar can be built by.
        DataError: a capture cannot be used, or sums are too large to be exact.
    """
    if sum(rule is not None for rule in (every, volume, dollar)) > 1:
        raise UsageError("bars are by time, by volume or by dollar; give one of every, volume and dollar")
    captures = CaptureSet(paths, capture or WIDE_SLICES)
    cores = {
        key: _core(key, instrument, every, volume, dollar) for key, instrument in captures.instruments.items()
    }
    decimals = max(i.price_exponent + i.size_exponent for i in captures.instruments.values())
    schema = bar_schema(decimals)
    frames = [schema.to_frame()]

    def take(key: str, block: BarBlock, observed_ns: int | None) -> None:
        if len(block):
            frames.append(_frame(block, key, captures.instruments[key], observed_ns, schema))

    for stream in captures.streams:
        reader = captures.open(stream)
        keys = []
        while (messages := reader.next()) is not None:
            for message in messages:
                core = cores[message.instrument]
                take(message.instrument, core.process(message.block), core.observed_ns)
                if message.block.fault is not None:
                    raise DataError(message.block.fault)
            keys = [message.instrument for message in messages]
        for key in keys:
            observed_ns = cores[key].observed_ns
            take(key, cores[key].finish(), observed_ns)
    return pl.concat(frames).sort("end_ns", "instrument", maintain_order=True)
