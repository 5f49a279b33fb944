"""Funding rates that persist, on the venue's funding times."""

from __future__ import annotations

from dataclasses import dataclass

from aurora.testing.market.plants import FundingPlant
from aurora.testing.market.settings import MarketSettings
from aurora.testing.settings import generator

__all__ = ["FundingRow", "funding_rows"]


@dataclass(frozen=True, slots=True)
class FundingRow:
    """The rate of the interval that ends at ``time_ms``: a fraction, positive when longs pay."""

    symbol: str
    time_ms: int
    rate: float
    interval_hours: float


def funding_rows(settings: MarketSettings) -> list[FundingRow]:
    """Rows of all symbols by time; rates are whole numbers of 1e-8. Empty without a plant."""
    plant = settings.funding
    if plant is None:
        return []
    every = plant.interval_minutes * 60_000
    first = -(-settings.start_ms // every) * every
    times = range(first, settings.start_ms + int(settings.duration_s * 1000) + 1, every)
    rows = [row for symbol in settings.symbols for row in _of(symbol.symbol, plant, settings.seed, times)]
    return sorted(rows, key=lambda row: (row.time_ms, row.symbol))


def _of(symbol: str, plant: FundingPlant, seed: int, times: range) -> list[FundingRow]:
    rng = generator(seed, "funding", symbol)
    rate, rows = plant.mean_bps, []
    for time_ms in times:
        pulled = plant.mean_bps + plant.persistence * (rate - plant.mean_bps)
        rate = pulled + plant.deviation_bps * float(rng.standard_normal())
        rows.append(FundingRow(symbol, time_ms, round(rate * 1e4) / 1e8, plant.interval_minutes / 60.0))
    return rows
