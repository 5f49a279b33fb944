"""What the writer leaves on disk, what it refuses, and how it continues."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from aurora.errors import OutputError, RecoveryError, UsageError
from aurora.journal import InstrumentInfo, Journal, JournalWriter

TABLES = ("decisions", "orders", "fills", "outcomes", "equity", "slices")


def open_writer(directory: Path, make: Any, **arguments: Any) -> JournalWriter:
    return JournalWriter(directory, make.instruments, make.run, **arguments)


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_a_run_comes_back_as_it_went_in(tmp_path: Path, make: Any) -> None:
    ledger: list[bytes] = []
    writer = open_writer(tmp_path, make, ledger_sink=ledger.extend)
    writer.write(make.story())
    writer.close()
    journal = Journal.open(tmp_path)

    assert journal.run == make.run
    assert ledger == [b"one", b"two", b"three"]
    decisions = journal.decisions().collect()
    assert decisions["trace"].to_list() == ["0000000000001001", "0000000000001002", "0000000000001004"]
    assert decisions["sequence"].to_list() == [0, 1, 2]
    first = decisions.row(0, named=True)
    assert first["feature_hash"] == "fedcba9876543210"
    assert first["bid"] == Decimal("3000.01")
    assert first["ask_size"] == Decimal("2.1")
    assert first["equity"] == Decimal(10_000)
    assert first["size"] == Decimal("0.45")
    assert first["scalers"] == [{"name": "calibration", "value": 1.0}, {"name": "regime", "value": 0.5}]
    assert first["caps"][0] == {"name": "exposure", "size": Decimal("1.2")}
    second = decisions.row(1, named=True)
    assert (second["p"], second["size"], second["route"], second["caps"]) == (None, None, None, [])
    assert second["bid"] == Decimal("30000.1")
    fills = journal.fills().collect()
    assert fills["fee"].to_list() == [Decimal("0.27000090"), Decimal("0.40499955")]
    assert fills.schema["price"] == pl.Decimal(38, 8)
    equity = journal.equity().collect()
    assert equity["equity"].to_list() == [Decimal(10_000), Decimal(9_999), Decimal(10_001)]
    assert equity["cash"][0] == Decimal("9999.99999999")
    assert equity["positions"].to_list() == [[], [{"instrument": make.ETH, "size": Decimal("0.45")}], []]
    assert equity["mids"][0].to_list()[1] == {"instrument": make.ETH, "mid": 3000.015}
    assert journal.outcomes().collect()["return_bps"].to_list() == [5.0, None]
    assert journal.slices().collect()["samples"].to_list() == [10, 5]


def test_the_summary_counts(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    writer.write(make.story()[:2])
    writer.snapshot()
    assert not (tmp_path / "summary.json").exists()
    writer.write(make.story()[2:])
    before = writer.summary()
    writer.close()
    writer.close()
    summary = Journal.open(tmp_path).summary
    assert summary == before
    assert summary is not None
    assert summary["run_id"] == "r1"
    assert summary["pnl"] == {"net": "0.13"}
    assert summary["rate"] is None
    assert summary["events"] == 300
    assert summary["signals"] == summary["decisions"] == 3 == sum(summary["reasons"].values())
    assert summary["reasons"] == {"deny.net_edge": 1, "trade.maker": 1, "trade.taker": 1}
    assert (summary["intents"], summary["orders"], summary["fills"]) == (2, 3, 2)
    assert (summary["samples"], summary["abstained"]) == (15, {"warming_up": 7, "weak": 5})
    assert summary["faults"] == ["line 7 is half a line"]


def test_no_records_leave_empty_tables_and_the_zero_digest(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    writer.write([make.desk(end={})])
    writer.close()
    journal = Journal.open(tmp_path)
    assert journal.summary is not None
    assert journal.summary["decisions_digest"] == "00" * 32
    assert journal.verify().ok
    for table in TABLES:
        assert getattr(journal, table)().collect().is_empty()
        assert list((tmp_path / table).iterdir()) == []


def test_an_empty_table_has_the_columns_of_a_full_one(tmp_path: Path, make: Any) -> None:
    for name, records in (("full", make.story()), ("empty", [])):
        writer = open_writer(tmp_path / name, make)
        writer.write(records)
        writer.close()
    full, empty = Journal.open(tmp_path / "full"), Journal.open(tmp_path / "empty")
    for table in TABLES:
        assert getattr(empty, table)().collect_schema() == getattr(full, table)().collect_schema()


def test_one_part_per_snapshot_with_rows(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    for records in make.story():
        writer.write([records])
        writer.snapshot()
    writer.close()
    names = sorted(path.name for path in (tmp_path / "decisions").iterdir())
    assert names == ["part-000000.parquet", "part-000001.parquet"]
    assert len(list((tmp_path / "outcomes").iterdir())) == 1


def test_a_full_buffer_does_not_wait(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aurora.journal.writer.BUFFERED_ROWS", 2)
    writer = open_writer(tmp_path, make)
    writer.write([make.desk(number, decisions=[make.decision(number)]) for number in range(5)])
    assert len(list((tmp_path / "decisions").iterdir())) == 2
    writer.close()
    journal = Journal.open(tmp_path)
    assert journal.decisions().collect()["sequence"].to_list() == [0, 1, 2, 3, 4]
    assert journal.verify().ok


def test_finer_instruments_widen_the_scale(tmp_path: Path, make: Any) -> None:
    instruments = {make.ETH: InstrumentInfo(12, 0, 1, 1)}
    writer = JournalWriter(tmp_path, instruments, make.run)
    fill = make.fill(1, price=1, size=2**62, fee=-(10**30))
    writer.write([make.desk(fills=[fill])])
    writer.close()
    row = Journal.open(tmp_path).fills().collect().row(0, named=True)
    assert row["price"] == Decimal("0.000000000001")
    assert row["size"] == Decimal(2**62)
    assert row["fee"] == Decimal(-(10**22))
    assert Journal.open(tmp_path).verify().ok


def test_other_tools_read_the_decimals(tmp_path: Path, make: Any) -> None:
    duckdb = pytest.importorskip("duckdb")
    writer = open_writer(tmp_path, make)
    writer.write(make.story())
    writer.close()
    query = f"select sum(-side * price * size - fee) from '{tmp_path}/fills/*.parquet'"
    with duckdb.connect() as connection:
        assert connection.execute(query).fetchone() == (Decimal("-0.00000045"),)


# What it refuses


def test_an_unwritable_directory_is_refused_at_once(tmp_path: Path, make: Any) -> None:
    (tmp_path / "file").write_text("no directory")
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"cannot write .*file.*: .+; choose"):
            open_writer(directory, make)


def test_an_earlier_run_is_refused_and_overwritten_on_request(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    writer.write(make.story())
    writer.close()
    (tmp_path / "notes.txt").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(OutputError, match="already holds run r1"):
        open_writer(tmp_path, make)
    with pytest.raises(OutputError, match="holds run r1, not r2"):
        JournalWriter(tmp_path, make.instruments, {"run_id": "r2"}, resume=True)
    with pytest.raises(UsageError, match="JSON"):
        JournalWriter(tmp_path, make.instruments, {"run_id": "r2", "path": tmp_path}, overwrite=True)
    assert files(tmp_path) == before
    JournalWriter(tmp_path, make.instruments, {"run_id": "r2"}, overwrite=True)
    assert set(files(tmp_path)) == {"journal.json", "notes.txt", "run.json"}


def test_a_directory_with_other_files_is_taken(tmp_path: Path, make: Any) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    open_writer(tmp_path, make).close()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_run_without_id_is_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(UsageError, match="run_id"):
        JournalWriter(tmp_path, make.instruments, {})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e10])
def test_numbers_without_a_canonical_form_are_refused(tmp_path: Path, make: Any, value: float) -> None:
    writer = open_writer(tmp_path, make)
    writer.write([make.desk(decisions=[make.decision(1)])])
    for bad in (
        make.decision(2, signal={"score": value}),
        make.decision(2, signal={"p": value}),
        make.decision(2, scalers={"regime": value}),
        make.decision(2, net_edge_bps=value),
    ):
        with pytest.raises(OutputError, match="trace 1002 cannot be journalled"):
            writer.write([make.desk(decisions=[bad])])
    writer.close()
    assert Journal.open(tmp_path).decisions().collect()["trace"].to_list() == ["0000000000001001"]
    assert Journal.open(tmp_path).verify().ok


def test_an_unknown_instrument_is_refused(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    for records in (
        make.desk(orders=[make.order(1, instrument="X")]),
        make.desk(decisions=[make.decision(1, signal={"instrument": "X"})]),
    ):
        with pytest.raises(OutputError, match="does not know instrument 'X'"):
            writer.write([records])
    writer.close()
    with pytest.raises(OutputError, match="closed"):
        writer.write([])


# Resume


def many(make: Any, count: int) -> Iterator[Any]:
    for number in range(count):
        taken = number % 3 == 0
        yield make.desk(
            number,
            events=number * 10,
            decisions=[make.decision(number) if taken else make.denied(number)],
            orders=[make.order(number)] if taken else [],
            fills=[make.fill(number)] if taken else [],
            equity=[make.point(number, 10_000 + number)],
            end={"pnl": {}} if number == count - 1 else None,
        )


@pytest.mark.parametrize("crash_after", [0, 1, 5, 9])
def test_resuming_gives_the_bytes_of_an_uninterrupted_run(
    tmp_path: Path, make: Any, crash_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora.journal.writer.BUFFERED_ROWS", 4)
    records = list(many(make, 30))

    def finish(writer: JournalWriter, start: int) -> dict[str, bytes]:
        for position in range(start, 30, 10):
            writer.write(records[position : position + 10])
            writer.snapshot()
        writer.close()
        return files(writer._directory)

    whole = finish(open_writer(tmp_path / "whole", make), 0)
    broken = open_writer(tmp_path / "broken", make)
    broken.write(records[:10])
    state = broken.snapshot()
    # Parts beyond the snapshot, then the crash: the buffer is lost, the parts are not.
    broken.write(records[10 : 10 + crash_after])
    (tmp_path / "broken" / "decisions" / "part-000099.parquet.tmp").write_bytes(b"half")
    again = finish(open_writer(tmp_path / "broken", make, state=state), 10)
    assert again == whole
    assert Journal.open(tmp_path / "broken").verify().ok


def test_resuming_after_the_end_deletes_the_summary_and_writes_it_again(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    writer.write(make.story())
    state = writer.snapshot()
    writer.close()
    before = files(tmp_path)
    again = open_writer(tmp_path, make, state=state)
    assert not (tmp_path / "summary.json").exists()
    again.close()
    assert files(tmp_path) == before


def test_a_crash_before_the_first_snapshot_starts_afresh(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora.journal.writer.BUFFERED_ROWS", 1)
    open_writer(tmp_path, make).write(make.story()[:1])
    assert list((tmp_path / "decisions").iterdir())
    writer = open_writer(tmp_path, make, resume=True)
    writer.write(make.story())
    writer.close()
    assert Journal.open(tmp_path).decisions().collect().height == 3
    assert Journal.open(tmp_path).verify().ok


def test_a_state_that_does_not_fit_is_refused(tmp_path: Path, make: Any) -> None:
    writer = open_writer(tmp_path, make)
    writer.write(make.story()[:1])
    state = writer.snapshot()
    newer = json.dumps({**json.loads(state), "version": 99}).encode()
    for bad, complaint in ((b"\x80", "cannot be read"), (b"{}", "cannot be read"), (newer, "version 99")):
        with pytest.raises(RecoveryError, match=complaint):
            open_writer(tmp_path, make, state=bad)
    with pytest.raises(RecoveryError, match="run r1 and the state is of run r1, but run r2"):
        JournalWriter(tmp_path, make.instruments, {"run_id": "r2"}, state=state)
    with pytest.raises(RecoveryError, match="holds run \\(none\\)"):
        open_writer(tmp_path / "elsewhere", make, state=state)
    (tmp_path / "fills" / "part-000000.parquet").unlink()
    with pytest.raises(RecoveryError, match=r"fills/part-000000.parquet is missing"):
        open_writer(tmp_path, make, state=state)


def test_the_tables_do_not_depend_on_snapshots(tmp_path: Path, make: Any) -> None:
    for name, every in (("often", 1), ("seldom", 100)):
        writer = open_writer(tmp_path / name, make)
        for number, records in enumerate(many(make, 12)):
            writer.write([records])
            if number % every == 0:
                writer.snapshot()
        writer.close()
    often, seldom = Journal.open(tmp_path / "often"), Journal.open(tmp_path / "seldom")
    assert often.summary == seldom.summary
    for table in TABLES:
        assert_frame_equal(getattr(often, table)().collect(), getattr(seldom, table)().collect())
