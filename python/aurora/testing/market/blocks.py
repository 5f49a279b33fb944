"""Messages as market blocks in memory, exactly those that the reader of captures makes of the written lines."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aurora._core import Instrument, MarketBlock
from aurora.capture import CaptureSet, CaptureSettings
from aurora.messages import MarketMessage
from aurora.testing.market.lines import capture_lines, units
from aurora.testing.market.messages import Messages
from aurora.testing.market.units import NS_PER_MS, Ints
from aurora.testing.settings import SymbolSpec

__all__ = ["BlockReader", "BlockSource"]

_HEAD_LINES = 1_200
"""More than the reader calibrates on."""
_HELD = 8
_ENDLESS_NS = 2**62


class BlockSource:
    """Looks like :class:`aurora.capture.CaptureSet`, and holds everything in memory.

    Filters and clock come from the reader itself, which is shown the first lines of every capture.

    Args:
        captures: messages and instrument of each symbol.
        settings: how captures are read; slice width and clock offset matter.
    """

    def __init__(
        self, captures: Mapping[str, tuple[Messages, SymbolSpec]], settings: CaptureSettings | None = None
    ):
        with tempfile.TemporaryDirectory(prefix="aurora-synthetic-") as folder:
            paths = []
            for symbol, (messages, spec) in captures.items():
                path = Path(folder) / f"synthetic_{symbol.lower()}.txt"
                lines = capture_lines(messages, spec, slice(_HEAD_LINES))
                path.write_text("\n".join(["# aurora synthetic market", *lines, ""]), encoding="ascii")
                paths.append(path)
            calibrated = CaptureSet(paths, settings)
        self.settings = calibrated.settings
        self.clock_offset_ns = calibrated.clock_offset_ns
        self.instruments: dict[str, Instrument] = calibrated.instruments
        self.width_ns = calibrated.width_ns
        self.first_slice = calibrated.first_slice
        self.calibrated_ns = calibrated.calibrated_ns
        self._captures: dict[str, tuple[str, Messages, SymbolSpec]] = {}
        # Streams are numbered in the order of their instruments' keys.
        for stream, key in zip(calibrated.streams, sorted(self.instruments), strict=True):
            messages, spec = captures[self.instruments[key].symbol]
            self._captures[stream] = (key, messages, spec)

    @property
    def streams(self) -> Sequence[str]:
        return list(self._captures)

    def offset_of(self, key: str) -> int:
        """Receive clock minus exchange clock of an instrument, ns."""
        return next(self.clock_offset_ns[name] for name, (of, _, _) in self._captures.items() if of == key)

    def open(self, stream: str, position: int | None = None) -> BlockReader:
        """Opens a stream at its first slice or at a later one."""
        key, messages, spec = self._captures[stream]
        return BlockReader(
            messages,
            spec,
            self.instruments[key],
            self.clock_offset_ns[stream],
            self.width_ns,
            self.first_slice,
            position,
        )

    def whole(self, symbol: str) -> MarketBlock:
        """All of a symbol's messages as one block."""
        stream = next(name for name, (key, _, _) in self._captures.items() if key.endswith(f":{symbol}"))
        key, messages, spec = self._captures[stream]
        reader = BlockReader(messages, spec, self.instruments[key], self.clock_offset_ns[stream], 0, 0, None)
        found = reader.next()
        assert found is not None
        return found[0].block


class BlockReader:
    """One symbol's messages, cut into slices of corrected local time; see :class:`aurora.stages.Reader`."""

    def __init__(
        self,
        messages: Messages,
        spec: SymbolSpec,
        instrument: Instrument,
        offset_ns: int,
        width_ns: int,
        first: int,
        position: int | None,
    ):
        self._key = instrument.key
        self._width_ns = width_ns
        self._next = first if position is None else max(position, first)
        corrected = messages.local_ns - offset_ns
        # A receive time that runs backwards is held at the one before it.
        self._local_ns: Ints = np.maximum.accumulate(corrected)
        self._kind = messages.kind
        self._flags = messages.flags | np.where(corrected < self._local_ns, _HELD, 0).astype(np.uint8)
        self._exchange_ns = messages.transaction_ms * NS_PER_MS
        self._first_id = messages.first_id.astype(np.uint64)
        self._last_id = messages.last_id.astype(np.uint64)
        self._previous_id = messages.previous_id.astype(np.uint64)
        tick, lot = units(spec)
        self._owner, level = messages.ordered_levels()
        self._price = _quanta(messages.price[level], tick, instrument.price_exponent - spec.price_decimals)
        self._size = _quanta(messages.size[level], lot, instrument.size_exponent - spec.quantity_decimals)
        counts = messages.bids + messages.asks
        self._level_edges = np.concatenate([[0], np.cumsum(counts)])
        rank = np.arange(len(self._owner)) - self._level_edges[self._owner]
        self._side = np.where(rank < messages.bids[self._owner], 1, -1).astype(np.int8)
        self._row = 0
        self._ended = False
        if self._next > first:
            self._row = int(np.searchsorted(self._local_ns, self._end_of(self._next - 1)))
            self._ended = self._row == len(self._local_ns)

    def _end_of(self, index: int) -> int:
        return (index + 1) * self._width_ns if self._width_ns else _ENDLESS_NS

    def next(self) -> list[MarketMessage] | None:
        """The block of the next slice; None after the last."""
        if self._ended:
            return None
        index, first = self._next, self._row
        end_ns = self._end_of(index)
        last = int(np.searchsorted(self._local_ns, end_ns))
        self._next, self._row = index + 1, last
        self._ended = last == len(self._local_ns)
        if self._ended and last:
            end_ns = int(self._local_ns[-1]) + 1
        rows = slice(first, last)
        levels = slice(int(self._level_edges[first]), int(self._level_edges[last]))
        block = MarketBlock.from_columns(
            {
                "kind": self._kind[rows],
                "flags": self._flags[rows],
                "local_ns": self._local_ns[rows],
                "exchange_ns": self._exchange_ns[rows],
                "first_id": self._first_id[rows],
                "last_id": self._last_id[rows],
                "previous_id": self._previous_id[rows],
                "level_message": self._owner[levels] - first,
                "level_side": self._side[levels],
                "level_price": self._price[levels],
                "level_size": self._size[levels],
            },
            end_ns=end_ns,
            last=self._ended,
        )
        return [MarketMessage(index, self._key, block)]

    def position(self) -> int:
        return self._next


def _quanta(values: Ints, unit: int, more_decimals: int) -> Ints:
    if more_decimals >= 0:
        return np.asarray(values * (unit * 10**more_decimals))
    return np.asarray(values * unit // 10**-more_decimals)
