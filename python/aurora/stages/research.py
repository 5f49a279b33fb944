"""Research is streaming run to the end: the Market stage over captures, its rows as one polars frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aurora._core import FeatureBlock, MarketBlock
from aurora.capture import CaptureSet, CaptureSettings
from aurora.errors import DataError, UsageError
from aurora.features import (
    CATALOGUE,
    UNDEFINED_REASONS,
    Feature,
    FeatureFactory,
    FeatureSettings,
    checked_column,
    user_features,
)
from aurora.stages.market import MarketStage

WIDE_SLICES = CaptureSettings(slice_ms=60_000)
"""For reading that nobody waits for slice by slice: what a slice costs beside its events is paid once a minute."""


def whole_reading(
    *, skip_bad_lines: bool = False, unsynchronised: bool = False, market: str | None = None
) -> CaptureSettings:
    """How captures are read from end to end by those that have no settings file; see :class:`CaptureSettings`."""
    return CaptureSettings(
        slice_ms=WIDE_SLICES.slice_ms,
        bad_lines="skip" if skip_bad_lines else "fatal",
        unsynchronised=unsynchronised,
        market=market,
    )


_EVERY = re.compile(r"(\d+)\s*(ms|s|m|h)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_REASON = pl.Enum(list(UNDEFINED_REASONS.values()))
_REASON_NAMES = np.array([None, *UNDEFINED_REASONS.values()], dtype=object)


def sampled(settings: FeatureSettings, every: str | None) -> FeatureSettings:
    """Settings with rows written ``every``: ``touch``, ``trade``, or a grid such as ``50ms``, ``1s``, ``1m``.

    Raises:
        UsageError: ``every`` is none of these.
    """
    if every is None:
        return settings
    if every in ("touch", "trade"):
        return settings.model_copy(update={"sampling": every})
    matched = _EVERY.fullmatch(every)
    if matched is None or int(matched[1]) == 0:
        raise UsageError(f"every is {every!r}; give touch, trade, or a time such as 50ms, 1s or 1m")
    step = int(matched[1]) * _MILLISECONDS[matched[2]]
    return FeatureSettings.model_validate({**settings.model_dump(), "sampling": "grid", "sample_ms": step})


class _Columns:
    """The Market stage of one instrument with its users' features, block in, frame out."""

    def __init__(
        self,
        key: str,
        stage: MarketStage,
        own: list[tuple[str, Feature]],
        wanted: list[str],
        reasons: bool,
    ):
        self._key = key
        self._stage = stage
        self._own = own
        self._wanted = wanted
        self._reasons = reasons

    def process(self, message: Any) -> list[pl.DataFrame]:
        frames = []
        for answer in self._stage.process([message]):
            rows = answer.features
            own = [
                (name, checked_column(name, f.process(message.block, rows), len(rows)))
                for name, f in self._own
            ]
            if len(rows):
                frames.append(self._frame(rows, own))
        return frames

    def _frame(self, rows: FeatureBlock, own: list[tuple[str, Any]]) -> pl.DataFrame:
        frame = pl.DataFrame(rows)
        if own:
            frame = frame.with_columns(pl.Series(name, column).fill_nan(None) for name, column in own)
        names = []
        for name in self._wanted:
            names.append(name)
            if self._reasons and name in CATALOGUE and frame.schema[name] == pl.Float64:
                reason = _REASON_NAMES[rows.reasons(name)].tolist()
                frame = frame.with_columns(pl.Series(f"{name}_reason", reason, dtype=_REASON))
                names.append(f"{name}_reason")
        instrument = pl.lit(self._key).alias("instrument")
        return frame.select(instrument, "local_ns", *names)


def compute_features(
    paths: Sequence[str | Path],
    features: Sequence[str] | None = None,
    settings: FeatureSettings | None = None,
    capture: CaptureSettings | None = None,
    *,
    every: str | None = None,
    reasons: bool = False,
    own: dict[str, FeatureFactory] | None = None,
) -> pl.DataFrame:
    """Features of captures, one row per instrument and sampling time; see :func:`aurora.features.compute`.

    Args:
        paths: capture files, directories, or a catalogue; files of a symbol in time order.
        features: columns wanted; the fixed ones where None, with those that ``settings.extra`` names.
        own: features of users' own by name, beside those that installed packages offer.

    Returns:
        ``instrument, local_ns`` and the features, sorted by local time, then instrument. Null where undefined.

    Raises:
        UsageError: an unknown feature, or ``every`` that is no time.
        DataError: a capture cannot be used, or holds no sample.
    """
    settings = sampled(settings or FeatureSettings(), every)
    fixed = [name for name, info in CATALOGUE.items() if info.fixed]
    wanted = [*fixed, *settings.extra] if features is None else list(dict.fromkeys(features))
    factories = dict(own or {})
    if any(name not in CATALOGUE and name not in factories for name in wanted):
        factories = {**user_features(), **factories}
    unknown = [name for name in wanted if name not in CATALOGUE and name not in factories]
    if unknown:
        known = ", ".join([*CATALOGUE, *factories])
        raise UsageError(f"unknown features {', '.join(unknown)}; there are {known}")
    extra = tuple(name for name in wanted if name in CATALOGUE and not CATALOGUE[name].fixed)
    settings = settings.model_copy(update={"extra": extra})
    captures = CaptureSet(paths, capture or WIDE_SLICES)
    columns = {
        key: _Columns(
            key,
            MarketStage(
                instrument,
                settings,
                clock_offset_ns=captures.offset_of(key),
                unsynchronised=captures.settings.unsynchronised,
            ),
            [(name, factories[name](instrument)) for name in wanted if name not in CATALOGUE],
            wanted,
            reasons,
        )
        for key, instrument in captures.instruments.items()
    }
    frames: list[pl.DataFrame] = []
    for stream in captures.streams:
        reader = captures.open(stream)
        while (messages := reader.next()) is not None:
            for message in messages:
                frames.extend(columns[message.instrument].process(message))
                block: MarketBlock = message.block
                if block.fault is not None:
                    raise DataError(block.fault)
    if not frames:
        raise DataError("no sample: the capture is shorter than one sampling step")
    return pl.concat(frames).sort("local_ns", "instrument", maintain_order=True)
