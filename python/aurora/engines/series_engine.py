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
from pydantic import BaseModel, ConfigDict, Field

from aurora.engines.history import History, Mask, Matrix, Panel
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
            series: [History(f"{series} of {key}", need.columns, need.rows) for key in self.instruments]
            for series, need in self._needs.items()
        }
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
        counted: dict[int, dict[str, int]] = {}
        decisions: dict[int, tuple[EngineInput, IntColumn]] = {}
        now_ns = _NEVER
        for n, key in enumerate(self.instruments):
            rows = inputs.get(key)
            if rows is None:
                continue
            lacking = self._take(n, rows)
            length = len(rows.local_ns)
            if not length:
                continue
            last_ns = int(rows.local_ns[-1])
            now_ns = max(now_ns, last_ns)
            seen_ns, self._seen_ns[n] = self._seen_ns[n], last_ns
            if lacking is not None:
                counted[n] = {lacking: length}
                continue
            known = self._histories[self.clock][n].known_ns
            begin, end = np.searchsorted(known, (seen_ns, last_ns), side="right")
            if begin == end:
                counted[n] = {f"no_new_{self.clock}": length}
                continue
            at = np.searchsorted(rows.local_ns, known[begin:end], side="left")
            at = at[np.append(at[1:] != at[:-1], True)]
            counted[n] = {f"no_new_{self.clock}": length - len(at)} if length > len(at) else {}
            decisions[n] = (rows, at)
        answers = self._decide(decisions, counted) if decisions else {}
        for n, reasons in counted.items():
            if n not in answers:
                answers[n] = _no_votes(self.name, self.instruments[n], reasons)
        if now_ns != _NEVER:
            for histories in self._histories.values():
                for history in histories:
                    history.forget(now_ns)
        return [answers[n] for n in sorted(answers)]

    def _take(self, n: int, rows: EngineInput) -> str | None:
        """Remembers the news of an instrument; answers what it lacks."""
        lacking = None
        for series, need in self._needs.items():
            news = rows.series.get(series)
            if news is None:
                lacking = lacking or f"no_{series}"
                continue
            absent = next((name for name in need.columns if name not in news.columns), None)
            if absent is not None:
                lacking = lacking or f"no_{series}_{absent}"
            else:
                self._histories[series][n].append(news)
        return lacking

    def _decide(
        self, decisions: Mapping[int, tuple[EngineInput, IntColumn]], counted: dict[int, dict[str, int]]
    ) -> dict[int, Votes]:
        times = np.unique(np.concatenate([rows.local_ns[at] for rows, at in decisions.values()]))
        panel = Panel(times, self.instruments, self._histories, self._max_age_ns)
        left: Mask = np.zeros(panel.shape, np.bool_)
        for n, (rows, at) in decisions.items():
            left[np.searchsorted(times, rows.local_ns[at]), n] = True

        def abstain(why: str, where: Mask) -> None:
            hit = left & where
            if hit.any():
                for n, hits in enumerate(hit.sum(axis=0).tolist()):
                    if hits:
                        counted[n][why] = counted[n].get(why, 0) + hits
                left[hit] = False

        for series in self._needs:
            abstain(f"{series}_not_known_yet", ~panel.known(series))
            abstain(f"{series}_expired", ~panel.fresh(series))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            opinion = self.judge(panel)
        for why, where in opinion.abstain:
            abstain(why, where)
        settings = self.settings
        with np.errstate(invalid="ignore"):
            signal = np.clip(opinion.signal, -settings.max_signal, settings.max_signal)
            size = np.abs(signal)
            abstain("signal_undefined", np.isnan(signal))
            abstain("below_entry", (size < settings.entry) | (size == 0))
            if opinion.edge_bps is not None:
                edge = opinion.edge_bps
            elif opinion.volatility_bps is not None:
                edge = settings.information_coefficient * opinion.volatility_bps * size
            else:
                raise TypeError(f"the engine {self.name!r} states neither volatility nor edge")
            abstain("edge_undefined", ~((edge >= 0) & (edge < np.inf)))
        score = LOGIT_PER_SIGNAL * settings.information_coefficient * signal
        answers = {}
        for n, (rows, _) in decisions.items():
            chosen = np.flatnonzero(left[:, n])
            row = np.searchsorted(rows.local_ns, times[chosen])
            answers[n] = Votes(
                self.name,
                self.instruments[n],
                row,
                rows.local_ns[row],
                np.sign(signal[chosen, n]).astype(np.int8),
                score[chosen, n],
                edge[chosen, n],
                np.full(len(chosen), self._horizon_ns, np.int64),
                counted[n],
                self.reason,
            )
        return answers

    def refit(self, now_ns: int) -> None:
        pass

    def findings(self) -> dict[str, Any]:
        return {"needs": {series: list(need.columns) for series, need in self._needs.items()}}

    def snapshot(self) -> bytes:
        histories = {
            series: [history.state() for history in histories]
            for series, histories in self._histories.items()
        }
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
        for series, histories in loaded["histories"].items():
            for history, part in zip(self._histories[series], histories, strict=True):
                history.load(part)


def _no_votes(engine: str, instrument: str, abstained: dict[str, int]) -> Votes:
    return Votes(
        engine, instrument, _NO_ROWS, _NO_ROWS, _NO_SIDES, _NO_VALUES, _NO_VALUES, _NO_ROWS, abstained
    )
