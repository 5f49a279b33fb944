"""Which engine may vote in which regime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aurora.errors import ConfigError
from aurora.regime.classifier import Regime


class Approval(StrEnum):
    ALLOWED = "allowed"
    """May vote, until the leaderboard suspends it."""
    TRIAL = "trial"
    """May not vote until the leaderboard has found it good."""
    FORBIDDEN = "forbidden"
    """May never vote."""


_A, _T, _F = Approval.ALLOWED, Approval.TRIAL, Approval.FORBIDDEN


def _row(trend: Approval, range_: Approval, neutral: Approval) -> dict[Regime, Approval]:
    """A row that never votes in a panic or an illiquid market."""
    return {
        Regime.ILLIQUID: _F,
        Regime.PANIC: _F,
        Regime.TREND: trend,
        Regime.RANGE: range_,
        Regime.NEUTRAL: neutral,
    }


DEFAULT_ROWS: Mapping[str, Mapping[Regime, Approval]] = {
    "lead_lag": _row(_A, _A, _A),
    # Followers of a move want a trend, faders of it a range.
    "intraday_momentum": _row(_A, _F, _T),
    "opening_range_breakout": _row(_A, _F, _A),
    "volume_spike": _row(_A, _T, _A),
    "relative_strength": _row(_A, _T, _A),
    "vwap_reversion": _row(_F, _A, _A),
    "quick_reversion": _row(_F, _A, _T),
    "cross_sectional_momentum": _row(_A, _T, _A),
    "time_series_momentum": _row(_A, _F, _A),
    "cross_sectional_reversion": _row(_F, _A, _A),
    "quality": _row(_A, _A, _A),
    "carry": _row(_A, _A, _A),
    "trend": _row(_A, _F, _T),
    "macro": _row(_A, _A, _A),
}
"""Rows of the engines of this package, by name."""


class ApprovalMatrix(BaseModel):
    """Rows by engine name, one approval for each of the five regimes; any other engine has the row ``others``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: dict[str, dict[Regime, Approval]] = Field(
        default_factory=lambda: {name: dict(row) for name, row in DEFAULT_ROWS.items()},
        description="By engine; rows given here replace the defaults as a whole",
    )
    others: dict[Regime, Approval] = Field(
        default_factory=lambda: _row(_A, _A, _A), description="Engines without a row"
    )

    @model_validator(mode="after")
    def _complete(self) -> ApprovalMatrix:
        problems = []
        for name, row in [*self.rows.items(), ("others", self.others)]:
            lacking = [regime.value for regime in Regime if regime not in row]
            if lacking:
                problems.append(f"{name} lacks {', '.join(lacking)}")
            if not name:
                problems.append("an engine's name is empty")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def approval(self, engine: str, regime: Regime) -> Approval:
        return self.rows.get(engine, self.others)[regime]

    def check_names(self, engines: Iterable[str]) -> None:
        """Holds rows that were given against the engines there are.

        Raises:
            ConfigError: a row that is not one of the defaults names no engine; all of them are listed.
        """
        unknown = sorted(set(self.rows) - set(engines) - set(DEFAULT_ROWS))
        if unknown:
            raise ConfigError(f"approval matrix: no engine is called {', '.join(unknown)}")

    def table(self) -> list[dict[str, Any]]:
        """One row per engine, for reports."""
        return [
            {"engine": name, **{regime.value: self.rows[name][regime].value for regime in Regime}}
            for name in sorted(self.rows)
        ]
