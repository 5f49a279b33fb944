"""The policy: presets, and every error of a file told at once."""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aurora.errors import ConfigError
from aurora.risk import KellyPolicy, Policy, load_policy, settings_hash
from aurora.risk.policy import DEFAULTS_VERSION
from aurora.risk.sections import Section


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


# --- sections --------------------------------------------------------------------------------------------------


def refused(path: Path, text: str) -> list[str]:
    """The lines a policy file is refused with, the first one left out."""
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    first, *lines = str(caught.value).splitlines()
    assert first == f"policy {path}: {len(lines)} error(s)"
    return [line.strip() for line in lines]


def test_errors_tell_the_key_the_value_and_what_is_allowed(tmp_path: Path) -> None:
    lines = refused(
        tmp_path / "policy.yaml",
        "preset: bold\nleverage: 0\nleverge: 2\n"
        "tail:\n  resamples: 1.5\n  trade_pct: 101\n"
        "kelly: {method: half}\nscalers: 5\nlimits: {sector_pct: [1]}\n",
    )
    told = {line.split(":")[0]: line for line in lines}
    assert sorted(told) == [
        "kelly.method",
        "leverage",
        "leverge",
        "limits.sector_pct",
        "preset",
        "scalers",
        "tail.resamples",
        "tail.trade_pct",
    ]
    for key, got, allowed in (
        ("preset", "'bold'", "conservative | balanced | aggressive"),
        ("leverage", "'0'", "number > 0 and <= 20"),
        ("tail.resamples", "'1.5'", "whole number >= 20 and <= 100000"),
        ("tail.trade_pct", "'101'", "number > 0 and <= 100"),
        ("kelly.method", "'half'", "posterior_quantile | fraction"),
        ("limits.sector_pct", "['1']", "number > 0 and <= 2000"),
        ("leverge", "'2'", "one of leverage"),
    ):
        assert f"(got {got})" in told[key]
        assert told[key].endswith(f"; allowed: {allowed}"), told[key]
    assert "names among calibration_decay, " in told["scalers"]


def test_a_long_value_is_shortened(tmp_path: Path) -> None:
    (line,) = refused(tmp_path / "p.yaml", f"leverage: {'x' * 100}\n")
    assert f"(got '{'x' * 56}...)" in line


CLASHES = {
    "per_trade_risk_pct: 2.6": "per_trade_risk_pct exceeds daily_loss_pct (2.5)",
    "{daily_loss_pct: 5, per_trade_risk_pct: 3.5}": "per_trade_risk_pct exceeds breakers.day_loss_cap_pct (3)",
    "position_pct: 25.1": "position_pct exceeds symbol_exposure_pct (25)",
    "gross_exposure_pct: 24": "symbol_exposure_pct exceeds gross_exposure_pct (24)",
    "limits: {symbol_day_stop_pct: 2.5}": "symbol_day_stop_pct is not below the day's loss limit (2.5)",
    "breakers: {drawdown_alert_pct: 10}": "drawdown_alert_pct is not below drawdown_halve_pct (10)",
    "breakers: {volatility_reset_percentile: 96}": "exceeds volatility_percentile (95)",
    "breakers: {volatility_window: 99}": "volatility_minimum exceeds volatility_window (99)",
    "breakers: {volatility_index_resume: 36}": "volatility_index_resume exceeds volatility_index_halt (35)",
    "kelly: {fraction: 0.25}": "fraction is given with method posterior_quantile",
    "kelly: {method: fraction, quantile: 0.2}": "quantile is given with method fraction",
    "expectancy: {minimum_trades: 501}": "minimum_trades exceeds window_trades (500)",
    "expectancy: {reentry_trades: 501}": "reentry_trades exceeds window_trades (500)",
}


@pytest.mark.parametrize("text", CLASHES)
def test_each_contradiction_is_told(text: str, tmp_path: Path) -> None:
    (line,) = refused(tmp_path / "policy.yaml", text)
    assert CLASHES[text] in line


@pytest.mark.parametrize(
    "text",
    [
        "per_trade_risk_pct: 2.5",
        "{daily_loss_pct: 5, per_trade_risk_pct: 3}",
        "position_pct: 25",
        "gross_exposure_pct: 25",
        "limits: {symbol_day_stop_pct: 2.49}",
        "breakers: {drawdown_alert_pct: 9.99}",
        "breakers: {volatility_reset_percentile: 95}",
        "breakers: {volatility_window: 100}",
        "breakers: {volatility_index_resume: 35}",
        "kelly: {method: fraction, fraction: 0.25}",
        "kelly: {method: posterior_quantile, quantile: 0.5}",
        "expectancy: {minimum_trades: 500, reentry_trades: 500}",
    ],
)
def test_at_the_edge_there_is_no_contradiction(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    load_policy(path)


def test_contradictions_and_wrong_values_come_together(tmp_path: Path) -> None:
    lines = refused(
        tmp_path / "policy.yaml",
        "leverage: 21\nposition_pct: 30\nbreakers: {drawdown_alert_pct: 11, loss_streak: 0}\n",
    )
    assert [line.split(":")[0] for line in lines] == [
        "leverage",
        "breakers.loss_streak",
        "position_pct",
        "breakers.drawdown_alert_pct",
    ]


def test_a_contradiction_with_a_wrong_value_is_not_invented(tmp_path: Path) -> None:
    """3 % of risk exceeds the default day's loss, but the file meant another one, which is wrong itself."""
    lines = refused(tmp_path / "policy.yaml", "per_trade_risk_pct: 3\ndaily_loss_pct: -5\n")
    assert [line.split(":")[0] for line in lines] == ["daily_loss_pct"]
    lines = refused(tmp_path / "policy.yaml", "kelly: {method: thirds, fraction: 0.1}\n")
    assert [line.split(":")[0] for line in lines] == ["kelly.method"]


def test_a_limit_given_twice_is_an_error(tmp_path: Path) -> None:
    lines = refused(
        tmp_path / "p.yaml",
        "leverage: 2\nlimits:\n  sector_pct: 1\n  sector_pct: 2\nleverage: 3\nstop_bps: 0\n",
    )
    assert lines[:2] == [
        "limits.sector_pct: given on line 3 and again on line 4; give each limit once",
        "leverage: given on line 1 and again on line 5; give each limit once",
    ] or lines[:2] == [
        "leverage: given on line 1 and again on line 5; give each limit once",
        "limits.sector_pct: given on line 3 and again on line 4; give each limit once",
    ]
    assert lines[2].startswith("stop_bps: ")


def test_numbers_never_pass_through_a_float(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("leverage: 1.000000000000000001\nposition_pct: 012\n")
    policy = load_policy(path)
    assert policy.leverage == Decimal("1.000000000000000001")
    assert policy.position_pct == 12, "YAML 1.1 would read an octal number"
    lines = refused(path, "leverage: 1.0000000000000000001\nstop_bps: 1:30\nposition_pct: true\n")
    assert [line.split(":")[0] for line in lines] == ["leverage", "position_pct", "stop_bps"]


def test_an_empty_section_is_at_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("limits:\nbreakers: {}\n")
    assert load_policy(path) == Policy()
    assert Policy(limits=None) == Policy()  # type: ignore[arg-type]


# Sections at their defaults enter the hash by DEFAULTS_VERSION alone: a default that changes needs a new one. A limit
# that is new changes this pin, and not the hash below it.
PINNED_DEFAULTS = "a859cc580b7a949a"
PINNED_HASH = "fb2fa4f3686c1c85"


def test_the_hash_is_stable_across_releases() -> None:
    assert Policy().hash == PINNED_HASH
    assert settings_hash(Policy().model_dump()) == PINNED_DEFAULTS
    assert DEFAULTS_VERSION == 1


def test_a_symbol_has_one_sector(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "limits:\n  sectors:\n    meme: [DOGEUSDT, binance_usdm:PEPEUSDT]\n    majors: [BTCUSDT]\n"
    )
    limits = load_policy(path).limits
    named = (
        "binance_usdm:DOGEUSDT",
        "binance_usdm:PEPEUSDT",
        "binance_spot:PEPEUSDT",
        "binance_usdm:SOLUSDT",
    )
    assert [limits.sector_of(key) for key in (*named, "x:BTCUSDT")] == ["meme", "meme", "", "", "majors"]
    turned = {"majors": ["BTCUSDT"], "meme": ["binance_usdm:PEPEUSDT", "DOGEUSDT", "DOGEUSDT"]}
    assert Policy.model_validate({"limits": {"sectors": turned}}).hash == load_policy(path).hash
    assert load_policy(path).hash != Policy().hash
    for wrong, message in (
        ("{meme: [DOGEUSDT], majors: [BTCUSDT, DOGEUSDT]}", "DOGEUSDT is in meme and in majors"),
        ('{"": [DOGEUSDT]}', "a sector has no name"),
        ("{meme: DOGEUSDT}", "limits.sectors.meme"),
    ):
        assert any(message in line for line in refused(path, f"limits:\n  sectors: {wrong}\n")), message


def test_every_limit_enters_the_hash() -> None:
    plain = Policy()
    seen = {plain.hash}
    sections = {name: value for name, value in plain if isinstance(value, Section)}
    for section in sections:
        for name, value in getattr(plain, section):
            if isinstance(value, int):
                changed: Any = value + 1
            elif isinstance(value, Decimal):
                changed = value * Decimal("0.999") if value else Decimal("0.001")
            elif (section, name) == ("scalers", "volatility"):
                changed = "volatility_target"
            elif (section, name) == ("kelly", "method"):
                changed = "fraction"
            elif (section, name) == ("kelly", "quantile"):
                changed = Decimal("0.3")
            elif (section, name) == ("limits", "sectors"):
                changed = {"meme": ["DOGEUSDT"]}
            else:
                continue
            seen.add(Policy.model_validate({section: {name: changed}}).hash)
            assert Policy.model_validate({section: {name: value}}).hash == plain.hash
    fields = sum(len(type(value).model_fields) for value in sections.values())
    assert len(seen) == fields, "all but kelly.fraction, which needs its method, and one for the defaults"


def test_derived_limits() -> None:
    assert Policy().day_loss_limit_pct == Decimal("2.5")
    assert Policy(preset="aggressive").day_loss_limit_pct == 3
    assert Policy().gross_limit_pct == 200
    assert Policy(leverage="1.5").gross_limit_pct == 150
    assert Policy(leverage=5).gross_limit_pct == 200


def test_safe_mode_is_never_looser() -> None:
    safe = Policy(preset="aggressive").safe()
    conservative = Policy(preset="conservative")
    assert safe == conservative
    tight = Policy(preset="balanced", leverage="1.2", per_trade_risk_pct="0.1").safe()
    assert (tight.leverage, tight.per_trade_risk_pct, tight.daily_loss_pct) == (
        Decimal("1.2"),
        Decimal("0.1"),
        Decimal("1.5"),
    )
    assert tight.position_pct == Policy().position_pct


def test_kelly_shrinks_once() -> None:
    assert (KellyPolicy().posterior_quantile, KellyPolicy().multiplier) == (Decimal("0.2"), 1)
    quarter = KellyPolicy(method="fraction")
    assert (quarter.posterior_quantile, quarter.multiplier) == (Decimal("0.5"), Decimal("0.25"))
    assert KellyPolicy(method="fraction", fraction="0.1").multiplier == Decimal("0.1")
    assert KellyPolicy(quantile="0.1").posterior_quantile == Decimal("0.1")
    assert KellyPolicy(quantile="0.2") == KellyPolicy(), "a default told is the same policy"
    assert KellyPolicy.model_validate(quarter.model_dump()) == quarter
    with pytest.raises(ValidationError):
        KellyPolicy(method="fraction", fraction="0.26")
    with pytest.raises(ValidationError):
        KellyPolicy(quantile="0.51")


# A round bracket: the end itself is refused.
RANGES = {
    "per_trade_risk_pct": "(0, 100]",
    "daily_loss_pct": "(0, 100]",
    "leverage": "(0, 20]",
    "position_pct": "(0, 100]",
    "symbol_exposure_pct": "(0, 100]",
    "gross_exposure_pct": "(0, 2000]",
    "stop_bps": "(0, 5000]",
    "slippage_cap_bps": "(0, 500]",
    "drawdown_zero_pct": "(0, 100]",
    "scalers.calibration_decay": "(0, 1000]",
    "scalers.regime_trend": "[0, 1]",
    "scalers.regime_range": "[0, 1]",
    "scalers.regime_neutral": "[0, 1]",
    "scalers.regime_panic": "[0, 1]",
    "scalers.regime_illiquid": "[0, 1]",
    "scalers.depth_share": "(0, 1]",
    "scalers.throttle_slope": "(0, 10]",
    "scalers.throttle_floor": "[0, 1]",
    "kelly.quantile": "(0, 0.5]",
    "kelly.fraction": "(0, 0.25]",
    "tail.trade_pct": "(0, 100]",
    "tail.threshold_quantile": "(0, 1)",
    "tail.minimum_observations": "[50, 10000000]",
    "tail.minimum_exceedances": "[10, 1000000]",
    "tail.haircut_pct": "[0, 500]",
    "tail.resamples": "[20, 100000]",
    "limits.sector_pct": "(0, 2000]",
    "limits.net_min_pct": "[-2000, 0]",
    "limits.net_max_pct": "[0, 2000]",
    "limits.notional_share_pct": "(0, 100]",
    "limits.notional_share_multiple": "[0, 100]",
    "limits.notional_share_floor_pct": "[0, 10000]",
    "limits.symbol_day_stop_pct": "(0, 100]",
    "limits.symbol_cool_down_hours": "(0, 8760]",
    "limits.correlation_alert": "(0, 1)",
    "limits.turnover_day_pct": "(0, 1000000]",
    "breakers.day_loss_cap_pct": "(0, 100]",
    "breakers.drawdown_alert_pct": "(0, 100]",
    "breakers.drawdown_halve_pct": "(0, 100]",
    "breakers.drawdown_reset_share": "(0, 1)",
    "breakers.loss_streak": "[1, 1000]",
    "breakers.loss_streak_scale": "[0, 1)",
    "breakers.volatility_percentile": "(0, 100)",
    "breakers.volatility_reset_percentile": "(0, 100)",
    "breakers.volatility_window": "[20, 100000]",
    "breakers.volatility_minimum": "[20, 100000]",
    "breakers.defence_scale": "[0, 1]",
    "breakers.volatility_index_halt": "(0, 1000]",
    "breakers.volatility_index_resume": "(0, 1000]",
    "breakers.halt_exposure_scale": "[0, 1]",
    "breakers.condition_hold_s": "[0, 86400]",
    "expectancy.window_trades": "[10, 100000]",
    "expectancy.window_hours": "(0, 8760]",
    "expectancy.minimum_trades": "[10, 100000]",
    "expectancy.confidence": "(0.5, 1)",
    "expectancy.reentry_trades": "[5, 100000]",
    "portfolio.gross_pct": "(0, 100]",
    "portfolio.cash_pct": "[0, 100)",
    "portfolio.concentration": "(0, 1]",
    "portfolio.concentration_free": "[0, 1000]",
    "portfolio.turnover_penalty": "[0, 1000]",
    "portfolio.concentration_penalty": "[0, 1000]",
    "portfolio.risk_aversion": "[0, 1000]",
    "portfolio.correlated_pct": "(0, 100]",
}
WHOLE = {name for name in RANGES if name.rsplit(".", 1)[-1] in {
    "minimum_observations", "minimum_exceedances", "resamples", "loss_streak", "volatility_window",
    "volatility_minimum", "window_trades", "minimum_trades", "reentry_trades", "concentration_free",
}}  # fmt: skip


def wrong_fields(name: str, value: Decimal) -> set[str]:
    """The fields refused as out of range (contradictions with other limits are another matter)."""
    section, _, key = name.rpartition(".")
    given: dict[str, Any] = {key: str(value)}
    if name == "kelly.fraction":
        given["method"] = "fraction"
    try:
        Policy.model_validate({section: given} if section else given)
    except ValidationError as error:
        return {
            ".".join(str(part) for part in item["loc"])
            for item in error.errors()
            if item["type"] != "contradiction"
        }
    return set()


@pytest.mark.parametrize("name", RANGES)
def test_every_limit_has_its_range(name: str) -> None:
    low, high = RANGES[name].split(", ")
    step = Decimal(1) if name in WHOLE else Decimal("0.000000001")
    for end, inclusive, outward in (
        (Decimal(low[1:]), low[0] == "[", -step),
        (Decimal(high[:-1]), high[-1] == "]", step),
    ):
        assert wrong_fields(name, end) == (set() if inclusive else {name})
        assert wrong_fields(name, end + outward) == {name}
        assert wrong_fields(name, end - outward) == set()
    if name in WHOLE:
        assert wrong_fields(name, Decimal("77.5")) == {name}


def test_the_ranges_are_of_all_numbers() -> None:
    numbers = set()
    for name, value in Policy():
        if isinstance(value, Section):
            numbers |= {f"{name}.{key}" for key, item in value if not isinstance(item, str | dict)}
        elif name != "preset":
            numbers.add(name)
    assert numbers == set(RANGES)


@pytest.mark.parametrize("section", [name for name, value in Policy() if isinstance(value, Section)])
def test_sections_cannot_be_changed_nor_misspelt(section: str) -> None:
    part = getattr(Policy(), section)
    with pytest.raises(ValidationError):
        setattr(part, next(iter(type(part).model_fields)), None)
    with pytest.raises(ValidationError):
        Policy.model_validate({section: {"surprise": 1}})


def test_everything_the_room_answers_with_is_frozen() -> None:
    """Records that could be changed after the fact would explain nothing."""
    import aurora.risk

    found = [getattr(aurora.risk, name) for name in aurora.risk.__all__]
    records = [item for item in found if isinstance(item, type) and is_dataclass(item)]
    assert len(records) > 15
    for record in records:
        assert record.__dataclass_params__.frozen, record  # type: ignore[attr-defined]
        assert not hasattr(record, "__dict__") or "__slots__" in vars(record), record
