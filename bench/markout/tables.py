"""One table a capture and queue model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aurora._core import Instrument, MarketBlock
from bench.markout.estimate import DRAWS, HORIZONS_S, Reference, Row, estimate
from bench.markout.quotes import QuoteSettings, quote, read_capture

QUEUES = {"risk_averse": "risk-averse", "power:3": "power 3", "log": "log"}
"""Queue models by the names of the core, and of the page."""
REFERENCES: tuple[Reference, ...] = ("price", "mid")
SURE_AT_S = 5.0
"""Up to this horizon the fact has to stand out of its interval; further on the captures hold too few moves."""


@dataclass(frozen=True, slots=True)
class Table:
    instrument: str
    queue: str
    accepted: int
    refused: int
    filled: int
    rows: tuple[Row, ...]

    @property
    def is_worse(self) -> bool:
        """Whether filled quotes do worse than all at every horizon, surely so up to :data:`SURE_AT_S`."""
        return bool(self.rows) and all(
            row.difference.value < 0 and (row.horizon_s > SURE_AT_S or row.difference.high < 0)
            for row in self.rows
        )


@functools.cache
def _read(path: Path) -> tuple[Instrument, list[MarketBlock]]:
    return read_capture(path)


def table(
    path: Path,
    queue: str,
    settings: QuoteSettings | None = None,
    *,
    horizons_s: Sequence[float] = HORIZONS_S,
    seed: int = 0,
    draws: int = DRAWS,
) -> Table:
    """Quotes the touch of a capture and estimates the markouts at every horizon, from the price and from the mid."""
    chosen = settings or QuoteSettings()
    instrument, blocks = _read(path)
    quotes = quote(instrument, blocks, queue, chosen)
    rows = (
        estimate(quotes, horizon, reference, rest_ns=chosen.rest_ns, seed=seed, draws=draws)
        for reference in REFERENCES
        for horizon in horizons_s
    )
    return Table(
        instrument.key,
        queue,
        len(quotes.side),
        quotes.refused,
        int(quotes.is_filled.sum()),
        tuple(row for row in rows if row is not None),
    )
