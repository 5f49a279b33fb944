"""Captures as event arrays of hftbacktest, which its backtests read as they are.

hftbacktest knows no update ids, so the book is synchronised here: diffs that belong to no synchronised book are left
out, and a snapshot is written as the whole book that it and the diffs waiting for it make, behind a clear event of
both sides. Trades that the exchange flagged as no market trades are left out, as by its own converter.

Receive times are those of the capture. Where some message was received before it was sent, all receive times are
moved on by the largest such difference and ``base_latency_ms`` (hftbacktest's ``correct_local_timestamp``).

Prices and sizes become floats; they are exact to 15 digits and read back as the same decimals.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from aurora._core import BookSynchroniser, Instrument, MarketBlock
from aurora.capture.event_order import Rows, TwoClockOrder
from aurora.capture.files import CaptureSet
from aurora.capture.settings import CaptureSettings
from aurora.errors import DataError, OutputError, UsageError

EVENT_DTYPE = np.dtype(
    [
        ("ev", "<u8"),
        ("exch_ts", "<i8"),
        ("local_ts", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("order_id", "<u8"),
        ("ival", "<i8"),
        ("fval", "<f8"),
    ]
)
"""hftbacktest's ``event_dtype``."""
DEPTH_EVENT = 1
TRADE_EVENT = 2
DEPTH_CLEAR_EVENT = 3
DEPTH_SNAPSHOT_EVENT = 4
DEPTH_BBO_EVENT = 5
BUY_EVENT = 1 << 29
SELL_EVENT = 1 << 28

_SNAPSHOT, _TICKER, _TRADE = 1, 2, 3
_EVENTS = np.array([DEPTH_EVENT, DEPTH_SNAPSHOT_EVENT, DEPTH_BBO_EVENT, TRADE_EVENT], np.uint64)
"""By message kind."""
_BUYER_IS_MAKER, _NO_MARKET_TRADE, _AGGRESSOR_UNKNOWN = 2, 4, 16
_MEMBER = "data.npy"
_SLICE_MS = 10_000
_BYTES_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class HftbacktestExport:
    """What was written."""

    path: Path
    instrument: str
    rows: int
    """Events, those in it that were written once for each clock counted twice."""
    messages: int
    snapshots: int
    trades: int
    shift_ns: int
    """By which all receive times were moved on."""
    tick_size: str
    lot_size: str
    """As hftbacktest is to be told: they are not in the file."""
    fault: str | None
    """Why the capture could not be read on."""


@dataclass(slots=True)
class _Measured:
    rows: int = 0
    messages: int = 0
    snapshots: int = 0
    trades: int = 0
    diffs: int = 0
    """Whether or not the book took them."""
    smallest_ns: int = 2**62
    largest_ns: int = -(2**62)
    """Receive time minus exchange time."""
    fault: str | None = None


def write_hftbacktest(
    paths: Sequence[str | Path],
    target: str | Path,
    *,
    instrument: str | None = None,
    tickers: bool = False,
    base_latency_ms: float = 0.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> HftbacktestExport:
    """Writes one instrument of captures as an ``.npz`` with the member ``data``.

    The captures are read twice, in constant memory: for the largest latency, then for their events. ``target`` is
    replaced when everything is written, never before. ``tickers`` adds best bids and asks as ``DEPTH_BBO_EVENT``,
    which the converters of hftbacktest leave out and its order books of price levels ignore. ``progress`` is called
    with the events read and, in the second reading, their number.

    Raises:
        UsageError: the captures hold several instruments and none was chosen, or the one chosen is not there.
        DataError: a capture cannot be used, or holds diffs and no snapshot that they meet. Where a capture breaks
            off, what came before is written, and ``fault`` says so.
        OutputError: the target cannot be written.
    """
    target = Path(target)
    if target.suffix != ".npz":
        raise UsageError(f"{target}: hftbacktest reads files that end in .npz")
    captures = CaptureSet(paths, CaptureSettings(slice_ms=_SLICE_MS))
    key = _chosen(captures, instrument)
    measured = _measure(captures, key, tickers, progress)
    if measured.diffs and not measured.snapshots:
        raise DataError(
            f"no usable book snapshot for {key}: without it hftbacktest has no book; put the file that holds it first"
        )
    if not measured.messages:
        raise DataError(f"{key}: nothing here that hftbacktest reads")
    shift_ns = max(0, -measured.smallest_ns)
    if shift_ns:
        shift_ns += round(base_latency_ms * 1e6)
    temporary = target.with_name(target.name + ".tmp")
    try:
        try:
            with temporary.open("wb") as file:
                _write(file, captures, key, tickers, measured, shift_ns, progress)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{target}: {error.strerror or error}; nothing was written") from error
    about = captures.instruments[key]
    return HftbacktestExport(
        path=target,
        instrument=key,
        rows=measured.rows,
        messages=measured.messages,
        snapshots=measured.snapshots,
        trades=measured.trades,
        shift_ns=shift_ns,
        tick_size=about.format_price(about.tick),
        lot_size=about.format_size(about.lot),
        fault=measured.fault,
    )


def _chosen(captures: CaptureSet, instrument: str | None) -> str:
    keys = sorted(captures.instruments)
    if instrument is None and len(keys) == 1:
        return keys[0]
    if instrument is None:
        raise UsageError(f"an event array is of one instrument; choose one of {', '.join(keys)}")
    if instrument not in keys:
        raise UsageError(f"no {instrument} in these captures, only {', '.join(keys)}")
    return instrument


def _blocks(
    captures: CaptureSet, key: str, synchroniser: BookSynchroniser
) -> Iterator[tuple[MarketBlock, int]]:
    """Synchronised blocks of an instrument, and what makes their local times those of the capture."""
    for stream in captures.streams:
        reader = captures.open(stream)
        while (messages := reader.next()) is not None:
            mine = [message.block for message in messages if message.instrument == key]
            if not mine:
                break
            yield synchroniser.process(mine[0]), captures.clock_offset_ns[stream]


def _rows(block: MarketBlock, instrument: Instrument, offset_ns: int, tickers: bool) -> tuple[Rows, Rows]:
    """Events of a block without the flags of the two clocks, and kinds of its messages that are in them."""
    columns = block.columns()
    unwanted = (columns["kind"] == _TRADE) & (columns["flags"] & _NO_MARKET_TRADE != 0)
    if not tickers:
        unwanted |= columns["kind"] == _TICKER
    level = ~unwanted[columns["level_message"]]
    message = columns["level_message"][level]
    kind, flags = columns["kind"][message], columns["flags"][message]
    side = np.where(columns["level_side"][level] > 0, BUY_EVENT, SELL_EVENT)
    aggressor = np.where(flags & _BUYER_IS_MAKER != 0, SELL_EVENT, BUY_EVENT)
    aggressor[flags & _AGGRESSOR_UNKNOWN != 0] = 0
    rows = np.zeros(len(message), EVENT_DTYPE)
    rows["ev"] = _EVENTS[kind] | np.where(kind == _TRADE, aggressor, side).astype(np.uint64)
    rows["exch_ts"] = columns["exchange_ns"][message]
    rows["local_ts"] = columns["local_ns"][message] + offset_ns
    rows["px"] = columns["level_price"][level] / instrument.price_scale
    rows["qty"] = columns["level_size"][level] / instrument.size_scale
    (snapshots,) = np.nonzero(columns["kind"] == _SNAPSHOT)
    clears = np.zeros(len(snapshots), EVENT_DTYPE)
    clears["ev"] = DEPTH_CLEAR_EVENT
    clears["exch_ts"] = columns["exchange_ns"][snapshots]
    clears["local_ts"] = columns["local_ns"][snapshots] + offset_ns
    return np.insert(rows, np.searchsorted(message, snapshots), clears), columns["kind"][~unwanted]


def _measure(
    captures: CaptureSet, key: str, tickers: bool, progress: Callable[[int, int | None], None] | None
) -> _Measured:
    measured = _Measured()
    synchroniser = BookSynchroniser(captures.instruments[key])
    order = TwoClockOrder(EVENT_DTYPE)
    for block, offset_ns in _blocks(captures, key, synchroniser):
        measured.fault = block.fault or measured.fault
        rows, kinds = _rows(block, captures.instruments[key], offset_ns, tickers)
        measured.messages += len(kinds)
        measured.snapshots += int(np.count_nonzero(kinds == _SNAPSHOT))
        measured.trades += int(np.count_nonzero(kinds == _TRADE))
        if len(rows):
            latency = rows["local_ts"] - rows["exch_ts"]
            measured.smallest_ns = min(measured.smallest_ns, int(latency.min()))
            measured.largest_ns = max(measured.largest_ns, int(latency.max()))
            measured.rows += len(rows) + order.push(rows)
            order.take()
        if progress is not None:
            progress(measured.rows, None)
    measured.diffs = synchroniser.diffs
    return measured


def _write(
    file: IO[bytes],
    captures: CaptureSet,
    key: str,
    tickers: bool,
    measured: _Measured,
    shift_ns: int,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    # A member with no time of writing: the same captures give the same bytes.
    about = zipfile.ZipInfo(_MEMBER)
    about.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w") as archive, archive.open(about, "w", force_zip64=True) as member:
        npy_format.write_array_header_1_0(
            member,
            {"descr": EVENT_DTYPE.descr, "fortran_order": False, "shape": (measured.rows,)},
        )
        order = TwoClockOrder(EVENT_DTYPE)
        written = 0

        def write(rows: Rows) -> None:
            nonlocal written
            written += len(rows)
            content = memoryview(rows.tobytes())
            for start in range(0, len(content), _BYTES_AT_ONCE):
                member.write(content[start : start + _BYTES_AT_ONCE])
            if progress is not None:
                progress(written, measured.rows)

        for block, offset_ns in _blocks(captures, key, BookSynchroniser(captures.instruments[key])):
            rows, _ = _rows(block, captures.instruments[key], offset_ns, tickers)
            if len(rows):
                # What is received from here on was sent no earlier than this.
                safe_ns = int(rows["local_ts"][-1]) - measured.largest_ns
                rows["local_ts"] += shift_ns
                order.push(rows)
                write(order.take(safe_ns))
        write(order.take())
    if written != measured.rows:
        raise DataError(f"{key}: the captures changed while they were read; export them again")
