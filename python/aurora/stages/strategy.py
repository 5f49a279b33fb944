"""Stage Strategy, key: universe. Waits for every instrument's block of a slice, asks the engines, makes signals.

Nothing here depends on how time was cut: rows are handled up to each refit instant in turn, then engines and
calibrations are renewed from what lay before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora._core import FeatureBlock, Instrument, MarketBlock
from aurora.engines import Engine, EngineInput
from aurora.errors import RecoveryError
from aurora.messages import (
    CalibrationUpdate,
    FeatureMessage,
    IntColumn,
    Outcome,
    RegimeUpdate,
    Signal,
    SliceCount,
    StrategyMessage,
    Votes,
)
from aurora.regime import Regime, RegimeSettings
from aurora.signal import Circumstances, Committee, SampleRows, SignalSettings
from aurora.stages.regimes import WATCH_NS, RegimeWatch
from aurora.stages.series import FromFiles, SeriesFeed

FEATURE_COLUMNS = (
    "mid",
    "spread_bps",
    "obi_1",
    "obi_k",
    "weighted_mid",
    "ofi",
    "tfi",
    "realised_volatility",
)
DEPTH_COLUMNS = ("depth_bid_5bps", "depth_ask_5bps")
STATE_VERSION = 2
HASH_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)


class _Slice:
    """One instrument's rows and quotes of a slice, read once from Rust and cut by time."""

    def __init__(self, message: FeatureMessage, instrument: Instrument):
        features = message.features
        self.row_cursor = 0
        self.quote_cursor = 0
        self.local_ns = features.local_ns
        self.quote_ns, bid, ask = features.quotes
        scale = 2.0 * instrument.price_scale
        self.quote_mid = np.where(bid > 0, (bid + ask) / scale, np.nan)
        self.columns = {name: getattr(features, name) for name in FEATURE_COLUMNS} if len(features) else {}
        self.samples = SampleRows(
            self.local_ns,
            self.columns.get("mid", np.empty(0)),
            features.bid,
            features.ask,
            features.bid_size,
            features.ask_size,
            features.feature_hash,
        )
        self.features = features
        self.size_scale = instrument.size_scale

    def part(self, rows: slice, quotes: slice) -> EngineInput:
        return EngineInput(
            self.local_ns[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.quote_ns[quotes],
            self.quote_mid[quotes],
        )


def _depth(part: _Slice, name: str, row: IntColumn) -> IntColumn | None:
    """Displayed size at some rows in whole quanta, -1 elsewhere and where undefined; None where nobody measures it."""
    if name not in part.features.extra:
        return None
    size = part.features.column(name)[row] * part.size_scale
    depth = np.full(len(part.local_ns), -1, np.int64)
    depth[row] = np.where(np.isnan(size), -1.0, np.floor(np.nan_to_num(size) + 0.5)).astype(np.int64)
    return depth


@dataclass(slots=True)
class _Found:
    """What a slice brings, as it is found."""

    signals: list[Signal] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    counts: dict[str, SliceCount] = field(default_factory=dict)
    regimes: list[RegimeUpdate] = field(default_factory=list)
    calibrations: list[CalibrationUpdate] = field(default_factory=list)


class StrategyStage:
    """Engines, regimes and signals of the whole universe.

    Args:
        fee_bps: fees of a round trip that takes; what shadow profits of votes are charged beside the spread.
        series: slow series that captures do not carry.
        seed: of trace ids.
        not_before_ns: local time when filters and clock were known; votes on earlier rows are not asked for.
        first_slice: index of the first slice every stream emits.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        engines: Sequence[Engine],
        signal: SignalSettings,
        *,
        seed: int,
        not_before_ns: int,
        first_slice: int,
        regime: RegimeSettings | None = None,
        fee_bps: float = 0.0,
        series: FromFiles | None = None,
    ):
        self._instruments = dict(sorted(instruments.items()))
        self._engines = list(engines)
        self._committee = Committee(signal, [engine.name for engine in self._engines], seed)
        self._refit_ns = round(signal.refit_s * 1e9)
        self._fee_bps = fee_bps
        self._feed = SeriesFeed(self._instruments, series)
        sizes = {key: instrument.size_scale for key, instrument in self._instruments.items()}
        self._watch = RegimeWatch(
            regime or RegimeSettings(), signal.volatility_gate, list(self._instruments), sizes
        )
        steps = {engine.refit_ns for engine in self._engines} | {self._refit_ns, WATCH_NS}
        self._steps = sorted(step for step in steps if step)
        self._not_before_ns = not_before_ns
        self._next_slice = first_slice
        self._pending: dict[int, dict[str, FeatureMessage]] = {}
        self._ended: dict[str, int] = {}
        """Instruments whose stream has ended, with its end in local time."""
        self._last_hash: dict[str, int] = {}
        """Feature hash of each instrument's last row of earlier slices."""
        self._clock_ns: int | None = None
        """Refit instants up to here have been served."""

    def process(self, messages: list[FeatureMessage]) -> list[StrategyMessage]:
        for message in messages:
            self._pending.setdefault(message.slice_index, {})[message.instrument] = message
        answers = []
        while (parts := self._pending.get(self._next_slice)) is not None:
            if any(key not in parts and key not in self._ended for key in self._instruments):
                break
            del self._pending[self._next_slice]
            answers.append(self._slice(self._next_slice, parts))
            self._next_slice += 1
        return answers

    def _slice(self, index: int, parts: dict[str, FeatureMessage]) -> StrategyMessage:
        ordered = [parts[key] for key in self._instruments if key in parts]
        for message in ordered:
            if message.block.last:
                self._ended[message.instrument] = message.block.end_ns
        final = len(self._ended) == len(self._instruments)
        end_ns = max(self._ended.values()) if final else max(part.block.end_ns for part in ordered)
        found = _Found()
        for part in ordered:
            self._feed.take(part.instrument, part.block)
        if any(len(part.features) or part.features.quote_count for part in ordered):
            slices = {part.instrument: _Slice(part, self._instruments[part.instrument]) for part in ordered}
            for until_ns in self._instants(slices, end_ns):
                self._span(index, slices, until_ns, found)
            for key, cut in slices.items():
                if len(cut.local_ns):
                    self._last_hash[key] = int(cut.samples.feature_hash[-1])
        else:
            for until_ns in self._instants({}, end_ns):
                self._refit(until_ns, found)
        found.signals.sort(key=lambda s: (s.local_ns, s.instrument, s.engine))
        found.outcomes.sort(key=lambda o: (o.due_ns, o.instrument, o.trace, o.engine))
        findings = None
        if final:
            findings = {engine.name: engine.findings() for engine in self._engines}
            findings["calibrated_on"] = dict(self._committee.findings())
            findings["beliefs"] = self._committee.teaching.beliefs()
            findings["regimes"] = self._watch.findings()
        return StrategyMessage(
            index,
            end_ns,
            final,
            tuple(ordered),
            tuple(found.signals),
            tuple(found.outcomes),
            tuple(found.counts.values()),
            tuple(found.regimes),
            tuple(found.calibrations),
            findings,
        )

    def _instants(self, slices: Mapping[str, _Slice], end_ns: int) -> list[int]:
        """Refit instants up to ``end_ns`` not yet served, then ``end_ns`` itself."""
        if self._clock_ns is None:
            starts = [int(s.local_ns[0]) for s in slices.values() if len(s.local_ns)]
            starts += [int(s.quote_ns[0]) for s in slices.values() if len(s.quote_ns)]
            if not starts:
                return []
            # An instant at which the first row lies is served, whether or not a slice ends there.
            self._clock_ns = min(starts) - 1
        if not any(self._clock_ns // step != end_ns // step for step in self._steps):
            self._clock_ns = max(self._clock_ns, end_ns)
            return [end_ns]
        instants: set[int] = set()
        for step in self._steps:
            first = (self._clock_ns // step + 1) * step
            instants.update(range(first, end_ns + 1, step))
        self._clock_ns = max(self._clock_ns, end_ns)
        return [*sorted(instants - {end_ns}), end_ns]

    def _span(self, index: int, slices: Mapping[str, _Slice], until_ns: int, found: _Found) -> None:
        """Everything between the last instant and this one: rows up to it, quotes before it."""
        rows, inputs = {}, {}
        for key, part in slices.items():
            begin, quote_begin = part.row_cursor, part.quote_cursor
            end = int(np.searchsorted(part.local_ns, until_ns, side="right"))
            quote_end = int(np.searchsorted(part.quote_ns, until_ns, side="left"))
            rows[key] = slice(begin, end)
            inputs[key] = part.part(rows[key], slice(quote_begin, quote_end))
            part.row_cursor, part.quote_cursor = end, quote_end
        inputs = self._feed.serve(inputs, until_ns)
        cast: dict[str, list[Votes]] = {key: [] for key in slices}
        for engine in self._engines:
            for votes in engine.vote(inputs):
                key = votes.instrument
                offset = rows[key].start
                shifted = votes if not offset else _shift(votes, offset)
                early = shifted.local_ns < self._not_before_ns
                if early.any():
                    shifted = _without(shifted, early)
                cast[key].append(shifted)
                _count(found.counts, index, until_ns, shifted)
        for key, part in slices.items():
            ballots = [votes for votes in cast[key] if len(votes.row)]
            if ballots:
                sample = self._committed(slices, part, ballots)
                found.signals.extend(self._committee.signals(ballots, sample, self._circumstances(key)))
            span = rows[key]
            if span.stop > span.start:
                # Samples are counted where an engine was asked, once.
                if cast[key]:
                    _count_samples(found.counts, index, until_ns, key, span.stop - span.start)
                self._watch.spreads(key, part.columns["spread_bps"][span])
            found.outcomes.extend(self._committee.resolve(key, part.local_ns[span], part.samples.mid[span]))
        self._refit(until_ns, found)

    def _circumstances(self, key: str) -> Circumstances:
        standing = self._watch.standing(key)
        return Circumstances(
            standing.regime,
            {engine.name: self._watch.may_vote(engine.name, key) for engine in self._engines},
            standing.volatile,
            self._fee_bps + self._watch.spread_bps(key),
        )

    def _committed(self, slices: Mapping[str, _Slice], part: _Slice, ballots: Sequence[Votes]) -> SampleRows:
        """Samples whose feature hash, where votes stand, commits to the whole universe up to that time: an engine may
        have looked at any of it."""
        row = ballots[0].row if len(ballots) == 1 else np.unique(np.concatenate([one.row for one in ballots]))
        local_ns = part.local_ns[row]
        combined = np.zeros(len(row), np.uint64)
        for key in self._instruments:
            seen = np.full(len(row), self._last_hash.get(key, 0), np.uint64)
            other = slices.get(key)
            if other is not None and len(other.local_ns):
                at = np.searchsorted(other.local_ns, local_ns, side="right") - 1
                seen = np.where(at >= 0, other.samples.feature_hash[at], seen)
            combined = (combined ^ seen) * HASH_MULTIPLIER
        hashes = np.zeros(len(part.local_ns), np.uint64)
        hashes[row] = combined
        bid_depth, ask_depth = (_depth(part, name, row) for name in DEPTH_COLUMNS)
        return replace(part.samples, feature_hash=hashes, bid_depth=bid_depth, ask_depth=ask_depth)

    def _refit(self, until_ns: int, found: _Found) -> None:
        for engine in self._engines:
            if engine.refit_ns and until_ns % engine.refit_ns == 0:
                engine.refit(until_ns)
        if until_ns % self._refit_ns == 0:
            lessons, update = self._committee.refit(until_ns)
            board = self._watch.room.leaderboard
            for lesson in lessons:
                board.record(
                    max(lesson.due_ns, board.week_ns or 0),
                    lesson.engine,
                    Regime(lesson.regime),
                    lesson.net_bps,
                )
            if update is not None:
                found.calibrations.append(update)
        if until_ns % WATCH_NS == 0:
            found.regimes.extend(self._watch.read(until_ns, self._feed))

    def finish(self) -> list[StrategyMessage]:
        return []

    def snapshot(self) -> bytes:
        state: dict[str, Any] = {
            "version": STATE_VERSION,
            "next_slice": self._next_slice,
            "ended": self._ended,
            "clock_ns": self._clock_ns,
            "last_hash": self._last_hash,
            "engines": [engine.snapshot().hex() for engine in self._engines],
            "committee": self._committee.state(),
            "feed": self._feed.state(),
            "watch": self._watch.state(),
            "pending": [
                [
                    index,
                    key,
                    message.features.to_bytes().hex(),
                    message.block.to_bytes().hex(),
                    message.quality,
                ]
                for index, parts in sorted(self._pending.items())
                for key, message in sorted(parts.items())
            ],
        }
        return json.dumps(state).encode()

    def restore(self, state: bytes) -> None:
        loaded = json.loads(state)
        if loaded.get("version") != STATE_VERSION:
            raise RecoveryError(
                f"strategy state of version {loaded.get('version')}, expected {STATE_VERSION}"
            )
        self._next_slice = loaded["next_slice"]
        self._ended = loaded["ended"]
        self._clock_ns = loaded["clock_ns"]
        self._last_hash = loaded["last_hash"]
        for engine, part in zip(self._engines, loaded["engines"], strict=True):
            engine.restore(bytes.fromhex(part))
        self._committee.load(loaded["committee"])
        self._feed.load(loaded["feed"])
        self._watch.load(loaded["watch"])
        self._pending = {}
        for index, key, features, block, quality in loaded["pending"]:
            self._pending.setdefault(index, {})[key] = FeatureMessage(
                index,
                key,
                FeatureBlock.from_bytes(bytes.fromhex(features)),
                MarketBlock.from_bytes(bytes.fromhex(block)),
                quality,
            )


def _shift(votes: Votes, offset: int) -> Votes:
    return replace(votes, row=votes.row + offset)


def _without(votes: Votes, early: npt.NDArray[np.bool_]) -> Votes:
    """Votes before filters and clock were known do not count."""
    keep = ~early
    abstained = {**votes.abstained, "before_calibration_of_clock": int(early.sum())}
    return replace(
        votes,
        row=votes.row[keep],
        local_ns=votes.local_ns[keep],
        side=votes.side[keep],
        score=votes.score[keep],
        edge_bps=votes.edge_bps[keep],
        horizon_ns=votes.horizon_ns[keep],
        abstained=abstained,
        reliability=None if votes.reliability is None else votes.reliability[keep],
    )


def _count(counts: dict[str, SliceCount], index: int, local_ns: int, votes: Votes) -> None:
    before = counts.get(votes.instrument)
    abstained = dict(before.abstained) if before else {}
    for reason, n in votes.abstained.items():
        abstained[reason] = abstained.get(reason, 0) + n
    counts[votes.instrument] = SliceCount(
        index,
        local_ns,
        votes.instrument,
        before.samples if before else 0,
        len(votes.row) + (before.votes if before else 0),
        abstained,
    )


def _count_samples(
    counts: dict[str, SliceCount], index: int, local_ns: int, instrument: str, samples: int
) -> None:
    before = counts[instrument]
    counts[instrument] = replace(
        before, slice_index=index, local_ns=local_ns, samples=before.samples + samples
    )
