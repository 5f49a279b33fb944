"""`compute` on a capture beside plain Python on its lines, feature by feature."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import polars as pl
from reference_features import ReferenceFeatures, Row, Scales, same_cell

from aurora.capture import CaptureSet
from aurora.features import FeatureSettings, KernelSettings, compute

SECOND = 10**9
INTEGERS = ["quoted_spread", "spread_ticks", "tfi_window", *(f"mlofi_{n}" for n in range(1, 6))]
INTEGERS += [f"{what}_{w}bps" for w in (5, 10, 25) for what in ("depth_bid", "depth_ask", "book_pressure")]
"""Sums of integers until a last division: equal to the bit."""
ROUNDED = [
    *("obi_weighted", "microprice", "integrated_ofi"),
    *("cancel_rate", "cancel_share", "trade_to_book_ratio", "trade_to_book_volume_ratio"),
    *(f"queue_{what}_rate_{side}" for what in ("arrival", "cancel", "take") for side in ("bid", "ask")),
    *(
        "vpin",
        "kyle_lambda",
        "roll_spread",
        "effective_spread_bps",
        "realised_spread_bps",
        "price_impact_bps",
    ),
    *("trade_rate", "trade_volume_rate", "trade_count_imbalance"),
    *("realised_volatility_window", "bipower_volatility", "two_scale_volatility", "ewma_mid", "atr_14"),
]
FEATURES = [*INTEGERS, *ROUNDED]

QUICK = KernelSettings(
    imbalance_decay=0.3,
    rate_half_life_ms=300,
    attribution_ms=200,
    trade_window_ms=700,
    vpin_bucket=60,
    vpin_buckets=7,
    kyle_interval_ms=100,
    kyle_intervals=30,
    kyle_minimum_intervals=6,
    roll_trades=12,
    spread_horizon_ms=150,
    spread_half_life_ms=400,
    volatility_step_ms=40,
    volatility_samples=25,
    volatility_minimum_samples=6,
    two_scale_changes=24,
    two_scale_subgrids=3,
    two_scale_minimum_changes=8,
    mid_half_life_ms=70,
)
"""Windows short enough to fill, slide and run empty within seconds."""


@dataclass(frozen=True)
class Compared:
    """Times, and by feature what is expected and what was computed: (value, reason)."""

    times: list[int]
    expected: list[Row]
    values: dict[str, list[float | None]]
    reasons: dict[str, list[str | None]]

    def check(self, name: str) -> None:
        wrong = [
            (time, row[name], value, reason)
            for time, row, value, reason in zip(
                self.times, self.expected, self.values[name], self.reasons[name], strict=True
            )
            if not same_cell(value, reason, row[name], exact=name in INTEGERS)
        ]
        assert not wrong, f"{len(wrong)} of {len(self.times)}: (time, expected, got, reason) {wrong[:3]}"


def compared(
    path: Path,
    lines: Sequence[bytes],
    every: str,
    given_settings: FeatureSettings,
    keep: int = 1,
    **fitted: Any,
) -> Compared:
    """`compute` on the file and plain Python on its lines; of rows of events only one in `keep`."""
    frame = compute(path, FEATURES, every, given_settings, reasons=True)
    reference = reference_for(path, given_settings, **fitted)
    if every in ("touch", "trade"):
        rows = reference.events(lines, every, keep)
        assert frame.height == len(rows)
        kept = [row is not None for row in rows]
        frame = frame.filter(pl.Series(kept))
        expected = [row for row in rows if row is not None]
    else:
        expected = reference.grid(lines, milliseconds(every) * 10**6)
    assert frame["local_ns"].to_list() == [time for time, _ in expected]
    return Compared(
        [time for time, _ in expected],
        [row for _, row in expected],
        {name: frame[name].to_list() for name in FEATURES},
        {name: frame[f"{name}_reason"].to_list() for name in FEATURES},
    )


def milliseconds(every: str) -> int:
    number, unit = (every[:-2], 1) if every.endswith("ms") else (every[:-1], 1000)
    return int(number) * unit


def reference_for(path: Path, given_settings: FeatureSettings, **fitted: Any) -> ReferenceFeatures:
    """Filters and clock are the capture's, as `compute` finds them: they are proved elsewhere."""
    captures = CaptureSet([path])
    [instrument] = captures.instruments.values()
    [offset_ns] = captures.clock_offset_ns.values()
    return ReferenceFeatures(
        Scales(instrument.price_scale, instrument.size_scale, instrument.tick),
        given_settings.kernels,
        given_settings.depth_levels,
        -offset_ns,
        **fitted,
    )


def first_minute(capture: Path, folder: Path) -> tuple[Path, list[bytes]]:
    """The first sixty seconds of a capture file, as a file and as lines."""
    with gzip.open(capture, "rb") as file:
        first = int(file.readline().split(b" ", 1)[0])
        file.seek(0)
        lines = list(takewhile(lambda line: int(line.split(b" ", 1)[0]) < first + 60 * SECOND, file))
    path = folder / "minute.txt"
    path.write_bytes(b"".join(lines))
    return path, lines
