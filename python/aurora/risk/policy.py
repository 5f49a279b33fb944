"""Every limit in one place: typed, validated with all errors at once, hashed into every decision record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from aurora.risk.sections import (
    BreakerPolicy,
    ExpectancyPolicy,
    KellyPolicy,
    LimitPolicy,
    PortfolioPolicy,
    ScalerPolicy,
    Section,
    TailPolicy,
    number,
)

PRESETS: dict[str, dict[str, str]] = {
    "conservative": {"per_trade_risk_pct": "0.25", "daily_loss_pct": "1.5", "leverage": "1.5"},
    "balanced": {"per_trade_risk_pct": "0.5", "daily_loss_pct": "2.5", "leverage": "2"},
    "aggressive": {"per_trade_risk_pct": "1.0", "daily_loss_pct": "3.5", "leverage": "3"},
}
DEFAULTS_VERSION = 1
"""Raised whenever a default of a section changes: sections at their defaults enter the hash by this alone."""

Place = tuple[str, ...]


class Policy(BaseModel):
    """Limits in per cent of equity unless a name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["conservative", "balanced", "aggressive"] = "balanced"
    per_trade_risk_pct: Decimal = number("0.5", "Loss at the stop, costs included, of one trade", le=100)
    daily_loss_pct: Decimal = number("2.5", "Loss since 00:00 UTC that ends entries for the day", le=100)
    leverage: Decimal = number("2", "Gross notional over equity", le=20)
    position_pct: Decimal = number("15", "Notional of one position", le=100)
    symbol_exposure_pct: Decimal = number("25", "Notional of one symbol, working orders included", le=100)
    gross_exposure_pct: Decimal = number("200", "Notional over all symbols, working orders included", le=2000)
    stop_bps: Decimal = number("80", "Distance of the protective stop from entry, basis points", le=5000)
    slippage_cap_bps: Decimal = number("5", "How far beyond the touch a taking order may reach", le=500)
    drawdown_zero_pct: Decimal = number("10", "Drawdown from the peak at which size falls to zero", le=100)
    scalers: ScalerPolicy = Field(default_factory=ScalerPolicy)
    kelly: KellyPolicy = Field(default_factory=KellyPolicy)
    tail: TailPolicy = Field(default_factory=TailPolicy)
    limits: LimitPolicy = Field(default_factory=LimitPolicy)
    breakers: BreakerPolicy = Field(default_factory=BreakerPolicy)
    expectancy: ExpectancyPolicy = Field(default_factory=ExpectancyPolicy)
    portfolio: PortfolioPolicy = Field(default_factory=PortfolioPolicy)

    @model_validator(mode="wrap")
    @classmethod
    def _all_errors_at_once(cls, values: Any, handler: Any) -> Self:
        """Applies the preset; tells wrong values and contradictions between the right ones together."""
        if not isinstance(values, Mapping):
            return cast(Self, handler(values))
        values = _with_preset(values)
        wrong: list[InitErrorDetails] = []
        try:
            policy = handler(values)
        except ValidationError as error:
            places = [tuple(str(part) for part in item["loc"]) for item in error.errors()]
            wrong = [
                _detail(item["type"], item["loc"], item["input"], item["msg"]) for item in error.errors()
            ]
            try:
                policy = handler(_without(values, places))
            except ValidationError:
                policy = None
        else:
            places = []
        clashes = [] if policy is None else contradictions(policy)
        for keys, message in clashes:
            if not any(key[: len(place)] == place for key in keys for place in places):
                value: Any = policy
                for part in keys[0]:
                    value = getattr(value, part)
                wrong.append(_detail("contradiction", keys[0], value, message))
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return cast(Self, policy)

    @property
    def day_loss_limit_pct(self) -> Decimal:
        """Loss since 00:00 UTC that ends the day: the preset's or the file's, capped by the breaker's."""
        return min(self.daily_loss_pct, self.breakers.day_loss_cap_pct)

    @property
    def gross_limit_pct(self) -> Decimal:
        """Gross notional allowed: the gross limit or leverage, whichever is smaller."""
        return min(self.gross_exposure_pct, self.leverage * 100)

    def canonical(self) -> dict[str, Any]:
        """What the hash is of: the limits at the top, and of the sections what differs from the defaults.

        A policy so keeps its hash when a release adds a limit; a release that changes a default raises
        :data:`DEFAULTS_VERSION`, which enters the hash once it is above 1.
        """
        values: dict[str, Any] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if not isinstance(value, Section):
                values[name] = value
            elif changed := value.model_dump(exclude_defaults=True):
                values[name] = changed
        if DEFAULTS_VERSION > 1:
            values["defaults_version"] = DEFAULTS_VERSION
        return values

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of all limits."""
        return settings_hash(self.canonical())

    def safe(self) -> Policy:
        """The policy of safe mode: the conservative preset's limits wherever they are tighter."""
        tighter = {
            name: min(Decimal(value), getattr(self, name)) for name, value in PRESETS["conservative"].items()
        }
        return self.model_copy(update={**tighter, "preset": "conservative"})


def contradictions(policy: Policy) -> list[tuple[list[Place], str]]:
    """Limits that are fine alone and cannot hold together: the keys involved, the one to blame first."""
    found: list[tuple[list[Place], str]] = []

    def clash(when: bool, message: str, *names: str) -> None:
        if when:
            found.append(([tuple(name.split(".")) for name in names], message))

    daily, day_limit = policy.daily_loss_pct, policy.day_loss_limit_pct
    clash(
        policy.per_trade_risk_pct > daily,
        f"per_trade_risk_pct exceeds daily_loss_pct ({daily}): one stop would end the day",
        "per_trade_risk_pct",
        "daily_loss_pct",
    )
    clash(
        policy.per_trade_risk_pct <= daily and policy.per_trade_risk_pct > day_limit,
        f"per_trade_risk_pct exceeds breakers.day_loss_cap_pct ({day_limit}): one stop would end the day",
        "per_trade_risk_pct",
        "breakers.day_loss_cap_pct",
    )
    clash(
        policy.position_pct > policy.symbol_exposure_pct,
        f"position_pct exceeds symbol_exposure_pct ({policy.symbol_exposure_pct})",
        "position_pct",
        "symbol_exposure_pct",
    )
    clash(
        policy.symbol_exposure_pct > policy.gross_exposure_pct,
        f"symbol_exposure_pct exceeds gross_exposure_pct ({policy.gross_exposure_pct})",
        "symbol_exposure_pct",
        "gross_exposure_pct",
    )
    clash(
        policy.limits.symbol_day_stop_pct >= day_limit,
        f"symbol_day_stop_pct is not below the day's loss limit ({day_limit}): it would never bind",
        "limits.symbol_day_stop_pct",
        "daily_loss_pct",
        "breakers.day_loss_cap_pct",
    )
    breakers = policy.breakers
    clash(
        breakers.drawdown_alert_pct >= breakers.drawdown_halve_pct,
        f"drawdown_alert_pct is not below drawdown_halve_pct ({breakers.drawdown_halve_pct})",
        "breakers.drawdown_alert_pct",
        "breakers.drawdown_halve_pct",
    )
    clash(
        breakers.volatility_reset_percentile > breakers.volatility_percentile,
        f"volatility_reset_percentile exceeds volatility_percentile ({breakers.volatility_percentile})",
        "breakers.volatility_reset_percentile",
        "breakers.volatility_percentile",
    )
    clash(
        breakers.volatility_minimum > breakers.volatility_window,
        f"volatility_minimum exceeds volatility_window ({breakers.volatility_window}): it would never trip",
        "breakers.volatility_minimum",
        "breakers.volatility_window",
    )
    clash(
        breakers.volatility_index_resume > breakers.volatility_index_halt,
        f"volatility_index_resume exceeds volatility_index_halt ({breakers.volatility_index_halt})",
        "breakers.volatility_index_resume",
        "breakers.volatility_index_halt",
    )
    kelly = policy.kelly
    clash(
        kelly.method == "posterior_quantile" and kelly.fraction is not None,
        "fraction is given with method posterior_quantile: Kelly shrinks once, by one of them",
        "kelly.fraction",
        "kelly.method",
    )
    clash(
        kelly.method == "fraction" and kelly.quantile is not None,
        "quantile is given with method fraction: Kelly shrinks once, by one of them",
        "kelly.quantile",
        "kelly.method",
    )
    expectancy = policy.expectancy
    clash(
        expectancy.minimum_trades > expectancy.window_trades,
        f"minimum_trades exceeds window_trades ({expectancy.window_trades}): nothing would be vetoed",
        "expectancy.minimum_trades",
        "expectancy.window_trades",
    )
    clash(
        expectancy.reentry_trades > expectancy.window_trades,
        f"reentry_trades exceeds window_trades ({expectancy.window_trades}): a veto would be final",
        "expectancy.reentry_trades",
        "expectancy.window_trades",
    )
    return found


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


def _with_preset(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values over those of their preset; a section that is named and left empty is at its defaults."""
    sections = {name for name, field in Policy.model_fields.items() if _is_section(field.annotation)}
    given = {name: value for name, value in values.items() if not (name in sections and value in (None, ""))}
    preset = given.get("preset", "balanced")
    return {**PRESETS.get(preset, {}), **given} if isinstance(preset, str) else given


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _without(values: Mapping[str, Any], places: list[Place]) -> dict[str, Any]:
    """The values less those at the places given."""
    left = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    for place in places:
        holder: Any = left
        for part in place[:-1]:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and place:
            holder.pop(place[-1], None)
    return left


def _detail(kind: str, place: Any, value: Any, message: str) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError(cast(Any, kind), cast(Any, message)), loc=tuple(place), input=value
    )
