"""``aurora ledger``: rows in words, verification, exports; whole, damaged, in use, read-only, and left alone."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from command_line import Answer

from aurora._core import DurableLedger, read_ledger
from aurora.journal import Journal

Aurora = Callable[..., Answer]


@pytest.fixture(scope="module")
def run(market: dict[str, Path], configs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that traded, with its ledger."""
    from aurora.cli.run import ReplayOptions, run_replay

    out = tmp_path_factory.mktemp("run") / "out"
    run_replay(
        ReplayOptions(paths=[str(path) for path in market.values()], out=out, config=configs / "probe.yaml")
    )
    return out


@pytest.fixture
def ledger(run: Path, tmp_path: Path) -> Path:
    """A copy of its own for each test."""
    copy = tmp_path / "copy.redb"
    copy.write_bytes((run / "ledger.redb").read_bytes())
    return copy


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [dict(row) for row in read_ledger(str(path))[0]]


def test_rows_are_those_of_the_store_and_agree_with_the_journal(run: Path, ledger: Path) -> None:
    rows = rows_of(ledger)
    store = DurableLedger(str(run / "ledger.redb"))
    assert [(row["sequence"], row["local_ns"], row["kind"]) for row in rows] == [
        (sequence, local_ns, kind) for sequence, local_ns, _, kind in store.rows()
    ]
    journal = Journal.open(run)
    orders = journal.orders().collect()
    placed = orders.filter(pl.col("client_id").is_in([row["client_id"] for row in rows]))
    intents = {row["client_id"]: row for row in rows if row["kind"] == "intent"}
    assert intents
    assert set(intents) == set(placed["client_id"])
    fills = {fill["trade_id"]: fill for fill in journal.fills().collect().to_dicts()}
    told = {row["trade_id"]: row for row in rows if row["trade_id"] is not None}
    assert fills
    assert {str(key) for key in fills} == {str(key) for key in told}
    assert sum(Decimal(row["fee"]).scaleb(-8) for row in told.values()) == sum(
        Decimal(fill["fee"]) for fill in fills.values()
    )


def test_show_says_it_in_words_and_filters(aurora: Aurora, ledger: Path) -> None:
    rows = rows_of(ledger)
    shown = aurora("ledger", "show", ledger).done()
    assert len(shown.out.splitlines()) == len(rows) + 1
    intent = next(row for row in rows if row["kind"] == "intent")
    line = next(line for line in shown.out.splitlines() if intent["client_id"] in line)
    for part in (intent["leg"], intent["side"], str(intent["size"]), f"symbol {intent['symbol']}", "20", "Z"):
        assert part in line
    of_order = aurora("ledger", "show", ledger, "--order", intent["client_id"][:12], "--json").done().json
    assert {row["client_id"] for row in of_order["shown"]} == {intent["client_id"]}
    kinds = Counter(row["kind"] for row in rows)
    for kind in ("intent", "report"):
        answer = aurora("ledger", "show", ledger, "--kind", kind, "--json").done().json
        assert len(answer["shown"]) == kinds[kind]
    part = aurora("ledger", "show", ledger, "--from", 3, "--limit", 2, "--json").done().json
    assert [row["sequence"] for row in part["shown"]] == [3, 4]
    assert part["more"] == len(rows) - 5
    assert "more rows" in aurora("ledger", "show", ledger, "--limit", 1).done().out
    aurora("ledger", "show", ledger, "--order", "zzz").refused(2)
    aurora("ledger", "show", ledger, "--kind", "nothing").refused(2)


def test_verify_counts_and_leaves_the_file_alone(aurora: Aurora, ledger: Path) -> None:
    rows = rows_of(ledger)
    before = (ledger.read_bytes(), ledger.stat().st_mtime_ns)
    orders = sum(row["kind"] == "intent" for row in rows)
    answer = aurora("ledger", "verify", ledger).done()
    assert answer.out == f"{len(rows):,} rows, {orders:,} orders: whole\n"
    assert aurora("ledger", "verify", ledger, "--json").done().json["ok"] is True
    assert (ledger.read_bytes(), ledger.stat().st_mtime_ns) == before


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_an_export_holds_every_row(aurora: Aurora, ledger: Path, tmp_path: Path, suffix: str) -> None:
    rows = rows_of(ledger)
    out = tmp_path / f"rows{suffix}"
    out.write_text("what was there before")
    aurora("ledger", "export", ledger, "--out", out).done()
    if suffix == ".parquet":
        found = pl.read_parquet(out).to_dicts()
    elif suffix == ".jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        found = list(csv.DictReader(out.open()))
    assert len(found) == len(rows)
    for got, row in zip(found, rows, strict=True):
        for name in ("sequence", "kind", "client_id", "size", "cumulative", "words"):
            assert str(got[name] if got[name] is not None else "") == str(
                "" if row[name] is None else row[name]
            )
        fee = None if row["fee"] is None else Decimal(row["fee"]).scaleb(-8)
        assert (Decimal(got["fee"]) if got["fee"] not in (None, "") else None) == fee
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_an_export_goes_nowhere_else(aurora: Aurora, ledger: Path, tmp_path: Path) -> None:
    aurora("ledger", "export", ledger, "--out", tmp_path / "rows.xlsx").refused(2)
    aurora("ledger", "export", ledger, "--out", tmp_path / "no" / "rows.csv").refused(1)
    itself = tmp_path / "itself.csv"
    itself.write_bytes(ledger.read_bytes())
    aurora("ledger", "export", itself, "--out", itself).refused(2)
    assert rows_of(itself) == rows_of(ledger)


def test_of_a_damaged_ledger_the_whole_rows_are_shown_and_the_rest_is_named(
    aurora: Aurora, ledger: Path, tmp_path: Path
) -> None:
    rows = rows_of(ledger)
    bytes_ = bytearray(ledger.read_bytes())
    victim = next(row for row in rows[len(rows) // 2 :] if row["kind"] == "intent")
    # Every row of that order and every copy of it, wherever a commit has put it: a byte of its spec hash, which stands
    # right behind id and kind.
    at = bytes_.find(victim["client_id"].encode())
    while at >= 0:
        bytes_[at + 40] ^= 1
        at = bytes_.find(victim["client_id"].encode(), at + 1)
    ledger.write_bytes(bytes_)
    left = [row["sequence"] for row in rows if row["client_id"] != victim["client_id"]]
    gone = {row["sequence"] for row in rows} - set(left)
    answer = aurora("ledger", "verify", ledger).refused(1)
    assert str(ledger) in answer.err
    assert f"rows 0 to {victim['sequence'] - 1} are whole" in answer.err
    shown = aurora("ledger", "show", ledger, "--json")
    assert shown.code == 1
    assert [row["sequence"] for row in shown.json["shown"]] == left
    missing = {n for low, high in shown.json["missing"] for n in range(low, high + 1)}
    assert missing == {sequence for sequence in gone if sequence < left[-1]}
    out = tmp_path / "left.csv"
    assert aurora("ledger", "export", ledger, "--out", out).code == 1
    assert len(list(csv.DictReader(out.open()))) == len(left)
    assert ledger.read_bytes() == bytes_


def test_a_ledger_without_its_header_still_gives_its_rows(aurora: Aurora, ledger: Path) -> None:
    rows = rows_of(ledger)
    bytes_ = bytearray(ledger.read_bytes())
    bytes_[64:320] = bytes(256)
    ledger.write_bytes(bytes_)
    shown = aurora("ledger", "show", ledger, "--json")
    assert shown.code == 1
    assert "found by their checksum" in shown.err
    assert [row["sequence"] for row in shown.json["shown"]] == [row["sequence"] for row in rows]


def test_what_cannot_be_read_is_refused(aurora: Aurora, ledger: Path, tmp_path: Path) -> None:
    aurora("ledger", "verify", tmp_path / "none.redb").refused(3)
    aurora("ledger", "show", tmp_path).refused(3)
    other = tmp_path / "other.redb"
    for content in (b"", b"no ledger at all", bytes(5_000)):
        other.write_bytes(content)
        aurora("ledger", "verify", other).refused(3)
    holder = DurableLedger(str(ledger))
    assert "another process has it open" in aurora("ledger", "show", ledger).refused(1).err
    del holder
    aurora("ledger", "show", ledger).done()


def test_a_read_only_ledger_is_read(aurora: Aurora, ledger: Path) -> None:
    ledger.chmod(0o444)
    aurora("ledger", "verify", ledger).done()
    ledger.chmod(0o644)
