"""The frame of an engine on slow series: it decides when news comes, over all instruments at once.

A subclass says which series it needs and turns what was known at each decision time into a signal. Everything else
is done here: waiting for news, missing and expired inputs, thresholds, edge, votes, state.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from aurora.engines.history import Mask, Matrix, SeriesHistory
from aurora.engines.panel import Panel
from aurora.engines.port import EngineInput
from aurora.errors import ConfigError, RecoveryError
from aurora.messages import IntColumn, Votes

STATE_VERSION = 1
LOGIT_PER_SIGNAL = 1.5957691216057308
"""4 φ(0): slope at 0 of the log-odds of Φ(x), that is how P(right) grows with a normal forecast."""
BPS = 1e4
MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_NEVER = np.iinfo(np.int64).min
_NO_ROWS: IntColumn = np.empty(0, np.int64)
_NO_VALUES = np.empty(0, np.float64)
_NO_SIDES = np.empty(0, np.int8)


class SeriesSettings(BaseModel):
    """What every engine on slow series can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    horizon_minutes: float = Field(60.0, gt=0, le=525_600, description="How far ahead a vote looks")
    entry: float = Field(1.0, ge=0, description="Signals of a smaller magnitude are no vote")
    max_signal: float = Field(3.0, gt=0, description="Larger signals count as this")
    information_coefficient: float = Field(
        0.05, gt=0, le=1, description="Correlation of signal and outcome that edge and score are stated with"
    )


@dataclass(frozen=True, slots=True)
class Need:
    """What an engine needs of a series."""

    columns: tuple[str, ...]
    rows: int = 1
    """How many of the latest rows it looks back on."""
    max_age_ns: int = 2 * DAY_NS
    """A row that ended longer ago has expired."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a rule makes of a panel; every matrix is decision times × instruments."""

    signal: Matrix
    """Standardised, positive for up. NaN is an error unless an abstention covers it."""
    volatility_bps: Matrix | None = None
    """Standard deviation of the return over the horizon, basis points; the edge is stated with it."""
    edge_bps: Matrix | None = None
    """The edge itself, where the rule knows it."""
    abstain: Sequence[tuple[str, Mask]] = ()
    """Reasons and where they hold; the first that holds is counted."""


SettingsType = TypeVar("SettingsType", bound=SeriesSettings)


class SeriesEngine(ABC, Generic[SettingsType]):
    """An engine on slow series; see :class:`aurora.engines.Engine`.

    It decides about an instrument at the first row at or after a new row of the series :attr:`clock` became known.
    Side is the signal's sign. With the information coefficient IC, edge = IC × volatility × |signal| (Grinold 1994:
    alpha is volatility times IC times score), and the log-odds of up are 4 φ(0) × IC × signal.

    Args:
        settings: of :attr:`Settings`.
        instruments: keys of the universe.
        sample_ns: distance of feature rows; the horizon is rounded up to a multiple.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[SeriesSettings]]
    clock: ClassVar[str]
    reason: ClassVar[str] = ""
    refit_ns = 0

    def __init__(self, settings: SettingsType, instruments: Sequence[str], sample_ns: int):
        self.settings = settings
        self.instruments = tuple(sorted(set(instruments)))
        horizon = round(settings.horizon_minutes * MINUTE_NS)
        self._horizon_ns = -(-horizon // sample_ns) * sample_ns
        self._needs = dict(self.needs())
        if self.clock not in self._needs:
            raise ConfigError(f"the engine {self.name!r} decides by {self.clock!r} but does not need it")
        self._histories = {
            series: SeriesHistory(series, self.instruments, need.columns, need.rows)
            for series, need in self._needs.items()
        }
        self._wanted = {series: frozenset(need.columns) for series, need in self._needs.items()}
        self._max_age_ns = {series: need.max_age_ns for series, need in self._needs.items()}
        self._seen_ns = [_NEVER] * len(self.instruments)
        """Time of the last row of each instrument."""

    @abstractmethod
    def needs(self) -> Mapping[str, Need]:
        """Series by name; each missing one makes the engine abstain with its name."""

    @abstractmethod
    def judge(self, panel: Panel) -> Opinion:
        """The rule: element by element or across instruments, with nothing but the panel."""

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        given = {n: inputs[key] for n, key in enumerate(self.instruments) if key in inputs}
        lacking = self._take(given)
        clock = self._histories[self.clock]
        no_news = f"no_new_{self.clock}"
        counted: dict[int, dict[str, int]] = {}
        decisions: dict[int, tuple[EngineInput, IntColumn]] = {}
        now_ns = _NEVER
        for n, rows in given.items():
            length = len(rows.local_ns)
            if not length:
                continue
            last_ns = int(rows.local_ns[-1])
            now_ns = max(now_ns, last_ns)
            seen_ns, self._seen_ns[n] = self._seen_ns[n], last_ns
            if n in lacking:
                counted[n] = {lacking[n]: length}
                continue
            begin, end = clock.until(n, seen_ns), clock.until(n, last_ns)
            if begin == end:
                counted[n] = {no_news: length}
                continue
            at = _distinct(rows.local_ns.searchsorted(clock.known_ns(n)[begin:end]))
            counted[n] = {no_news: length - len(at)} if length > len(at) else {}
            decisions[n] = (rows, at)
        answers = self._decide(decisions, counted) if decisions else {}
        for n, reasons in counted.items():
            if n not in answers:
                reason = self.reason if n in decisions else ""
                answers[n] = _no_votes(self.name, self.instruments[n], reasons, reason)
        if now_ns != _NEVER:
            for history in self._histories.values():
                history.forget(now_ns)
        return [answers[n] for n in sorted(answers)]

    def _take(self, given: Mapping[int, EngineInput]) -> dict[int, str]:
        """Remembers the news of the instruments; answers what they lack, where they lack something."""
        lacking: dict[int, str] = {}
        for series, need in self._needs.items():
            wanted, news = self._wanted[series], {}
            for n, rows in given.items():
                found = rows.series.get(series)
                if found is None:
                    lacking.setdefault(n, f"no_{series}")
                elif found.columns.keys() >= wanted:
                    news[n] = found
                else:
                    absent = next(name for name in need.columns if name not in found.columns)
                    lacking.setdefault(n, f"no_{series}_{absent}")
            self._histories[series].append(news)
        return lacking

    def _decide(
        self, decisions: Mapping[int, tuple[EngineInput, IntColumn]], counted: Mapping[int, dict[str, int]]
    ) -> dict[int, Votes]:
        moments = {n: rows.local_ns[at] for n, (rows, at) in decisions.items()}
        times = _together(list(moments.values()))
        panel = Panel(times, self.instruments, self._histories, self._max_age_ns)
        # Decision times × instruments, like all that the panel gives; one instrument lies together in memory.
        asked: Mask = np.zeros(panel.shape[::-1], np.bool_).T
        row = np.zeros(panel.shape[::-1], np.int64).T
        for n, (_, at) in decisions.items():
            own = slice(None) if len(at) == len(times) else times.searchsorted(moments[n])
            asked[own, n], row[own, n] = True, at
        settings = self.settings
        reasons: list[tuple[str, Mask]] = []
        for series in self._needs:
            reasons.append((f"{series}_not_known_yet", ~panel.known(series)))
            reasons.append((f"{series}_expired", ~panel.fresh(series)))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            opinion = self.judge(panel)
            reasons += opinion.abstain
            signal = np.clip(opinion.signal, -settings.max_signal, settings.max_signal)
            size = np.abs(signal)
            reasons.append(("signal_undefined", np.isnan(signal)))
            reasons.append(("below_entry", (size < settings.entry) | (size == 0)))
            if opinion.edge_bps is not None:
                edge = opinion.edge_bps
            elif opinion.volatility_bps is not None:
                edge = settings.information_coefficient * opinion.volatility_bps * size
            else:
                raise TypeError(f"the engine {self.name!r} states neither volatility nor edge")
            reasons.append(("edge_undefined", ~((edge >= 0) & (edge < np.inf))))
        chosen = _without_reason(asked, reasons, counted)
        return self._votes(decisions, counted, times, chosen, row, signal, edge)

    def _votes(
        self,
        decisions: Mapping[int, tuple[EngineInput, IntColumn]],
        counted: Mapping[int, dict[str, int]],
        times: IntColumn,
        chosen: Mask,
        row: npt.NDArray[np.int64],
        signal: Matrix,
        edge: Matrix,
    ) -> dict[int, Votes]:
        """The votes of each instrument, if there are any: taken out all at once and then cut apart."""
        at = np.flatnonzero(chosen.T)
        if not len(at):
            return {}
        signals, edges, rows = (
            signal.T.reshape(-1).take(at),
            edge.T.reshape(-1).take(at),
            row.T.reshape(-1).take(at),
        )
        moments = times.take(at % len(times))
        sides = np.sign(signals).astype(np.int8)
        scores = LOGIT_PER_SIGNAL * self.settings.information_coefficient * signals
        horizons = np.full(len(at), self._horizon_ns, np.int64)
        ends = np.cumsum(np.count_nonzero(chosen, axis=0)).tolist()
        answers = {}
        for n in decisions:
            own = slice(ends[n - 1] if n else 0, ends[n])
            answers[n] = Votes(
                self.name,
                self.instruments[n],
                rows[own],
                moments[own],
                sides[own],
                scores[own],
                edges[own],
                horizons[own],
                counted[n],
                self.reason,
            )
        return answers

    def refit(self, now_ns: int) -> None:
        pass

    def findings(self) -> dict[str, Any]:
        return {"needs": {series: list(need.columns) for series, need in self._needs.items()}}

    def snapshot(self) -> bytes:
        histories = {series: history.state() for series, history in self._histories.items()}
        state = {
            "version": STATE_VERSION,
            "engine": self.name,
            "instruments": self.instruments,
            "columns": {series: need.columns for series, need in self._needs.items()},
            "seen_ns": self._seen_ns,
            "histories": histories,
        }
        return json.dumps(state).encode()

    def restore(self, state: bytes) -> None:
        loaded = json.loads(state)
        own = {
            "version": STATE_VERSION,
            "engine": self.name,
            "instruments": list(self.instruments),
            "columns": {series: list(need.columns) for series, need in self._needs.items()},
        }
        for name, value in own.items():
            if loaded.get(name) != value:
                raise RecoveryError(
                    f"a state of the engine {self.name!r} with {name} {loaded.get(name)!r}, expected {value!r}; "
                    "resume with the version and the settings that wrote it"
                )
        self._seen_ns = loaded["seen_ns"]
        for series, part in loaded["histories"].items():
            self._histories[series].load(part)


def _without_reason(
    asked: Mask, reasons: Sequence[tuple[str, Mask]], counted: Mapping[int, dict[str, int]]
) -> Mask:
    """Where an engine was asked and no reason to abstain holds; elsewhere the first that does is counted."""
    because = np.zeros_like(asked, np.int64)
    for n in range(len(reasons), 0, -1):
        np.copyto(because, n, where=reasons[n - 1][1])
    because *= asked
    instruments, kinds = asked.shape[1], len(reasons) + 1
    place = because + np.arange(0, instruments * kinds, kinds)
    hits = np.bincount(place.T.reshape(-1))
    for at in np.flatnonzero(hits).tolist():
        n, reason = divmod(at, kinds)
        if reason:
            why = reasons[reason - 1][0]
            counted[n][why] = counted[n].get(why, 0) + int(hits[at])
    answer: Mask = asked & (because == 0)
    return answer


def _distinct(places: IntColumn) -> IntColumn:
    """Sorted numbers without their repetitions."""
    if len(places) < 2:
        return places
    keep = np.empty(len(places), np.bool_)
    keep[-1] = True
    np.not_equal(places[1:], places[:-1], out=keep[:-1])
    return places[keep]


def _together(columns: Sequence[IntColumn]) -> IntColumn:
    """All times of some sorted columns, each once."""
    first, merged = columns[0], np.concatenate(columns)
    if len(merged) == len(first) * len(columns) and (merged.reshape(-1, len(first)) == first).all():
        return first
    # Stable: it finds what is sorted already.
    merged.sort(kind="stable")
    return _distinct(merged)


def _no_votes(engine: str, instrument: str, abstained: dict[str, int], reason: str) -> Votes:
    return Votes(
        engine, instrument, _NO_ROWS, _NO_ROWS, _NO_SIDES, _NO_VALUES, _NO_VALUES, _NO_ROWS, abstained, reason
    )
