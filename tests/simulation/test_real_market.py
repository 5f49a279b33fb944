"""Six real minutes of BTC and ETH: one result, however time is cut and whoever runs it."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from replays import Run, assert_nothing_twice, assert_same_records, read_captures, replay, with_numbers


def test_it_trades(probe_run: Run) -> None:
    summary = probe_run.summary
    assert summary["orders"] >= 100
    assert summary["fills"] >= 20
    assert summary["signals"] == summary["decisions"] == sum(summary["reasons"].values())
    assert summary["data_grade"] == "A"
    assert summary["stopped"] is False
    assert_nothing_twice(probe_run)


def test_twice_is_the_same(probe_run: Run, real_paths: list[Path], tmp_path: Path) -> None:
    again = replay(real_paths, tmp_path / "out")
    assert_same_records(again, probe_run)
    assert again.summary["run_id"] == probe_run.summary["run_id"]
    placed = [row for row in again.table("orders").iter_rows(named=True) if row["event"] == "placed"]
    assert placed, "client ids were compared of something"


@pytest.mark.parametrize("slice_ms", [1, 7, 333, 60_000, 0])
def test_cuts_carry_no_meaning(probe_run: Run, real_paths: list[Path], tmp_path: Path, slice_ms: int) -> None:
    cut = replay(real_paths, tmp_path / "out", slice_ms=slice_ms)
    assert cut.digests == probe_run.digests
    assert cut.ledger() == probe_run.ledger()
    for name in ("orders", "outcomes", "equity"):
        assert cut.table(name).equals(probe_run.table(name), null_equal=True), name
    assert cut.summary["run_id"] == probe_run.summary["run_id"]
    assert cut.summary["abstained"] == probe_run.summary["abstained"]


@pytest.mark.parametrize("processes", [1, 2])
def test_bytewax_is_the_same(probe_run: Run, real_paths: list[Path], tmp_path: Path, processes: int) -> None:
    pytest.importorskip("bytewax")
    run = replay(real_paths, tmp_path / "out", runner="bytewax", processes=processes)
    assert_same_records(run, probe_run)


def test_the_order_of_the_arguments_carries_no_meaning(
    probe_run: Run, real_paths: list[Path], tmp_path: Path
) -> None:
    assert replay(reversed(real_paths), tmp_path / "out").digests == probe_run.digests


def _one_more_lot(index: int) -> Callable[[bytes], bytes]:
    """Adds one lot to one size of a line: 0 the first one printed."""

    def change(line: bytes) -> bytes:
        sizes = 0

        def add(quanta: int, is_price: bool) -> int:
            nonlocal sizes
            sizes += not is_price
            return quanta + (not is_price and sizes == index + 1)

        return with_numbers(line, add)

    return change


def _changed(
    paths: list[Path], symbol: str, stream: str, how: Callable[[bytes], bytes], to: Path
) -> list[Path]:
    """The captures with one line of one stream changed, half way through a file."""
    path = next(path for path in paths if path.name.startswith(symbol))
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    mark = f'"stream":"{symbol}@{stream}'.encode()
    middle = next(i for i in range(len(lines) // 2, len(lines)) if mark in lines[i][:80])
    before, lines[middle] = lines[middle], how(lines[middle])
    assert before != lines[middle]
    assert len(before) == len(lines[middle])
    changed = to / path.name.removesuffix(".gz")
    changed.write_bytes(b"".join(lines))
    return [changed if p == path else p for p in paths]


@pytest.mark.parametrize("symbol", ["ethusdt", "btcusdt"])
@pytest.mark.parametrize("stream", ["bookTicker", "trade", "depth"])
def test_one_lot_more_changes_the_digest(
    probe_run: Run, real_paths: list[Path], tmp_path: Path, stream: str, symbol: str
) -> None:
    """A decision carries the hash of all that the universe went through before it, the leader's book included."""
    paths = _changed(real_paths, symbol, stream, _one_more_lot(0), tmp_path)
    run = replay(paths, tmp_path / "out")
    assert run.digests[0] != probe_run.digests[0]
    assert run.summary["run_id"] != probe_run.summary["run_id"]
    assert run.journal.verify().ok


def test_the_leader_s_prices_change_the_digest(
    probe_run: Run, real_paths: list[Path], tmp_path: Path
) -> None:
    """Five hundred lines of another BTC price: ETH is decided on otherwise, though nothing of ETH was touched."""
    leader = read_captures(real_paths)[0]
    middle = int(probe_run.table("decisions")["local_ns"].median())

    def dearer(line: bytes) -> bytes:
        return with_numbers(line, lambda quanta, is_price: quanta + 2000 * is_price)

    lines = iter(range(10**9))
    changed = leader.write(tmp_path, middle, 2**62, lambda line: dearer(line) if next(lines) < 500 else line)
    run = replay([changed, real_paths[1]], tmp_path / "out")
    assert run.digests[0] != probe_run.digests[0]


def test_the_default_config_says_why_it_stands_aside(real_paths: list[Path], tmp_path: Path) -> None:
    run = replay(real_paths, tmp_path / "out", config=None)
    summary = run.summary
    told = sum(summary["reasons"].values()) + sum(summary["abstained"].values())
    assert told > 0
    slices = run.table("slices")
    assert told == int(slices["samples"].sum()), "every sample of a follower is accounted for"
    assert summary["samples"] == int(slices["samples"].sum())


def test_events_are_counted_alike(probe_run: Run, real_paths: list[Path]) -> None:
    from aurora.capture import capture_info

    reports, faults = capture_info(real_paths)
    assert not faults
    counted: dict[str, Any] = {key: row["events"] for key, row in probe_run.summary["data_quality"].items()}
    assert sum(counted.values()) == probe_run.summary["events"]
    for key, report in reports.items():
        assert report["messages"] == probe_run.summary["data_quality"][key]["messages"]
        assert report["grade"] == probe_run.summary["data_quality"][key]["grade"]


def test_one_absurd_exchange_time_holds_nothing_back(
    probe_run: Run, real_paths: list[Path], tmp_path: Path
) -> None:
    """Believed, a stamp an hour ahead would let everything the venue matches wait for an hour that never comes."""

    def an_hour_on(line: bytes) -> bytes:
        return re.sub(rb'"T":(\d+)', lambda m: b'"T":%d' % (int(m[1]) + 3_600_000), line)

    paths = _changed(real_paths, "ethusdt", "bookTicker", an_hour_on, tmp_path)
    run = replay(paths, tmp_path / "out")
    assert run.summary["orders"] > 0.9 * probe_run.summary["orders"]
    assert run.summary["fills"] > 0.9 * probe_run.summary["fills"]
