"""Research is streaming run to the end: the Market stage over captures, its rows as one polars frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from aurora.capture import CaptureSet, CaptureSettings
from aurora.errors import DataError, UsageError
from aurora.features import FEATURES, FeatureSettings
from aurora.stages.market import MarketStage


def compute_features(
    paths: Sequence[str | Path],
    features: Sequence[str] | None = None,
    settings: FeatureSettings | None = None,
    capture: CaptureSettings | None = None,
) -> pl.DataFrame:
    """Features of captures, one row per instrument and grid time.

    Args:
        paths: capture files or directories; files of a symbol in time order.
        features: columns wanted (see :data:`aurora.features.FEATURES`), all where None.

    Returns:
        ``instrument, local_ns`` and the features, sorted by local time, then instrument. Null where undefined.

    Raises:
        UsageError: an unknown feature.
        DataError: a capture cannot be used, or holds no sample.
    """
    wanted = list(FEATURES) if features is None else list(features)
    unknown = [name for name in wanted if name not in FEATURES]
    if unknown:
        raise UsageError(f"unknown features {', '.join(unknown)}; there are {', '.join(FEATURES)}")
    captures = CaptureSet(paths, capture)
    stages = {key: MarketStage(i, settings or FeatureSettings()) for key, i in captures.instruments.items()}
    frames = []
    for stream in captures.streams:
        reader = captures.open(stream)
        while (messages := reader.next()) is not None:
            for message in messages:
                for answer in stages[message.instrument].process([message]):
                    if len(answer.features):
                        frame = pl.DataFrame(answer.features).select("local_ns", *wanted)
                        frames.append(frame.select(pl.lit(message.instrument).alias("instrument"), pl.all()))
                if message.block.fault is not None:
                    raise DataError(message.block.fault)
    if not frames:
        raise DataError("no sample: the capture is shorter than one sampling step")
    return pl.concat(frames).sort("local_ns", "instrument")
