"""The policy: presets, and every error of a file told at once."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from aurora.errors import ConfigError
from aurora.risk import Policy, load_policy


@pytest.mark.parametrize(
    ("preset", "risk", "daily", "leverage"),
    [
        ("conservative", "0.25", "1.5", "1.5"),
        ("balanced", "0.5", "2.5", "2"),
        ("aggressive", "1.0", "3.5", "3"),
    ],
)
def test_presets(preset: str, risk: str, daily: str, leverage: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(f"preset: {preset}\n")
    policy = load_policy(path)
    assert policy.preset == preset
    assert policy.per_trade_risk_pct == Decimal(risk)
    assert policy.daily_loss_pct == Decimal(daily)
    assert policy.leverage == Decimal(leverage)
    path.write_text(f"preset: {preset}\nleverage: 1.25\n")
    changed = load_policy(path)
    assert changed.leverage == Decimal("1.25")
    assert changed.daily_loss_pct == Decimal(daily)


def test_no_file_and_an_empty_file_are_the_balanced_preset(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("# nothing said\n")
    assert load_policy(None) == load_policy(path) == Policy(preset="balanced")
    assert Policy() == Policy(preset="balanced")


def test_decimals_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("per_trade_risk_pct: 0.1\nstop_bps: '33.3'\n")
    policy = load_policy(path)
    assert policy.per_trade_risk_pct == Decimal("0.1")
    assert policy.stop_bps == Decimal("33.3")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("leverage: 0\nposition_pct: 101\nstop_bps: x\n", ["leverage", "position_pct", "stop_bps"]),
        ("preset: bold\nsurprise: 1\ndaily_loss_pct: -1\n", ["preset", "surprise", "daily_loss_pct"]),
        ("preset: [balanced]\nleverage: .nan\n", ["preset", "leverage"]),
        ("stop_bps: .inf\ndrawdown_zero_pct: null\n", ["stop_bps", "drawdown_zero_pct"]),
        ("leverage: 20.1\ngross_exposure_pct: 2001\n", ["leverage", "gross_exposure_pct"]),
    ],
)
def test_all_errors_of_a_file_at_once(text: str, fields: list[str], tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    first, *lines = str(caught.value).splitlines()
    assert str(path) in first
    assert f"{len(fields)} error" in first
    assert sorted(line.strip().split(":")[0] for line in lines) == sorted(fields)


def test_limits_that_contradict_each_other(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "per_trade_risk_pct: 3\nposition_pct: 60\nsymbol_exposure_pct: 50\ngross_exposure_pct: 40\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    told = str(caught.value)
    assert "per_trade_risk_pct exceeds daily_loss_pct" in told
    assert "position_pct exceeds symbol_exposure_pct" in told
    assert "symbol_exposure_pct exceeds gross_exposure_pct" in told


def test_limits_may_be_equal() -> None:
    Policy(
        per_trade_risk_pct=2, daily_loss_pct=2, position_pct=40, symbol_exposure_pct=40, gross_exposure_pct=40
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"preset: [\n", "not YAML"),
        (b"\xff\xfe\x00", "not YAML"),
        (b"limits\n", "expected limits by name, got str"),
        (b"- 1\n", "expected limits by name, got list"),
    ],
)
def test_files_that_are_no_policy(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_policy(path)


def test_a_missing_file_or_a_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(ConfigError) as caught:
            load_policy(path)
        assert str(path) in str(caught.value)


def test_a_policy_cannot_be_changed() -> None:
    policy = Policy()
    with pytest.raises(ValidationError):
        policy.leverage = Decimal(5)  # type: ignore[misc]


def test_the_hash_tells_policies_apart() -> None:
    policies = [Policy(preset=name) for name in ("conservative", "balanced", "aggressive")]
    policies += [Policy(stop_bps=81), Policy(drawdown_zero_pct=11), Policy(slippage_cap_bps=6)]
    hashes = {policy.hash for policy in policies}
    assert len(hashes) == len(policies)
    assert all(re.fullmatch("[0-9a-f]{16}", value) for value in hashes)
    assert Policy.model_validate(Policy(stop_bps=81).model_dump()).hash == Policy(stop_bps=81).hash


def test_the_hash_does_not_depend_on_how_a_number_is_written() -> None:
    assert Policy(stop_bps="80.0").hash == Policy(stop_bps=80).hash
