"""Tardis tables that were generated, read against plain loops over their rows."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from decimal import Decimal
from pathlib import Path

import pytest
from decoded import decode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora._core import inspect_capture
from aurora.capture import capture_info
from aurora.errors import DataError

US = 1_585_699_200_000_000
BOOK = ("exchange", "symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount")
TRADES = ("exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount")
QUOTES = (
    "exchange",
    "symbol",
    "timestamp",
    "local_timestamp",
    "ask_amount",
    "ask_price",
    "bid_price",
    "bid_amount",
)


def table(header: tuple[str, ...], rows: list[tuple[object, ...]], **how: object) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, **how)  # type: ignore[arg-type]
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    return path


NUMBERS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(-exponent), st.integers(1, 10**6), st.integers(0, 7)
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["BTC-PERPETUAL", "ETH,PERPETUAL"]),
        st.sampled_from([0, 0, 0, 1, 50]),
        st.booleans(),
        st.sampled_from(["bid", "ask"]),
        st.integers(1, 30),
        st.one_of(st.just(Decimal(0)), NUMBERS),
    ),
    min_size=1,
    max_size=80,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(rows=ROWS, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), scientific=st.booleans())
def test_the_book_is_that_of_the_rows(
    rows: list[tuple[str, int, bool, str, int, Decimal]], quoting: int, scientific: bool, tmp_path: Path
) -> None:
    """The rule of docs.tardis.dev: a row marked as snapshot after one that is not discards the book."""
    written: list[tuple[object, ...]] = []
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
    before: dict[str, bool] = {}
    usable: set[str] = set()
    time = US
    for symbol, step, snapshot, side, price, amount in rows:
        time += step
        printed = f"{amount:e}" if scientific else f"{amount:f}"
        written.append(("deribit", symbol, time - 7, time, str(snapshot).lower(), side, price, printed))
        if snapshot and not before.get(symbol, False):
            books[symbol] = {"bid": {}, "ask": {}}
            usable.add(symbol)
        before[symbol] = snapshot
        if symbol in usable:
            books[symbol][side][Decimal(price)] = amount
    path = put(tmp_path, "book.csv", table(BOOK, written, quoting=quoting))
    reports, faults = capture_info([path])
    assert faults == []
    assert sorted(reports) == sorted({f"tardis:deribit.{row[0]}" for row in rows})
    for key, report in reports.items():
        symbol = key.removeprefix("tardis:deribit.")
        assert report["state"] == ("synced" if symbol in usable else "awaiting_snapshot")
        book = books.get(symbol, {"bid": {}, "ask": {}})
        for side, name, down in (("bid", "bids", True), ("ask", "asks", False)):
            levels = sorted(((p, a) for p, a in book[side].items() if a), reverse=down)
            found = [(Decimal(price), Decimal(amount)) for price, amount in report[name]]
            assert found == levels[:5]
    moments = [(row[1], row[2], row[3], row[4]) for row in written]
    changes = 1 + sum(one != other for one, other in itertools.pairwise(moments))
    assert sum(report["messages"] for report in reports.values()) == changes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["buy", "sell", "unknown"]), NUMBERS, NUMBERS), min_size=1, max_size=40
    )
)
def test_trades_come_out_one_by_one(rows: list[tuple[str, Decimal, Decimal]], tmp_path: Path) -> None:
    written: list[tuple[object, ...]] = [
        ("x", "Y", US + n, US + n + 40, f"id-{n}", side, f"{price:f}", f"{amount:f}")
        for n, (side, price, amount) in enumerate(rows)
    ]
    messages = decode([put(tmp_path, "trades.csv.gz", table(TRADES, written))])
    flags = {"buy": 0, "sell": 2, "unknown": 16}
    assert [(m.kind, m.flags, m.bids, m.local_ns, m.exchange_ns) for m in messages] == [
        ("trade", flags[side], [(price, amount)], (US + n + 40) * 1000, (US + n) * 1000)
        for n, (side, price, amount) in enumerate(rows)
    ]


@pytest.mark.parametrize("coarse", [3_000, 10_000])
def test_numbers_may_become_finer_after_the_first_messages(coarse: int, tmp_path: Path) -> None:
    """Tardis prints no trailing zeros, so how fine a venue's sizes are shows late."""
    rows: list[tuple[object, ...]] = [
        ("x", "Y", US + n, US + n, "false" if n else "true", "bid", 100 + n % 9, 5 + n % 3)
        for n in range(coarse)
    ]
    rows.append(("x", "Y", US + 20_000, US + 20_000, "false", "bid", "100.00000001", "0.00000001"))
    reports, faults = capture_info([put(tmp_path, "book.csv", table(BOOK, rows))])
    assert faults == []
    assert ["100.00000001", "0.00000001"] not in reports["tardis:x.Y"]["bids"]
    assert reports["tardis:x.Y"]["levels"][0] == 10
    rows.append(("x", "Y", US + 20_001, US + 20_001, "false", "bid", "100.000000001", "1"))
    reports, faults = capture_info([put(tmp_path, "book.csv", table(BOOK, rows))])
    if coarse < 10_000:
        # Among the messages that are looked at for decimals.
        assert faults == []
        assert reports["tardis:x.Y"]["levels"][0] == 11
        return
    [fault] = faults
    assert "line 10003" in fault
    assert "finer than" in fault
    assert reports["tardis:x.Y"]["levels"][0] == 10


def test_quotes_are_the_touch(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [("x", "Y", US + n, US + n, 3, 101 + n, 100, 2) for n in range(4)]
    rows[2] = ("x", "Y", US + 2, US + 2, "", "", 100, 2)
    messages = decode([put(tmp_path, "quotes.csv", table(QUOTES, rows))])
    assert [m.kind for m in messages] == ["ticker"] * 3
    assert [m.asks for m in messages] == [[(Decimal(101 + n), Decimal(3))] for n in (0, 1, 3)]
    ids = [m.ids[1] for m in messages]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("x", "Y", US, US + 5, "false", "bid", "-1", "1"), 'field "price" is not a decimal number'),
        (("x", "Y", US, US + 5, "false", "bid", "1", "-0.5"), 'field "size" is not a decimal number'),
        (("x", "Y", US, US + 5, "false", "both", "1", "1"), "bid or ask"),
        (("x", "Y", US, "1585699200", "false", "bid", "1", "1"), "a time in µs"),
        (("x", "Y", US, US + 5, "false", "bid", "1"), "as many fields"),
    ],
)
def test_a_bad_row_ends_the_stream_or_is_passed_over(
    row: tuple[object, ...], says: str, tmp_path: Path
) -> None:
    last: tuple[object, ...] = ("x", "Y", US + 3000, US + 3000, "false", "bid", "8", "1")
    # Behind the messages that the stream is calibrated on.
    many: list[tuple[object, ...]] = [
        ("x", "Y", US + n, US + n, "true", "bid", "7", "1") for n in range(1100)
    ]
    moved = (*row[:2], US + 2000, US + 2000 if row[3] == US + 5 else row[3], *row[4:])
    path = put(tmp_path, "book.csv", table(BOOK, [*many, moved, last]))
    reports, [fault] = capture_info([path])
    assert says in fault
    assert ", line 1102: " in fault
    assert reports["tardis:x.Y"]["messages"] == 1100
    [report], none = inspect_capture([str(path)], skip_bad_lines=True)
    assert none is None
    assert (report["bad_lines"], report["messages"]) == (1, 1101)
    assert report["bids"][0] == ("8", "1")


def test_tables_that_are_not_read_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "t.csv", table((*TRADES[:4], "funding_rate"), []))
    with pytest.raises(DataError, match="this Tardis table is not read"):
        capture_info([path])
    empty = put(tmp_path, "e.csv", table(BOOK, []))
    with pytest.raises(DataError, match="no market events"):
        capture_info([empty])
