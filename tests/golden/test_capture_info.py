"""Every figure of the captures' provenance sheet, which an independent plain-Python book computed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from command_line import run_command

from aurora.capture import capture_info


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    key: str
    files: tuple[str, ...]
    seconds: float
    by_stream: dict[str, int]
    snapshot_id: int
    stale: int
    applied: int
    level_updates: int
    tickers_compared: int
    final_update_id: int
    levels: list[int]
    bids: str
    asks: str
    trades: int
    trade_qty: str
    clock_offset_ms: tuple[int, int, int]
    """Smallest, median, largest of receive time minus event time over the whole capture."""
    tick_size: str
    lot_size: str
    digest: str


RUNS = (
    Golden(
        key="binance_usdm:BTCUSDT",
        files=("usdm/btcusdt_20240808.gz",),
        seconds=344.803,
        by_stream={"depth@0ms": 6551, "bookTicker": 66089, "trade": 21313, "snapshot": 1},
        snapshot_id=5123107852948,
        stale=4,
        applied=6547,
        level_updates=443262,
        tickers_compared=629,
        final_update_id=5123135475514,
        levels=[5018, 4578],
        bids="61659.7x1.486 61659x0.002 61658.1x0.033 61658x6.718 61657.9x0.007",
        asks="61659.8x0.981 61659.9x0.188 61660x7.977 61662x0.002 61663x0.13",
        trades=21313,
        trade_qty="2429.366",
        clock_offset_ms=(-1273, -1270, -1220),
        tick_size="0.1",
        lot_size="0.001",
        digest="8866af8c22e6c2acc9f24d5a75344d1e796135849ed034ff5422d62e45e74907",
    ),
    Golden(
        key="binance_usdm:ETHUSDT",
        files=("usdm/ethusdt_20240808.gz",),
        seconds=344.793,
        by_stream={"depth@0ms": 6586, "bookTicker": 53992, "trade": 14076, "snapshot": 1},
        snapshot_id=5123107856276,
        stale=5,
        applied=6581,
        level_updates=428411,
        tickers_compared=551,
        final_update_id=5123135545737,
        levels=[3181, 3013],
        bids="2681.38x8.486 2681.36x0.04 2681.32x0.031 2681.28x0.015 2681.27x0.009",
        asks="2681.39x22.624 2681.45x1 2681.46x5.674 2681.47x1 2681.5x2.5",
        trades=14076,
        trade_qty="9164.948",
        clock_offset_ms=(-1273, -1270, -1215),
        tick_size="0.01",
        lot_size="0.001",
        digest="b794087e3a38f910dca0caddedeaf88c511dace9acb838e61be53c4ee85720bb",
    ),
    Golden(
        key="binance_spot:BTCUSDT",
        files=("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"),
        seconds=650.598,
        by_stream={"depth@100ms": 6495, "bookTicker": 73174, "trade": 19904, "snapshot": 1},
        snapshot_id=50093239218,
        stale=2,
        applied=6493,
        level_updates=298094,
        tickers_compared=1072,
        final_update_id=50093696318,
        levels=[1971, 2962],
        bids="61602.01x1.67177 61602x0.09122 61601.75x0.03197 61601.59x0.00009 61601.58x0.32456",
        asks="61602.02x2.66795 61602.79x0.00019 61602.8x0.26021 61603.5x0.0649 61604x0.0902",
        trades=19904,
        trade_qty="437.91552000",
        clock_offset_ms=(-1277, -1274, -1250),
        tick_size="0.01",
        lot_size="0.00001",
        digest="53d45baf0a841e02abe706cb64f0b87295e724816d3bb2e8a85650f9007a39cc",
    ),
    Golden(
        key="binance_spot:ETHUSDT",
        files=("spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz"),
        seconds=650.519,
        by_stream={"depth@100ms": 6470, "bookTicker": 58758, "trade": 14515, "snapshot": 1},
        snapshot_id=35346513512,
        stale=2,
        applied=6468,
        level_updates=272752,
        tickers_compared=1056,
        final_update_id=35346924199,
        levels=[1744, 1665],
        bids="2677.6x13.0449 2677.58x3.7335 2677.51x0.5401 2677.5x0.9001 2677.45x1.2113",
        asks="2677.61x4.5232 2677.65x0.004 2677.66x2.086 2677.75x4.6411 2677.76x2.086",
        trades=14515,
        trade_qty="4272.72410000",
        clock_offset_ms=(-1277, -1274, -1259),
        tick_size="0.01",
        lot_size="0.0001",
        digest="c86e75c1be5ba8131952337346ecaaa30c5eed27f0fed97c6ac7f2907f1a39ca",
    ),
    Golden(
        key="binance_coinm:BTCUSD_PERP",
        files=("cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"),
        seconds=647.359,
        by_stream={"depth@0ms": 44795, "bookTicker": 48355, "trade": 5235, "snapshot": 1},
        snapshot_id=1007198635033,
        stale=23,
        applied=44772,
        level_updates=659405,
        tickers_compared=1885,
        final_update_id=1007206781963,
        levels=[1510, 1733],
        bids="61600x27 61596.9x1 61596x145 61595x2 61594.2x10",
        asks="61600.1x1647 61600.4x1 61600.5x30 61601.1x30 61601.9x418",
        trades=5235,
        trade_qty="182183",
        clock_offset_ms=(-1275, -1269, -1241),
        tick_size="0.1",
        lot_size="1",
        digest="c6b4d74bd81a5698c59efb2a7702b955ecef104515aacb380f94a1513ef7194b",
    ),
)
MESSAGES = {
    "binance_usdm:BTCUSDT": 93954,
    "binance_usdm:ETHUSDT": 74655,
    "binance_spot:BTCUSDT": 99574,
    "binance_spot:ETHUSDT": 79744,
    "binance_coinm:BTCUSD_PERP": 98386,
}


@pytest.fixture(scope="module")
def feed(captures: Path) -> Path:
    return captures / "hftbacktest"


@pytest.fixture(scope="module")
def command_report(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All captures at once through the real command; files of one symbol in time order, symbols in any order."""
    paths = [feed / name for run in reversed(RUNS) for name in run.files]
    answer = run_command("data", "info", *paths, "--json", cwd=tmp_path_factory.mktemp("info")).done()
    assert answer.err == ""
    assert set(answer.json) == {"symbols"}
    return dict(answer.json["symbols"])


def test_the_command_reports_every_instrument_and_no_other(command_report: dict[str, Any]) -> None:
    assert sorted(command_report) == sorted(run.key for run in RUNS)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.key)
def test_report_equals_every_golden_fact(run: Golden, command_report: dict[str, Any]) -> None:
    report = command_report[run.key]
    assert report["messages"] == MESSAGES[run.key] == sum(run.by_stream.values())
    assert report["by_stream"] == run.by_stream
    assert report["snapshot_id"] == run.snapshot_id
    assert report["depth_stale"] == run.stale
    assert report["depth_applied"] == run.applied
    assert report["level_updates"] == run.level_updates
    assert report["gaps"] == 0
    assert report["crossed"] == 0
    assert report["ticker_same_id"] == report["ticker_equal"] == run.tickers_compared
    assert report["final_update_id"] == run.final_update_id
    assert report["levels"] == run.levels
    assert " ".join("x".join(level) for level in report["bids"]) == run.bids
    assert " ".join("x".join(level) for level in report["asks"]) == run.asks
    assert report["trades"] == run.trades
    assert isinstance(report["trade_qty"], str)
    assert Decimal(report["trade_qty"]) == Decimal(run.trade_qty)
    assert report["digest"] == run.digest
    assert report["grade"] == "A"
    assert round((report["last_ts"] - report["first_ts"]) / 1e9, 3) == run.seconds
    assert Decimal(report["tick_size"]) == Decimal(run.tick_size)
    assert Decimal(report["lot_size"]) == Decimal(run.lot_size)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.key)
def test_clock_offset_is_that_of_the_capture(run: Golden, command_report: dict[str, Any]) -> None:
    smallest, median, largest = run.clock_offset_ms
    offset = command_report[run.key]["clock_offset_ms"]
    assert smallest <= offset <= largest
    # It is estimated from the first 1,000 messages alone.
    assert abs(offset - median) <= 5


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.key)
def test_a_symbol_alone_reports_the_same(run: Golden, feed: Path, command_report: dict[str, Any]) -> None:
    reports, faults = capture_info([feed / name for name in run.files])
    assert faults == []
    assert reports == {run.key: command_report[run.key]}


def test_plain_text_and_two_halves_report_as_the_gzip_file(
    feed: Path, tmp_path: Path, command_report: dict[str, Any]
) -> None:
    run = RUNS[1]
    content = gzip.decompress((feed / run.files[0]).read_bytes())
    middle = content.index(b"\n", len(content) // 2) + 1
    halves = [tmp_path / "first.txt", tmp_path / "second.gz"]
    halves[0].write_bytes(content[:middle])
    halves[1].write_bytes(gzip.compress(content[middle:], 1))
    reports, faults = capture_info(halves)
    assert faults == []
    assert reports == {run.key: command_report[run.key]}


def test_a_second_file_alone_has_no_snapshot(feed: Path) -> None:
    run = RUNS[2]
    reports, faults = capture_info([feed / run.files[1]])
    assert faults == []
    report = reports[run.key]
    assert report["grade"] == "F"
    assert report["snapshot_id"] == 0
    assert report["depth_applied"] == 0
    assert report["gaps"] == 0
    assert report["bids"] == report["asks"] == []
