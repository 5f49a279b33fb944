"""Fitting the features that need parameters, from captures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from aurora._core import FeatureFit
from aurora.capture import CaptureSet, CaptureSettings
from aurora.errors import DataError, UsageError
from aurora.stages.research import WIDE_SLICES

FitKind = Literal["microprice", "integrated_ofi"]


def fit_feature(
    kind: FitKind,
    paths: Sequence[str | Path],
    *,
    imbalance_buckets: int = 9,
    spread_buckets: int = 2,
    sample_ms: int = 100,
    minimum: int | None = None,
    instrument: str | None = None,
    capture: CaptureSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Fits the microprice table (Stoikov 2018) or the weights of the integrated order flow (Cont, Cucuringu,
    Zhang 2023) on the captures of one instrument.

    Args:
        minimum: visits that a state needs (microprice, 50 where None), or rows in all (integrated flow, 100).
        instrument: key such as ``binance_usdm:BTCUSDT``; may be left out where the captures hold one.

    Returns:
        What ``KernelSettings`` reads: ``kind, instrument, fitted`` and what it was fitted on.

    Raises:
        UsageError: no such instrument, or several and none named.
        DataError: a capture cannot be used, or holds too little.
    """
    captures = CaptureSet(paths, capture or WIDE_SLICES)
    keys = list(captures.instruments)
    if instrument is None and len(keys) > 1:
        raise UsageError(f"the captures hold {', '.join(keys)}; name one of them as the instrument")
    key = instrument or keys[0]
    if key not in captures.instruments:
        raise UsageError(f"no {key} in the captures; they hold {', '.join(keys)}")
    fit = FeatureFit(
        captures.instruments[key],
        imbalance_buckets=imbalance_buckets,
        spread_buckets=spread_buckets,
        sample_ns=sample_ms * 1_000_000,
    )
    messages = 0
    for stream in captures.streams:
        reader = captures.open(stream)
        while (answers := reader.next()) is not None:
            for message in answers:
                if message.block.fault is not None:
                    raise DataError(message.block.fault)
                if message.instrument == key:
                    fit.process(message.block)
                    messages += len(message.block)
            if progress is not None:
                progress(messages)
    facts: dict[str, Any] = {"kind": kind, "instrument": key, "messages": messages}
    if kind == "microprice":
        transitions, moves = fit.transitions()
        facts |= {"transitions": transitions, "moves": moves}
        facts["fitted"] = json.loads(fit.microprice(50 if minimum is None else minimum))
    else:
        facts["rows"] = fit.rows()
        weights, explained = fit.integrated_ofi(100 if minimum is None else minimum)
        facts |= {"explained": explained, "fitted": json.loads(weights)}
    return facts
