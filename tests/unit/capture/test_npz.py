"""Event arrays of hftbacktest, read and written, with the format's definition written out anew."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoded import decode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora.capture import capture_info, write_hftbacktest
from aurora.errors import DataError, OutputError, UsageError

# hftbacktest/py-hftbacktest/hftbacktest/types.py
EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 1, 2, 3, 4, 5
EXCHANGE, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
BOTH = EXCHANGE | LOCAL
T = 1_723_161_256_298_000_000
MS = 10**6
KEY = "hftbacktest:BTCUSDT"


def events(*rows: tuple[int, int, int, float, float]) -> np.ndarray:
    array = np.zeros(len(rows), EVENT)
    for row, (flags, exchange, local, price, size) in zip(array, rows, strict=True):
        row["ev"], row["exch_ts"], row["local_ts"], row["px"], row["qty"] = (
            flags,
            exchange,
            local,
            price,
            size,
        )
    return array


SMALL = events(
    (BOTH | BUY | CLEAR, T, T + MS, 99.0, 0.0),
    (BOTH | BUY | SNAPSHOT, T, T + MS, 99.5, 1.25),
    (BOTH | BUY | SNAPSHOT, T, T + MS, 99.0, 0.1),
    (BOTH | SELL | CLEAR, T, T + MS, 100.0, 0.0),
    (BOTH | SELL | SNAPSHOT, T, T + MS, 100.0, 1e-05),
    (BOTH | SELL | TRADE, T + 3, T + 2 * MS, 99.5, 0.25),
    (BOTH | BUY | DEPTH, T + 3, T + 2 * MS, 99.5, 1.0),
    (BOTH | SELL | DEPTH, T + 3, T + 2 * MS, 100.1, 3.0),
    (BOTH | BUY | DEPTH, T + 9, T + 3 * MS, 99.0, 0.0),
)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "deflated"])
def test_archives_as_numpy_writes_them(save: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "btcusdt_20240808.npz"
    save(path, data=SMALL)
    reports, faults = capture_info([path])
    assert faults == []
    report = reports[KEY]
    assert report["by_stream"] == {"depth_snapshot": 1, "trade": 1, "depth": 2}
    assert report["bids"] == [["99.5", "1"]]
    assert report["asks"] == [["100", "0.00001"], ["100.1", "3"]]
    assert (report["first_ts"], report["last_ts"]) == (T + MS, T + 3 * MS)


def test_a_plain_array_and_one_with_other_arrays_beside_it(tmp_path: Path) -> None:
    plain, first, last = tmp_path / "btcusdt.npy", tmp_path / "btcusdt_a.npz", tmp_path / "btcusdt_b.npz"
    np.save(plain, SMALL)
    np.savez(first, about=np.arange(5), data=SMALL)
    np.savez(last, data=SMALL, about=np.arange(5))
    reports = [capture_info([path]) for path in (plain, first, last)]
    assert reports[0] == reports[1] == reports[2]
    assert reports[0][1] == []


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "btcusdt_1.npz", data=SMALL)
    later = SMALL.copy()
    later["local_ts"] += 10**12
    later["exch_ts"] += 10**12
    np.savez(tmp_path / "btcusdt_2.npz", data=later)
    report = capture_info([tmp_path])[0][KEY]
    assert report["messages"] == 8


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros(3), "hftbacktest's events are"),
        (np.zeros((3, 6)), "hftbacktest's events are"),
        (np.zeros((2, 2), EVENT), "more than one dimension"),
        (np.zeros(2, [(name, ">f8") for name in EVENT.names or ()]), "hftbacktest's events are"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, says: str, tmp_path: Path) -> None:
    for path, save in ((tmp_path / "btcusdt.npz", np.savez), (tmp_path / "btcusdt.npy", None)):
        np.savez(path, data=array) if save else np.save(path, array)
        with pytest.raises(DataError, match=says):
            capture_info([path])


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "btcusdt.npz"
    np.savez(path, events=SMALL)
    with pytest.raises(DataError, match=r"no member \"data.npy\""):
        capture_info([path])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "deflated"])
def test_a_file_that_breaks_off_keeps_what_came_before(save: Callable[..., None], tmp_path: Path) -> None:
    rows = np.tile(SMALL, 2000)
    rows["local_ts"] = T + np.arange(len(rows)) * 1000
    rows["px"][5:] = np.random.default_rng(5).integers(1, 10**6, len(rows) - 5) / 8
    path = tmp_path / "btcusdt.npz"
    save(path, data=rows)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    reports, [fault] = capture_info([path])
    assert "after line" in fault
    assert "ends early" in fault
    assert 5_000 < reports[KEY]["messages"] < len(rows)


def test_damage_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "btcusdt.npz"
    np.savez(path, data=SMALL)
    content = bytearray(path.read_bytes())
    at = content.index(SMALL[6].tobytes()) + EVENT.fields["qty"][1]  # type: ignore[index]
    content[at + 6] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(zipfile.BadZipFile):
        np.load(path)["data"]
    reports, [fault] = capture_info([path])
    assert "does not match its checksum" in fault
    # The message that was being read when the archive ended is not sure.
    assert reports[KEY]["messages"] == 3


Rows = list[tuple[str, int, int, int, int]]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["depth", "trade", "snapshot", "exchange", "custom"]),
        st.integers(0, 2),
        st.sampled_from([BUY, SELL]),
        st.integers(1, 10**7),
        st.integers(0, 10**7),
    ),
    min_size=1,
    max_size=60,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(rows=ROWS)
def test_whatever_is_written_is_read(rows: Rows, tmp_path: Path) -> None:
    """Against a plain loop over the rows: messages end where kind or times change, each trade is its own."""
    array, expected = [], []
    time = T
    last: tuple[str, int] | None = None
    for kind, step, side, price, size in rows:
        time += step * 1000
        flags = {"depth": DEPTH, "trade": TRADE, "snapshot": SNAPSHOT, "exchange": DEPTH, "custom": 103}[kind]
        seen = EXCHANGE if kind == "exchange" else BOTH
        array.append((flags | side | seen, time - 5, time, price / 1000, size / 10**5))
        if kind == "exchange":
            continue
        if kind in ("trade", "custom") or (kind, time) != last:
            expected.append((kind, time, [], []))
        last = (kind, time)
        level = (Decimal(price) / 1000, Decimal(size) / 10**5)
        bids, asks = expected[-1][2:]
        (bids if side == BUY or kind == "trade" else asks).append(level)
    expected = [message for message in expected if message[0] != "custom"]
    path = tmp_path / "btcusdt_x.npz"
    np.savez(path, data=events(*array))
    if not expected:
        with pytest.raises(DataError, match="no market events"):
            decode([path])
        return
    names = {"diff": "depth"}
    found = [(names.get(m.kind, m.kind), m.local_ns, m.bids, m.asks) for m in decode([path])]
    assert found == expected


# --- Writing ------------------------------------------------------------------------------------------------------


def frame(ms: int, stream: str, data: dict[str, Any], late_ms: int = 3) -> bytes:
    exchange = 1_700_000_000_000 + ms
    name = "depthUpdate" if stream.startswith("depth") else stream
    data = {"e": name, "E": exchange, "T": exchange, "s": "BTCUSDT", **data}
    body = json.dumps({"stream": f"btcusdt@{stream}", "data": data})
    return b"%d %s\n" % ((exchange + late_ms) * MS, body.encode())


def diff(ms: int, last: int, bids: list[list[str]], late_ms: int = 3) -> bytes:
    ids = {"U": last - 4, "u": last, "pu": last - 5, "b": bids, "a": []}
    return frame(ms, "depth@0ms", ids, late_ms)


def trade(ms: int, price: str, maker: bool, kind: str = "MARKET", late_ms: int = 3) -> bytes:
    return frame(ms, "trade", {"t": ms, "p": price, "q": "0.500", "X": kind, "m": maker}, late_ms)


def snapshot(ms: int, last: int) -> bytes:
    exchange = 1_700_000_000_000 + ms
    book = {
        "lastUpdateId": last,
        "E": exchange,
        "T": exchange,
        "bids": [["99.50", "1.000"], ["99.00", "2.000"]],
        "asks": [["100.00", "3.000"]],
    }
    return b"%d %s\n" % ((exchange + 3) * MS, json.dumps(book).encode())


CAPTURE = [
    diff(0, 10, [["98.00", "9.000"]]),
    diff(10, 15, [["99.50", "4.000"], ["99.00", "0.000"]]),
    trade(11, "99.50", True),
    snapshot(12, 12),
    trade(13, "100.00", False),
    trade(14, "100.00", False, "INSURANCE_FUND"),
    frame(15, "bookTicker", {"u": 16, "b": "99.50", "B": "4.000", "a": "100.00", "A": "3.000"}),
    diff(20, 20, [["99.40", "1.000"]]),
    # Received after the diff, and sent before it.
    trade(18, "100.00", False, late_ms=7),
    diff(30, 25, [["99.50", "0.000"]], late_ms=2),
]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "btcusdt.jsonl"
    path.write_bytes(b"".join(CAPTURE))
    return path


def load(path: Path) -> list[tuple[int, int, int, float, float]]:
    with np.load(path) as archive:
        rows = archive["data"]
    assert rows.dtype == EVENT
    assert not rows["order_id"].any()
    start = 1_700_000_000_000 * MS
    return [
        (flags, (exchange - start) // MS, (local - start) // MS, price, size)
        for flags, exchange, local, price, size, *_ in rows.tolist()
    ]


def test_a_capture_becomes_events(capture: Path, tmp_path: Path) -> None:
    export = write_hftbacktest([capture], tmp_path / "btcusdt_1.npz")
    assert load(export.path) == [
        (BOTH | SELL | TRADE, 11, 14, 99.5, 0.5),
        # The snapshot with the diff that had waited for it.
        (BOTH | CLEAR, 12, 15, 0.0, 0.0),
        (BOTH | BUY | SNAPSHOT, 12, 15, 99.5, 4.0),
        (BOTH | SELL | SNAPSHOT, 12, 15, 100.0, 3.0),
        (BOTH | BUY | TRADE, 13, 16, 100.0, 0.5),
        (EXCHANGE | BUY | TRADE, 18, 25, 100.0, 0.5),
        (BOTH | BUY | DEPTH, 20, 23, 99.4, 1.0),
        (LOCAL | BUY | TRADE, 18, 25, 100.0, 0.5),
        (BOTH | BUY | DEPTH, 30, 32, 99.5, 0.0),
    ]
    assert (export.rows, export.messages, export.snapshots, export.trades) == (9, 6, 1, 3)
    assert (export.shift_ns, export.fault) == (0, None)
    assert (export.instrument, export.tick_size) == ("binance_usdm:BTCUSDT", "0.5")
    assert capture_info([export.path])[0][KEY]["bids"] == [["99.4", "1"]]


def test_tickers_on_request(capture: Path, tmp_path: Path) -> None:
    rows = load(write_hftbacktest([capture], tmp_path / "btcusdt_1.npz", tickers=True).path)
    assert [row for row in rows if row[0] & 0xFF == BBO] == [
        (BOTH | BUY | BBO, 15, 18, 99.5, 4.0),
        (BOTH | SELL | BBO, 15, 18, 100.0, 3.0),
    ]


def test_receive_times_before_sending_are_moved_on(capture: Path, tmp_path: Path) -> None:
    early = tmp_path / "early.jsonl"
    lines = [line.split(b" ", 1) for line in CAPTURE]
    early.write_bytes(b"".join(b"%d %s" % (int(time) - 1273 * MS, rest) for time, rest in lines))
    plain = load(write_hftbacktest([capture], tmp_path / "btcusdt_1.npz").path)
    export = write_hftbacktest([early], tmp_path / "btcusdt_2.npz", base_latency_ms=1.0)
    # The fastest message took 2 ms by the right clock.
    assert export.shift_ns == (1273 - 2 + 1) * MS
    assert load(export.path) == [(*row[:2], row[2] - 1, *row[3:]) for row in plain]


def test_the_same_captures_give_the_same_bytes(capture: Path, tmp_path: Path) -> None:
    paths = [write_hftbacktest([capture], tmp_path / name).path for name in ("a_1.npz", "a_2.npz")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_capture_that_breaks_off_is_written_as_far_as_it_goes(capture: Path, tmp_path: Path) -> None:
    capture.write_bytes(b"".join(CAPTURE[:6]) + b"nonsense\n")
    export = write_hftbacktest([capture], tmp_path / "btcusdt_1.npz")
    assert export.fault is not None
    assert "line 7" in export.fault
    assert len(load(export.path)) == 5


def test_what_cannot_be_exported(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "btcusdt_1.npz"
    target.write_text("before")
    with pytest.raises(UsageError, match=r"\.npz"):
        write_hftbacktest([capture], tmp_path / "x.csv")
    with pytest.raises(UsageError, match="only binance_usdm:BTCUSDT"):
        write_hftbacktest([capture], target, instrument="binance_usdm:ETHUSDT")
    other = tmp_path / "eth.jsonl"
    other.write_bytes(b"".join(CAPTURE).replace(b"BTCUSDT", b"ETHUSDT"))
    with pytest.raises(UsageError, match=r"choose one of binance_usdm:BTCUSDT, binance_usdm:ETHUSDT"):
        write_hftbacktest([capture, other], target)
    without = tmp_path / "without.jsonl"
    without.write_bytes(b"".join(CAPTURE[4:]))
    with pytest.raises(DataError, match="no usable book snapshot"):
        write_hftbacktest([without], target)
    with pytest.raises(OutputError, match="nothing was written"):
        write_hftbacktest([capture], tmp_path / "nowhere" / "x.npz")
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.glob("*.tmp")) == []
    export = write_hftbacktest([capture, other], target, instrument="binance_usdm:ETHUSDT")
    assert export.rows == 9
