"""What the product decoded from captures, as plain values that a test can compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from aurora.capture import CaptureSet, CaptureSettings

Levels = list[tuple[Decimal, Decimal]]
KINDS = ("diff", "snapshot", "ticker", "trade")


@dataclass(frozen=True, slots=True)
class Decoded:
    instrument: str
    kind: str
    local_ns: int
    """As captured."""
    exchange_ns: int
    ids: tuple[int, int, int]
    flags: int
    bids: Levels
    asks: Levels


def decode(paths: Sequence[str | Path], slice_ms: int = 0) -> list[Decoded]:
    """Messages of captures, stream by stream; a fault fails the test."""
    captures = CaptureSet(paths, CaptureSettings(slice_ms=slice_ms))
    found = []
    for stream in captures.streams:
        reader = captures.open(stream)
        while (messages := reader.next()) is not None:
            for message in messages:
                assert message.block.fault is None
                instrument = captures.instruments[message.instrument]
                columns = {name: column.tolist() for name, column in message.block.columns().items()}
                sides: dict[tuple[int, int], Levels] = {}
                for number, side, price, size in zip(
                    columns["level_message"],
                    columns["level_side"],
                    columns["level_price"],
                    columns["level_size"],
                    strict=True,
                ):
                    level = (
                        Decimal(instrument.format_price(price)),
                        Decimal(instrument.format_size(size)),
                    )
                    sides.setdefault((number, side), []).append(level)
                for number, kind in enumerate(columns["kind"]):
                    found.append(
                        Decoded(
                            message.instrument,
                            KINDS[kind],
                            columns["local_ns"][number] + captures.clock_offset_ns[stream],
                            columns["exchange_ns"][number],
                            tuple(columns[name][number] for name in ("first_id", "last_id", "previous_id")),
                            columns["flags"][number],
                            sides.get((number, 1), []),
                            sides.get((number, -1), []),
                        )
                    )
    return found
