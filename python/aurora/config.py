"""Composes every room's settings: one file, validated with all errors at once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aurora.capture import CaptureSet, CaptureSettings
from aurora.engines import (
    BUILT_IN,
    EngineChoice,
    LeadLagEngine,
    LeadLagSettings,
    choose_engine,
    user_engines,
)
from aurora.errors import ConfigError
from aurora.features import FeatureSettings
from aurora.regime import RegimeSettings
from aurora.risk import Policy, describe_errors, load_policy, settings_hash
from aurora.signal import SignalSettings
from aurora.stages import DeskSettings, ReplayPlan, RunnerSettings, SeriesSettings
from aurora.tca import CostSettings


class EngineSettings(BaseModel):
    """Engines by name, each with its settings; beside lead-lag none is on unless it is named.

    ``momentum: {}`` switches a built-in one or one of an installed package on with its defaults, null off.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    lead_lag: LeadLagSettings | None = Field(
        default_factory=LeadLagSettings, description="null switches it off"
    )

    @model_validator(mode="after")
    def _known(self) -> EngineSettings:
        for name in sorted(self.model_extra or {}):
            self.choice(name)
        return self

    def choice(self, name: str) -> EngineChoice | None:
        """A further engine, its settings checked; None where it is switched off."""
        values = (self.model_extra or {}).get(name)
        if not isinstance(values, dict | None):
            raise ValueError(f"{name}: expected settings by name, got {type(values).__name__}")
        try:
            choice = choose_engine(name, values)
            return None if values is None else choice
        except ConfigError as error:
            raise ValueError(str(error)) from error

    @property
    def choices(self) -> list[EngineChoice]:
        """All further engines that are switched on, by name."""
        found = [self.choice(name) for name in sorted(self.model_extra or {})]
        return [choice for choice in found if choice is not None]


class Settings(BaseModel):
    """Everything a run can be told, with defaults; see ``config/default.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    capture: CaptureSettings = Field(default_factory=CaptureSettings)
    features: FeatureSettings = Field(default_factory=FeatureSettings)
    engines: EngineSettings = Field(default_factory=EngineSettings)
    series: SeriesSettings = Field(
        default_factory=SeriesSettings, description="Files of slow series; relative to the config file"
    )
    regime: RegimeSettings = Field(default_factory=RegimeSettings)
    signal: SignalSettings = Field(default_factory=SignalSettings)
    costs: CostSettings = Field(default_factory=CostSettings)
    desk: DeskSettings = Field(default_factory=DeskSettings)
    runner: RunnerSettings = Field(default_factory=RunnerSettings)
    policy: Policy = Field(default_factory=Policy, description="Limits in place, or policy_file names them")
    policy_file: Path | None = Field(None, description="A risk_policy.yaml, relative to the config file")

    @model_validator(mode="after")
    def _rows_name_engines(self) -> Settings:
        matrix = self.regime.approval
        if set(matrix.rows) - set(BUILT_IN):
            try:
                matrix.check_names({*BUILT_IN, *user_engines()})
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return self

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything that can change a decision.

        Slice width and checkpoints are not among it: they carry speed, never meaning. Nor are the files of series,
        whose contents count among the inputs wherever they lie.
        """
        left_out: Any = {
            "policy_file": True,
            "policy": True,
            "runner": True,
            "series": True,
            "capture": {"slice_ms"},
        }
        return settings_hash({**self.model_dump(exclude=left_out), "policy": self.policy.canonical()})


def load_settings(
    path: Path | None, slice_ms: int | None = None, overrides: dict[str, Any] | None = None
) -> Settings:
    """Reads a config file; None gives the defaults, or what ``overrides`` says.

    Raises:
        ConfigError: unreadable, not YAML, or with wrong values: all of them are listed.
    """
    values: dict[str, Any] = dict(overrides or {}) if path is None else {}
    if path is not None:
        try:
            loaded = yaml.safe_load(path.read_text()) or {}
        except OSError as error:
            raise ConfigError(f"config {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"config {path}: not YAML: {error}") from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"config {path}: expected settings by name, got {type(loaded).__name__}")
        values = loaded
        series = values.get("series")
        if isinstance(series, dict):
            values["series"] = {
                name: path.parent / file if isinstance(file, str) else file for name, file in series.items()
            }
        if values.get("policy_file") is not None:
            if values.get("policy") is not None:
                raise ConfigError(f"config {path}: give policy or policy_file, not both")
            policy_file = path.parent / str(values["policy_file"])
            values["policy"] = load_policy(policy_file).model_dump()
    if slice_ms is not None:
        capture = values.get("capture") or {}
        values["capture"] = {**capture, "slice_ms": slice_ms} if isinstance(capture, dict) else capture
    try:
        return Settings.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        raise ConfigError(
            f"config {path}: {error.error_count()} error(s)\n{describe_errors(error, Settings)}"
        ) from error


def engine_factories(settings: EngineSettings) -> list[Any]:
    """A maker for each engine that is switched on."""
    factories: list[Any] = []
    lead_lag = settings.lead_lag
    if lead_lag is not None:
        factories.append(lambda instruments, sample_ns: LeadLagEngine(lead_lag, instruments, sample_ns))
    return [*factories, *(choice.make for choice in settings.choices)]


def series_hashes(settings: Settings) -> list[tuple[str, str]]:
    """(name of the series, SHA-256 of the bytes of its file), by name.

    Raises:
        ConfigError: a file cannot be read.
    """
    hashes = []
    for name, path in sorted(settings.series.files.items()):
        try:
            with path.open("rb") as file:
                hashes.append((name, hashlib.file_digest(file, "sha256").hexdigest()))
        except OSError as error:
            raise ConfigError(f"series.{name}: {path}: {error.strerror}; give Parquet or CSV") from error
    return hashes


def run_id(
    settings: Settings, seed: int, inputs: list[tuple[str, str]], series: list[tuple[str, str]] | None = None
) -> str:
    """Identity of a run: 16 hexadecimal digits of the hash of config, seed and the contents of captures and series."""
    told: dict[str, Any] = {
        "config": settings.hash,
        "seed": seed,
        "inputs": sorted(digest for _, digest in inputs),
    }
    if series:
        told["series"] = [list(one) for one in series]
    text = json.dumps(told)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def replay_plan(
    *,
    paths: list[str],
    settings: dict[str, Any],
    seed: int,
    out: str,
    run: dict[str, Any],
    overwrite: bool,
    resume: bool,
    abort_after_events: int | None,
) -> ReplayPlan:
    """Builds a plan from JSON values, so that every process of a cluster can."""
    loaded = Settings.model_validate(settings)
    return ReplayPlan(
        CaptureSet(paths, loaded.capture),
        features=loaded.features,
        engines=engine_factories(loaded.engines),
        signal=loaded.signal,
        costs=loaded.costs,
        policy=loaded.policy,
        desk=loaded.desk,
        regime=loaded.regime,
        series=loaded.series,
        seed=seed,
        out=Path(out),
        run=run,
        overwrite=overwrite,
        resume=resume,
        abort_after_events=abort_after_events,
    )
