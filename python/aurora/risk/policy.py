"""Every limit in one place: typed, validated with all errors at once, hashed into every decision record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aurora.errors import ConfigError

PRESETS: dict[str, dict[str, str]] = {
    "conservative": {"per_trade_risk_pct": "0.25", "daily_loss_pct": "1.5", "leverage": "1.5"},
    "balanced": {"per_trade_risk_pct": "0.5", "daily_loss_pct": "2.5", "leverage": "2"},
    "aggressive": {"per_trade_risk_pct": "1.0", "daily_loss_pct": "3.5", "leverage": "3"},
}


def _percent(default: str, description: str, upper: int = 100) -> Any:
    return Field(Decimal(default), gt=0, le=upper, description=description)


class Policy(BaseModel):
    """Limits in per cent of equity unless a name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["conservative", "balanced", "aggressive"] = "balanced"
    per_trade_risk_pct: Decimal = _percent("0.5", "Loss at the stop, costs included, of one trade")
    daily_loss_pct: Decimal = _percent("2.5", "Loss since 00:00 UTC that ends entries for the day")
    leverage: Decimal = _percent("2", "Gross notional over equity", 20)
    position_pct: Decimal = _percent("15", "Notional of one position")
    symbol_exposure_pct: Decimal = _percent("25", "Notional of one symbol, working orders included")
    gross_exposure_pct: Decimal = _percent("200", "Notional over all symbols, working orders included", 2000)
    stop_bps: Decimal = _percent("80", "Distance of the protective stop from entry, basis points", 5000)
    slippage_cap_bps: Decimal = _percent("5", "How far beyond the touch a taking order may reach", 500)
    drawdown_zero_pct: Decimal = _percent("10", "Drawdown from the peak at which size falls to zero")

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, values: Any) -> Any:
        if isinstance(values, dict):
            preset = values.get("preset", "balanced")
            if isinstance(preset, str) and preset in PRESETS:
                return {**PRESETS[preset], **values}
        return values

    @model_validator(mode="after")
    def _limits_fit_together(self) -> Policy:
        problems = []
        if self.per_trade_risk_pct > self.daily_loss_pct:
            problems.append("per_trade_risk_pct exceeds daily_loss_pct: one stop would end the day")
        if self.position_pct > self.symbol_exposure_pct:
            problems.append("position_pct exceeds symbol_exposure_pct")
        if self.symbol_exposure_pct > self.gross_exposure_pct:
            problems.append("symbol_exposure_pct exceeds gross_exposure_pct")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of all limits."""
        return settings_hash(self.model_dump())


def settings_hash(values: Mapping[str, Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of settings, however their numbers were written (80 is 80.0)."""

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal):
            return format(value.normalize(), "f")
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    return hashlib.sha256(json.dumps(plain(values), sort_keys=True).encode()).hexdigest()[:16]


def describe_errors(error: ValidationError) -> str:
    """All of a validation's errors, one a line, by field."""
    lines = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "(whole file)"
        lines.append(f"  {place}: {item['msg']}")
    return "\n".join(lines)


def load_policy(path: Path | None) -> Policy:
    """Reads a policy file; None gives the balanced preset.

    Raises:
        ConfigError: unreadable, not YAML, or with wrong limits: all of them are listed.
    """
    if path is None:
        return Policy()
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"policy {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"policy {path}: not YAML: {error}") from error
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"policy {path}: not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"policy {path}: expected limits by name, got {type(values).__name__}")
    try:
        return Policy.model_validate(values)
    except ValidationError as error:
        count = error.error_count()
        raise ConfigError(f"policy {path}: {count} error(s)\n{describe_errors(error)}") from error
