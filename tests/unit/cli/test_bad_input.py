"""Bad input through the command line: a clear sentence with file and line, the documented exit code, what was
read before it kept, and nothing but JSON on stdout."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import re
import socket
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from command_line import Answer, run_command

from aurora.journal import Journal

Aurora = Callable[..., Answer]
LINES = 4_000
KEY = "binance_usdm:BTCUSDT"


@pytest.fixture(scope="session")
def capture_lines(captures: Path) -> list[bytes]:
    """The first lines of a real capture, each with its end."""
    with gzip.open(captures / "hftbacktest" / "usdm" / "btcusdt_20240808.gz", "rb") as file:
        return list(islice(file, LINES))


@dataclass(frozen=True)
class Broken:
    """A capture that breaks somewhere."""

    name: str
    content: Callable[[Sequence[bytes]], bytes]
    place: str
    """What the message says of where."""
    kept: range
    """How many messages before the fault are still reported (the real number is in there)."""
    says: str


def truncated_gzip(lines: Sequence[bytes]) -> bytes:
    packed = gzip.compress(b"".join(lines))
    return packed[: len(packed) // 2]


def without_end(lines: Sequence[bytes]) -> bytes:
    return b"".join(lines)[:-30]


def half_a_line(lines: Sequence[bytes]) -> bytes:
    return b"".join([*lines[:2499], lines[2499][:70] + b"\n", *lines[2500:]])


def unknown_stream(lines: Sequence[bytes]) -> bytes:
    time = lines[1498].split(b" ")[0]
    strange = time + b' {"stream":"btcusdt@surprise","data":{"e":"surprise","s":"BTCUSDT"}}\n'
    return b"".join([*lines[:1499], strange, *lines[1499:]])


def broken_number(lines: Sequence[bytes]) -> bytes:
    line = next(n for n in range(1700, LINES) if b"bookTicker" in lines[n])
    spoilt = lines[line].replace(b'"b":"6', b'"b":"6x')
    return b"".join([*lines[:1700], spoilt, *lines[1701:]])


def no_receive_time(lines: Sequence[bytes]) -> bytes:
    return b"".join([*lines[:1200], b"later " + lines[1200], *lines[1201:]])


BROKEN = (
    Broken("truncated.gz", truncated_gzip, ", after line ", range(1000, 3000), "ends early"),
    Broken("cut_at_end.txt", without_end, f", line {LINES}: ", range(LINES - 1, LINES), "ends early"),
    Broken("half_a_line.txt", half_a_line, ", line 2500: ", range(2499, 2500), "ends early"),
    Broken("unknown.txt", unknown_stream, ", line 1500: ", range(1499, 1500), '"btcusdt@surprise"'),
    Broken(
        "number.txt",
        broken_number,
        ", line 1701: ",
        range(1700, 1701),
        'field "price" is not a decimal number',
    ),
    Broken("time.txt", no_receive_time, ", line 1201: ", range(1200, 1201), "receive time"),
)
BROKEN_EACH = pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@BROKEN_EACH
def test_info_on_a_broken_capture(
    broken: Broken, capture_lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    path = put(tmp_path, broken.name, broken.content(capture_lines))
    answer = aurora("data", "info", path, "--json").refused(3)
    assert f"{path}{broken.place}" in answer.err
    assert broken.says in answer.err
    report = answer.json["symbols"][KEY]
    assert report["messages"] in broken.kept
    assert report["level_updates"] > 0
    assert report["state"] == "synced"


@BROKEN_EACH
def test_replay_of_a_broken_capture_keeps_its_records(
    broken: Broken, capture_lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    path = put(tmp_path, broken.name, broken.content(capture_lines))
    answer = aurora("replay", path, "--out", "run", "--json").refused(3)
    assert f"{path}{broken.place}" in answer.err
    assert "run" in answer.err.split(broken.place, 1)[1], "it says where the records are"
    summary = answer.json
    assert summary["data_quality"][KEY]["messages"] in broken.kept
    assert [broken.says in fault for fault in summary["faults"]] == [True]
    journal = Journal.open(tmp_path / "run")
    assert journal.verify().ok
    assert len(journal.equity().collect()) > 0
    assert summary["events"] > summary["data_quality"][KEY]["messages"]


def test_corrupt_bytes_within_gzip_keep_what_came_before(
    capture_lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    packed = bytearray(gzip.compress(b"".join(capture_lines)))
    middle = len(packed) * 3 // 4
    packed[middle : middle + 200] = random.Random(3).randbytes(200)
    with pytest.raises((zlib.error, gzip.BadGzipFile)):
        gzip.decompress(bytes(packed))
    path = put(tmp_path, "corrupt.gz", bytes(packed))
    answer = aurora("data", "info", path, "--json").refused(3)
    # Damage may decode to nonsense before it is noticed.
    assert re.search(rf"{re.escape(str(path))}, (after )?line \d+: ", answer.err)
    assert answer.json["symbols"][KEY]["messages"] > 1000


@pytest.mark.parametrize("damaged", ["checksum", "length"])
def test_a_gzip_file_that_does_not_add_up(
    damaged: str, capture_lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    packed = bytearray(gzip.compress(b"".join(capture_lines)))
    packed[-8 if damaged == "checksum" else -4] ^= 1
    path = put(tmp_path, "damaged.gz", bytes(packed))
    answer = aurora("data", "info", path, "--json").refused(3)
    assert f"{path}, after line " in answer.err
    assert answer.json["symbols"][KEY]["messages"] > 1000


def test_gzip_files_of_several_members(capture_lines: list[bytes], tmp_path: Path, aurora: Aurora) -> None:
    """As recorders that append write them; members need not end where lines do."""
    content = b"".join(capture_lines)
    whole = put(tmp_path, "whole.txt", content)
    cuts = [0, 1, 1_000, 1_001, len(content) // 2, len(content) - 3, len(content)]
    members = b"".join(gzip.compress(content[i:j]) for i, j in itertools.pairwise(cuts))
    path = put(tmp_path, "members.gz", members + gzip.compress(b""))
    expected = aurora("data", "info", whole, "--json").done().json
    assert aurora("data", "info", path, "--json").done().json == expected
    cut = put(tmp_path, "cut.gz", members[:-10])
    answer = aurora("data", "info", cut, "--json").refused(3)
    assert str(cut) in answer.err
    assert answer.json["symbols"][KEY]["messages"] > 1000


def test_a_broken_capture_does_not_stop_the_other(
    market: dict[str, Path], configs: Path, tmp_path: Path, aurora: Aurora
) -> None:
    symbols = list(market)
    lines = gzip.decompress(market[symbols[-1]].read_bytes()).splitlines(keepends=True)
    cut = len(lines) * 2 // 3
    broken = put(tmp_path, "broken.txt", b"".join([*lines[:cut], lines[cut][:50] + b"\n"]))
    paths = [*(market[symbol] for symbol in symbols[:-1]), broken]
    answer = aurora("replay", *paths, "--config", configs / "probe.yaml", "--out", "run", "--json").refused(3)
    assert f"{broken}, line {cut + 1}: " in answer.err
    summary = answer.json
    assert summary["decisions"] > 50
    assert summary["fills"] > 0
    assert len(Journal.open(tmp_path / "run").decisions().collect()) == summary["decisions"]


def test_broken_captures_through_the_real_command(capture_lines: list[bytes], tmp_path: Path) -> None:
    path = put(tmp_path, "half.txt", half_a_line(capture_lines))
    info = run_command("data", "info", path, "--json", cwd=tmp_path).refused(3)
    assert f"{path}, line 2500: " in info.err
    assert info.json["symbols"][KEY]["messages"] == 2499
    replay = run_command("replay", path, "--out", "run", "--json", cwd=tmp_path).refused(3)
    assert f"{path}, line 2500: " in replay.err
    assert replay.json["events"] > 0


def garbage() -> bytes:
    return random.Random(7).randbytes(20_000)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", "empty"),
        ("empty.gz", gzip.compress(b"", mtime=0), "no market events"),
        ("header.txt", b"# nothing but a header\n", "no market events"),
        ("garbage.bin", garbage(), "line 1"),
        ("garbage.gz", b"\x1f\x8b\x08\x00" + garbage(), "garbage.gz"),
        ("csv.txt", b"time,bid,ask\n1,2,3\n", "line 1"),
        ("packed.zst", b"\x28\xb5\x2f\xfd" + garbage(), "zstd"),
        ("packed.xz", b"\xfd7zXZ\x00" + garbage(), "xz"),
    ],
)
@pytest.mark.parametrize("command", [("data", "info"), ("replay",)], ids=["info", "replay"])
def test_no_capture_at_all(
    command: tuple[str, ...], name: str, content: bytes, says: str, tmp_path: Path, aurora: Aurora
) -> None:
    path = put(tmp_path, name, content)
    answer = aurora(*command, path, "--json").refused(3)
    assert str(path) in answer.err
    assert says in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("command", [("data", "info"), ("replay",)], ids=["info", "replay"])
def test_other_formats_are_refused(command: tuple[str, ...], captures: Path, aurora: Aurora) -> None:
    prices = captures / "lead-lag" / "bitflyerJPY_2018-08-12_small.csv"
    answer = aurora(*command, prices, "--json").refused(3)
    assert f"{prices}, line 1" in answer.err
    orders = captures / "ob-analytics" / "orders.csv.xz"
    answer = aurora(*command, orders, "--json").refused(3)
    assert f"{orders}, line 1" in answer.err


@pytest.mark.parametrize("command", [("data", "info"), ("replay",)], ids=["info", "replay"])
def test_missing_unreadable_and_wrong_paths(command: tuple[str, ...], tmp_path: Path, aurora: Aurora) -> None:
    assert "nothere.gz" in aurora(*command, "nothere.gz", "--json").refused(3).err
    (tmp_path / "folder").mkdir()
    assert "folder" in aurora(*command, "folder", "--json").refused(3).err
    # As root every file is readable; a socket is not.
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("plug.txt")
        assert "plug.txt" in aurora(*command, "plug.txt", "--json").refused(3).err


@pytest.mark.parametrize("command", [("data", "info"), ("replay",)], ids=["info", "replay"])
def test_files_in_the_wrong_order(command: tuple[str, ...], captures: Path, aurora: Aurora) -> None:
    first, second = (captures / "hftbacktest" / "spot" / f"ethusdt_2024080{day}.gz" for day in (8, 9))
    answer = aurora(*command, second, first, "--json").refused(3)
    assert f"{first}, line 1: " in answer.err
    assert "time order" in answer.err
    if command == ("data", "info"):
        assert answer.json["symbols"]["binance_spot:ETHUSDT"]["messages"] > 30_000, "the first file was read"


@pytest.mark.parametrize("through", ["process", "call"])
def test_a_capture_without_snapshot_is_refused_with_advice(
    through: str, capture_lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    path = put(tmp_path, "diffs.txt", b"".join(line for line in capture_lines if b"lastUpdateId" not in line))

    def run(*arguments: object) -> Answer:
        return run_command(*arguments, cwd=tmp_path) if through == "process" else aurora(*arguments)

    info = run("data", "info", path, "--json").refused(3)
    replay = run("replay", path, "--out", "run", "--json").refused(3)
    for answer in (info, replay):
        assert KEY in answer.err
        assert "snapshot" in answer.err
        assert "Put the file that holds" in answer.err
        assert "record again" in answer.err
    assert info.json["symbols"][KEY]["grade"] == "F"
    assert info.json["symbols"][KEY]["trades"] > 0
    assert replay.json["data_quality"][KEY]["grade"] == replay.json["data_grade"] == "F"
    assert replay.json["orders"] == 0
    assert Journal.open(tmp_path / "run").verify().ok


def test_one_symbol_without_snapshot_names_that_one(
    capture_lines: list[bytes], captures: Path, tmp_path: Path, aurora: Aurora
) -> None:
    path = put(tmp_path, "diffs.txt", b"".join(line for line in capture_lines if b"lastUpdateId" not in line))
    whole = captures / "hftbacktest" / "usdm" / "ethusdt_20240808.gz"
    answer = aurora("data", "info", path, whole, "--json").refused(3)
    assert KEY in answer.err
    assert "ETHUSDT" not in answer.err
    assert answer.json["symbols"]["binance_usdm:ETHUSDT"]["grade"] == "A"


# --- Config and policy ------------------------------------------------------------------------------------------


@pytest.fixture
def small(capture_lines: list[bytes], tmp_path: Path) -> Path:
    return put(tmp_path, "small.txt", b"".join(capture_lines[:1500]))


def test_all_errors_of_a_policy_are_listed_at_once(small: Path, tmp_path: Path, aurora: Aurora) -> None:
    policy = {
        "preset": "reckless",
        "leverage": 0,
        "position_pct": 999,
        "stop_bps": "wide",
        "per_trade_risk_pct": -1,
        "surprise": 1,
    }
    (tmp_path / "limits.yaml").write_text(json.dumps(policy))
    (tmp_path / "config.yaml").write_text("policy_file: limits.yaml\n")
    answer = aurora("replay", small, "--config", "config.yaml", "--out", "run", "--json").refused(1)
    assert "limits.yaml" in answer.err
    assert "6 error" in answer.err
    told = [line.strip().split(":")[0] for line in answer.err.splitlines()[1:]]
    assert sorted(told) == sorted(policy)
    assert answer.out == ""
    assert not (tmp_path / "run").exists()
    assert run_command("replay", small, "--config", "config.yaml", cwd=tmp_path).refused(1).err == answer.err


def test_limits_that_contradict_each_other_are_listed_at_once(
    small: Path, tmp_path: Path, aurora: Aurora
) -> None:
    (tmp_path / "config.yaml").write_text(
        "policy: {per_trade_risk_pct: 5, position_pct: 50, symbol_exposure_pct: 40, gross_exposure_pct: 30}\n"
    )
    answer = aurora("replay", small, "--config", "config.yaml").refused(1)
    for contradiction in (
        "per_trade_risk_pct exceeds daily_loss_pct",
        "position_pct exceeds symbol_exposure_pct",
        "symbol_exposure_pct exceeds gross_exposure_pct",
    ):
        assert contradiction in answer.err


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (b"engines: [\n", ["not YAML", "line"]),
        (b"\xff\xfe\x00\xd8", ["not YAML"]),
        (b"just words\n", ["expected settings by name"]),
        (b"- a\n- b\n", ["expected settings by name"]),
        (b"enginez: {}\nsignal: {min_pp: 1}\n", ["2 error", "enginez", "signal.min_pp"]),
        (
            b"signal: {min_p: 7}\nfeatures: {sample_ms: 0}\n",
            ["2 error", "signal.min_p", "features.sample_ms"],
        ),
        (b"1: 2\n", ["1"]),
        (b"costs: 5\n", ["costs"]),
        (b"policy: {leverage: 3}\npolicy_file: limits.yaml\n", ["not both"]),
        (b"policy_file: nowhere.yaml\n", ["nowhere.yaml", "No such file"]),
        (b"policy_file: 'small.txt'\n", ["small.txt"]),
        (b"policy: {preset: [balanced]}\n", ["policy.preset"]),
        (b"costs: {min_net_edge_bps: .nan}\n", ["costs.min_net_edge_bps"]),
        (b"capture: {clock_offset_ms: .nan}\n", ["capture.clock_offset_ms"]),
        (b"engines: {lead_lag: {window_s: .inf}}\n", ["engines.lead_lag.window_s"]),
        (b"capture: {instruments: {'binance_usdm:BTCUSDT': {tick_size: 0.000000001}}}\n", ["tick_size", KEY]),
    ],
)
def test_bad_configs(config: bytes, says: list[str], small: Path, tmp_path: Path, aurora: Aurora) -> None:
    put(tmp_path, "config.yaml", config)
    answer = aurora("replay", small, "--config", "config.yaml", "--out", "run", "--json").refused(1)
    for word in says:
        assert word in answer.err
    assert answer.out == ""
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_policy_file_of_bytes(small: Path, tmp_path: Path, aurora: Aurora) -> None:
    put(tmp_path, "limits.yaml", b"\xff\xfe\x00\xd8")
    put(tmp_path, "config.yaml", b"policy_file: limits.yaml\n")
    answer = aurora("replay", small, "--config", "config.yaml").refused(1)
    assert "limits.yaml" in answer.err
    assert "not YAML" in answer.err


def test_a_missing_config(small: Path, aurora: Aurora) -> None:
    assert "nowhere.yaml" in aurora("replay", small, "--config", "nowhere.yaml").refused(1).err


@pytest.mark.parametrize(
    "config",
    [
        "features: {sample_ms: 100000000000000}",
        "features: {depth_levels: 99999999999999999999}",
        "capture: {clock_offset_ms: 1e300}",
        "desk: {start_cash: 1e40}",
    ],
)
def test_absurdly_large_numbers(config: str, small: Path, tmp_path: Path, aurora: Aurora) -> None:
    (tmp_path / "config.yaml").write_text(config + "\n")
    aurora("replay", small, "--config", "config.yaml", "--out", "run").refused(1)


# --- Where results go, and usage --------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["small.txt/run", "small.txt", "/proc/aurora", "/dev/null/run"])
def test_an_output_directory_that_cannot_be_written(out: str, small: Path, aurora: Aurora) -> None:
    before = small.read_bytes()
    answer = aurora("replay", small, "--out", out, "--json").refused(1)
    assert out in answer.err
    assert "writ" in answer.err
    assert answer.out == ""
    assert small.read_bytes() == before


@pytest.mark.parametrize("runner", ["inline", "bytewax"])
def test_a_recovery_directory_that_cannot_be_written(runner: str, small: Path, aurora: Aurora) -> None:
    if runner == "bytewax":
        pytest.importorskip("bytewax")
    options = ("--out", "run", "--recovery", "small.txt/store", "--runner", runner)
    assert "small.txt/store" in aurora("replay", small, *options).refused(1).err


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_damaged_checkpoint(content: bytes, small: Path, tmp_path: Path, aurora: Aurora) -> None:
    (tmp_path / "store").mkdir()
    put(tmp_path, "store/inline-checkpoint.json", content)
    answer = aurora("replay", small, "--out", "run", "--recovery", "store", "--resume").refused(1)
    assert "store" in answer.err


def test_nothing_to_resume(small: Path, aurora: Aurora) -> None:
    answer = aurora("replay", small, "--out", "run", "--recovery", "store", "--resume").refused(1)
    assert "nothing to resume" in answer.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--resume"], "--recovery"),
        (["--processes", "2"], "--runner bytewax"),
        (["--processes", "2", "--runner", "inline"], "--runner bytewax"),
        (["--processes", "0"], "--processes"),
        (["--runner", "spark"], "--runner"),
        (["--slice-ms", "-1"], "--slice-ms"),
        (["--slice-ms", "wide"], "--slice-ms"),
        (["--abort-after-events", "0"], "--abort-after-events"),
        (["--nonsense"], "--nonsense"),
        (["--seed"], "--seed"),
    ],
)
def test_wrong_usage_of_replay(
    options: list[str], says: str, small: Path, tmp_path: Path, aurora: Aurora
) -> None:
    answer = aurora("replay", small, "--out", "run", "--json", *options).refused(2)
    assert says in answer.err
    assert answer.out == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [["replay"], ["data", "info"], ["explain"], ["report"], ["trade"], ["data", "out"], ["--nonsense"], []],
)
def test_wrong_usage(arguments: list[str], aurora: Aurora) -> None:
    answer = aurora(*arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert "Usage" in answer.err + answer.out


def test_wrong_usage_through_the_real_command(small: Path, tmp_path: Path) -> None:
    assert "--nonsense" in run_command("replay", small, "--nonsense", cwd=tmp_path).refused(2).err
    assert "--recovery" in run_command("replay", small, "--resume", cwd=tmp_path).refused(2).err


def test_no_run_directory(tmp_path: Path, aurora: Aurora) -> None:
    (tmp_path / "folder").mkdir()
    for arguments in (("report", "folder"), ("report", "nowhere"), ("explain", "abc", "--run", "folder")):
        answer = aurora(*arguments, "--json").refused(3)
        assert "output directory of a run" in answer.err
        assert answer.out == ""
    assert "--run" in aurora("explain", "abc").refused(2).err
    assert "folder" in run_command("report", "folder", cwd=tmp_path).refused(3).err


def test_an_aborted_run_keeps_what_it_had(
    market: dict[str, Path], configs: Path, tmp_path: Path, aurora: Aurora
) -> None:
    whole: dict[str, Any] = (
        aurora("replay", *market.values(), "--config", configs / "probe.yaml", "--out", "whole", "--json")
        .done()
        .json
    )
    options = ("--config", configs / "probe.yaml", "--out", "cut", "--json")
    abort = ("--abort-after-events", whole["events"] * 3 // 4)
    answer = aurora("replay", *market.values(), *options, *abort).refused(1)
    assert "aborted after" in answer.err
    assert answer.out == ""
    kept = Journal.open(tmp_path / "cut").decisions().collect()
    every = Journal.open(tmp_path / "whole").decisions().collect()
    assert 0 < len(kept) < len(every)
    assert kept.equals(every.head(len(kept)))
