"""docs/engines.md: its table names every engine and what it needs, its code runs, and so does the example."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from engine_material import HOUR, MIDNIGHT, MINUTE, SYMBOLS, bars, rows_at, series_of
from entry_point_package import install

from aurora.engines import BUILT_IN, SeriesEngine, choose_engine, drive, engine_class
from aurora.testing import check_engine

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "own_engine.py"
KEYS = [f"binance_usdm:{symbol}" for symbol in SYMBOLS[:3]]


def funded(count: int = 120) -> dict[str, Any]:
    """Funding rates with a spike up and one down."""
    made = {}
    for n, key in enumerate(KEYS):
        rates = np.random.default_rng(n).normal(1e-4, 1e-5, count)
        rates[60 + n], rates[90 + n] = 1e-3, -1e-3
        at = [MIDNIGHT + 8 * HOUR * k for k in range(count)]
        news = series_of([(t, t, t, {"rate": float(r)}) for t, r in zip(at, rates, strict=True)], ["rate"])
        made[key] = rows_at(range(MIDNIGHT, at[-1] + 1, 4 * HOUR), {"funding": news})
    return made


def test_the_table_names_every_engine_and_what_it_needs() -> None:
    table = re.search(r"<!-- engines -->\n(.*?)<!-- /engines -->", PAGE, re.DOTALL)
    assert table
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[1].splitlines()[2:]]
    assert {name.strip("`") for name, *_ in rows} == set(BUILT_IN)
    for name, needs, *_ in rows:
        engine = choose_engine(name.strip("`")).make(KEYS, 10**9)
        if isinstance(engine, SeriesEngine):
            assert re.findall(r"`(\w+)`", needs) == list(engine.needs())


def test_every_series_is_told_with_its_columns() -> None:
    table = PAGE.split("| series | columns | from |", 1)[1].split("\n\n", 1)[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
    for name in set(BUILT_IN) - {"lead_lag"}:
        engine: Any = choose_engine(name).make(KEYS, 10**9)
        for series, need in engine.needs().items():
            if series not in ("intraday", "daily"):
                assert set(need.columns) <= set(re.findall(r"`(\w+)`", told[series]))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, installed as a package."""
    source = EXAMPLE.read_text(encoding="utf-8")
    folder = install(
        tmp_path, "own_engine", source, {"crowded_funding": "own_engine:CrowdedFunding"}, "aurora.engines"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "own_engine", raising=False)


def test_the_code_of_the_page_runs(own: None) -> None:
    first, second = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    path = [100 + 0.05 * (n % 90) for n in range(240)]
    minutes = pl.concat([bars(key, path) for key in KEYS])
    rows = {key: rows_at(range(MIDNIGHT, MIDNIGHT + 4 * HOUR, MINUTE)) for key in KEYS}
    names: dict[str, Any] = {"minutes": minutes, "rows": rows}
    exec(first, names)
    assert set(names["votes"]) == set(KEYS)
    assert sum(len(votes.row) for votes in names["votes"].values()) > 0
    exec(second, {"funded": funded()})


def test_the_example_is_an_engine_like_any_other(own: None) -> None:
    code = EXAMPLE.read_text(encoding="utf-8").split('"""', 2)[2]
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 30
    assert engine_class("crowded_funding").__name__ == "CrowdedFunding"  # type: ignore[attr-defined]
    choice = choose_engine("crowded_funding", {"rows": 20})
    inputs = funded()
    votes = drive(choice.make(KEYS, 10**9), inputs)
    for n, key in enumerate(KEYS):
        sides = dict(zip(votes[key].local_ns.tolist(), votes[key].side.tolist(), strict=True))
        assert sides[MIDNIGHT + 8 * HOUR * (60 + n)] == -1
        assert sides[MIDNIGHT + 8 * HOUR * (90 + n)] == 1
    check_engine(lambda: choice.make(KEYS, 10**9), inputs)
