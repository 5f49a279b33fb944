"""Research is streaming run to the end: features of capture files as one polars frame."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from aurora._core import Instrument, MarketBlock
from aurora.errors import DataError, UsageError
from aurora.features.settings import FeatureSettings

FEATURES: dict[str, str] = {
    "bid": "best bid, price quanta",
    "ask": "best ask, price quanta",
    "bid_size": "size at the best bid, size quanta",
    "ask_size": "size at the best ask, size quanta",
    "book_state": "0 synced, 1 awaiting snapshot, 2 stale after a gap, 3 stale after a snapshot that did not fit",
    "mid": "(bid + ask) / 2, quote currency",
    "spread_bps": "(ask - bid) / mid, basis points",
    "obi_1": "order book imbalance of the best level, [-1, 1] (Gould and Bonart 2016)",
    "obi_k": "order book imbalance over depth_levels levels, [-1, 1]",
    "weighted_mid": "I*ask + (1-I)*bid with I the bid's share of size, quote currency",
    "ofi": "order flow imbalance since the previous row, base currency (Cont, Kukanov, Stoikov 2014)",
    "tfi": "trade flow imbalance with exponential fading, [-1, 1]",
    "realised_volatility": "exponentially weighted mid volatility, basis points per square-root second",
    "feature_hash": "running 64-bit hash of every event and row of the instrument so far",
}
"""Columns of a feature frame with their units. Null where undefined: no touch (see book_state), or not enough
events yet."""


def compute(
    blocks: Sequence[tuple[Instrument, Sequence[MarketBlock]]],
    features: Sequence[str] | None = None,
    settings: FeatureSettings | None = None,
) -> pl.DataFrame:
    """Features of instruments' blocks, one row per instrument and grid time.

    Args:
        blocks: for each instrument its market blocks in order.
        features: columns wanted, all where None.
        settings: kernels' settings.

    Returns:
        ``instrument, local_ns`` and the features, sorted by local time, then instrument.

    Raises:
        UsageError: an unknown feature.
        DataError: a block carries a fault.
    """
    settings = settings or FeatureSettings()
    wanted = list(FEATURES) if features is None else list(features)
    unknown = [name for name in wanted if name not in FEATURES]
    if unknown:
        raise UsageError(f"unknown features {', '.join(unknown)}; there are {', '.join(FEATURES)}")
    frames = []
    for instrument, parts in blocks:
        core = settings.core(instrument)
        for part in parts:
            rows = core.process(part)
            if len(rows):
                frame = pl.DataFrame(rows).select("local_ns", *wanted)
                frames.append(frame.select(pl.lit(instrument.key).alias("instrument"), pl.all()))
            if part.fault is not None:
                raise DataError(part.fault)
    if not frames:
        raise DataError("the capture holds no usable sample: it is shorter than one sampling step")
    return pl.concat(frames).sort("local_ns", "instrument")
