"""Conversions into the catalogue: idempotent, whole or not at all, and every damage found."""

from __future__ import annotations

import dataclasses
import fcntl
import gzip
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from stored_captures import contents, lines_of, rows, tree

from aurora._core import MarketInspector
from aurora.capture import CaptureSet, CaptureSettings, Catalogue, capture_info
from aurora.capture.catalogue import conversion, layout, tables
from aurora.errors import AuroraError, DataError, OutputError
from aurora.stages import compute_features

pytestmark = pytest.mark.usefixtures("small_parts")


# --- Written whole, or not at all -------------------------------------------------------------------------------


def test_nothing_is_rewritten(market: list[Path], tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    first = catalogue.convert(market)
    before = tree(catalogue.root)
    again = catalogue.convert(list(reversed(market)))
    assert tree(catalogue.root) == before
    assert {answer.status for answer in again} == {"unchanged"}
    assert [a.rows for a in again] == [a.rows for a in first]
    moved = tmp_path / "moved.gz"
    moved.write_bytes(market[0].read_bytes())
    assert {a.status for a in catalogue.convert([moved, *market[1:]])} == {"unchanged"}
    assert tree(catalogue.root) == before


def test_a_changed_source_replaces_its_parts_and_no_others(market: list[Path], tmp_path: Path) -> None:
    setting = CaptureSettings(clock_offset_ms=0.0)
    paths = [tmp_path / path.name for path in market]
    for path, source in zip(paths, market, strict=True):
        path.write_bytes(source.read_bytes())
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(paths, setting)
    before = tree(catalogue.root)
    lines = lines_of(paths[0])
    paths[0].write_bytes(b"".join(lines[: len(lines) // 2]))
    answers = catalogue.convert(paths, setting)
    assert sorted(a.status for a in answers) == ["replaced"] + ["unchanged"] * (len(market) - 1)
    (changed,) = (a.instrument.split(":")[1] for a in answers if a.status == "replaced")
    after = tree(catalogue.root)
    others = {name: value for name, value in before.items() if f"symbol={changed}" not in name}
    assert {name: value for name, value in after.items() if f"symbol={changed}" not in name} == others
    clean = Catalogue(tmp_path / "clean")
    clean.convert(paths, setting)
    assert contents(catalogue.root) == contents(clean.root)
    assert catalogue.verify().ok


def cut(path: Path, folder: Path, at: float) -> list[Path]:
    lines = lines_of(path)
    middle = int(len(lines) * at)
    halves = [folder / "first.txt", folder / "second.txt"]
    halves[0].write_bytes(b"".join(lines[:middle]))
    halves[1].write_bytes(b"".join(lines[middle:]))
    return halves


def test_sessions_converted_one_by_one_are_one_stream(market: list[Path], tmp_path: Path) -> None:
    """The second has no snapshot; its book is that of the first."""
    setting = CaptureSettings(clock_offset_ms=0.0)
    halves = cut(market[0], tmp_path, 0.6)
    catalogue = Catalogue(tmp_path / "catalogue")
    for half in reversed(halves):
        (answer,) = catalogue.convert([half], setting)
        assert answer.status == "converted"
    (key,) = catalogue.instruments()
    reader = CaptureSet([catalogue.root], CaptureSettings(slice_ms=0)).open("stream-000")
    whole_file = CaptureSet(halves, setting.model_copy(update={"slice_ms": 0}))
    assert reader.next()[0].block.to_bytes() == whole_file.open("stream-000").next()[0].block.to_bytes()  # type: ignore[index]
    start = catalogue.list()["last_ns"][-1] - 50_000_000
    inspector = MarketInspector(catalogue.instruments()[key])
    for piece in catalogue.blocks(key, start):
        inspector.push(piece)
    reports, _ = capture_info(halves)
    assert inspector.report()["digest"] == reports[key]["digest"]
    assert inspector.report()["state"] == "synced"
    assert catalogue.verify().ok
    # Together they are another conversion of the same time, of the same files.
    (answer,) = catalogue.convert(halves, setting)
    assert answer.status == "replaced"
    assert capture_info([catalogue.root])[0] == reports


def test_a_time_that_other_files_gave_is_not_overwritten(market: list[Path], tmp_path: Path) -> None:
    setting = CaptureSettings(clock_offset_ms=0.0)
    halves = cut(market[0], tmp_path, 0.5)
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(halves, setting)
    before = tree(catalogue.root)
    for paths in ([halves[1]], [market[0]]):
        with pytest.raises(DataError, match="give all files of the instrument together"):
            catalogue.convert(paths, setting)
        assert tree(catalogue.root) == before


def test_conversions_with_other_decimals_are_not_joined(market: list[Path], tmp_path: Path) -> None:
    setting = CaptureSettings(clock_offset_ms=0.0)
    halves = cut(market[0], tmp_path, 0.5)
    finer = re.sub(rb'"q":"([0-9]+\.[0-9]+)"', rb'"q":"\g<1>001"', halves[1].read_bytes())
    assert finer != halves[1].read_bytes()
    halves[1].write_bytes(finer)
    catalogue = Catalogue(tmp_path / "catalogue")
    for half in halves:
        catalogue.convert([half], setting)
    with pytest.raises(DataError, match="convert these files together"):
        CaptureSet([catalogue.root])
    assert catalogue.levels().select(pl.col("size_exponent").n_unique()).collect().item() == 2


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


def run_until(step: int, catalogue: Catalogue, paths: list[Path], setting: CaptureSettings) -> bool:
    """Converts and dies before file operation `step`; whether there was such."""
    left = step

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (os, "fsync"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (Path, "rmdir"),
        ):
            original = getattr(owner, name)

            def counted(*args: Any, original: Any = original, **named: Any) -> Any:
                count()
                return original(*args, **named)

            patch.setattr(owner, name, counted)
        try:
            catalogue.convert(paths, setting)
        except Killed:
            return True
    return False


def test_killed_before_any_file_operation_it_goes_on_as_if_nothing_was(
    market: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers see the old parts or the new ones, whole; the next conversion leaves what a clean one would."""
    monkeypatch.setattr(conversion, "PART_ROWS", 1500)
    setting = CaptureSettings(clock_offset_ms=0.0)
    source = tmp_path / "capture.txt"
    lines = lines_of(market[0])
    versions = [b"".join(lines[: len(lines) // 4]), b"".join(lines[: len(lines) // 2])]
    clean = []
    for n, version in enumerate(versions):
        source.write_bytes(version)
        clean.append(Catalogue(tmp_path / f"clean{n}"))
        clean[n].convert([source], setting)
    listings = [catalogue.list().to_dicts() for catalogue in clean]
    step = 0
    while True:
        catalogue = Catalogue(tmp_path / f"killed{step}")
        source.write_bytes(versions[0])
        if not run_until(step, catalogue, [source], setting):
            break
        if (catalogue.root / layout.MARK).exists():
            assert catalogue.list().to_dicts() in ([], listings[0])
            assert catalogue.verify().ok
        catalogue.convert([source], setting)
        assert contents(catalogue.root) == contents(clean[0].root)
        source.write_bytes(versions[1])
        run_until(step, catalogue, [source], setting)
        assert catalogue.list().to_dicts() in listings
        assert catalogue.verify().ok
        assert rows(catalogue.blocks("binance_usdm:SOLUSDT"))
        catalogue.convert([source], setting)
        assert contents(catalogue.root) == contents(clean[1].root)
        step += 1
    assert step > 10


CONVERT = """
import sys
from aurora.capture import Catalogue
from aurora.capture.catalogue import conversion
conversion.PART_ROWS, conversion.BLOCK_MESSAGES = 300, 40
print("ready", flush=True)
Catalogue(sys.argv[1]).convert(sys.argv[2:])
"""


def files(root: Path) -> int:
    """Files that are there by now; some go while they are counted."""
    return sum(len(names) for _, _, names in os.walk(root))


def test_killed_at_any_moment(market: list[Path], stored: Catalogue, tmp_path: Path) -> None:
    """By the operating system, in a process of its own."""
    command = [sys.executable, "-c", CONVERT]

    def start(root: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([*command, str(root), *map(str, market)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    assert start(tmp_path / "clean").wait() == 0
    expected = contents(stored.root)
    assert contents(tmp_path / "clean") == expected
    chance = random.Random(11)
    interrupted = 0
    catalogue = Catalogue(tmp_path / "killed")
    for _ in range(4):
        with start(catalogue.root) as process:
            moment = chance.randrange(files(stored.root))
            while process.poll() is None and files(catalogue.root) <= moment:
                pass
            process.send_signal(signal.SIGKILL)
        interrupted += process.returncode == -signal.SIGKILL
        if not (catalogue.root / layout.MARK).exists():
            continue
        assert catalogue.verify().ok
        listing = catalogue.list()
        every = stored.list().filter(pl.col("instrument").is_in(listing["instrument"].to_list()))
        assert listing.equals(every)
    assert interrupted > 0
    with start(catalogue.root) as process:
        assert process.wait() == 0
    assert contents(catalogue.root) == expected


def test_only_one_writes_at_a_time(market: list[Path], tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(market[:1])
    with (catalogue.root / layout.LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another conversion"):
            catalogue.convert(market)
    catalogue.convert(market[:1])


def test_what_is_not_ours_stays(market: list[Path], tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(market[:1])
    day = sorted(catalogue.root.rglob("day=*"))[0]
    ours = [day / f"levels-{'0' * 16}.parquet", day / f"book-{'0' * 16}.parquet.tmp"]
    foreign = [day / "notes.txt", day / "levels-mine.parquet"]
    for path in (*ours, *foreign):
        path.write_text("x")
    assert catalogue.verify().leftovers == sorted(map(str, ours))
    assert catalogue.verify().ok
    catalogue.convert(market[:1])
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in foreign)


def test_a_capture_that_grows_while_it_is_read_is_refused(market: list[Path], tmp_path: Path) -> None:
    source = tmp_path / "growing.gz"
    source.write_bytes(market[0].read_bytes())
    catalogue = Catalogue(tmp_path / "catalogue")

    def grow(_: int) -> None:
        with source.open("ab") as file:
            file.write(gzip.compress(b"# more\n"))

    with pytest.raises(DataError, match="changed while it was read"):
        catalogue.convert([source], progress=grow)
    assert catalogue.list().is_empty()


# --- Damage -----------------------------------------------------------------------------------------------------


def test_every_flipped_file_is_found(market: list[Path], tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(market[:1])
    files = [
        path for path in sorted(catalogue.root.rglob("*")) if path.is_file() and "=" in str(path.parent.name)
    ]
    assert len(files) > 10
    chance = random.Random(5)
    for path in files:
        good = path.read_bytes()
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        for content in (bytes(bad), good[:-3], None):
            if content is None and path.name == layout.MANIFEST:
                continue  # nobody can tell it from a conversion that was killed before its end
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
            found = catalogue.verify()
            assert not found.ok, path
            assert any(str(path) in damage for damage in found.damages), (path, found.damages)
        path.write_bytes(good)
    assert catalogue.verify().ok


def test_a_forged_part_is_found_by_its_book(market: list[Path], tmp_path: Path) -> None:
    """Hashes and counts fit; the events are not those that were converted."""
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(market[:1])
    manifest = next(catalogue.root.rglob("manifest.json"))
    segments, _ = layout.read_manifest(manifest)
    part = segments[0].parts[-1]
    day = layout.day_directory(manifest.parent, part.day)
    levels = pl.read_parquet(day / part.levels.name)
    changed = levels.with_columns(
        size=pl.when(pl.col("kind") == 0).then(pl.col("size") + 1).otherwise("size")
    )
    forged = tables._store(day, "levels", tables._parquet("levels", changed, "{}"))
    parts = (*segments[0].parts[:-1], dataclasses.replace(part, levels=forged))
    layout.write_manifest(manifest.parent, [dataclasses.replace(segments[0], parts=parts)])
    damages = catalogue.verify().damages
    assert any("digest" in damage for damage in damages), damages


def test_reading_a_damaged_part_names_it(market: list[Path], tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(market[:1])
    key = next(iter(catalogue.instruments()))
    for table in ("messages", "levels"):
        path = sorted(catalogue.root.rglob(f"{table}-*.parquet"))[1]
        good = path.read_bytes()
        for content in (good[: len(good) // 2], b"", None):
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
            with pytest.raises(DataError) as caught:
                list(catalogue.blocks(key))
            assert str(path) in str(caught.value)
            with pytest.raises(AuroraError):
                compute_features([catalogue.root])
        path.write_bytes(good)


def test_a_newer_schema_is_refused(market: list[Path], tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue")
    catalogue.convert(market[:1])
    manifest = next(catalogue.root.rglob("manifest.json"))
    manifest.write_text(manifest.read_text().replace('"aurora_catalogue": 1', '"aurora_catalogue": 2'))
    with pytest.raises(DataError, match="schema version 2"):
        catalogue.list()
