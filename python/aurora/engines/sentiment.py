"""Sentiment as an optional input of any engine: recent readings count for more, old ones expire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aurora.engines.history import SeriesHistory
from aurora.engines.port import Engine, EngineInput
from aurora.engines.series_engine import MINUTE_NS
from aurora.errors import RecoveryError
from aurora.messages import FloatColumn, IntColumn, Votes

SERIES = "sentiment"
COLUMN = "value"
STATE_VERSION = 1


class SentimentSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: float = Field(0.5, gt=0, le=1, description="How far full agreement or opposition moves a vote")
    expiry_minutes: float = Field(
        1440.0, gt=0, le=525_600, description="Age at which a reading counts no more"
    )
    min_factor: float = Field(0.6, ge=0, le=1, description="Votes that it shrinks below this are withdrawn")


class SentimentTilt:
    """An engine whose votes lean with sentiment; it stays the engine that it is, by name and otherwise.

    Series ``sentiment``, column ``value``: readings from -1 (bad) to 1 (good); what is outside counts as that.
    Sentiment at t is the mean of readings known at t, weighted by 1 - age / expiry: straight from 1 to 0, so that an
    expired reading is gone and none leaves with a jump. A vote's edge and score are multiplied by 1 + weight × side ×
    sentiment; where that is below ``min_factor`` the vote is withdrawn (``sentiment_against``). Without a live
    reading votes stay as they are: sentiment is no engine's condition.
    """

    def __init__(self, engine: Engine, settings: SentimentSettings, instruments: Sequence[str]):
        self.engine = engine
        self.settings = settings
        self.name = engine.name
        self.refit_ns = engine.refit_ns
        self._expiry_ns = round(settings.expiry_minutes * MINUTE_NS)
        keys = sorted(set(instruments))
        self._place = {key: n for n, key in enumerate(keys)}
        self._readings = SeriesHistory(SERIES, keys, (COLUMN,), 1)

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        news = {}
        for key, n in self._place.items():
            rows = inputs.get(key)
            found = None if rows is None else rows.series.get(SERIES)
            if found is not None and COLUMN in found.columns:
                news[n] = found
        self._readings.append(news)
        answers = [self._tilt(votes) for votes in self.engine.vote(inputs)]
        for key, rows in inputs.items():
            if key in self._place and len(rows.local_ns):
                self._forget(self._place[key], int(rows.local_ns[-1]))
        return answers

    def _forget(self, n: int, now_ns: int) -> None:
        known = self._readings.known_ns(n)
        self._readings.drop(n, int(known.searchsorted(now_ns - self._expiry_ns, side="right")))

    def sentiment(self, instrument: str, local_ns: IntColumn) -> FloatColumn:
        """Sentiment at times from now on; NaN without a live reading."""
        n = self._place[instrument]
        known = self._readings.known_ns(n)
        value = np.clip(self._readings.column(n, COLUMN), -1.0, 1.0)
        kept = ~np.isnan(value)
        known, value = known[kept], value[kept]
        latest = np.searchsorted(known, local_ns, side="right")
        oldest = np.searchsorted(known, local_ns - self._expiry_ns, side="right")
        sums, weights = np.zeros(len(local_ns)), np.zeros(len(local_ns))
        # From the newest backwards, one by one: the order of a sum is part of its bits.
        for back in range(1, int((latest - oldest).max(initial=0)) + 1):
            there = latest - back >= oldest
            at = np.maximum(latest - back, 0)
            weight = np.where(there, 1.0 - (local_ns - known[at]) / self._expiry_ns, 0.0)
            sums += weight * value[at]
            weights += weight
        with np.errstate(divide="ignore", invalid="ignore"):
            answer: FloatColumn = np.where(weights > 0, sums / weights, np.nan)
        return answer

    def _tilt(self, votes: Votes) -> Votes:
        if not len(votes.row) or votes.instrument not in self._place:
            return votes
        sentiment = np.nan_to_num(self.sentiment(votes.instrument, votes.local_ns), nan=0.0)
        factor = 1.0 + self.settings.weight * votes.side * sentiment
        keep = factor >= self.settings.min_factor
        abstained = dict(votes.abstained)
        if not keep.all():
            abstained["sentiment_against"] = int((~keep).sum())
        return replace(
            votes,
            row=votes.row[keep],
            local_ns=votes.local_ns[keep],
            side=votes.side[keep],
            score=(votes.score * factor)[keep],
            edge_bps=(votes.edge_bps * factor)[keep],
            horizon_ns=votes.horizon_ns[keep],
            abstained=abstained,
            reliability=None if votes.reliability is None else votes.reliability[keep],
        )

    def refit(self, now_ns: int) -> None:
        self.engine.refit(now_ns)

    def findings(self) -> dict[str, Any]:
        return self.engine.findings()

    def snapshot(self) -> bytes:
        state = {
            "version": STATE_VERSION,
            "engine": self.engine.snapshot().hex(),
            "readings": dict(zip(self._place, self._readings.state(), strict=True)),
        }
        return json.dumps(state).encode()

    def restore(self, state: bytes) -> None:
        loaded = json.loads(state)
        if loaded.get("version") != STATE_VERSION or set(loaded.get("readings", ())) != set(self._place):
            raise RecoveryError(
                f"no state of the engine {self.name!r} with sentiment; resume with the settings that wrote it"
            )
        self.engine.restore(bytes.fromhex(loaded["engine"]))
        self._readings.load([loaded["readings"][key] for key in self._place])
