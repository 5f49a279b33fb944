"""`aurora features list|compute|fit`: what they print, write and refuse."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from command_line import Answer, run_command
from entry_point_package import install

from aurora.features import CATALOGUE, FeatureSettings, KernelSettings
from aurora.features import compute as compute_features
from aurora.stages import fit_feature

Aurora = Callable[..., Answer]
OWN = """
    import numpy as np

    class Twice:
        name, unit = "twice_the_mid", "quote currency"

        def __init__(self, instrument):
            pass

        def process(self, events, rows):
            return 2 * rows.mid

        def snapshot(self):
            return b""

        def restore(self, state):
            pass
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install(tmp_path / "site", "twice", OWN, {"twice_the_mid": "twice:Twice"})
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def capture(market: dict[str, Path]) -> Path:
    return market["SOLUSDT"]


# --- list -------------------------------------------------------------------------------------------------------


def test_the_list_is_the_catalogue(aurora: Aurora) -> None:
    answer = aurora("features", "list", "--json").done()
    told = answer.json
    assert [row["name"] for row in told["features"]] == list(CATALOGUE)
    for row in told["features"]:
        info = CATALOGUE[row["name"]]
        assert row == {
            "name": info.name,
            "unit": info.unit,
            "group": info.group,
            "fixed": info.fixed,
            "about": info.about,
        }
    assert told["own"] == []
    assert answer.err == ""


def test_the_list_on_a_terminal_names_every_feature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    answer = run_command("features", "list", cwd=tmp_path).done()
    for name in CATALOGUE:
        assert name in answer.out


def test_an_installed_feature_is_listed_and_computed(aurora: Aurora, own: Path, capture: Path) -> None:
    assert aurora("features", "list", "--json").done().json["own"] == ["twice_the_mid"]
    assert "twice_the_mid" in aurora("features", "list").done().out
    aurora(
        *("features", "compute", capture, "--features", "mid,twice_the_mid", "--every", "1s"),
        *("--out", "own.parquet", "--json"),
    ).done()
    frame = pl.read_parquet(Path.cwd() / "own.parquet")
    assert frame["twice_the_mid"].to_list() == (frame["mid"] * 2).to_list()


# --- compute ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson"])
def test_a_table_is_what_research_gets(suffix: str, aurora: Aurora, capture: Path, tmp_path: Path) -> None:
    names = ["mid", "obi_weighted", "vpin"]
    answer = aurora(
        *("features", "compute", capture, "--features", " mid, obi_weighted,vpin ", "--every", "1s"),
        *("--out", f"table.{suffix}", "--json"),
    ).done()
    expected = compute_features(capture, names, "1s")
    assert answer.err == ""
    assert answer.json == {
        "out": f"table.{suffix}",
        "rows": expected.height,
        "columns": ["instrument", "local_ns", *names],
        "instruments": ["binance_usdm:SOLUSDT"],
        "first_ns": expected["local_ns"][0],
        "last_ns": expected["local_ns"][-1],
    }
    read: Callable[..., pl.DataFrame] = getattr(pl, f"read_{suffix}")
    table = read(tmp_path / f"table.{suffix}")
    assert table.columns == expected.columns
    for name in ("local_ns", *names):
        assert table[name].to_list() == expected[name].to_list()
    assert [path.name for path in tmp_path.iterdir()] == [f"table.{suffix}"], "nothing half written is left"


def test_reasons_stand_beside_values(aurora: Aurora, capture: Path, tmp_path: Path) -> None:
    arguments = ("--features", "microprice,mid", "--every", "touch", "--reasons", "--out", "table.parquet")
    aurora("features", "compute", capture, *arguments).done()
    table = pl.read_parquet(tmp_path / "table.parquet")
    assert table.columns == [
        *("instrument", "local_ns"),
        *("microprice", "microprice_reason", "mid", "mid_reason"),
    ]
    assert set(table["microprice_reason"].cast(pl.String)) == {"not_fitted"}


def test_without_names_the_fixed_columns_are_written(aurora: Aurora, capture: Path, tmp_path: Path) -> None:
    aurora("features", "compute", capture, "--every", "1s", "--out", "table.parquet").done()
    fixed = [name for name, info in CATALOGUE.items() if info.fixed]
    assert pl.read_parquet(tmp_path / "table.parquet").columns == ["instrument", "local_ns", *fixed]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--features", "mid,alpha", "--out", "t.csv"), "unknown features alpha"),
        (("--every", "soon", "--out", "t.csv"), "every is 'soon'"),
        (("--every", "0s", "--out", "t.csv"), "every is '0s'"),
        (("--out", "t.xlsx"), "the file's ending says what is written"),
        ((), "--out"),
    ],
)
def test_a_wrong_call_is_refused(
    arguments: tuple[str, ...], says: str, aurora: Aurora, capture: Path, tmp_path: Path
) -> None:
    answer = aurora("features", "compute", capture, *arguments, "--json").refused(2)
    assert says in answer.err
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_missing_capture_is_bad_data(aurora: Aurora, tmp_path: Path) -> None:
    answer = aurora("features", "compute", tmp_path / "none.gz", "--out", "t.csv", "--json").refused(3)
    assert "none.gz" in answer.err
    answer = aurora("features", "fit", "microprice", tmp_path / "none.gz", "--out", "t.json").refused(3)
    assert "none.gz" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_broken_capture_leaves_the_old_table(aurora: Aurora, capture: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("precious\n")
    broken = tmp_path / "broken.gz"
    broken.write_bytes(capture.read_bytes()[:-200])
    aurora("features", "compute", broken, "--out", "table.csv").refused(3)
    assert (tmp_path / "table.csv").read_text() == "precious\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.gz", "table.csv"]


def test_a_place_that_cannot_be_written_is_named(aurora: Aurora, capture: Path, tmp_path: Path) -> None:
    for target in ("absent/table.csv", "absent/table.parquet", "absent/table.ndjson"):
        answer = aurora("features", "compute", capture, "--every", "1s", "--out", target).refused(1)
        assert f"{target}: " in answer.err
    answer = aurora("features", "fit", "microprice", capture, "--out", "absent/fit.json").refused(1)
    assert "absent/fit.json" in answer.err
    assert list(tmp_path.iterdir()) == []


# --- fit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["microprice", "integrated_ofi"])
def test_a_fit_is_written_and_read_back(kind: Any, aurora: Aurora, capture: Path, tmp_path: Path) -> None:
    answer = aurora("features", "fit", kind, capture, "--minimum", "20", "--out", "fit.json", "--json").done()
    expected = fit_feature(kind, [capture], minimum=20)
    assert answer.json == {"out": "fit.json", **expected}
    assert json.loads((tmp_path / "fit.json").read_text()) == expected
    settings = FeatureSettings(kernels=KernelSettings.model_validate({kind: tmp_path / "fit.json"}))
    frame = compute_features(capture, [kind], "1s", settings)
    assert frame[kind].drop_nulls().n_unique() > 10


def test_settings_of_a_fit_reach_it(aurora: Aurora, capture: Path) -> None:
    options = ("--imbalance-buckets", "3", "--spread-buckets", "1", "--minimum", "5")
    fitted = (
        aurora("features", "fit", "microprice", capture, *options, "--out", "f.json", "--json").done().json
    )
    assert len(fitted["fitted"]["adjustments"]) == 3
    rows = [
        aurora(
            *("features", "fit", "integrated_ofi", capture, "--sample-ms", str(ms)),
            "--out",
            "f.json",
            "--json",
        )
        .done()
        .json["rows"]
        for ms in (50, 500)
    ]
    assert rows[0] > 2 * rows[1]


def test_a_fit_reads_on_over_a_bad_line_where_that_is_asked(
    aurora: Aurora, capture: Path, tmp_path: Path
) -> None:
    lines = gzip.decompress(capture.read_bytes()).splitlines(keepends=True)
    broken = tmp_path / capture.name
    broken.write_bytes(gzip.compress(b"".join([*lines[:-1], b"no line\n", lines[-1]])))
    fit = ("features", "fit", "microprice", broken, "--minimum", "20", "--out", "f.json")
    aurora(*fit).refused(3)
    assert not (tmp_path / "f.json").exists()
    told = aurora(*fit, "--skip-bad-lines", "--json").done().json
    assert told["fitted"] == fit_feature("microprice", [capture], minimum=20)["fitted"]


def test_a_fit_on_several_instruments_asks_which(
    aurora: Aurora, market: dict[str, Path], tmp_path: Path
) -> None:
    paths = list(market.values())[:2]
    answer = aurora("features", "fit", "microprice", *paths, "--out", "f.json").refused(2)
    assert "name one of them" in answer.err
    assert "--instrument" in answer.err or "instrument" in answer.err
    key = "binance_usdm:SOLUSDT"
    chosen = aurora(
        *("features", "fit", "microprice", *paths, "--instrument", key, "--minimum", "20"),
        *("--out", "f.json", "--json"),
    ).done()
    alone = fit_feature("microprice", [market["SOLUSDT"]], minimum=20)
    assert {name: chosen.json[name] for name in ("instrument", "messages", "fitted")} == {
        name: alone[name] for name in ("instrument", "messages", "fitted")
    }
    (tmp_path / "f.json").unlink()
    aurora("features", "fit", "microprice", *paths, "--instrument", "x:Y", "--out", "f.json").refused(2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("macroprice",), 2),
        (("microprice", "--imbalance-buckets", "4"), 2),
        (("microprice", "--imbalance-buckets", "1"), 2),
        (("microprice", "--minimum", "0"), 2),
        (("microprice", "--minimum", "1000000"), 3),
        (("integrated_ofi", "--minimum", "1000000"), 3),
    ],
)
def test_a_fit_that_cannot_be_is_refused(
    arguments: tuple[str, ...], code: int, aurora: Aurora, capture: Path, tmp_path: Path
) -> None:
    kind, *rest = arguments
    aurora("features", "fit", kind, capture, *rest, "--out", "f.json").refused(code)
    assert list(tmp_path.iterdir()) == []
