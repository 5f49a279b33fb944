"""`aurora data convert`, `list` and `verify`: answers, exit codes, and a catalogue in the place of captures."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Answer, run_command

Aurora = Callable[..., Answer]


@pytest.fixture
def catalogue(market: dict[str, Path], tmp_path: Path, aurora: Aurora) -> Path:
    aurora("data", "convert", *market.values(), "--catalogue", "kept", "--json").done()
    return tmp_path / "kept"


def test_convert_answers_what_became_of_each_instrument(
    market: dict[str, Path], tmp_path: Path, aurora: Aurora
) -> None:
    convert = ("data", "convert", *market.values(), "--catalogue", "kept", "--json")
    answer = aurora(*convert).done()
    assert answer.err == "", "no terminal, no progress"
    assert answer.json["catalogue"] == "kept"
    told = answer.json["instruments"]
    assert [one["instrument"] for one in told] == sorted(f"binance_usdm:{symbol}" for symbol in market)
    for one in told:
        assert one["status"] == "converted"
        assert one["grade"] == "A"
        assert one["fault"] is None
        assert one["rows"] > 1000
        assert one["levels"] > one["rows"]
        assert len(one["sources"]) == 1
    again = aurora(*convert).done().json["instruments"]
    assert again == [{**one, "status": "unchanged"} for one in told]
    assert "unchanged" in aurora(*convert[:-1]).done().out


def test_list_and_verify(catalogue: Path, market: dict[str, Path], aurora: Aurora) -> None:
    days = aurora("data", "list", catalogue, "--json").done().json["days"]
    assert {row["instrument"] for row in days} == {f"binance_usdm:{symbol}" for symbol in market}
    for row in days:
        assert row["first_ns"] <= row["last_ns"]
        assert row["grade"] == "A"
    told = aurora("data", "verify", catalogue, "--json").done().json
    assert told["ok"] is True
    assert told["damages"] == told["leftovers"] == []
    assert told["rows"] == sum(row["rows"] for row in days)
    assert told["bytes"] == sum(row["bytes"] for row in days)
    assert "as recorded" in aurora("data", "verify", catalogue).done().out
    assert "binance_usdm" in aurora("data", "list", catalogue).done().out
    through_script = run_command("data", "list", catalogue, "--json", cwd=catalogue.parent).done()
    assert through_script.json["days"] == days


def test_damage_is_told_with_place_and_exit_code_3(catalogue: Path, aurora: Aurora) -> None:
    part = sorted(catalogue.rglob("levels-*.parquet"))[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 4
    part.write_bytes(content)
    answer = aurora("data", "verify", catalogue, "--json").refused(3)
    assert str(part) in answer.err
    assert answer.json["ok"] is False
    assert [str(part) in sentence for sentence in answer.json["damages"]] == [True]
    replay = aurora("replay", catalogue, "--out", "run", "--json").refused(3)
    assert str(part) in replay.err
    part.unlink()
    assert "missing" in aurora("data", "verify", catalogue).refused(3).err
    assert str(part) in aurora("data", "info", catalogue, "--json").refused(3).err


def test_replay_and_info_of_a_catalogue(
    catalogue: Path, market: dict[str, Path], configs: Path, aurora: Aurora
) -> None:
    options = ("--config", configs / "probe.yaml", "--json")

    def replay(*paths: Path, out: str) -> dict[str, Any]:
        return dict(aurora("replay", *paths, *options, "--out", out).done().json)

    told, stored = replay(*market.values(), out="files"), replay(catalogue, out="stored")
    assert told["decisions"] > 50
    same = set(told) - {"run_id", "wall_s", "events_per_s", "peak_rss_mb", "out"}
    assert {name: stored[name] for name in same} == {name: told[name] for name in same}
    assert replay(catalogue, out="again")["run_id"] == stored["run_id"]
    leader = catalogue / "venue=binance_usdm" / f"symbol={next(iter(market))}"
    assert replay(leader, out="one")["run_id"] != stored["run_id"]
    info = ("data", "info", "--json")
    assert aurora(*info, catalogue).done().json == aurora(*info, *market.values()).done().json
    one = aurora(*info, leader).done().json["symbols"]
    assert list(one) == [f"binance_usdm:{next(iter(market))}"]


def test_a_broken_capture_is_kept_up_to_its_fault(
    market: dict[str, Path], tmp_path: Path, aurora: Aurora
) -> None:
    lines = gzip.decompress(next(iter(market.values())).read_bytes()).splitlines(keepends=True)
    broken = tmp_path / "broken.txt"
    cut = len(lines) * 2 // 3
    broken.write_bytes(b"".join([*lines[:cut], lines[cut][:60] + b"\n"]))
    answer = aurora("data", "convert", broken, "--catalogue", "kept", "--json").refused(3)
    place = f"{broken}, line {cut + 1}: "
    assert place in answer.err
    assert "kept" in answer.err.split(place, 1)[1], "it says where the rest is"
    assert answer.json["instruments"][0]["rows"] > cut // 2
    replays = [
        aurora("replay", path, "--out", out, "--json").refused(3)
        for path, out in ((broken, "a"), (tmp_path / "kept", "b"))
    ]
    assert replays[0].json["faults"] == replays[1].json["faults"]
    assert replays[0].json["decisions_digest"] == replays[1].json["decisions_digest"]
    info = [aurora("data", "info", path, "--json").refused(3).json for path in (broken, tmp_path / "kept")]
    assert info[0] == info[1]


def test_a_capture_without_snapshot_is_told(market: dict[str, Path], tmp_path: Path, aurora: Aurora) -> None:
    lines = gzip.decompress(next(iter(market.values())).read_bytes()).splitlines(keepends=True)
    diffs = tmp_path / "diffs.txt"
    diffs.write_bytes(b"".join(line for line in lines if b"lastUpdateId" not in line))
    answer = aurora("data", "convert", diffs, "--catalogue", "kept", "--json").refused(3)
    assert "snapshot" in answer.err
    assert answer.json["instruments"][0]["grade"] == "F"


@pytest.mark.parametrize("command", ["list", "verify"])
def test_no_catalogue(command: str, tmp_path: Path, aurora: Aurora) -> None:
    (tmp_path / "folder").mkdir()
    for path in ("folder", "nowhere"):
        answer = aurora("data", command, path, "--json").refused(3)
        assert "no catalogue" in answer.err
        assert answer.out == ""


def test_wrong_places_and_usage(market: dict[str, Path], tmp_path: Path, aurora: Aurora) -> None:
    capture = next(iter(market.values()))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("mine")
    for place in ("other", str(capture), "/proc/aurora"):
        answer = aurora("data", "convert", capture, "--catalogue", place, "--json").refused(1)
        assert place in answer.err
        assert "cannot write" in answer.err
        assert answer.out == ""
    assert "--catalogue" in aurora("data", "convert", capture).refused(2).err
    assert "nothere" in aurora("data", "convert", "nothere.gz", "--catalogue", "kept").refused(3).err
    assert not (tmp_path / "kept").exists(), "bad input leaves no empty catalogue"
    aurora("data", "convert", capture, "--catalogue", "kept").done()
    assert "already" in aurora("data", "convert", "kept", "--catalogue", "twice").refused(2).err


def test_help(aurora: Aurora) -> None:
    for command in ("convert", "list", "verify"):
        assert f"data {command} " in aurora("data", command, "--help").done().out.splitlines()[0]
