"""Votes in, signals and outcomes out; every vote is resolved at its horizon, traded or not."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aurora.messages import FloatColumn, IntColumn, Outcome, Signal, Votes
from aurora.signal.calibration import PlattCalibrator
from aurora.signal.settings import SignalSettings


@dataclass(frozen=True, slots=True)
class SampleRows:
    """What signals need of the sampled rows of one instrument beside the votes."""

    local_ns: IntColumn
    mid: FloatColumn
    bid: IntColumn
    ask: IntColumn
    bid_size: IntColumn
    ask_size: IntColumn
    feature_hash: Any
    """uint64 column."""


@dataclass(slots=True)
class _Open:
    """A vote whose horizon has not passed."""

    trace: int
    due_ns: int
    side: int
    score: float
    mid: float


def trace_id(seed: int, engine: str, instrument: str, local_ns: int, side: int) -> int:
    """64-bit id of a decision: a pure function of what is decided, never of clock or chance."""
    text = f"{seed}|{engine}|{instrument}|{local_ns}|{side}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class SignalRoom:
    """Calibrates votes per engine and instrument, turns them into signals, resolves them against the market."""

    def __init__(self, settings: SignalSettings, seed: int):
        self.settings = settings
        self.seed = seed
        self._calibrators: dict[tuple[str, str], PlattCalibrator] = {}
        self._open: dict[tuple[str, str], list[_Open]] = {}

    def _calibrator(self, key: tuple[str, str]) -> PlattCalibrator:
        found = self._calibrators.get(key)
        if found is None:
            found = PlattCalibrator(self.settings.min_outcomes, self.settings.max_outcomes)
            self._calibrators[key] = found
        return found

    def signals(self, votes: Votes, rows: SampleRows) -> list[Signal]:
        """Signals of one engine's votes on one instrument; the votes stay open until their horizon."""
        if not len(votes.row):
            return []
        key = (votes.engine, votes.instrument)
        towards = votes.score * votes.side
        p = self._calibrator(key).probability(towards)
        waiting = self._open.setdefault(key, [])
        signals = []
        for n, row in enumerate(votes.row.tolist()):
            local_ns, side = int(votes.local_ns[n]), int(votes.side[n])
            right = None if p is None else float(p[n])
            trace = trace_id(self.seed, votes.engine, votes.instrument, local_ns, side)
            horizon_ns = int(votes.horizon_ns[n])
            signals.append(
                Signal(
                    trace=trace,
                    instrument=votes.instrument,
                    local_ns=local_ns,
                    engine=votes.engine,
                    side=side,
                    score=float(votes.score[n]),
                    p=right,
                    consensus=0.0 if right is None else (2.0 * right - 1.0) * side,
                    gross_edge_bps=float(votes.edge_bps[n]),
                    horizon_ns=horizon_ns,
                    feature_hash=int(rows.feature_hash[row]),
                    bid=int(rows.bid[row]),
                    ask=int(rows.ask[row]),
                    bid_size=int(rows.bid_size[row]),
                    ask_size=int(rows.ask_size[row]),
                )
            )
            waiting.append(_Open(trace, local_ns + horizon_ns, side, float(towards[n]), float(rows.mid[row])))
        return signals

    def resolve(self, instrument: str, local_ns: IntColumn, mid: FloatColumn) -> list[Outcome]:
        """Closes votes on ``instrument`` that are due by the last of these rows.

        A vote is due at a grid time; where that row is missing or has no mid its outcome is None and nothing is
        learnt from it.
        """
        if not len(local_ns):
            return []
        last = int(local_ns[-1])
        outcomes = []
        for key in sorted(k for k in self._open if k[1] == instrument):
            waiting = self._open[key]
            due = [vote for vote in waiting if vote.due_ns <= last]
            if not due:
                continue
            self._open[key] = [vote for vote in waiting if vote.due_ns > last]
            calibrator = self._calibrator(key)
            at = np.searchsorted(local_ns, [vote.due_ns for vote in due])
            for vote, row in zip(due, at.tolist(), strict=True):
                there = int(local_ns[row]) == vote.due_ns
                later = float(mid[row]) if there else math.nan
                change = None
                if later == later:
                    change = math.log(later / vote.mid) * 1e4
                    calibrator.learn(vote.score, (later - vote.mid) * vote.side > 0)
                outcomes.append(Outcome(vote.trace, key[0], instrument, vote.due_ns, vote.side, change))
        return outcomes

    def refit(self) -> None:
        """Renews every calibration from the outcomes known now."""
        for key in sorted(self._calibrators):
            self._calibrators[key].refit()

    def findings(self) -> Mapping[str, int]:
        """Outcomes that each calibration in use was fitted on, by ``engine instrument``."""
        return {
            f"{engine} {instrument}": c.fitted_on
            for (engine, instrument), c in sorted(self._calibrators.items())
        }

    def state(self) -> dict[str, Any]:
        return {
            "calibrators": [[*key, c.state()] for key, c in sorted(self._calibrators.items())],
            "open": [
                [*key, [[v.trace, v.due_ns, v.side, v.score.hex(), v.mid.hex()] for v in votes]]
                for key, votes in sorted(self._open.items())
            ],
        }

    def load(self, state: dict[str, Any]) -> None:
        for engine, instrument, part in state["calibrators"]:
            self._calibrator((engine, instrument)).load(part)
        self._open = {
            (engine, instrument): [
                _Open(trace, due, side, float.fromhex(score), float.fromhex(mid))
                for trace, due, side, score, mid in votes
            ]
            for engine, instrument, votes in state["open"]
        }
