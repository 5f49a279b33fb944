"""Quotes at the touch of a capture through the simulated venue, one lot a side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aurora._core import Instrument, MarketBlock, quote_touch
from aurora.capture import CaptureSet, CaptureSettings
from aurora.messages import BoolColumn, FloatColumn, IntColumn
from aurora.tca import MidPath

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QuoteSettings:
    """How the touch is quoted; times in nanoseconds."""

    every_ns: int = 100 * MILLISECOND
    """From one pair of quotes to the next."""
    rest_ns: int = SECOND
    """From a quote to the sending of its cancel."""
    latency_ns: int = 5 * MILLISECOND
    """Constant, each way between client and venue; market data is heard when the recording heard it."""
    warm_up_ns: int = 10 * SECOND
    """At the start of a capture nothing is quoted."""


@dataclass(frozen=True, slots=True)
class Quotes:
    """The quotes that the venue accepted, in the order of sending, and the mid by the exchange's clock."""

    side: IntColumn
    """1 buys, −1 sells."""
    price: FloatColumn
    sent_ns: IntColumn
    accepted_ns: IntColumn
    filled_ns: IntColumn
    """−1 where it was not filled."""
    mids: MidPath
    refused: int
    """Quotes that would have taken when they arrived, and so came not to be."""

    @property
    def is_filled(self) -> BoolColumn:
        return self.filled_ns >= 0


def quote(
    instrument: Instrument, blocks: Sequence[MarketBlock], queue: str, settings: QuoteSettings
) -> Quotes:
    """Quotes both sides of the touch as the settings say, under a queue model of the venue."""
    first = [block.first_event_ns for block in blocks if block.first_event_ns is not None]
    columns = quote_touch(
        instrument,
        list(blocks),
        every_ns=settings.every_ns,
        rest_ns=settings.rest_ns,
        start_ns=min(first, default=0) + settings.warm_up_ns,
        order_latency_ns=settings.latency_ns,
        response_latency_ns=settings.latency_ns,
        queue=queue,
    )
    scale = columns["price_scale"]
    bid, ask = columns["bid"], columns["ask"]
    mid = np.where((bid > 0) & (ask > 0), (bid + ask) / (2.0 * scale), np.nan)
    touch_ns = columns["touch_ns"]
    mids = MidPath(touch_ns, mid, columns["end_ns"])
    accepted = columns["accepted_ns"] >= 0
    return Quotes(
        columns["side"][accepted],
        columns["price"][accepted] / scale,
        columns["sent_ns"][accepted],
        columns["accepted_ns"][accepted],
        columns["filled_ns"][accepted],
        mids,
        int((~accepted).sum()),
    )


def read_capture(path: Path) -> tuple[Instrument, list[MarketBlock]]:
    """The instrument of a capture and its events, receive times corrected to the exchange's clock."""
    captures = CaptureSet([path], CaptureSettings(slice_ms=0))
    ((_, instrument),) = captures.instruments.items()
    (stream,) = captures.streams
    reader = captures.open(stream)
    blocks = []
    while (slices := reader.next()) is not None:
        blocks += [one.block for one in slices]
    return instrument, blocks
