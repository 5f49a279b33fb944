"""Quality of the real captures: clean, with a receive clock 1.27 s behind; every figure recomputed from the lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora.capture import CaptureSet, capture_info, cross_check
from aurora.features import FeatureSettings
from aurora.stages import MarketStage

CAPTURES = {
    "binance_usdm:BTCUSDT": ("usdm/btcusdt_20240808.gz",),
    "binance_usdm:ETHUSDT": ("usdm/ethusdt_20240808.gz",),
    "binance_spot:BTCUSDT": ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"),
    "binance_spot:ETHUSDT": ("spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz"),
    "binance_coinm:BTCUSD_PERP": ("cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"),
}


@pytest.fixture(scope="module")
def paths(captures: Path) -> dict[str, list[Path]]:
    return {key: [captures / "hftbacktest" / name for name in names] for key, names in CAPTURES.items()}


@pytest.fixture(scope="module")
def qualities(paths: dict[str, list[Path]]) -> dict[str, dict[str, Any]]:
    reports, faults = capture_info([path for files in paths.values() for path in files])
    assert faults == []
    return {key: report["quality"] for key, report in reports.items()}


def frames(paths: list[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    for path in paths:
        with gzip.open(path) as file:
            for line in file:
                received, frame = line.split(b" ", 1)
                yield int(received), json.loads(frame)


@pytest.mark.parametrize("key", CAPTURES)
def test_a_real_capture_is_clean(key: str, qualities: dict[str, dict[str, Any]]) -> None:
    quality = qualities[key]
    assert (quality["grade"], quality["reasons"]) == ("A", [])
    for name in (
        "gaps",
        "duplicates",
        "crossed",
        "late",
        "stale_s",
        "unsynchronised_s",
        "outlier_prints",
        "unconfirmed_prints",
        "no_market_trades",
        "off_tick_prices",
        "bad_lines",
    ):
        assert quality[name] == 0, name
    assert quality["coarser_tick_size"] is None
    assert quality["awaiting_s"] < 0.5
    assert quality["longest_pause_s"] < 0.5


@pytest.mark.parametrize("key", CAPTURES)
def test_latencies_are_those_of_the_lines(
    key: str, paths: dict[str, list[Path]], qualities: dict[str, dict[str, Any]]
) -> None:
    """Exchange time is `T`, else `E`; what has neither, and snapshots, cannot be compared."""
    received, latencies, unstamped = [], [], 0
    for time, frame in frames(paths[key]):
        body = frame.get("data")
        stamp = None if body is None else body.get("T", body.get("E"))
        if body is not None and stamp is not None:
            received.append(time)
            latencies.append(time - stamp * 10**6)
        elif body is not None:
            unstamped += 1
    values = np.array(latencies)
    quality = qualities[key]
    assert quality["latency_compared"] == len(values)
    assert quality["latency_min_ms"] == values.min() / 1e6
    assert quality["latency_max_ms"] == values.max() / 1e6
    # The provenance sheet counts from `E`, the venue's sending: T lies a little before it.
    assert quality["clock_offset_ms"] == pytest.approx(np.median(values) / 1e6, abs=0.5)
    assert -1277 <= quality["clock_offset_ms"] <= -1255
    assert quality["negative_latency_share"] == 1.0
    # A bare snapshot of futures carries a time of its own, that of spot none.
    spot = "spot" in key
    assert quality["exchange_time_estimated_share"] == (unstamped + spot) / quality["messages"]

    minutes = np.array(received) // (60 * 10**9)
    fastest = [
        (m, values[minutes == m].min() / 1e6) for m in np.unique(minutes) if (minutes == m).sum() >= 10
    ]
    times, smallest = np.array(fastest).T
    slope = np.polyfit(times, smallest, 1)[0]
    assert quality["clock_drift_ppm"] == pytest.approx(slope / 60 * 1000, abs=0.01)
    assert quality["clock_step_ms"] == pytest.approx(np.abs(np.diff(smallest)).max(), abs=1e-6)


def test_all_streams_see_one_clock_drift(qualities: dict[str, dict[str, Any]]) -> None:
    """They were recorded by one machine; only its clock is common to three venues."""
    drifts = [quality["clock_drift_ppm"] for quality in qualities.values()]
    assert all(-6.5 < drift < -3.5 for drift in drifts), drifts


@pytest.mark.parametrize("key", ["binance_usdm:ETHUSDT", "binance_spot:BTCUSDT"])
def test_a_replay_says_the_same(
    key: str, paths: dict[str, list[Path]], qualities: dict[str, dict[str, Any]]
) -> None:
    captures = CaptureSet(paths[key])
    stage = MarketStage(captures.instruments[key], FeatureSettings(), clock_offset_ns=captures.offset_of(key))
    reader = captures.open(captures.streams[0])
    quality = None
    while (messages := reader.next()) is not None:
        for answer in stage.process(messages):
            quality = answer.quality or quality
    assert quality == qualities[key]


def test_a_capture_agrees_with_itself_and_has_a_basis_to_spot(paths: dict[str, list[Path]]) -> None:
    perpetual, spot = paths["binance_usdm:BTCUSDT"], paths["binance_spot:BTCUSDT"]
    [same] = cross_check(perpetual, perpetual)
    assert same.agrees is True
    assert (same.median_absolute_difference_bps, same.p99_absolute_difference_bps) == (0, 0)
    assert (same.clock_lag_ms, same.receive_clock_difference_ms) == (0, 0)
    assert same.lag_correlation == pytest.approx(1)
    assert (same.missing_in_first, same.missing_in_second, same.unequal_trades) == (0, 0, 0)
    # Ends of the first and last millisecond are left out.
    assert 21313 - 4 <= same.trades_first == same.trades_second < 21313

    [basis] = cross_check(perpetual, spot)
    assert (basis.agrees, basis.same_instrument, basis.disagreements) == (None, False, ())
    assert basis.missing_in_first is None
    assert 340 < basis.overlap_s < 345
    assert basis.median_difference_bps is not None
    assert -5 < basis.median_difference_bps < -2
    # The provenance sheet finds 120 ms by receive time; spot's matching is what takes the time.
    assert basis.clock_lag_ms is not None
    assert 80 <= basis.clock_lag_ms <= 180
    assert abs(basis.receive_clock_difference_ms) < 20
