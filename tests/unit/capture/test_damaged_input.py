"""Damaged files of every format: an error with file, line and byte, what came before it kept, the exit code 3."""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_captures import FORMATS, RECORDS, Format

from aurora.capture import CaptureSet, capture_info
from aurora.cli import main
from aurora.errors import DataError

BROKEN = 40
"""The record that is broken."""
EACH = pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(path: Path, **how: bool) -> tuple[dict[str, Any], list[str]]:
    """The only report of a capture, and its faults."""
    reports, faults = capture_info([path], **how)
    [report] = reports.values()
    return report, faults


def with_broken(one: Format, broken: bytes | None) -> bytes:
    lines = one.lines()
    lines[len(one.head) + BROKEN : len(one.head) + BROKEN + 1] = [] if broken is None else [broken]
    return b"".join(lines)


def sized(one: Format, size: str) -> bytes:
    return one.record(BROKEN, size).encode() + b"\n"


def check(one: Format, folder: Path, broken: bytes, *, byte: bool = True) -> str:
    """Reads the capture with one record broken: refused in its place, kept up to there, or passed over by choice."""
    path = put(folder, one.file, with_broken(one, broken))
    report, faults = read(path)
    assert len(faults) == 1
    place = re.match(rf"{re.escape(str(path))}, line {one.line_of(BROKEN)}: (.*)", faults[0])
    assert place is not None, faults[0]
    assert re.search(r" at byte \d+$", faults[0]) or not byte, faults[0]
    assert report["messages"] == BROKEN
    passed, none = read(path, skip_bad_lines=True)
    assert (none, passed["bad_lines"], passed["shown_bad_lines"]) == ([], 1, faults)
    assert passed["messages"] == RECORDS - 1
    return place[1]


@EACH
def test_whole_captures_are_read(one: Format, tmp_path: Path) -> None:
    report, faults = read(put(tmp_path, one.file, b"".join(one.lines())))
    assert (report["messages"], faults) == (RECORDS, [])


@EACH
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda line: line[: len(line) // 2] + b"\n", ""),
        (lambda line: b"\x00\xff\xfe\x80 binary \x01\n", ""),
        (lambda line: b"not a record\n", ""),
        (lambda line: b"[" * 5000 + b"\n", ""),
        (lambda line: line[:-1] + b" and more\n", ""),
    ],
    ids=["half", "binary", "words", "nested", "tail"],
)
def test_lines_that_are_no_records(
    one: Format, broken: Callable[[bytes], bytes], said: str, tmp_path: Path
) -> None:
    check(one, tmp_path, broken(sized(one, one.size)))


@EACH
@pytest.mark.parametrize(
    "size", ["NaN", "Infinity", "-Infinity", "1e400", "-1", "-0.5", "0x10", "1,5", "", "9" * 400]
)
def test_sizes_that_are_none(one: Format, size: str, tmp_path: Path) -> None:
    check(one, tmp_path, sized(one, size))


@EACH
@pytest.mark.parametrize("size", ["92233720368547758070", "1e30"])
def test_sizes_beyond_64_bits(one: Format, size: str, tmp_path: Path) -> None:
    check(one, tmp_path, sized(one, size))


@EACH
def test_a_size_that_is_no_text(one: Format, tmp_path: Path) -> None:
    broken = sized(one, "SIZE").replace(b"SIZE", b"\xff\xfe2")
    check(one, tmp_path, broken)


@EACH
def test_a_missing_field(one: Format, tmp_path: Path) -> None:
    record = one.record(BROKEN, one.size)
    assert one.missing in record
    head, _, tail = record.rpartition(one.missing)
    cut = head + ("," if one.missing.endswith(",") and not one.repeated else "") + tail
    check(one, tmp_path, cut.encode() + b"\n")


@pytest.mark.parametrize("one", [one for one in FORMATS if one.repeated], ids=lambda one: one.name)
def test_a_key_that_stands_twice_is_read_once_or_refused(one: Format, tmp_path: Path) -> None:
    record = one.record(BROKEN, one.size)
    twice = record.replace(one.missing, one.missing + one.repeated)
    path = put(tmp_path, one.file, with_broken(one, twice.encode() + b"\n"))
    report, faults = read(path)
    if faults:
        assert f"line {one.line_of(BROKEN)}: " in faults[0]
        assert report["messages"] == BROKEN
    else:
        assert report["messages"] == RECORDS


@EACH
def test_carriage_returns_and_blank_lines_change_nothing(one: Format, tmp_path: Path) -> None:
    lines = one.lines()
    (tmp_path / "plain").mkdir()
    plain, _ = read(put(tmp_path / "plain", one.file, b"".join(lines)))
    changed = [line[:-1] + b"\r\n" for line in lines]
    changed.insert(len(one.head) + 3, b"\r\n")
    report, faults = read(put(tmp_path, one.file, b"".join(changed)))
    assert (report, faults) == (plain, [])


@EACH
def test_a_byte_order_mark_is_passed_over_or_refused_in_its_place(one: Format, tmp_path: Path) -> None:
    path = put(tmp_path, one.file, b"\xef\xbb\xbf" + b"".join(one.lines()))
    if one.file.endswith("a.csv"):
        report, faults = read(path)
        assert (report["messages"], faults) == (RECORDS, [])
        return
    with pytest.raises(DataError, match=re.escape(f"{path}, line 1: ")):
        capture_info([path])


# --- Containers ---------------------------------------------------------------------------------------------------


def zstd(content: bytes) -> bytes:
    """A frame of raw blocks (RFC 8878): nothing is packed, and every byte's meaning is known."""
    size = 1000
    blocks = [content[at : at + size] for at in range(0, len(content), size)]
    frame = b"\x28\xb5\x2f\xfd\x00\x58"
    for n, block in enumerate(blocks):
        frame += (len(block) << 3 | (n == len(blocks) - 1)).to_bytes(3, "little") + block
    return frame


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda content: gzip.compress(content, mtime=0),
    "xz": lzma.compress,
    "zst": zstd,
}
CONTAINERS = pytest.mark.parametrize("container", PACKED)


def many(one: Format) -> bytes:
    """Lines that do not pack to nothing, so that a half of them lies before the middle."""
    return b"".join(one.lines(3000))


@CONTAINERS
@EACH
def test_a_packed_capture_that_is_cut_short(one: Format, container: str, tmp_path: Path) -> None:
    packed = PACKED[container](many(one))
    path = put(tmp_path, f"{one.file}.{container}", packed[: len(packed) * 2 // 3])
    report, [fault] = read(path)
    assert re.search(rf"{re.escape(str(path))}, after line \d+: the \w+ data ends early", fault)
    assert 300 < report["messages"] < 3000


@CONTAINERS
@EACH
def test_a_packed_capture_with_changed_bytes(one: Format, container: str, tmp_path: Path) -> None:
    packed = bytearray(PACKED[container](many(one)))
    if container == "zst":
        # The header of a block: a kind that does not exist.
        at = 6 + 1003 * (len(packed) // 1003 * 2 // 3)
        packed[at] |= 0b110
    else:
        at = len(packed) * 2 // 3
        packed[at : at + 64] = bytes(byte ^ 0x55 for byte in packed[at : at + 64])
    path = put(tmp_path, f"{one.file}.{container}", bytes(packed))
    report, [fault] = read(path)
    # Damage may unpack to nonsense before it is noticed.
    assert re.search(rf"{re.escape(str(path))}, (after )?line \d+: ", fault)
    assert 100 < report["messages"] < 3000


@CONTAINERS
def test_what_stands_behind_a_packed_capture(container: str, tmp_path: Path) -> None:
    [one] = (one for one in FORMATS if one.name == "binance")
    packed = PACKED[container](b"".join(one.lines()))
    path = put(tmp_path, f"a.{container}", packed + b"and this is something else")
    report, [fault] = read(path)
    assert report["messages"] == RECORDS
    assert f"{path}, after line {RECORDS}: the " in fault
    assert "damaged" in fault or "ends early" in fault


@CONTAINERS
@EACH
def test_names_do_not_matter_where_content_tells(one: Format, container: str, tmp_path: Path) -> None:
    if one.name in {"lobster"}:
        pytest.skip("a LOBSTER file keeps symbol and day in its name")
    content = b"".join(one.lines())
    expected = read(put(tmp_path, one.file, content))
    wrong = put(tmp_path, "wrong.dat", PACKED[container](content))
    assert read(wrong) == expected
    misnamed = put(tmp_path, f"misnamed.{container}", content)
    assert read(misnamed) == expected


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_beyond_the_limit(packed: bool, tmp_path: Path) -> None:
    for one in (FORMATS[0], FORMATS[5], FORMATS[8]):
        content = with_broken(one, b"1" * (65 << 20) + b"\n")
        path = put(tmp_path, one.file, gzip.compress(content, 1) if packed else content)
        report, [fault] = read(path)
        assert f"{path}, line {one.line_of(BROKEN)}: the line is longer than" in fault
        assert report["messages"] == BROKEN


# --- Event arrays -------------------------------------------------------------------------------------------------


def events(size: float = 2.0, broken: int | None = BROKEN) -> np.ndarray[Any, Any]:
    names = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
    kinds = ("u8", "i8", "i8", "f8", "f8", "u8", "i8", "f8")
    array = np.zeros(RECORDS, np.dtype(list(zip(names, kinds, strict=True))))
    array["ev"] = 2 | 1 << 31 | 1 << 30 | 1 << 29
    array["exch_ts"] = 1_700_000_000_000_000_000 + np.arange(RECORDS) * 10**7
    array["local_ts"] = array["exch_ts"] + 1000
    array["px"], array["qty"] = 100.5, 2.0
    if broken is not None:
        array["qty"][broken] = size
    return array


@pytest.mark.parametrize("size", [np.nan, np.inf, -np.inf, -1.0, 1e300, 5e-324])
def test_events_whose_size_is_none(size: float, tmp_path: Path) -> None:
    for name, save in (("btcusdt.npy", np.save), ("btcusdt.npz", np.savez)):
        path = tmp_path / name
        if save is np.save:
            np.save(path, events(size))
        else:
            np.savez_compressed(path, data=events(size))
        report, [fault] = read(path)
        assert f'{path}, line {BROKEN + 1}: field "size" is ' in fault
        assert re.search(r" at byte \d+$", fault)
        assert report["messages"] == BROKEN


def test_event_arrays_cut_short_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "btcusdt.npz"
    rng = np.random.default_rng(5)
    many = np.tile(events(broken=None), 100)
    many["exch_ts"] = 1_700_000_000_000_000_000 + np.arange(len(many)) * 10**6
    many["local_ts"] = many["exch_ts"]
    many["qty"] = rng.integers(1, 10**6, len(many)) / 1000
    np.savez_compressed(path, data=many)
    whole = path.read_bytes()
    assert read(path)[0]["messages"] == len(many)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    report, [fault] = read(path)
    assert f"{path}, after line " in fault
    assert "ends early" in fault
    assert 1000 < report["messages"] < len(many)
    changed = bytearray(whole)
    at = len(changed) * 2 // 3
    changed[at : at + 64] = bytes(byte ^ 0x55 for byte in changed[at : at + 64])
    path.write_bytes(bytes(changed))
    report, [fault] = read(path)
    assert re.search(rf"{re.escape(str(path))}, (after )?line \d+: ", fault)
    assert 1000 < report["messages"] <= len(many)


@pytest.mark.parametrize("name", ["btcusdt.npy", "btcusdt.npz"])
@pytest.mark.parametrize("length", [4, 9, 60, 200])
def test_event_arrays_whose_head_is_cut(name: str, length: int, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, events())
    else:
        np.savez_compressed(path, data=events())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=re.escape(str(path))):
        capture_info([path])


# --- Whole files, and the command -----------------------------------------------------------------------------------


@EACH
def test_a_first_record_that_is_broken(one: Format, tmp_path: Path) -> None:
    lines = one.lines()
    lines[len(one.head)] = sized(one, "NaN").replace(b"NaN", b'"')
    path = put(tmp_path, one.file, b"".join(lines))
    try:
        report, faults = read(path)
    except DataError as error:
        told = str(error)
    else:
        # Numbers are only read once the stream has begun.
        assert report["messages"] == 0
        told = faults[0]
    assert f"{path}, line {one.line_of(0)}: " in told


def test_a_lone_snapshot_before_a_broken_line_does_not_hide_it(tmp_path: Path) -> None:
    snapshot = b'1700000000000000000 {"lastUpdateId":1,"bids":[["1.0","1"]],"asks":[]}\n'
    path = put(tmp_path, "a.txt", snapshot + b'1700000000000000001 {"e":"depthUpdate",\n')
    for attempt in (capture_info, CaptureSet):
        with pytest.raises(DataError, match=re.escape(f"{path}, line 2: ") + r".* at byte \d+"):
            attempt([path])


@pytest.mark.parametrize("container", ["", *PACKED])
@EACH
def test_files_of_nothing(one: Format, container: str, tmp_path: Path) -> None:
    name = f"{one.file}.{container}" if container else one.file
    head = b"".join(one.lines(0))
    for content in {b"", head}:
        packed = PACKED[container](content) if container and content else content
        path = put(tmp_path, name, packed)
        with pytest.raises(DataError, match=re.escape(str(path))):
            capture_info([path])


def run(
    *arguments: object, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> tuple[object, str]:
    patch.setattr("sys.argv", ["aurora", *map(str, arguments)])
    with pytest.raises(SystemExit) as leaving:
        main()
    return leaving.value.code, capsys.readouterr().err


@EACH
def test_the_command_leaves_with_3(
    one: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = put(tmp_path, one.file, with_broken(one, sized(one, "NaN")))
    for command in (
        ("data", "info", broken, "--json"),
        ("replay", broken, "--out", tmp_path / "run", "--json"),
    ):
        code, said = run(*command, capsys=capsys, patch=monkeypatch)
        assert code == 3
        assert f"{broken}, line {one.line_of(BROKEN)}: " in said
        assert "Traceback" not in said
