"""The catalogue read back: the same events as the files, whole, in slices, in ranges, as tables, as Arrow."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_captures import lines_of, rows

from aurora._core import MarketBlock, MarketInspector
from aurora.capture import CaptureSet, CaptureSettings, Catalogue, InstrumentOverride, capture_info
from aurora.errors import ConfigError, DataError, UsageError
from aurora.stages import compute_features

CARRIED = 32

pytestmark = pytest.mark.usefixtures("small_parts")


# --- The same events --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slice_ms", [0, 7, 250, 1000])
def test_slices_are_those_of_the_files(slice_ms: int, market: list[Path], stored: Catalogue) -> None:
    """Byte for byte, ends and end marks included, from the first slice and from any later one."""
    setting = CaptureSettings(slice_ms=slice_ms)
    files, catalogue = CaptureSet(market, setting), CaptureSet([stored.root], setting)
    assert set(files.instruments) == set(catalogue.instruments)
    assert files.first_slice == catalogue.first_slice
    assert files.calibrated_ns == catalogue.calibrated_ns
    for key in files.instruments:
        assert repr(files.instruments[key]) == repr(catalogue.instruments[key])

    def read(captures: CaptureSet, behind: int = 0) -> dict[str, list[tuple[int, bytes]]]:
        found: dict[str, list[tuple[int, bytes]]] = {}
        for stream in captures.streams:
            reader = captures.open(stream, captures.first_slice + behind if behind else None)
            while (messages := reader.next()) is not None:
                for message in messages:
                    content = (message.slice_index, message.block.to_bytes())
                    found.setdefault(message.instrument, []).append(content)
            assert reader.next() is None
        return found

    assert read(catalogue) == read(files)
    if slice_ms:
        count = max(len(slices) for slices in read(files).values())
        for behind in (1, count // 2, count - 1, count, count + 3):
            assert read(catalogue, behind) == read(files, behind)


def test_features_and_info_are_those_of_the_files(market: list[Path], stored: Catalogue) -> None:
    expected = compute_features(market)
    assert compute_features([stored.root]).write_ipc(None).getvalue() == expected.write_ipc(None).getvalue()
    assert capture_info([stored.root]) == capture_info(market)


def test_a_catalogue_and_a_file_are_one_universe(market: list[Path], tmp_path: Path) -> None:
    offset = CaptureSettings(clock_offset_ms=0.0)
    Catalogue(tmp_path / "one").convert(market[:1], offset)
    mixed = CaptureSet([tmp_path / "one", *market[1:]], offset)
    assert set(mixed.instruments) == set(CaptureSet(market).instruments)
    with pytest.raises(DataError, match="also in another input"):
        CaptureSet([tmp_path / "one", *market], offset)


def test_config_has_the_last_word_where_it_can(stored: Catalogue) -> None:
    key = sorted(stored.instruments())[0]
    override = InstrumentOverride(tick_size=Decimal("0.5"), min_notional=Decimal(7))
    captures = CaptureSet([stored.root], CaptureSettings(instruments={key: override}))
    found = captures.instruments[key]
    assert found.format_price(found.tick) == "0.5"
    assert found.min_notional == 7 * 10**8
    assert found.lot == stored.instruments()[key].lot
    fine = InstrumentOverride(tick_size=Decimal("0.00000001"))
    with pytest.raises(ConfigError, match="tick_size"):
        CaptureSet([stored.root], CaptureSettings(instruments={key: fine}))
    with pytest.raises(ConfigError, match="clock_offset_ms"):
        CaptureSet([stored.root], CaptureSettings(clock_offset_ms=12.5))
    offset_ns = next(iter(CaptureSet([stored.root]).clock_offset_ns.values()))
    CaptureSet([stored.root], CaptureSettings(clock_offset_ms=offset_ns / 1e6))


def test_a_symbol_may_hold_any_character(market: list[Path], tmp_path: Path) -> None:
    """A slash, a percent sign, a space; and directories above that look like partitions."""
    symbol = "A/B%2F c"
    source = tmp_path / "odd.txt"
    lines = [line.replace(b'"SOLUSDT"', json.dumps(symbol).encode()) for line in lines_of(market[0])]
    assert lines != lines_of(market[0])
    source.write_bytes(b"".join(lines))
    catalogue = Catalogue(tmp_path / "env=prod" / "it's" / "catalogue")
    catalogue.convert([source])
    key = f"binance_usdm:{symbol}"
    assert list(catalogue.instruments()) == [key]
    assert catalogue.scan(key).select("venue", "symbol").unique().collect().row(0) == ("binance_usdm", symbol)
    assert catalogue.levels(key).select("symbol").unique().collect()["symbol"].to_list() == [symbol]
    assert capture_info([catalogue.root]) == capture_info([source])
    pytest.importorskip("duckdb")
    assert catalogue.sql("SELECT DISTINCT symbol FROM levels")["symbol"].to_list() == [symbol]


# --- Range reads ------------------------------------------------------------------------------------------------


class Whole(dict[str, list[dict[str, Any]]]):
    """Every row by instrument; hypothesis prints its arguments."""

    def __repr__(self) -> str:
        return f"rows of {', '.join(self)}"


@pytest.fixture(scope="module")
def whole(stored: Catalogue) -> Whole:
    return Whole({key: rows(stored.blocks(key)) for key in stored.instruments()})


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_range_is_the_filtered_whole(data: st.DataObject, stored: Catalogue, whole: Whole) -> None:
    """And with the book carried, a book that begins with it ends like the one that read everything."""
    key = data.draw(st.sampled_from(sorted(whole)))
    every = whole[key]
    times = sorted({row["local_ns"] for row in every})
    listing = stored.list().filter(pl.col("instrument") == key)
    near = [*times, *listing["first_ns"], *listing["last_ns"]]
    moment = st.sampled_from(near).flatmap(lambda t: st.integers(t - 1, t + 1))
    start = data.draw(st.none() | moment, label="start")
    end = data.draw(st.none() | moment, label="end")
    expected = [
        row
        for row in every
        if (start is None or row["local_ns"] >= start) and (end is None or row["local_ns"] < end)
    ]
    blocks = list(stored.blocks(key, start, end, carry_book=False))
    assert rows(iter(blocks)) == expected
    assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]
    for block in blocks:
        assert block.last_event_ns is None or block.last_event_ns < block.end_ns
    carried = list(stored.blocks(key, start, end))
    found = rows(iter(carried))
    opening = [row for row in found if row["flags"] & CARRIED]
    assert found == opening + expected
    assert all(row["local_ns"] == start for row in opening)
    if start is not None and end is not None and end <= start:
        assert found == []
        return
    instrument = stored.instruments()[key]
    begun, read = MarketInspector(instrument), MarketInspector(instrument)
    for block in carried:
        begun.push(block)
    upto = max(end if end is not None else 2**62, start or 0)
    for block in stored.blocks(key, None, upto):
        read.push(block)
    names = ("state", "digest", "final_update_id", "levels", "bids", "asks")
    expected_book, found_book = read.report(), begun.report()
    if expected_book["state"] == "synced":
        assert {n: found_book[n] for n in names} == {n: expected_book[n] for n in names}
    else:
        assert found_book["state"] != "synced"


def test_times_may_be_datetimes(stored: Catalogue, whole: Whole) -> None:
    key = sorted(whole)[0]
    middle = datetime.fromtimestamp(whole[key][len(whole[key]) // 2]["local_ns"] // 10**9, UTC)
    ns = int(middle.timestamp()) * 10**9
    assert rows(stored.blocks(key, middle)) == rows(stored.blocks(key, ns))
    end = middle + timedelta(microseconds=1500)
    assert stored.scan(key, middle, end).collect().equals(stored.scan(key, ns, ns + 1_500_000).collect())
    with pytest.raises(UsageError, match="time zone"):
        stored.scan(key, middle.replace(tzinfo=None))


def test_an_unknown_instrument_is_told_with_those_there_are(stored: Catalogue) -> None:
    for ask in (stored.scan, stored.levels, lambda key: list(stored.blocks(key))):
        with pytest.raises(DataError, match="no okx:NIX here; there are binance_usdm:"):
            ask("okx:NIX")


# --- As tables --------------------------------------------------------------------------------------------------


def plain_python(path: Path) -> tuple[dict[str, int], Decimal, Decimal, int]:
    """Of a raw file by the standard library alone: lines by kind, sums of prices and sizes of all levels, levels."""
    kinds = dict.fromkeys(("diff", "snapshot", "ticker", "trade"), 0)
    levels: list[tuple[str, str]] = []
    for line in lines_of(path):
        if line.startswith(b"#"):
            continue
        body = json.loads(line.split(b" ", 1)[1])
        data = body.get("data", body)
        if "lastUpdateId" in data:
            kinds["snapshot"] += 1
            levels += [tuple(level[:2]) for level in (*data["bids"], *data["asks"])]
        elif data["e"] == "depthUpdate":
            kinds["diff"] += 1
            levels += [tuple(level[:2]) for level in (*data["b"], *data["a"])]
        elif data["e"] == "trade":
            kinds["trade"] += 1
            levels.append((data["p"], data["q"]))
        else:
            kinds["ticker"] += 1
            levels += [(data["b"], data["B"]), (data["a"], data["A"])]
    prices = sum((Decimal(price) for price, _ in levels), Decimal(0))
    return kinds, prices, sum((Decimal(size) for _, size in levels), Decimal(0)), len(levels)


def test_polars_and_duckdb_count_what_plain_python_counts(market: list[Path], stored: Catalogue) -> None:
    expected = {}
    for path in market:
        (key,) = CaptureSet([path]).instruments
        expected[key.split(":")[1]] = plain_python(path)
    kinds = ("diff", "snapshot", "ticker", "trade")

    def found(messages: pl.DataFrame, levels: pl.DataFrame) -> dict[str, Any]:
        answer = {}
        for row in levels.to_dicts():
            instrument = stored.instruments()[f"binance_usdm:{row['symbol']}"]
            counts = {name: 0 for name in kinds}
            for symbol, kind, count in messages.iter_rows():
                if symbol == row["symbol"]:
                    counts[kinds[kind]] = count
            prices = Decimal(int(row["price"])).scaleb(-instrument.price_exponent)
            sizes = Decimal(int(row["size"])).scaleb(-instrument.size_exponent)
            answer[row["symbol"]] = (counts, prices, sizes, row["count"])
        return answer

    by_kind = stored.scan().group_by("symbol", "kind").agg(pl.len().alias("count")).collect()
    summed = (
        stored.levels()
        .group_by("symbol")
        .agg(pl.col("price").sum(), pl.col("size").sum(), pl.len().alias("count"))
    )
    assert found(by_kind, summed.collect()) == expected
    pytest.importorskip("duckdb")
    by_kind = stored.sql("SELECT symbol, kind, count(*) FROM messages GROUP BY ALL")
    sums = stored.sql(
        "SELECT symbol, sum(price) price, sum(size) size, count(*) count FROM levels GROUP BY ALL"
    )
    assert found(by_kind, sums) == expected


def test_scans_open_only_what_they_need(stored: Catalogue, whole: Whole) -> None:
    key = sorted(whole)[0]
    at = whole[key][len(whole[key]) // 2]["local_ns"]
    plan = stored.scan(key, at, at + 1).explain()
    assert f"symbol={key.split(':')[1]}" in plan
    assert plan.count(".parquet") <= 1 or "other source" not in plan
    frame = stored.scan(key, at, at + 1).collect()
    assert frame.height == sum(row["local_ns"] == at for row in whole[key])
    days = stored.scan().filter(pl.col("day") == pl.lit("2000-01-01").str.to_date()).collect()
    assert days.is_empty()
    assert stored.scan(key, at, at).collect().is_empty()
    assert stored.scan(key, 0, 1).collect().schema == frame.schema


def test_levels_have_sides_and_floats_on_request(stored: Catalogue) -> None:
    assert not any(kind.is_float() for kind in stored.levels().collect_schema().dtypes())
    frame = stored.levels(floats=True).filter(pl.col("kind") == 2).collect()
    assert set(frame["side"]) == {0, 1}
    key = f"binance_usdm:{frame['symbol'][0]}"
    text = stored.instruments()[key].format_price(frame["price"][0])
    assert frame["price_float"][0] == pytest.approx(float(text), rel=1e-15)


def test_rows_stay_within_their_day(stored: Catalogue) -> None:
    days = (
        stored.scan()
        .select("day", pl.from_epoch("local_ns", time_unit="ns").dt.date().alias("told"))
        .collect()
    )
    assert days["day"].n_unique() == 2
    assert (days["day"] == days["told"]).all()
    listing = stored.list()
    assert listing["rows"].sum() == days.height
    assert listing["levels"].sum() == stored.levels().select(pl.len()).collect().item()


def test_a_parquet_file_alone_can_be_understood(stored: Catalogue) -> None:
    for table in ("messages", "levels", "book"):
        part = sorted(stored.root.rglob(f"{table}-*.parquet"))[0]
        metadata = pl.read_parquet_metadata(part)
        assert metadata["aurora.table"] == table
        facts = json.loads(metadata["aurora.facts"])
        key = facts["instrument"]
        assert facts["price_exponent"] == stored.instruments()[key].price_exponent
        assert facts["schema"] == 1
        assert len(facts["sources"][0]["sha256"]) == 64


def test_sql_without_duckdb_says_what_to_install(stored: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match=r"pip install aurora\[sql\]"):
        stored.sql("SELECT 1")


def test_a_wrong_query_is_refused_with_its_cause(stored: Catalogue) -> None:
    pytest.importorskip("duckdb")
    with pytest.raises(UsageError, match="nonsense"):
        stored.sql("SELECT nonsense FROM messages")


# --- Blocks and Arrow -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def block(market: list[Path]) -> MarketBlock:
    captures = CaptureSet(market[:1], CaptureSettings(slice_ms=0))
    answer = captures.open(captures.streams[0]).next()
    assert answer is not None
    return answer[0].block


def test_blocks_go_to_arrow_and_back(block: MarketBlock) -> None:
    frame = pl.DataFrame(block)
    assert len(frame) == len(block)
    chunked = pl.concat([frame[:10], frame[10:10], frame[10:150], frame[150:]], rechunk=False)
    assert chunked.n_chunks() > 2
    for table in (block, frame, chunked, frame.with_columns(more=pl.lit("x"))):
        again = MarketBlock.from_arrow(table, end_ns=block.end_ns, last=block.last)
        assert again.to_bytes() == block.to_bytes()
    sliced = MarketBlock.from_arrow(frame[100:200], end_ns=block.end_ns)
    assert pl.DataFrame(sliced).equals(frame[100:200])
    empty = MarketBlock.from_arrow(frame[:0], end_ns=5, fault="broken")
    assert (len(empty), empty.end_ns, empty.fault) == (0, 5, "broken")


def test_lists_with_small_offsets_are_read(block: MarketBlock, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    pl.DataFrame(block).write_parquet(tmp_path / "block.parquet")
    relation = duckdb.sql(
        f"SELECT * FROM read_parquet('{tmp_path / 'block.parquet'}') ORDER BY local_ns, last_id"
    )
    expected = pl.DataFrame(block).sort("local_ns", "last_id", maintain_order=True)
    again = MarketBlock.from_arrow(relation, end_ns=block.end_ns)
    assert pl.DataFrame(again).select("local_ns", "last_id").equals(expected.select("local_ns", "last_id"))
    assert again.level_count == block.level_count


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop("kind"), "column kind is missing"),
        (
            lambda f: f.with_columns(local_ns=pl.lit(1, pl.Int32)),
            "column local_ns is Int32, expected Int64",
        ),
        (lambda f: f.with_columns(pl.col("price").cast(pl.List(pl.Float64))), "column price is"),
        (lambda f: f.with_columns(price=pl.lit(1, pl.Int64)), "column price is Int64"),
        (lambda f: f.with_columns(kind=pl.lit(4, pl.UInt8)), "column kind is 4 in row 0"),
        (lambda f: f.with_columns(bids=pl.lit(9_999_999, pl.UInt32)), "column bids is 9999999"),
        (lambda f: f.with_columns(pl.col("size").list.tail(1)), "column size has 1 levels"),
        (lambda f: f.with_columns(-pl.col("local_ns")), "column local_ns runs backwards in row"),
        (lambda f: f.with_columns(pl.col("price").list.eval(-pl.element())), "column price is negative"),
        (lambda f: f.with_columns(pl.col("size").list.eval(-pl.element() - 1)), "column size is negative"),
        (lambda f: f.with_columns(last_id=pl.lit(None, pl.UInt64)), "column last_id holds nulls"),
        (lambda f: f.with_columns(price=pl.lit(None, f["price"].dtype)), "column price holds nulls"),
        (lambda f: f.with_columns(pl.col("price").list.eval(pl.element().shift())), "nulls in its lists"),
    ],
)
def test_a_wrong_table_is_refused_with_its_column(change: Any, says: str, block: MarketBlock) -> None:
    with pytest.raises(DataError, match=says):
        MarketBlock.from_arrow(change(pl.DataFrame(block)), end_ns=0)


def test_levels_of_their_own_must_add_up(block: MarketBlock) -> None:
    frame = pl.DataFrame(block).with_columns(levels=pl.col("price").list.len())
    flat = frame.filter(pl.col("levels") > 0).select("price", "size").explode("price", "size")
    messages = frame.drop("price", "size")
    again = MarketBlock.from_arrow(messages, levels=flat, end_ns=block.end_ns, last=block.last)
    assert again.to_bytes() == block.to_bytes()
    with pytest.raises(DataError, match="column levels counts more rows"):
        MarketBlock.from_arrow(messages, levels=flat[:-1], end_ns=0)
    with pytest.raises(DataError, match="column levels counts fewer rows"):
        MarketBlock.from_arrow(messages[:-1], levels=flat, end_ns=0)
    with pytest.raises(DataError, match="no Arrow stream"):
        MarketBlock.from_arrow(7, end_ns=0)
