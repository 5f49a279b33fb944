"""Votes of several engines in, one signal per instrument and instant out; every vote is resolved, traded or not.

p is always P(the chosen side is right). A vote whose side is less likely right than not (a mid that did not move counts
as wrong) says nothing about the other side: it weighs nothing. The score is S = Σ w (2p - 1) side over all engines;
the probability of the side that wins is (1 + |S| / Σ w of those that voted) / 2, which for a single vote is its own p.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora.messages import (
    CalibrationUpdate,
    DebateArgument,
    FloatColumn,
    IntColumn,
    Outcome,
    Signal,
    Voice,
    Votes,
)
from aurora.signal.ballots import Ballots, PlainBallots, Scores, weighed
from aurora.signal.consensus_gate import ConsensusGate
from aurora.signal.debate import Evidence, debate
from aurora.signal.resolution import OpenVote, OpenVotes
from aurora.signal.settings import SignalSettings
from aurora.signal.state import fields_of, versioned
from aurora.signal.teaching import CONSENSUS, Lesson, Teaching
from aurora.signal.thinning import Thinning

KIND, VERSION = "committee", 2
UNKNOWN_REGIME = "neutral"
_REFUSALS = (
    None,
    "deny.stale_book",
    "deny.not_approved",
    "deny.no_calibration",
    "deny.no_skill",
    "deny.warming_up",
    "deny.consensus",
    "deny.volatility_gate",
)
_STALE, _NOT_APPROVED, _NO_CALIBRATION, _NO_SKILL, _WARMING_UP, _CONSENSUS, _VOLATILE = range(1, 8)


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
    bid_depth: IntColumn | None = None
    """Size quanta within 5 bps, -1 where undefined; None where nobody measured it."""
    ask_depth: IntColumn | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for an instrument while its votes are weighed."""

    regime: str = UNKNOWN_REGIME
    approved: Mapping[str, bool] = field(default_factory=dict)
    """By engine; those that are not named are approved."""
    volatile: bool = False
    cost_bps: float = 0.0
    """Of a round trip that takes: what shadow profits are charged."""


def trace_id(seed: int, engine: str, instrument: str, local_ns: int, side: int) -> int:
    """64-bit id of a decision: a pure function of what is decided, never of clock or chance."""
    text = f"{seed}|{engine}|{instrument}|{local_ns}|{side}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class Committee:
    """Weighs, judges and resolves votes; what it believes changes at refits only.

    Args:
        engines: names of all engines that may vote.
        seed: of trace ids.
    """

    def __init__(self, settings: SignalSettings, engines: Sequence[str], seed: int):
        self.settings = settings
        self.seed = seed
        self.teaching = Teaching(settings, engines)
        self._gates: dict[str, ConsensusGate] = {}
        self._open = OpenVotes()
        self._costs: dict[str, float] = {}
        self._monitored: dict[str, Thinning] = {}
        """Per instrument which of the signals the monitor looks at."""

    # --- deliberation --------------------------------------------------------------------------------------------

    def signals(
        self, votes: Sequence[Votes], rows: SampleRows, circumstances: Circumstances | None = None
    ) -> list[Signal]:
        """One signal per instant at which any engine votes on the instrument; votes stay open until their horizon.

        Args:
            votes: of one instrument, in the order of engines; empty ones are passed over.
            rows: sampled rows that the votes' ``row`` counts in.
        """
        voted = [one for one in votes if len(one.row)]
        if not voted:
            return []
        around = circumstances or Circumstances()
        instrument = voted[0].instrument
        self._costs[instrument] = around.cost_bps
        instants: IntColumn = (
            voted[0].row if len(voted) == 1 else np.unique(np.concatenate([one.row for one in voted]))
        )
        ballots = [self._ballots(one, instants, around) for one in voted]
        scores = weighed(ballots, len(instants))
        verdict = self._judge(instrument, ballots, scores, rows.mid[instants], around)
        return self._made(instrument, instants, ballots, rows, around, scores, verdict)

    def _ballots(self, votes: Votes, instants: IntColumn, around: Circumstances) -> Ballots:
        teaching = self.teaching
        found = teaching.calibration(votes.engine, votes.instrument).probability(self._evidence(votes))
        p = np.full(len(votes.row), np.nan) if found is None else found
        approved = not self.settings.require_approval or around.approved.get(votes.engine, True)
        weight = teaching.weights(around.regime).get(votes.engine, 0.0) if approved else 0.0
        return Ballots(votes, np.searchsorted(instants, votes.row), p, weight, approved)

    def _evidence(self, votes: Votes) -> FloatColumn:
        """What is calibrated: how strongly a vote speaks for its side."""
        return votes.edge_bps if self.settings.calibrate_on == "edge" else votes.score * votes.side

    def _judge(
        self,
        instrument: str,
        ballots: Sequence[Ballots],
        scores: Scores,
        mid: FloatColumn,
        around: Circumstances,
    ) -> tuple[npt.NDArray[np.int8], FloatColumn]:
        """Refusal (an index of ``_REFUSALS``) and threshold of each instant."""
        settings, score, weight = self.settings, scores.score, scores.weight
        count = len(score)
        refusal = np.zeros(count, np.int8)
        threshold = np.full(count, np.nan)
        skilled = weight > 0
        gate = self._gates.get(instrument)
        if gate is None:
            gate = self._gates[instrument] = ConsensusGate(settings.consensus)
        judged = gate.judge_many(score[skilled])
        threshold[skilled] = settings.consensus.threshold * judged.deviation
        if around.volatile:
            refusal[:] = _VOLATILE
        if settings.require_consensus:
            backed = np.zeros(count, np.bool_)
            backed[skilled] = judged.trade
            refusal[~backed] = _CONSENSUS
            refusal[skilled & np.isnan(threshold)] = _WARMING_UP
            refusal[~skilled] = _NO_SKILL
        if settings.require_calibration:
            calibrated = np.zeros(count, np.bool_)
            for one in ballots:
                if one.approved:
                    calibrated[one.at[~np.isnan(one.p)]] = True
            refusal[~calibrated] = _NO_CALIBRATION
        if not all(one.approved for one in ballots):
            approved = np.zeros(count, np.bool_)
            for one in ballots:
                if one.approved:
                    approved[one.at] = True
            refusal[~approved] = _NOT_APPROVED
        refusal[~(mid > 0)] = _STALE
        return refusal, threshold

    def _made(
        self,
        instrument: str,
        instants: IntColumn,
        ballots: Sequence[Ballots],
        rows: SampleRows,
        around: Circumstances,
        scores: Scores,
        verdict: tuple[npt.NDArray[np.int8], FloatColumn],
    ) -> list[Signal]:
        at = _Columns(rows, instants)
        plain = [PlainBallots(one, self._evidence(one.votes)) for one in ballots]
        voted: list[list[tuple[PlainBallots, int]]] = [[] for _ in range(len(instants))]
        """At each instant who votes, and which vote of theirs it is."""
        for one in plain:
            for place, n in enumerate(one.at):
                voted[n].append((one, place))
        known = [float(self.teaching.independent_outcomes(one.engine, instrument)) for one in plain]
        signals = []
        judged = (scores.score, scores.weight, scores.lead, scores.place, scores.conviction, *verdict)
        instant_by_instant = zip(voted, *(column.tolist() for column in judged), strict=True)
        for n, (voters, s, held, leader, place, clear, code, limit) in enumerate(instant_by_instant):
            ballot = plain[leader]
            side, chance, edge = ballot.side[place], ballot.p[place], ballot.edge_bps[place]
            consensus = 0.0 if chance is None else (2.0 * chance - 1.0) * side
            if held > 0:
                consensus = s
                if len(voters) > 1:
                    agreed = abs(s) / held
                    chance = (1.0 + agreed) / 2.0
                    # Engines that disagree shrink the edge as they shrink the conviction; none enlarges it.
                    edge *= min(1.0, agreed / clear) if clear > 0 else 0.0
            local_ns = at.local_ns[n]
            trace = trace_id(self.seed, ballot.engine, instrument, local_ns, side)
            voices = tuple([one.voice(where) for one, where in voters])
            refusal = _REFUSALS[code]
            said: tuple[DebateArgument, ...] = ()
            if refusal is None:
                voices, said = self._debated(voices, around)
            signal = Signal(
                trace=trace,
                instrument=instrument,
                local_ns=local_ns,
                engine=ballot.engine,
                side=side,
                score=ballot.score[place],
                p=chance,
                consensus=consensus,
                gross_edge_bps=edge,
                horizon_ns=ballot.horizon_ns[place],
                feature_hash=at.feature_hash[n],
                bid=at.bid[n],
                ask=at.ask[n],
                bid_size=at.bid_size[n],
                ask_size=at.ask_size[n],
                refusal=refusal,
                regime=around.regime,
                threshold=None if limit != limit else limit,
                p_outcomes=None if chance is None else known[leader],
                depth=at.depth(n, side),
                voices=voices,
                arguments=said,
            )
            signals.append(signal)
            if code != _STALE:
                self._follow(signal, at.mid[n], around.regime, voters)
        return signals

    def _debated(
        self, voices: tuple[Voice, ...], around: Circumstances
    ) -> tuple[tuple[Voice, ...], tuple[DebateArgument, ...]]:
        teaching = self.teaching
        evidence = []
        for voice in voices:
            outcomes, right = teaching.record(voice.engine, around.regime)
            drawdown = teaching.drawdown_bps(voice.engine)
            evidence.append(
                Evidence(
                    *(voice.engine, voice.side, voice.edge_bps, around.cost_bps, voice.approved),
                    *(outcomes, right, drawdown),
                )
            )
        standings = debate(evidence, teaching.correlations(), self.settings.debate)
        scored = tuple(
            Voice(
                *(voice.engine, voice.side, voice.p, voice.weight, voice.edge_bps, voice.approved),
                standings[voice.engine].score,
            )
            for voice in voices
        )
        said = tuple(
            DebateArgument(one.engine, one.stance, one.rule, one.text)
            for voice in voices
            for one in standings[voice.engine].arguments
        )
        return scored, said

    def _follow(
        self,
        signal: Signal,
        mid: float,
        regime: str,
        voters: Sequence[tuple[PlainBallots, int]],
    ) -> None:
        """Opens the votes behind a signal, and the signal itself where the monitor looks at it."""
        key, now = signal.instrument, signal.local_ns
        for one, where in voters:
            self._open.add(
                OpenVote(
                    signal.trace,
                    one.engine,
                    key,
                    regime,
                    now,
                    now + one.horizon_ns[where],
                    one.side[where],
                    one.evidence[where],
                    one.p[where],
                    mid,
                )
            )
        if signal.p is None:
            return
        due = now + signal.horizon_ns
        counts, _ = self._monitored.setdefault(key, Thinning()).take(now, due)
        if counts:
            self._open.add(
                OpenVote(signal.trace, CONSENSUS, key, regime, now, due, signal.side, 0.0, signal.p, mid)
            )

    # --- learning ------------------------------------------------------------------------------------------------

    def resolve(self, instrument: str, local_ns: IntColumn, mid: FloatColumn) -> list[Outcome]:
        """Closes votes on ``instrument`` that are due by the last of these rows.

        A vote is due at a grid time; where that row is missing or has no mid its outcome is None and nothing is
        learnt from it.
        """
        resolved = self._open.resolve(instrument, local_ns, mid)
        self.teaching.take(resolved, self._costs.get(instrument, 0.0))
        return [
            Outcome(
                one.vote.trace, one.vote.engine, instrument, one.vote.due_ns, one.vote.side, one.return_bps
            )
            for one in resolved
            if one.vote.engine != CONSENSUS
        ]

    def refit(self, now_ns: int) -> tuple[list[Lesson], CalibrationUpdate | None]:
        """Renews everything believed from the outcomes known now; see :meth:`Teaching.refit`."""
        return self.teaching.refit(now_ns)

    def findings(self) -> Mapping[str, int]:
        """Outcomes that each calibration in use was fitted on, by ``engine instrument``."""
        return self.teaching.findings()

    def state(self) -> dict[str, Any]:
        return versioned(
            KIND,
            VERSION,
            teaching=self.teaching.state(),
            gates={key: gate.state() for key, gate in sorted(self._gates.items())},
            open=self._open.state(),
            costs={key: cost.hex() for key, cost in sorted(self._costs.items())},
            monitored={key: one.state() for key, one in sorted(self._monitored.items())},
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
            UsageError: a state of other engines.
        """
        teaching, gates, votes, costs, monitored = fields_of(
            state, KIND, VERSION, "teaching", "gates", "open", "costs", "monitored"
        )
        self.teaching.load(teaching)
        self._gates = {}
        for key, part in gates.items():
            self._gates[key] = ConsensusGate(self.settings.consensus)
            self._gates[key].load(part)
        self._open.load(votes)
        self._costs = {key: float.fromhex(cost) for key, cost in costs.items()}
        self._monitored = {}
        for key, part in monitored.items():
            self._monitored[key] = Thinning()
            self._monitored[key].load(part)


class _Columns:
    """Rows of the instants as plain Python numbers: they are hashed and stored."""

    __slots__ = (
        "_ask_depth",
        "_bid_depth",
        "ask",
        "ask_size",
        "bid",
        "bid_size",
        "feature_hash",
        "local_ns",
        "mid",
    )

    def __init__(self, rows: SampleRows, at: IntColumn):
        self.local_ns: list[int] = rows.local_ns[at].tolist()
        self.mid: list[float] = rows.mid[at].tolist()
        self.bid: list[int] = rows.bid[at].tolist()
        self.ask: list[int] = rows.ask[at].tolist()
        self.bid_size: list[int] = rows.bid_size[at].tolist()
        self.ask_size: list[int] = rows.ask_size[at].tolist()
        self.feature_hash: list[int] = rows.feature_hash[at].tolist()
        self._bid_depth = None if rows.bid_depth is None else rows.bid_depth[at].tolist()
        self._ask_depth = None if rows.ask_depth is None else rows.ask_depth[at].tolist()

    def depth(self, n: int, side: int) -> int | None:
        column = self._ask_depth if side > 0 else self._bid_depth
        return None if column is None or column[n] < 0 else int(column[n])
