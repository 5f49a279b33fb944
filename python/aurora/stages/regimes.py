"""The regime room as the Strategy stage asks it: at every full minute, from bars and spreads known by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aurora.messages import FloatColumn, RegimeUpdate
from aurora.regime import MarketReading, Regime, RegimeBar, RegimeRoom, RegimeSettings
from aurora.signal import VolatilityGate, VolatilityGateSettings
from aurora.stages.series import MINUTE_NS, SeriesFeed

WATCH_NS = MINUTE_NS
"""Distance of the instants at which regimes are read."""
_SPREAD_UNITS = 1e6
"""Spreads are summed as whole millionths of a basis point: a sum of integers does not depend on how time was cut."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for an instrument from one instant to the next."""

    regime: str
    mode: str
    halted: bool
    volatile: bool
    """The volatility gate says skip."""


_BEGINNING = Standing(Regime.NEUTRAL.value, "hybrid", False, False)


class RegimeWatch:
    """Regimes, modes and volatility gates of a universe."""

    def __init__(
        self,
        regime: RegimeSettings,
        gate: VolatilityGateSettings,
        instruments: Sequence[str],
        sizes: Mapping[str, int],
    ):
        self.room = RegimeRoom(regime, instruments)
        self._sizes = dict(sizes)
        """Size quanta per unit, by instrument."""
        self._gates = {key: VolatilityGate(gate) for key in self.room.instruments}
        self._spreads = {key: [0, 0] for key in self.room.instruments}
        """Sum and count of the spreads since the last reading."""
        self._standing = dict.fromkeys(self.room.instruments, _BEGINNING)
        self._spread_bps = dict.fromkeys(self.room.instruments, 0.0)
        """Mean spread of the last minute that had one."""

    def standing(self, instrument: str) -> Standing:
        return self._standing[instrument]

    def spread_bps(self, instrument: str) -> float:
        """Mean spread of the last minute that had one; 0 before."""
        return self._spread_bps[instrument]

    def may_vote(self, engine: str, instrument: str) -> bool:
        """Whether the approval matrix and the leaderboard let an engine vote on an instrument now."""
        return self.room.leaderboard.may_vote(engine, Regime(self._standing[instrument].regime))

    def spreads(self, instrument: str, spread_bps: FloatColumn) -> None:
        """Takes the spreads of further rows; NaN where there is none."""
        known = spread_bps[~np.isnan(spread_bps)]
        if len(known):
            held = self._spreads[instrument]
            held[0] += int(np.rint(known * _SPREAD_UNITS).astype(np.int64).sum())
            held[1] += len(known)

    def read(self, now_ns: int, feed: SeriesFeed) -> list[RegimeUpdate]:
        """Reads every instrument at an instant; what changed is told to the desk."""
        spreads: dict[str, float | None] = {}
        for key in self.room.instruments:
            news = feed.news(key, now_ns)
            for bar in news.quarters:
                volume = bar.volume / self._sizes[key]
                self.room.bar(key, RegimeBar(bar.end_ns, bar.high, bar.low, bar.close, volume))
            for _, reach, close in news.readings:
                self._gates[key].learn(reach, close)
            total, count = self._spreads[key]
            spreads[key] = total / _SPREAD_UNITS / count if count else None
            self._spreads[key] = [0, 0]
            if count:
                self._spread_bps[key] = total / _SPREAD_UNITS / count
        updates = []
        for reading in self.room.read(now_ns, spreads):
            standing = self._of(reading)
            if standing != self._standing[reading.instrument] or reading.volatility_index is not None:
                updates.append(
                    RegimeUpdate(
                        now_ns,
                        reading.instrument,
                        standing.regime,
                        standing.mode,
                        standing.halted,
                        reading.volatility_index,
                    )
                )
            self._standing[reading.instrument] = standing
        return updates

    def _of(self, reading: MarketReading) -> Standing:
        last = self._gates[reading.instrument].last
        return Standing(
            reading.regime.regime.value,
            reading.mode.mode.value,
            reading.mode.halted,
            last is not None and last.verdict == "skip",
        )

    def findings(self) -> dict[str, Any]:
        """Regime and mode of every instrument now, and the week's leaderboard."""
        return {
            "now": {
                key: {"regime": one.regime, "mode": one.mode, "volatile": one.volatile}
                for key, one in self._standing.items()
            },
            "leaderboard": [
                {
                    "regime": row.regime.value,
                    "engine": row.engine,
                    "rank": row.rank,
                    "votes": row.votes,
                    "mean_bps": row.mean_bps,
                    "verdict": row.verdict.value,
                }
                for row in self.room.leaderboard.standings
            ],
        }

    def state(self) -> dict[str, Any]:
        return {
            "room": self.room.state(),
            "gates": {key: gate.state() for key, gate in self._gates.items()},
            "spreads": self._spreads,
            "spread_bps": {key: value.hex() for key, value in self._spread_bps.items()},
            "standing": {
                key: [one.regime, one.mode, one.halted, one.volatile] for key, one in self._standing.items()
            },
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.room.load(state["room"])
        for key, part in state["gates"].items():
            self._gates[key].load(part)
        self._spreads = {key: list(held) for key, held in state["spreads"].items()}
        self._spread_bps = {key: float.fromhex(value) for key, value in state["spread_bps"].items()}
        self._standing = {
            key: Standing(regime, mode, halted, volatile)
            for key, (regime, mode, halted, volatile) in state["standing"].items()
        }
