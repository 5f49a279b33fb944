"""Times that cannot be true, symbols that come late, sizes below zero: refused with a place, or set aside."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from aurora.capture import capture_info

HOUR_NS = 3600 * 10**9
KEY = "binance_usdm:BTCUSDT"


@pytest.fixture(scope="module")
def lines(captures: Path) -> list[bytes]:
    path = captures / "hftbacktest/usdm/btcusdt_20240808.gz"
    with gzip.open(path) as file:
        return [line for _, line in zip(range(8000), file, strict=False)]


def later(line: bytes, by_ns: int) -> bytes:
    received, frame = line.split(b" ", 1)
    return b"%d %s" % (int(received) + by_ns, frame)


def put(folder: Path, content: list[bytes]) -> Path:
    path = folder / "capture.jsonl"
    path.write_bytes(b"".join(content))
    return path


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (lambda line: later(line, HOUR_NS), 6002, "received earlier"),
        (lambda line: later(line, 30 * 24 * HOUR_NS), 5001, "more than a day"),
        (lambda line: line.replace(b"BTCUSDT", b"LATEUSDT"), 5001, "first message of LATEUSDT"),
        (lambda line: re.sub(rb'"([Bq])":"', rb'"\1":"-', line), 5001, "not a decimal"),
    ],
)
def test_what_cannot_be_is_refused_in_its_place(
    lines: list[bytes], tmp_path: Path, change: Callable[[bytes], bytes], line: int, said: str
) -> None:
    place = next(i for i in range(5000, 6000) if b"bookTicker" in lines[i])
    assert place == 5000
    path = put(tmp_path, [*lines[:place], change(lines[place]), *lines[place + 1 :]])
    reports, faults = capture_info([path])
    assert [f"line {line}: " in fault and said in fault for fault in faults] == [True]
    assert reports[KEY]["messages"] >= 5000, "what came before is kept"


def test_a_line_received_a_little_early_is_held_and_counted(lines: list[bytes], tmp_path: Path) -> None:
    path = put(tmp_path, [*lines[:5000], later(lines[5000], -(10**9)), *lines[5001:]])
    reports, faults = capture_info([path])
    assert (faults, reports[KEY]["receive_time_held"], reports[KEY]["grade"]) == ([], 1, "B")
