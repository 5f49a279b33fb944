"""What the market teaches: every vote resolved at its horizon, traded or not, and what follows from it.

Calibrations and the correlation of errors learn from all of them, everything else from those that count
(:mod:`aurora.signal.thinning`).

Votes may be resolved in any order within a span of time; nothing is learnt before the next refit instant, and then in
the order of due times. So what is believed changes at refit instants only, and no cut of time can be told from another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora.messages import CalibrationUpdate
from aurora.signal.calibration_monitor import CalibrationMonitor, CalibrationReport
from aurora.signal.consensus_weights import consensus_weights
from aurora.signal.error_correlation import ErrorCorrelation, signed_error
from aurora.signal.regime_learning import RegimeLearning, reward
from aurora.signal.reliability import Reliability
from aurora.signal.resolution import OpenVote, ResolvedVote
from aurora.signal.rolling_calibration import RollingCalibration
from aurora.signal.settings import SignalSettings
from aurora.signal.state import fields_of, versioned
from aurora.signal.thinning import Thinning

KIND, VERSION = "teaching", 2
CONSENSUS = ""
"""Engine name of the signals themselves among votes that are resolved."""

Pair = tuple[str, str]
"""Engine and instrument."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A vote resolved with a mid: what the regime room's leaderboard wants to know."""

    due_ns: int
    engine: str
    regime: str
    net_bps: float
    """Return in the direction voted for, less the cost of a round trip."""


class Teaching:
    """Calibrations, reliabilities, correlations, learnt weights and the live monitor of a set of engines."""

    def __init__(self, settings: SignalSettings, engines: Sequence[str]):
        self.settings = settings
        self.engines = tuple(engines)
        self._waiting: list[tuple[ResolvedVote, float]] = []
        """Resolved since the last refit, each with the cost of a round trip."""
        self._calibrations: dict[Pair, RollingCalibration] = {}
        self._thinning: dict[Pair, Thinning] = {}
        self._reliabilities = {name: Reliability(settings.reliability) for name in self.engines}
        self._known_ns = dict.fromkeys(self.engines, 0)
        self._correlation = ErrorCorrelation(self.engines, settings.consensus)
        self._learning = RegimeLearning(self.engines, settings.learning) if self.engines else None
        self._records: dict[Pair, list[int]] = {}
        """By engine and regime: outcomes, right ones."""
        self._shadow: dict[str, list[float]] = {name: [0.0, 0.0] for name in self.engines}
        """Profit of the votes of an engine that count after costs, basis points, and its peak."""
        self._monitor = CalibrationMonitor(settings.monitor)
        self._monitored = 0
        self._checked_ns: int | None = None
        self._weights: dict[str, dict[str, float]] = {}
        self._reliability: dict[str, float] = dict.fromkeys(self.engines, 0.0)
        self._pairs: dict[tuple[str, str], float] = {}

    # --- what is believed now ------------------------------------------------------------------------------------

    def calibration(self, engine: str, instrument: str) -> RollingCalibration:
        """Of the engine on the instrument; until that has a fit, of the engine on all instruments."""
        own = self._own(engine, instrument)
        return own if own.fitted_on else self._pool(engine)

    def _own(self, engine: str, instrument: str) -> RollingCalibration:
        found = self._calibrations.get((engine, instrument))
        if found is None:
            found = self._calibrations[engine, instrument] = RollingCalibration(self.settings.calibration)
        return found

    def _pool(self, engine: str) -> RollingCalibration:
        return self._own(engine, "")

    def independent_outcomes(self, engine: str, instrument: str) -> int:
        """Outcomes that count of those that a pair's calibration rests on."""
        return self.calibration(engine, instrument).fitted_on

    def weights(self, regime: str) -> Mapping[str, float]:
        """Consensus weights mixed with what was learnt in the regime; all 0 without skill."""
        found = self._weights.get(regime)
        if found is None:
            prior = consensus_weights(self._correlation.matrix(), self._reliability).weights
            found = prior if self._learning is None else self._learning.weights(regime, prior)
            self._weights[regime] = found
        return found

    def correlations(self) -> Mapping[tuple[str, str], float]:
        """Of forecast errors, by pair of engines."""
        return self._pairs

    def record(self, engine: str, regime: str) -> tuple[int, int]:
        """Outcomes of the engine in the regime, and how many of its votes were right."""
        outcomes, right = self._records.get((engine, regime), (0, 0))
        return outcomes, right

    def drawdown_bps(self, engine: str) -> float:
        """Shadow profit of the engine below its peak."""
        profit, peak = self._shadow[engine]
        return peak - profit

    # --- what happens --------------------------------------------------------------------------------------------

    def take(self, resolved: Sequence[ResolvedVote], cost_bps: float) -> None:
        """Takes resolved votes; they are learnt from at the next refit."""
        self._waiting += [(one, cost_bps) for one in resolved if one.right is not None]

    def refit(self, now_ns: int) -> tuple[list[Lesson], CalibrationUpdate | None]:
        """Learns from what was resolved, and renews calibrations, weights and, when it is time, the monitor's view."""
        waiting = sorted(
            self._waiting,
            key=lambda row: (
                row[0].vote.due_ns,
                row[0].vote.instrument,
                row[0].vote.decided_ns,
                row[0].vote.trace,
                row[0].vote.engine,
            ),
        )
        self._waiting = []
        lessons = self._learn(waiting)
        for pair in sorted({(row[0].vote.engine, row[0].vote.instrument) for row in waiting}):
            if pair[0] != CONSENSUS:
                self._own(*pair).refit()
        for engine in sorted({row[0].vote.engine for row in waiting} - {CONSENSUS}):
            self._pool(engine).refit()
        if waiting:
            matrix = self._correlation.matrix()
            self._pairs = {
                (one, other): matrix[i][j]
                for i, one in enumerate(self.engines)
                for j, other in enumerate(self.engines[:i])
            }
        self._reliability = {
            name: one.reliability(max(now_ns, self._known_ns[name]))
            for name, one in self._reliabilities.items()
        }
        self._weights = {}
        return lessons, self._check(now_ns)

    def _learn(self, waiting: Sequence[tuple[ResolvedVote, float]]) -> list[Lesson]:
        lessons = []
        errors: dict[tuple[str, int, int], dict[str, float]] = {}
        rewards: dict[tuple[str, int, int, str], dict[str, float]] = {}
        scale = self.settings.learning.reward_scale_bps
        for resolved, cost_bps in waiting:
            vote = resolved.vote
            assert resolved.right is not None
            assert resolved.return_bps is not None
            if vote.engine == CONSENSUS:
                assert vote.p is not None
                self._monitor.learn(vote.p, resolved.right)
                self._monitored += 1
                continue
            instant = (vote.instrument, vote.decided_ns, vote.due_ns)
            if vote.p is not None:
                # Of all votes: engines that speak at one instant shall be compared, whoever spoke before.
                errors.setdefault(instant, {})[vote.engine] = signed_error(vote.side, vote.p, resolved.right)
            counts, learnt = self._thinned(vote.engine, vote.instrument).take(vote.decided_ns, vote.due_ns)
            if learnt:
                for calibration in (self._own(vote.engine, vote.instrument), self._pool(vote.engine)):
                    calibration.learn(vote.score, resolved.right, counts=counts)
            if not counts:
                continue
            record = self._records.setdefault((vote.engine, vote.regime), [0, 0])
            record[0] += 1
            record[1] += resolved.right
            if vote.p is not None:
                known = self._known_ns[vote.engine] = max(self._known_ns[vote.engine], vote.due_ns)
                self._reliabilities[vote.engine].learn(vote.p, resolved.right, known)
            rewards.setdefault((*instant, vote.regime), {})[vote.engine] = reward(
                vote.side, resolved.return_bps, scale
            )
            net = vote.side * resolved.return_bps - cost_bps
            shadow = self._shadow[vote.engine]
            shadow[0] += net
            shadow[1] = max(shadow)
            lessons.append(Lesson(vote.due_ns, vote.engine, vote.regime, net))
        for by_engine in errors.values():
            self._correlation.learn(by_engine)
        for (*_, regime), by_engine in rewards.items():
            if self._learning is not None:
                self._learning.learn(regime, by_engine)
        return lessons

    def _thinned(self, engine: str, instrument: str) -> Thinning:
        found = self._thinning.get((engine, instrument))
        if found is None:
            found = self._thinning[engine, instrument] = Thinning()
        return found

    def _check(self, now_ns: int) -> CalibrationUpdate | None:
        settings = self.settings
        step = round(settings.monitor_s * 1e9)
        if self._checked_ns is not None and now_ns // step == self._checked_ns // step:
            return None
        self._checked_ns = now_ns
        if self._monitored < settings.unproven_outcomes:
            return CalibrationUpdate(now_ns, None, None, self._monitored, settings.require_proof)
        report = self._monitor.check()
        expected = None if report.null is None else report.null.quantile
        return CalibrationUpdate(now_ns, report.ece, expected, report.n, self._lost(report))

    def _lost(self, report: CalibrationReport) -> bool:
        """The whole gate where there are enough outcomes for it, or where proof is asked for.

        Before that an error beyond chance shrinks sizes (risk's scaler), and only a skill that is surely negative
        closes the gate: looked at every minute, a 95 % quantile is passed by chance soon enough.
        """
        if report.calibrated:
            return False
        if "too_few_outcomes" in report.failures and not self.settings.require_proof:
            return report.skill is not None and report.skill.high < 0
        return True

    def monitor_report(self) -> CalibrationReport:
        """What the live monitor's window says now."""
        return self._monitor.check()

    def findings(self) -> dict[str, int]:
        """Outcomes that each calibration was fitted on, by ``engine instrument``; by engine alone of all together."""
        return {
            f"{engine} {instrument}".rstrip(): c.fitted_on
            for (engine, instrument), c in sorted(self._calibrations.items())
        }

    def beliefs(self) -> dict[str, Any]:
        """Reliability, and weights by regime, of every engine."""
        return {
            "reliability": dict(self._reliability),
            "weights": {regime: dict(self.weights(regime)) for regime in sorted(self._weights)},
            "right": {
                f"{engine} {regime}": {"outcomes": n, "right": hits}
                for (engine, regime), (n, hits) in sorted(self._records.items())
            },
        }

    # --- state ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            waiting=[[_resolved_state(one), cost.hex()] for one, cost in self._waiting],
            calibrations=[[*pair, c.state()] for pair, c in sorted(self._calibrations.items())],
            thinning=[[*pair, one.state()] for pair, one in sorted(self._thinning.items())],
            reliabilities={name: one.state() for name, one in self._reliabilities.items()},
            known_ns=self._known_ns,
            correlation=self._correlation.state(),
            learning=None if self._learning is None else self._learning.state(),
            records=[[*pair, *record] for pair, record in sorted(self._records.items())],
            shadow={name: [value.hex() for value in held] for name, held in self._shadow.items()},
            monitor=self._monitor.state(),
            monitored=self._monitored,
            checked_ns=self._checked_ns,
            reliability={name: value.hex() for name, value in self._reliability.items()},
            pairs=[[*pair, value.hex()] for pair, value in self._pairs.items()],
            weights={
                regime: [[name, value.hex()] for name, value in weights.items()]
                for regime, weights in sorted(self._weights.items())
            },
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
            UsageError: a state of other engines.
        """
        waiting, calibrations, thinning, reliabilities, known, correlation, learning = fields_of(
            state,
            KIND,
            VERSION,
            *(
                "waiting",
                "calibrations",
                "thinning",
                "reliabilities",
                "known_ns",
                "correlation",
                "learning",
            ),
        )
        records, shadow, monitor, monitored, checked, reliability, pairs, weights = fields_of(
            state,
            KIND,
            VERSION,
            *("records", "shadow", "monitor", "monitored", "checked_ns", "reliability", "pairs", "weights"),
        )
        self._correlation.load(correlation)
        if self._learning is not None:
            self._learning.load(learning)
        self._waiting = [(_resolved_from(one), float.fromhex(cost)) for one, cost in waiting]
        for engine, instrument, part in calibrations:
            self._own(engine, instrument).load(part)
        self._thinning = {}
        for engine, instrument, part in thinning:
            self._thinned(engine, instrument).load(part)
        for name, part in reliabilities.items():
            self._reliabilities[name].load(part)
        self._known_ns = dict(known)
        self._records = {(engine, regime): [n, hits] for engine, regime, n, hits in records}
        self._shadow = {name: [float.fromhex(value) for value in held] for name, held in shadow.items()}
        self._monitor.load(monitor)
        self._monitored = monitored
        self._checked_ns = checked
        self._reliability = {name: float.fromhex(value) for name, value in reliability.items()}
        self._pairs = {(one, other): float.fromhex(value) for one, other, value in pairs}
        self._weights = {
            regime: {name: float.fromhex(value) for name, value in rows} for regime, rows in weights.items()
        }


def _resolved_state(resolved: ResolvedVote) -> list[Any]:
    v = resolved.vote
    p = None if v.p is None else v.p.hex()
    moved = None if resolved.return_bps is None else resolved.return_bps.hex()
    times = [v.decided_ns, v.due_ns]
    return [
        v.trace,
        v.engine,
        v.instrument,
        v.regime,
        *times,
        v.side,
        v.score.hex(),
        p,
        v.mid.hex(),
        resolved.right,
        moved,
    ]


def _resolved_from(row: Sequence[Any]) -> ResolvedVote:
    trace, engine, instrument, regime, decided, due, side, score, p, mid, right, moved = row
    vote = OpenVote(
        *(trace, engine, instrument, regime, decided, due, side),
        float.fromhex(score),
        None if p is None else float.fromhex(p),
        float.fromhex(mid),
    )
    return ResolvedVote(vote, right, None if moved is None else float.fromhex(moved))
