"""The planted-edge score on a handful of fixed markets: everything it asks, and that it can say no."""

import sys
from pathlib import Path
from typing import Any

import pytest
from replays import ROOT

sys.path.insert(0, str(ROOT))
from bench.planted.markets import score_market
from bench.planted.page import write_page
from bench.planted.score import at_least, at_most, judge

SEEDS = (2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [score_market(seed, linked=True) for seed in SEEDS] + [score_market(1, linked=False)]


def test_fixed_markets_pass(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    score = judge(rows)
    failed = [one for one in score.verdicts if not one.passed]
    assert failed == []
    assert score.figures["forecasts"] >= 2_000
    assert score.figures["trades"] > 50
    page = write_page(score, None, tmp_path).read_text()
    assert "**failed**" not in page
    for name in ("lags", "reliability", "profit"):
        assert (tmp_path / "images" / f"planted-{name}.svg").read_text().startswith("<svg")


def test_the_score_can_fail(rows: list[dict[str, Any]]) -> None:
    def failed(**changed: Any) -> set[str]:
        spoilt = [{**row, **{name: change(row) for name, change in changed.items()}} for row in rows]
        return {one.name for one in judge(spoilt).verdicts if not one.passed}

    assert len(failed(net=lambda row: row["net"] / 4)) == 1
    assert any(
        "controls" in name for name in failed(controls=lambda row: dict.fromkeys(row["controls"], True))
    )
    lost = failed(followers=lambda row: [{**one, "right": False} for one in row["followers"]])
    assert len(lost) == 2
    told = failed(
        traded_p=lambda row: [(0.999, right and n % 9 > 0) for n, (_, right) in enumerate(row["traded_p"])]
    )
    assert told == {"right of the signals traded"}
    sure = failed(p=lambda row: [(0.99 if p > 0.5 else p, right) for p, right in row["p"]])
    assert any("null quantile" in name for name in sure)


def test_bounds_are_binomial() -> None:
    assert at_least(380, 400, 0.95) == (369, True)
    assert at_least(368, 400, 0.95) == (369, False)
    assert at_most(31, 400, 0.05) == (31, True)
    assert at_most(32, 400, 0.05) == (31, False)
