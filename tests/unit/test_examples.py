"""The examples run as their readers would run them, and what they print makes sense."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aurora.testing import SyntheticMarket, SyntheticSettings, generate

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = ("imbalance_and_next_move", "lead_lag_curve", "microprice_and_mid")
PUBLIC = {"aurora.engines", "aurora.errors", "aurora.features", "aurora.stages", "aurora.testing"}


def run(script: str, *arguments: object, out: Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{script}.py", *map(str, arguments), "--out", out],
        cwd=out.parent,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    if code == 0:
        assert done.stderr == ""
        page = out.read_text(encoding="utf-8")
        assert "Plotly.newPlot" in page
        assert not re.search(r'<script[^>]+src="http', page), "the page needs nothing else"
        return done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> SyntheticMarket:
    return generate(SyntheticSettings(seed=11, duration_s=120.0), tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def bitcoin_and_ether(captures: Path) -> list[Path]:
    folder = captures / "hftbacktest" / "usdm"
    return [folder / "btcusdt_20240808.gz", folder / "ethusdt_20240808.gz"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_use_public_names_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in modules:
            assert not module.startswith("aurora") or module in PUBLIC, f"{path.name}:{node.lineno}: {module}"


def test_all_examples_are_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SCRIPTS, "common", "own_engine"}, (
        "the engine: engines/test_engines_page.py"
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_captures_a_market_is_made(script: str, tmp_path: Path) -> None:
    told = run(script, "--seconds", 60, "--seed", 3, out=tmp_path / "page.html")
    assert "a synthetic market of 60 s, seed 3" in told
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


# --- Imbalance --------------------------------------------------------------------------------------------------

DECILE = re.compile(r"^ +(\d+) +([+-][\d.]+) +(\d+) +(\d+) +([\d.]+) +([\d.]+) \.\. ([\d.]+)$", re.M)


def deciles(told: str) -> list[tuple[float, ...]]:
    rows = [tuple(float(cell) for cell in found) for found in DECILE.findall(told)]
    assert [row[0] for row in rows] == list(range(1, 11))
    imbalances = [row[1] for row in rows]
    assert imbalances == sorted(imbalances)
    assert imbalances[0] < -0.5
    assert imbalances[-1] > 0.5
    assert max(row[2] for row in rows) - min(row[2] for row in rows) <= 1, "tenths are of one size"
    for _, _, count, moves, up, low, high in rows:
        assert 0 < moves <= count
        assert 0 <= low < up < high <= 1
    return rows


def test_a_synthetic_imbalance_tells_nothing(market: SyntheticMarket, tmp_path: Path) -> None:
    """Sizes of the synthetic touch are drawn without a thought of where the price goes."""
    told = run("imbalance_and_next_move", market.paths["SOLUSDT"], out=tmp_path / "page.html")
    deciles(told)
    assert "intervals overlap" in told


def test_the_real_imbalance_tells_the_next_move(bitcoin_and_ether: list[Path], tmp_path: Path) -> None:
    for capture in bitcoin_and_ether:
        told = run("imbalance_and_next_move", capture, out=tmp_path / "page.html")
        rows = deciles(told)
        assert "intervals apart" in told
        assert rows[0][4] < 0.35
        assert rows[-1][4] > 0.65


# --- Lead-lag ---------------------------------------------------------------------------------------------------

LEADS = re.compile(r"^  (\S+): by (-?\d+) ms, correlation (-?[\d.]+), lead-lag ratio ([\d.]+)$", re.M)


def test_the_planted_lags_are_found(market: SyntheticMarket, tmp_path: Path) -> None:
    told = run("lead_lag_curve", *market.paths.values(), out=tmp_path / "page.html")
    found = {
        key.split(":")[1]: (int(lag), float(rho), float(ratio))
        for key, lag, rho, ratio in LEADS.findall(told)
    }
    assert set(found) == set(market.paths) - {market.truth["leader"]}
    for symbol, plant in market.truth["followers"].items():
        lag, correlation, ratio = found[symbol]
        assert abs(lag - plant["lag_ms"]) <= 10
        assert correlation > 0.5
        assert ratio > 5
    for symbol in market.truth["controls"]:
        assert abs(found[symbol][1]) < 0.3


def test_the_real_leader_is_found(bitcoin_and_ether: list[Path], tmp_path: Path) -> None:
    told = run("lead_lag_curve", *bitcoin_and_ether, out=tmp_path / "page.html")
    [(key, lag, _, ratio)] = LEADS.findall(told)
    assert key == "binance_usdm:ETHUSDT"
    assert abs(int(lag) - 90) <= 10
    assert float(ratio) == pytest.approx(9.7, rel=0.1)
    other = run(
        *("lead_lag_curve", *bitcoin_and_ether, "--leader", "binance_usdm:ETHUSDT"),
        out=tmp_path / "page.html",
    )
    assert int(LEADS.findall(other)[0][1]) == -int(lag)


def test_one_market_cannot_lead(market: SyntheticMarket, tmp_path: Path) -> None:
    refused = run("lead_lag_curve", market.paths["SOLUSDT"], out=tmp_path / "page.html", code=2)
    assert "a leader and a follower are needed" in refused


# --- Microprice -------------------------------------------------------------------------------------------------

HORIZON = re.compile(r"^ +(\d+) ms +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", re.M)
SQUARES = re.compile(r"^ +root mean square +([\d.]+) +([\d.]+) +([\d.]+)$", re.M)


def horizons(told: str) -> dict[int, tuple[list[float], list[float]]]:
    """By horizon: means and root mean squares of mid, weighted mid and microprice."""
    squares = [[float(cell) for cell in row] for row in SQUARES.findall(told)]
    rows = HORIZON.findall(told)
    assert [int(row[0]) for row in rows] == [100, 500, 1_000, 5_000]
    means = [[float(cell) for cell in row[2:]] for row in rows]
    for mean, square in zip(means, squares, strict=True):
        assert all(0 < m <= s for m, s in zip(mean, square, strict=True))
    for price in range(3):
        of_price = [mean[price] for mean in means]
        assert of_price == sorted(of_price), "later is further"
    return {int(row[0]): both for row, both in zip(rows, zip(means, squares, strict=True), strict=True)}


def test_prices_of_a_synthetic_market(market: SyntheticMarket, tmp_path: Path) -> None:
    told = run("microprice_and_mid", market.paths["SOLUSDT"], "--minimum", 10, out=tmp_path / "page.html")
    for means, _ in horizons(told).values():
        assert max(means) < 1.5 * min(means)


def test_prices_of_the_real_market(bitcoin_and_ether: list[Path], tmp_path: Path) -> None:
    """Where the mid goes can be seen in the imbalance: after a second the squares of the microprice are smaller."""
    for capture in bitcoin_and_ether:
        told = run("microprice_and_mid", capture, out=tmp_path / "page.html")
        _, squares = horizons(told)[1_000]
        assert squares[2] < squares[0]


def test_a_table_needs_moves(market: SyntheticMarket, tmp_path: Path) -> None:
    capture = market.paths["SOLUSDT"]
    refused = run("microprice_and_mid", capture, "--minimum", 10**6, out=tmp_path / "page.html", code=2)
    assert "microprice" in refused
