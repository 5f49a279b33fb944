"""How each engine has done in each regime, week by week, and whether it may go on voting there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora.errors import DataError
from aurora.regime.approval import Approval, ApprovalMatrix
from aurora.regime.classifier import Regime
from aurora.regime.market_state import DAY_NS
from aurora.regime.settings import LeaderboardSettings

WEEK_NS = 7 * DAY_NS
_FIRST_MONDAY_NS = 4 * DAY_NS
"""1970-01-05, 00:00 UTC."""


class Verdict(StrEnum):
    """Why an engine may or may not vote in a regime."""

    BASE = "base"
    """Too little is known: the matrix decides."""
    KEPT = "kept"
    """Judged, and nothing speaks against the matrix."""
    EARNED = "earned"
    """On trial, and its mean is surely above 0."""
    SUSPENDED = "suspended"
    """Allowed, but its mean is surely below 0."""
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Standing:
    """One engine in one regime over the last weeks."""

    regime: Regime
    engine: str
    rank: int
    """1 is best, by lower bound; those without a bound come last, by name."""
    votes: int
    days: int
    mean_bps: float
    """Net return of a vote."""
    standard_error_bps: float | None
    """Votes of one day taken as dependent; None with votes on fewer than two days."""
    lower_bps: float | None
    upper_bps: float | None
    verdict: Verdict
    may_vote: bool


def week_begin_ns(now_ns: int) -> int:
    """The last Monday, 00:00 UTC, not after ``now_ns``."""
    return (now_ns - _FIRST_MONDAY_NS) // WEEK_NS * WEEK_NS + _FIRST_MONDAY_NS


@dataclass(slots=True)
class _Day:
    votes: int = 0
    total_bps: float = 0.0


def _mean_and_error(days: list[_Day]) -> tuple[float, float | None]:
    """Mean per vote, and its standard error with days as clusters: the ratio estimator of Cochran (1977, ch. 2.11),
    sqrt(D / (D - 1) sum (s - mean n)^2) / sum n."""
    votes = sum(day.votes for day in days)
    mean = math.fsum(day.total_bps for day in days) / votes
    if len(days) < 2:
        return mean, None
    squares = math.fsum((day.total_bps - mean * day.votes) ** 2 for day in days)
    return mean, math.sqrt(len(days) / (len(days) - 1) * squares) / votes


class Leaderboard:
    """Collects resolved votes and refreshes the approvals at each Monday, 00:00 UTC.

    Every vote counts, traded or not, in the regime it was cast in; so a suspended engine can come back. Standings of a
    week use the votes due before it began, of the last ``weeks`` weeks: what comes later changes nothing.
    """

    def __init__(self, matrix: ApprovalMatrix, settings: LeaderboardSettings):
        self.matrix = matrix
        self.settings = settings
        self._week_ns: int | None = None
        """Begin of the week that the standings are for."""
        self._days: dict[tuple[Regime, str], dict[int, _Day]] = {}
        self._standings: tuple[Standing, ...] = ()
        self._may_vote: dict[tuple[Regime, str], bool] = {}

    def record(self, due_ns: int, engine: str, regime: Regime, net_bps: float) -> None:
        """Takes a vote that was cast in ``regime`` and resolved at ``due_ns``: its return in the direction voted for,
        less costs, basis points. Weeks that ended before it are closed first.

        Raises:
            DataError: the return is not finite, or ``due_ns`` lies before a week that is closed.
        """
        if not math.isfinite(net_bps):
            raise DataError(f"outcome of {engine} is {net_bps} bps; it must be finite")
        self.advance(due_ns)
        days = self._days.setdefault((regime, engine), {})
        day = days.setdefault(due_ns // DAY_NS, _Day())
        day.votes += 1
        day.total_bps += net_bps

    def advance(self, now_ns: int) -> bool:
        """Takes the time; returns whether a week began since, so that there are new standings.

        Raises:
            DataError: ``now_ns`` lies before the week that the standings are for.
        """
        week = week_begin_ns(now_ns)
        if self._week_ns is not None and week < self._week_ns:
            raise DataError(
                f"leaderboard asked for at {now_ns}, before its week that began at {self._week_ns}"
            )
        if week == self._week_ns:
            return False
        first, self._week_ns = self._week_ns is None, week
        if not first:
            self._refresh(week)
        return not first

    def _refresh(self, week_ns: int) -> None:
        earliest = (week_ns - self.settings.weeks * WEEK_NS) // DAY_NS
        for days in self._days.values():
            for day in [day for day in days if day < earliest]:
                del days[day]
        self._days = {key: days for key, days in self._days.items() if days}
        self._standings = tuple(row for regime in Regime for row in self._ranked(regime))
        self._may_vote = {(row.regime, row.engine): row.may_vote for row in self._standings}

    def _ranked(self, regime: Regime) -> list[Standing]:
        rows = []
        for (of, engine), by_day in self._days.items():
            if of is not regime:
                continue
            days = [by_day[day] for day in sorted(by_day)]
            votes = sum(day.votes for day in days)
            mean, error = _mean_and_error(days)
            reach = None if error is None else self.settings.critical_value * error
            lower = None if reach is None else mean - reach
            upper = None if reach is None else mean + reach
            judged = votes >= self.settings.minimum_votes and len(days) >= self.settings.minimum_days
            verdict = self._verdict(engine, regime, judged, lower, upper)
            may = self._allows(engine, regime, verdict)
            rows.append((engine, votes, len(days), mean, error, lower, upper, verdict, may))
        rows.sort(key=lambda row: (row[5] is None, -(row[5] or 0.0), row[0]))
        return [Standing(regime, row[0], rank, *row[1:]) for rank, row in enumerate(rows, start=1)]

    def _verdict(
        self, engine: str, regime: Regime, judged: bool, lower: float | None, upper: float | None
    ) -> Verdict:
        approval = self.matrix.approval(engine, regime)
        if approval is Approval.FORBIDDEN:
            return Verdict.FORBIDDEN
        if not judged or lower is None or upper is None:
            return Verdict.BASE
        if approval is Approval.TRIAL and lower > 0:
            return Verdict.EARNED
        if approval is Approval.ALLOWED and upper < 0:
            return Verdict.SUSPENDED
        return Verdict.KEPT

    def _allows(self, engine: str, regime: Regime, verdict: Verdict) -> bool:
        if verdict in (Verdict.BASE, Verdict.KEPT):
            return self.matrix.approval(engine, regime) is Approval.ALLOWED
        return verdict is Verdict.EARNED

    def may_vote(self, engine: str, regime: Regime) -> bool:
        """Whether the engine may vote in the regime this week."""
        known = self._may_vote.get((regime, engine))
        return self.matrix.approval(engine, regime) is Approval.ALLOWED if known is None else known

    @property
    def week_ns(self) -> int | None:
        """Begin of the week that the standings are for; None before the first time was taken."""
        return self._week_ns

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Of the present week, regime by regime, best first; empty in the first week."""
        return self._standings

    def state(self) -> dict[str, Any]:
        return {
            "week_ns": self._week_ns,
            "days": [
                [regime.value, engine, [[day, d.votes, d.total_bps.hex()] for day, d in sorted(days.items())]]
                for (regime, engine), days in self._days.items()
            ],
            "standings": [
                [
                    row.regime.value,
                    row.engine,
                    row.rank,
                    row.votes,
                    row.days,
                    *(
                        None if value is None else value.hex()
                        for value in (row.mean_bps, row.standard_error_bps, row.lower_bps, row.upper_bps)
                    ),
                    row.verdict.value,
                    row.may_vote,
                ]
                for row in self._standings
            ],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._week_ns = state["week_ns"]
        self._days = {
            (Regime(regime), engine): {day: _Day(votes, float.fromhex(total)) for day, votes, total in days}
            for regime, engine, days in state["days"]
        }
        rows = []
        for regime, engine, rank, votes, days, mean, *bounds, verdict, may in state["standings"]:
            error, lower, upper = (None if value is None else float.fromhex(value) for value in bounds)
            rows.append(
                Standing(
                    Regime(regime),
                    engine,
                    rank,
                    votes,
                    days,
                    float.fromhex(mean),
                    error,
                    lower,
                    upper,
                    Verdict(verdict),
                    may,
                )
            )
        self._standings = tuple(rows)
        self._may_vote = {(row.regime, row.engine): row.may_vote for row in rows}
