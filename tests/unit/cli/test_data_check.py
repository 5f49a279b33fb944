"""`aurora data check`: grades and their reasons, the minimum, bad lines, two sources, exit codes."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Answer, run_command

Aurora = Callable[..., Answer]
KEY = "binance_usdm:ETHUSDT"


@pytest.fixture
def lines(market: dict[str, Path]) -> list[bytes]:
    return gzip.decompress(market["ETHUSDT"].read_bytes()).splitlines(keepends=True)


def put(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def diffs(lines: list[bytes]) -> list[int]:
    return [i for i, line in enumerate(lines) if b"depthUpdate" in line]


@pytest.fixture
def gap(lines: list[bytes], tmp_path: Path) -> Path:
    """Stale from the middle on: grade D."""
    lost = diffs(lines)[len(diffs(lines)) // 2]
    return put(tmp_path / "gap.txt", [line for i, line in enumerate(lines) if i != lost])


def broken(lines: list[bytes]) -> list[bytes]:
    place = len(lines) // 2
    return [*lines[:place], lines[place][:60] + b"\n", *lines[place + 1 :]]


def test_clean_captures_pass(market: dict[str, Path], tmp_path: Path) -> None:
    """Through the real command."""
    answer = run_command("data", "check", *market.values(), "--minimum", "A", "--json", cwd=tmp_path).done()
    assert answer.err == ""
    assert set(answer.json) == {"minimum", "symbols", "cross_checks", "faults"}
    assert (answer.json["minimum"], answer.json["cross_checks"], answer.json["faults"]) == ("A", [], [])
    assert {q["grade"] for q in answer.json["symbols"].values()} == {"A"}
    assert len(answer.json["symbols"]) == len(market)


def test_one_object_in_info_check_run_and_report(
    market: dict[str, Path], configs: Path, tmp_path: Path, aurora: Aurora
) -> None:
    paths = list(market.values())
    info = aurora("data", "info", *paths, "--json").done().json["symbols"]
    check = aurora("data", "check", *paths, "--json").done().json["symbols"]
    replayed = (
        aurora("replay", *paths, "--config", configs / "probe.yaml", "--out", "run", "--json").done().json
    )
    expected = {key: report["quality"] for key, report in info.items()}
    assert check == expected
    assert replayed["data_quality"] == expected
    aurora("report", "run").done()
    page = (tmp_path / "run" / "tearsheet.html").read_text()
    first = page[: page.index("Equity and drawdown")]
    for quality in expected.values():
        assert f"{quality['messages']:,}" in first
        assert quality["remarks"][0].split(":")[0] in first
    assert "clock drift ppm" in first


@pytest.mark.parametrize(("minimum", "code"), [("C", 3), ("B", 3), ("D", 0), ("F", 0)])
def test_below_the_minimum_is_exit_code_3(minimum: str, code: int, gap: Path, aurora: Aurora) -> None:
    answer = aurora("data", "check", gap, "--minimum", minimum, "--json")
    assert answer.code == code
    quality = answer.json["symbols"][KEY]
    assert (quality["grade"], quality["gaps"]) == ("D", 1)
    if code:
        assert f"{KEY} has grade D, below {minimum}" in answer.err
        assert "1 gap" in answer.err
        assert "stale" in answer.err


def test_the_default_minimum_is_c(gap: Path, aurora: Aurora) -> None:
    answer = aurora("data", "check", gap).refused(3)
    assert f"{KEY}: D because the book is not synchronised at the end (stale_gap); 1 gap;" in " ".join(
        answer.out.split()
    )
    assert aurora("data", "check", gap, "--minimum", "E").refused(2)


def test_a_bad_line_is_a_fault_or_counted(lines: list[bytes], tmp_path: Path, aurora: Aurora) -> None:
    path = put(tmp_path / "bad.txt", broken(lines))
    answer = aurora("data", "check", path, "--json").refused(3)
    assert f"{path}, line {len(lines) // 2 + 1}: " in answer.err
    assert len(answer.json["faults"]) == 1
    for command in ("check", "info"):
        answer = aurora("data", command, path, "--skip-bad-lines", "--json").done()
        quality = answer.json["symbols"][KEY]
        quality = quality.get("quality", quality)
        assert quality["bad_lines"] == 1
        assert f"{path}, line {len(lines) // 2 + 1}: " in quality["shown_bad_lines"][0]
        assert quality["grade"] > "A"
    told = aurora("data", "check", path, "--skip-bad-lines", "--minimum", "F").done()
    assert "1 bad line passed over" in told.out


def test_a_replay_skips_bad_lines_by_setting(lines: list[bytes], tmp_path: Path, aurora: Aurora) -> None:
    # A ticker, so that nothing but the line is lost.
    place = next(i for i in range(len(lines) // 2, len(lines)) if b"bookTicker" in lines[i])
    path = put(tmp_path / "bad.txt", [*lines[:place], lines[place][:60] + b"\n", *lines[place + 1 :]])
    config = tmp_path / "skip.yaml"
    config.write_text("capture: {bad_lines: skip}\n")
    expected = (
        aurora("data", "info", path, "--skip-bad-lines", "--json").done().json["symbols"][KEY]["quality"]
    )
    summary = aurora("replay", path, "--config", config, "--out", "run", "--json").done().json
    assert summary["data_quality"] == {KEY: expected}
    assert summary["faults"] == []
    assert summary["data_grade"] == expected["grade"] != "A"
    aurora("replay", path, "--out", "fatal", "--json").refused(3)
    config.write_text("capture: {bad_lines: ignore}\n")
    assert "bad_lines" in aurora("replay", path, "--config", config, "--json").refused(1).err


def test_without_a_snapshot_only_on_request(lines: list[bytes], tmp_path: Path, aurora: Aurora) -> None:
    path = put(tmp_path / "diffs.txt", [line for line in lines if b"lastUpdateId" not in line])
    assert aurora("data", "check", path, "--json").refused(3).json["symbols"][KEY]["grade"] == "F"
    for command in ("check", "info"):
        answer = aurora(
            "data", command, path, "--unsynchronised", *(["--minimum", "D"] * (command == "check")), "--json"
        )
        quality = answer.done().json["symbols"][KEY]
        quality = quality.get("quality", quality)
        assert (quality["grade"], quality["state"]) == ("D", "unsynchronised")
        assert quality["reasons"][0].startswith("unsynchronised")
    config = tmp_path / "unsynchronised.yaml"
    config.write_text("capture: {unsynchronised: true}\n")
    summary = aurora("replay", path, "--config", config, "--out", "run", "--json").done().json
    assert summary["data_quality"] == {KEY: quality}


def test_two_sources(lines: list[bytes], market: dict[str, Path], tmp_path: Path, aurora: Aurora) -> None:
    path = market["ETHUSDT"]
    answer = aurora("data", "check", path, "--against", path, "--json").done()
    [check] = answer.json["cross_checks"]
    assert (check["agrees"], check["first"], check["second"]) == (True, KEY, KEY)
    trades = [i for i, line in enumerate(lines) if b'"e":"trade"' in line]
    lost = set(trades[20:25])
    other = put(tmp_path / "other.txt", [line for i, line in enumerate(lines) if i not in lost])
    answer = aurora("data", "check", path, "--against", other, "--json").refused(3)
    assert answer.json["cross_checks"][0]["missing_in_second"] == 5
    assert f"{KEY} in two sources: 5 trades of the other are missing in the second" in answer.err
    told = aurora("data", "check", path, "--against", other).refused(3).out
    assert f"{KEY} against {KEY}: CONTRADICT" in told
    assert "trades by id: 0 missing in the first, 5 in the second, 0 unequal" in told
    aurora("data", "check", path, "--against", market["BTCUSDT"]).refused(2)
    aurora("data", "check", path, "--against", "nowhere.gz").refused(3)


def test_the_table_fits_eighty_columns(market: dict[str, Path], aurora: Aurora) -> None:
    told = aurora("data", "check", *market.values()).done().out
    for key in ("binance_usdm:ETHUSDT", "binance_usdm:BTCUSDT"):
        assert any(line.startswith(key) and " A " in line for line in told.splitlines()), told
    assert all(len(line) <= 80 for line in told.splitlines())


def test_json_is_one_document_also_when_refused(gap: Path, aurora: Aurora) -> None:
    answer = aurora("data", "check", gap, "--json").refused(3)
    document: dict[str, Any] = json.loads(answer.out)
    assert document["symbols"][KEY]["state"] == "stale_gap"


def test_unsynchronised_books_take_the_snapshot_that_comes(
    lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    path = put(tmp_path / "whole.txt", lines)
    expected = aurora("data", "info", path, "--json").done().json["symbols"][KEY]
    told = aurora("data", "info", path, "--unsynchronised", "--json").done().json["symbols"][KEY]
    for name in ("state", "digest", "gaps", "final_update_id"):
        assert told[name] == expected[name], name
    # Diffs older than the snapshot were applied before it came, each diff once.
    assert expected["depth_stale"] > 0
    assert (told["depth_stale"], told["depth_applied"]) == (0, len(diffs(lines)))
    # One that no diff meets leaves the book as it was.
    place = next(i for i, line in enumerate(lines) if b"lastUpdateId" in line)
    old = re.sub(rb'"lastUpdateId":\d+', b'"lastUpdateId":1', lines[place])
    path = put(tmp_path / "old.txt", [*lines[:place], old, *lines[place + 1 :]])
    told = aurora("data", "info", path, "--unsynchronised", "--json").done().json["symbols"][KEY]
    assert told["state"] == "unsynchronised"
    assert told["depth_applied"] == len(diffs(lines))


@pytest.mark.parametrize("digits", [13, 16, 19])
def test_receive_times_in_ms_and_us_give_the_same_book(
    digits: int, lines: list[bytes], tmp_path: Path, aurora: Aurora
) -> None:
    expected = aurora("data", "info", put(tmp_path / "ns.txt", lines), "--json").done().json["symbols"][KEY]
    cut = [re.sub(rb"^(\d+)", lambda m: m.group(1)[:digits], line) for line in lines]
    path = put(tmp_path / "cut.txt", cut)
    told = aurora("data", "info", path, "--json").done().json["symbols"][KEY]
    for name in (
        "messages",
        "state",
        "digest",
        "gaps",
        "depth_applied",
        "depth_stale",
        "trades",
        "trade_qty",
    ):
        assert told[name] == expected[name], name
    assert abs(told["first_ts"] - expected["first_ts"]) < 10 ** (19 - digits)


def test_names_are_never_cut(
    market: dict[str, Path], aurora: Aurora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for command in ("info", "check"):
        told = aurora("data", command, market["ETHUSDT"]).done().out
        rows = [line for line in told.splitlines() if KEY in line]
        assert rows, told
        grade = [line for line in told.splitlines() if "instrument" in line and "grade" in line]
        assert grade, told


def bybit_book(count: int = 40) -> list[bytes]:
    frames = []
    for n in range(count):
        data = {"s": "BTCUSDT", "b": [["100.5", f"{n + 1}"]], "a": [["100.6", "2"]], "u": 10 + n, "seq": n}
        kind = "delta" if n else "snapshot"
        ms = 1_700_000_000_000 + n
        frame = {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": ms, "data": data}
        frames.append(f"{ms}000000 {json.dumps(frame)}\n".encode())
    return frames


def test_a_market_that_nothing_tells_is_said_and_can_be_given(tmp_path: Path, aurora: Aurora) -> None:
    path = put(tmp_path / "bybit.txt", bybit_book())
    told = aurora("data", "info", path).done().out
    assert "bybit_linear:BTCUSDT" in told
    assert "--market bybit_spot" in " ".join(told.split())
    symbols = aurora("data", "info", path, "--json").done().json["symbols"]
    assert symbols["bybit_linear:BTCUSDT"]["market_assumed"] is True
    for command in (["info"], ["check", "--minimum", "F"]):
        given = aurora("data", *command, path, "--market", "bybit_spot", "--json")
        assert list(given.done().json["symbols"]) == ["bybit_spot:BTCUSDT"]
    symbols = aurora("data", "info", path, "--market", "bybit_spot", "--json").done().json["symbols"]
    assert symbols["bybit_spot:BTCUSDT"]["market_assumed"] is False
    assert "bybit_spot" in aurora("data", "info", path, "--market", "nowhere").refused(1).err
    config = tmp_path / "spot.yaml"
    config.write_text("capture: {market: bybit_spot}\n")
    summary = aurora("replay", path, "--config", config, "--out", "run", "--json").done().json
    assert list(summary["data_quality"]) == ["bybit_spot:BTCUSDT"]
