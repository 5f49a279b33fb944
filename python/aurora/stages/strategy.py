"""Stage Strategy, key: universe. Waits for every instrument's block of a slice, asks the engines, makes signals.

Nothing here depends on how time was cut: rows are handled up to each refit instant in turn, then engines and
calibrations are renewed from what lay before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora._core import FeatureBlock, Instrument, MarketBlock
from aurora.engines import Engine, EngineInput
from aurora.errors import RecoveryError
from aurora.messages import FeatureMessage, Outcome, Signal, SliceCount, StrategyMessage, Votes
from aurora.signal import SampleRows, SignalRoom

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
STATE_VERSION = 1
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

    def part(self, rows: slice, quotes: slice) -> EngineInput:
        return EngineInput(
            self.local_ns[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.quote_ns[quotes],
            self.quote_mid[quotes],
        )


class StrategyStage:
    """Engines and signals of the whole universe.

    Args:
        not_before_ns: local time when filters and clock were known; votes on earlier rows are not asked for.
        first_slice: index of the first slice every stream emits.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        engines: Sequence[Engine],
        signals: SignalRoom,
        *,
        not_before_ns: int,
        first_slice: int,
    ):
        self._instruments = dict(sorted(instruments.items()))
        self._engines = list(engines)
        self._signals = signals
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
        signals: list[Signal] = []
        outcomes: list[Outcome] = []
        counts: dict[str, SliceCount] = {}
        if any(len(part.features) or part.features.quote_count for part in ordered):
            slices = {part.instrument: _Slice(part, self._instruments[part.instrument]) for part in ordered}
            for until_ns in self._instants(slices, end_ns):
                self._span(index, slices, until_ns, signals, outcomes, counts)
            for key, part in slices.items():
                if len(part.local_ns):
                    self._last_hash[key] = int(part.samples.feature_hash[-1])
        else:
            for until_ns in self._instants({}, end_ns):
                self._refit(until_ns)
        signals.sort(key=lambda s: (s.local_ns, s.instrument, s.engine))
        outcomes.sort(key=lambda o: (o.due_ns, o.instrument, o.trace))
        findings = None
        if final:
            findings = {engine.name: engine.findings() for engine in self._engines}
            findings["calibrated_on"] = dict(self._signals.findings())
        return StrategyMessage(
            index,
            end_ns,
            final,
            tuple(ordered),
            tuple(signals),
            tuple(outcomes),
            tuple(counts.values()),
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
        if not any(
            e.refit_ns and self._clock_ns // e.refit_ns != end_ns // e.refit_ns for e in self._engines
        ):
            self._clock_ns = max(self._clock_ns, end_ns)
            return [end_ns]
        instants: set[int] = set()
        for engine in self._engines:
            if engine.refit_ns:
                first = (self._clock_ns // engine.refit_ns + 1) * engine.refit_ns
                instants.update(range(first, end_ns + 1, engine.refit_ns))
        self._clock_ns = max(self._clock_ns, end_ns)
        return [*sorted(instants - {end_ns}), end_ns]

    def _span(
        self,
        index: int,
        slices: Mapping[str, _Slice],
        until_ns: int,
        signals: list[Signal],
        outcomes: list[Outcome],
        counts: dict[str, SliceCount],
    ) -> None:
        """Everything between the last instant and this one: rows up to it, quotes before it."""
        rows, inputs = {}, {}
        for key, part in slices.items():
            begin, quote_begin = part.row_cursor, part.quote_cursor
            end = int(np.searchsorted(part.local_ns, until_ns, side="right"))
            quote_end = int(np.searchsorted(part.quote_ns, until_ns, side="left"))
            rows[key] = slice(begin, end)
            inputs[key] = part.part(rows[key], slice(quote_begin, quote_end))
            part.row_cursor, part.quote_cursor = end, quote_end
        for engine in self._engines:
            for votes in engine.vote(inputs):
                key = votes.instrument
                part = slices[key]
                offset = rows[key].start
                shifted = votes if not offset else _shift(votes, offset)
                early = shifted.local_ns < self._not_before_ns
                if early.any():
                    shifted = _without(shifted, early)
                signals.extend(self._signals.signals(shifted, self._committed(slices, part, shifted)))
                _count(counts, index, until_ns, shifted, rows[key].stop - rows[key].start)
        for key, part in slices.items():
            span = rows[key]
            outcomes.extend(self._signals.resolve(key, part.local_ns[span], part.samples.mid[span]))
        self._refit(until_ns)

    def _committed(self, slices: Mapping[str, _Slice], part: _Slice, votes: Votes) -> SampleRows:
        """Samples whose feature hash, where votes stand, commits to the whole universe up to that time: an engine may
        have looked at any of it."""
        combined = np.zeros(len(votes.row), np.uint64)
        for key in self._instruments:
            seen = np.full(len(votes.row), self._last_hash.get(key, 0), np.uint64)
            other = slices.get(key)
            if other is not None and len(other.local_ns):
                at = np.searchsorted(other.local_ns, votes.local_ns, side="right") - 1
                seen = np.where(at >= 0, other.samples.feature_hash[at], seen)
            combined = (combined ^ seen) * HASH_MULTIPLIER
        hashes = np.zeros(len(part.local_ns), np.uint64)
        hashes[votes.row] = combined
        return replace(part.samples, feature_hash=hashes)

    def _refit(self, until_ns: int) -> None:
        due = [engine for engine in self._engines if engine.refit_ns and until_ns % engine.refit_ns == 0]
        for engine in due:
            engine.refit(until_ns)
        if due:
            self._signals.refit()

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
            "signals": self._signals.state(),
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
        self._signals.load(loaded["signals"])
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


def _count(counts: dict[str, SliceCount], index: int, local_ns: int, votes: Votes, samples: int) -> None:
    before = counts.get(votes.instrument)
    abstained = dict(before.abstained) if before else {}
    for reason, n in votes.abstained.items():
        abstained[reason] = abstained.get(reason, 0) + n
    counts[votes.instrument] = SliceCount(
        index,
        local_ns,
        votes.instrument,
        samples + (before.samples if before else 0),
        len(votes.row) + (before.votes if before else 0),
        abstained,
    )
