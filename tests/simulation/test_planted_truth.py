"""Where a lead was planted it is found and earns its costs; where none is, nothing is claimed and nothing lost."""

import json
import subprocess
import sysconfig
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from replays import SECONDS, Run, replay

from aurora.cli.demo import compare
from aurora.config import Settings
from aurora.testing import SyntheticSettings, generate

SEEDS = (101, 202, 303, 404, 505, 606, 707, 808, 909, 1010)
MINUTES = 10
TAKER_BPS = 5


def _replayed(seed: int, folder: Path, linked: bool) -> tuple[Run, dict[str, Any]]:
    """The market of ``aurora demo`` of a seed, traded with the defaults but for turnover, and what was found in it."""
    made = generate(
        SyntheticSettings(seed=seed, duration_s=60.0 * MINUTES, linked=linked), folder / "captures"
    )
    run = replay(made.paths.values(), folder / "out", config=SECONDS, seed=seed)
    links = run.summary["findings"]["lead_lag"]["links"]
    return run, compare(made.truth, links, Settings().features.sample_ms)


def test_ten_planted_markets_together_earn_their_costs(tmp_path: Path) -> None:
    fills, net, fees = 0, 0.0, 0.0
    for seed in SEEDS:
        run, found = _replayed(seed, tmp_path / str(seed), linked=True)
        assert len(found["followers"]) == 2
        for symbol, follower in found["followers"].items():
            assert follower["lag_found"], f"seed {seed}: {symbol} {follower}"
        for symbol, control in found["controls"].items():
            assert not control["claimed"], f"seed {seed}: {symbol} {control}"
        assert found["controls"]
        traded = run.table("fills")["instrument"].unique().to_list()
        assert not [key for key in traded if key.partition(":")[2] in found["controls"]]
        fills += run.summary["fills"]
        net += run.summary["pnl"]["net"]
        fees += run.summary["pnl"]["fees"]
    assert fills >= 100
    assert net > 0
    assert fees > 0, "costs were charged"


def test_ten_markets_without_a_link_lose_no_more_than_an_hourly_trade(tmp_path: Path) -> None:
    net, allowed = 0.0, 0.0
    policy = Settings().policy
    for seed in SEEDS:
        run, found = _replayed(seed, tmp_path / str(seed), linked=False)
        assert not found["followers"]
        for symbol, control in found["controls"].items():
            assert not control["claimed"], f"seed {seed}: {symbol} {control}"
        summary = run.summary
        net += summary["pnl"]["net"]
        # One round trip an hour: taking in and out of the largest position, fees and spread.
        decided = run.table("decisions")
        spread_bps = 2 * float(decided["half_spread_bps"].drop_nulls().mean() or 0.5)
        position = float(Decimal(summary["account"]["start_cash"]) * policy.position_pct / 100)
        allowed += MINUTES / 60 * position * (2 * TAKER_BPS + spread_bps) / 1e4
        aside = sum(summary["abstained"].values()) + sum(summary["reasons"].values())
        assert aside == summary["samples"] - _leader_samples(run), "every sample says why it was not traded"
        why = {name for name in summary["abstained"]}
        assert why & {"no_link", "link_not_significant"}, why
        unlinked = sum(summary["abstained"].get(name, 0) for name in ("no_link", "link_not_significant"))
        assert unlinked > 0.9 * aside, "the absence of a link is the main reason"
    assert net >= -allowed


def _leader_samples(run: Run) -> int:
    """Only followers are voted on: samples are counted where there is a model."""
    slices = run.table("slices")
    leader = run.summary["findings"]["lead_lag"]["leader"]
    return int(slices.filter(slices["instrument"] == leader)["samples"].sum())


@pytest.mark.parametrize("seed", [17, 4242])
def test_the_demo_tells_the_truth(tmp_path: Path, seed: int) -> None:
    script = Path(sysconfig.get_path("scripts")) / "aurora"
    done = subprocess.run(
        [str(script), "demo", "--seed", str(seed), "--out", str(tmp_path / "demo"), "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "demo.json").read_text())
    assert json.loads(done.stdout) == told
    assert told["synthetic"] is True
    assert told["seed"] == seed
    truth = json.loads(Path(told["truth_file"]).read_text())
    links = told["replay"]["findings"]["lead_lag"]["links"]
    assert set(told["followers"]) == set(truth["followers"])
    for symbol, follower in told["followers"].items():
        planted = truth["followers"][symbol]["lag_ms"]
        found = next(link for key, link in links.items() if key.endswith(f":{symbol}"))
        assert follower["planted"]["lag_ms"] == planted
        assert follower["lag_found"] is True
        assert abs(found["lag_ns"] / 1e6 - planted) <= told["sampling_step_ms"]
    assert set(told["controls"]) == set(truth["controls"])
    assert not any(control["claimed"] for control in told["controls"].values())
    assert Path(told["tearsheet"]).stat().st_size > 10_000
