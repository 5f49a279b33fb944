"""Mean markouts of all quotes and of the filled ones, their difference, and intervals that respect overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aurora.messages import BoolColumn, FloatColumn, IntColumn
from aurora.risk.bootstrap import resample_indices
from aurora.tca import markout_bps
from bench.markout.quotes import Quotes

HORIZONS_S = (0.1, 1.0, 5.0, 30.0)
DRAWS = 2_000
LEVEL = (0.025, 0.975)

Reference = Literal["price", "mid"]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean in basis points with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """Markouts at one horizon; see `docs/markout.md` for the definitions."""

    horizon_s: float
    reference: Reference
    quotes: int
    fills: int
    blocks: float
    """Mean blocks in the record: how many observations the intervals really rest on."""
    all: Mean
    """Of all accepted quotes, from their acceptance on."""
    filled: Mean
    """Of the filled ones, from their fill on."""
    difference: Mean
    """Filled less all."""
    filled_from_quote: Mean
    """Of the filled ones, from their acceptance on: the same markouts as of all, given the fill."""
    difference_from_quote: Mean


def markouts(
    quotes: Quotes, time_ns: IntColumn, horizon_ns: int, reference: Reference, rows: BoolColumn
) -> FloatColumn:
    """Markout of the quotes of `rows` from `time_ns` on, NaN elsewhere and where a mid is not known."""
    out = np.full(len(rows), np.nan)
    start = quotes.price if reference == "price" else quotes.mids.before(time_ns)
    later = quotes.mids.at(time_ns + horizon_ns)
    # Both means are to be of the same rows, whatever they are measured from.
    known = rows & np.isfinite(later) & np.isfinite(quotes.mids.before(time_ns))
    out[known] = markout_bps(quotes.side[known], start[known], later[known])
    return out


def estimate(
    quotes: Quotes,
    horizon_s: float,
    reference: Reference,
    *,
    rest_ns: int,
    seed: int = 0,
    draws: int = DRAWS,
) -> Row | None:
    """The row of one horizon; None where nothing was filled.

    What is resampled are the instants of quoting, with all that was quoted there: blocks of a mean length of twice the
    horizon and a quote's life (stationary bootstrap, Politis and Romano 1994), since quotes that near to each other
    share their moves. All means are taken of one and the same resample, so a difference is paired.
    """
    horizon_ns = round(horizon_s * 1e9)
    everything = np.ones(len(quotes.side), np.bool_)
    columns = [
        markouts(quotes, quotes.accepted_ns, horizon_ns, reference, everything),
        markouts(quotes, quotes.filled_ns, horizon_ns, reference, quotes.is_filled),
        markouts(quotes, quotes.accepted_ns, horizon_ns, reference, quotes.is_filled),
    ]
    instants, place = np.unique(quotes.sent_ns, return_inverse=True)
    # A quote filled near the end is known from its acceptance on and not from its fill on: each mean has its own count.
    sums = np.array([_by_instant(np.nan_to_num(column), place, len(instants)) for column in columns])
    counts = np.array([_by_instant(np.isfinite(column), place, len(instants)) for column in columns])
    if (counts.sum(axis=1) == 0).any():
        return None
    span_ns = int(instants[-1] - instants[0]) + 1
    block_ns = min(2 * (horizon_ns + rest_ns), span_ns)
    block = max(1.0, block_ns / span_ns * len(instants))
    generator = np.random.default_rng(seed)
    drawn = np.full((draws, 3), np.nan)
    for draw in range(draws):
        index = resample_indices(generator, len(instants), block)
        total = counts[:, index].sum(axis=1)
        if total.all():
            drawn[draw] = sums[:, index].sum(axis=1) / total
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    whole = sums.sum(axis=1) / counts.sum(axis=1)

    def mean(value: float, values: FloatColumn) -> Mean:
        low, high = np.quantile(values, LEVEL)
        return Mean(float(value), float(low), float(high))

    return Row(
        horizon_s,
        reference,
        int(counts[0].sum()),
        int(counts[1].sum()),
        len(instants) / block,
        mean(whole[0], drawn[:, 0]),
        mean(whole[1], drawn[:, 1]),
        mean(whole[1] - whole[0], drawn[:, 1] - drawn[:, 0]),
        mean(whole[2], drawn[:, 2]),
        mean(whole[2] - whole[0], drawn[:, 2] - drawn[:, 0]),
    )


def _by_instant(values: FloatColumn | BoolColumn, place: IntColumn, count: int) -> FloatColumn:
    return np.bincount(place, weights=values.astype(np.float64), minlength=count).astype(np.float64)
