"""The shipped config files: the default one says the built-in defaults, the probe differs where it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from aurora.config import Settings, load_settings, run_id, series_hashes
from aurora.errors import ConfigError
from aurora.risk import Policy, load_policy


def test_default_yaml_says_the_built_in_defaults(configs: Path) -> None:
    shipped = load_settings(configs / "default.yaml")
    built_in = load_settings(None)
    assert shipped.model_dump(exclude={"policy_file"}) == built_in.model_dump(exclude={"policy_file"})
    assert shipped.hash == built_in.hash == Settings().hash


def test_default_yaml_spells_out_only_known_names_and_says_something(configs: Path) -> None:
    told = yaml.safe_load((configs / "default.yaml").read_text())
    assert set(told) <= set(Settings.model_fields)
    assert {"capture", "features", "engines", "signal", "costs", "desk", "policy_file"} <= set(told)


def test_risk_policy_yaml_is_the_balanced_preset(configs: Path) -> None:
    assert load_policy(configs / "risk_policy.yaml") == Policy(preset="balanced")


def test_probe_yaml_switches_fees_margins_and_confidence_off(configs: Path) -> None:
    probe = load_settings(configs / "probe.yaml")
    assert (probe.costs.maker_fee_bps, probe.costs.taker_fee_bps, probe.costs.charge_spread) == (0, 0, False)
    assert (probe.costs.min_net_edge_bps, probe.costs.min_benefit_cost) == (0, 0)
    assert (probe.signal.require_calibration, probe.signal.min_p) == (False, 0)
    assert probe.engines.lead_lag is not None
    default = load_settings(None)
    limits = default.policy.limits.model_copy(
        update={"turnover_day_pct": probe.policy.limits.turnover_day_pct}
    )
    assert probe.policy == default.policy.model_copy(update={"limits": limits}), "but for turnover"
    assert probe.policy.limits.turnover_day_pct > 1000
    assert (probe.signal.require_consensus, probe.signal.require_approval) == (False, False)
    assert probe.features == default.features
    assert probe.desk == default.desk
    assert probe.hash != default.hash


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out = {}
    for name, value in values.items():
        if isinstance(value, dict):
            out |= flat(value, f"{prefix}{name}.")
        else:
            out[prefix + name] = value
    return out


CHANGES = {
    "engines.lead_lag.min_edge_bps": 0.6,
    "features.depth_levels": 6,
    "signal.min_p": 0.56,
    "costs.taker_fee_bps": 5.5,
    "desk.entry_ttl_ms": 999,
    "desk.start_cash": 100_001,
    "capture.clock_offset_ms": 1.5,
    "policy.stop_bps": 79,
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_hash_covers_whatever_changes_a_decision(name: str, tmp_path: Path) -> None:
    nested: Any = CHANGES[name]
    for part in reversed(name.split(".")):
        nested = {part: nested}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(nested))
    changed = load_settings(path)
    assert flat(changed.model_dump())[name] == CHANGES[name]
    assert changed.hash != Settings().hash
    assert run_id(changed, 0, []) != run_id(Settings(), 0, [])


def test_slice_width_is_no_part_of_the_hash() -> None:
    assert load_settings(None, slice_ms=7).capture.slice_ms == 7
    assert load_settings(None, slice_ms=7).hash == Settings().hash


def test_slice_width_of_the_command_wins(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("capture: {slice_ms: 300, common_clock_ms: 50}\n")
    assert load_settings(path).capture.slice_ms == 300
    assert load_settings(path, slice_ms=0).capture.slice_ms == 0
    assert load_settings(path, slice_ms=0).capture.common_clock_ms == 50


def test_an_engine_can_be_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("engines: {lead_lag: null}\n")
    assert load_settings(path).engines.lead_lag is None


def test_settings_survive_json() -> None:
    """Worker processes get them as JSON values."""
    settings = load_settings(None, slice_ms=5)
    again = Settings.model_validate(settings.model_dump(mode="json", exclude={"policy_file"}))
    assert again.model_dump() == settings.model_dump()
    assert again.hash == settings.hash


def test_the_policy_file_is_found_beside_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "config.yaml").write_text("policy_file: ../limits.yaml\n")
    (tmp_path / "limits.yaml").write_text("preset: conservative\n")
    monkeypatch.chdir("/")
    assert load_settings(tmp_path / "deep" / "config.yaml").policy == Policy(preset="conservative")


def test_run_ids_depend_on_seed_and_contents_not_on_names() -> None:
    settings = Settings()
    base = run_id(settings, 0, [("a", "11"), ("b", "22")])
    assert base == run_id(settings, 0, [("x", "11"), ("y", "22")])
    others = [
        run_id(settings, 1, [("a", "11"), ("b", "22")]),
        run_id(settings, 0, [("a", "11"), ("b", "23")]),
    ]
    assert len({base, *others}) == 3


def test_errors_of_all_rooms_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "capture: {slice_ms: -1}\nengines: {lead_lag: {leaders: 5}}\ncosts: {entry: iceberg}\n"
        "policy: {leverage: 0, surprise: 1}\ndesk: {start_cash: nothing}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    first, *lines = str(caught.value).splitlines()
    assert "6 error" in first
    assert sorted(line.strip().split(":")[0] for line in lines) == [
        "capture.slice_ms",
        "costs.entry",
        "desk.start_cash",
        "engines.lead_lag.leaders",
        "policy.leverage",
        "policy.surprise",
    ]


def test_series_lie_beside_the_config_and_their_contents_are_the_runs(tmp_path: Path) -> None:
    def identity(folder: Path, contents: bytes) -> str:
        folder.mkdir()
        (folder / "run.yaml").write_text("series: {funding: funding.csv}\n")
        (folder / "funding.csv").write_bytes(contents)
        settings = load_settings(folder / "run.yaml")
        assert settings.series.funding == folder / "funding.csv"
        assert settings.hash == load_settings(None).hash
        return run_id(settings, 7, [], series_hashes(settings))

    first = identity(tmp_path / "one", b"known_ns,rate\n1,0.1\n")
    assert identity(tmp_path / "two", b"known_ns,rate\n1,0.1\n") == first, "wherever the file lies"
    assert identity(tmp_path / "three", b"known_ns,rate\n1,0.2\n") != first
    assert run_id(load_settings(None), 7, []) != first
    (tmp_path / "one" / "funding.csv").unlink()
    with pytest.raises(ConfigError, match=r"series.funding: .*funding.csv: No such file"):
        series_hashes(load_settings(tmp_path / "one" / "run.yaml"))


def test_rows_of_the_approval_matrix_name_engines(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    row = "{illiquid: forbidden, panic: forbidden, trend: allowed, range: trial, neutral: allowed}"
    file.write_text(f"regime: {{approval: {{rows: {{carry: {row}}}}}}}\n")
    assert set(load_settings(file).regime.approval.rows) == {"carry"}
    file.write_text(f"regime: {{approval: {{rows: {{carry: {row}, cary: {row}}}}}}}\n")
    with pytest.raises(ConfigError, match="no engine is called cary"):
        load_settings(file)
