"""The expectancy filter: a symbol, or an hour of the day in it, that loses with confidence is not traded.

E = p·W - (1-p)·L with W and L positive magnitudes, over the last 500 trades of the last 24 hours. A veto falls when
the upper confidence bound of E is below 0. While it holds, trades go on in the shadow - resolved at the market, costs
included - and the veto is lifted once the last so many of them have an expectancy above 0; the history then starts
with those. So a veto is never final, and never lifted by time alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from aurora.errors import RecoveryError, UsageError
from aurora.risk.exact import finite, series, within
from aurora.risk.sections import ExpectancyPolicy

HOUR_NS = 3_600 * 10**9
STATE_VERSION = 1
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Expectancy:
    """What trades were worth, basis points of notional, net."""

    trades: int
    win_rate: float | None
    """p: share of trades above 0; None without trades."""
    mean_win: float | None
    """W; None without wins."""
    mean_loss: float | None
    """L, a positive magnitude, over trades at or below 0; None without them."""
    value: float | None
    """E = p·W - (1-p)·L; None without trades."""
    upper: float | None
    """One-sided upper confidence bound of E (Student's t); None below two trades."""
    lower: float | None


def student_quantile(confidence: float, freedom: int) -> float:
    """Quantile of Student's t by Cornish-Fisher expansion about the normal (Abramowitz and Stegun 26.7.5).

    Arithmetic alone after the normal quantile, so the same on every platform; within 1e-4 of the exact one from nine
    degrees of freedom and confidence up to 0.99.
    """
    z, n = NormalDist().inv_cdf(confidence), freedom
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / n + g2 / n**2 + g3 / n**3 + g4 / n**4


def expectancy_of(returns: Sequence[float], confidence: float = 0.95) -> Expectancy:
    """Expectancy of net returns per trade.

    Raises:
        DataError: a return that is not finite, or a confidence outside (0.5, 1).
    """
    level = within("confidence", confidence, 0.5, 1.0, open_ends=True)
    values = [float(value) for value in series("returns", list(returns))]
    count = len(values)
    if count == 0:
        return Expectancy(0, None, None, None, None, None, None)
    wins = [value for value in values if value > 0]
    losses = [-value for value in values if value <= 0]
    p = len(wins) / count
    won = math.fsum(wins) / len(wins) if wins else None
    lost = math.fsum(losses) / len(losses) if losses else None
    # p·W - (1-p)·L is the mean; summed at once, trades that cancel come to exactly 0.
    mean = math.fsum(values) / count
    if count < 2:
        return Expectancy(count, p, won, lost, mean, None, None)
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (count - 1) / count)
    width = student_quantile(level, count - 1) * spread
    return Expectancy(count, p, won, lost, mean, mean + width, mean - width)


@checked_dataclass(slots=True, config=_STRICT)
class _Bucket:
    """Trades of a symbol, or of one of its hours, oldest first."""

    times_ns: list[int] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    vetoed_ns: int | None = None
    """Since when; then the trades are shadow trades."""


@dataclass(frozen=True, slots=True)
class ExpectancyEvent:
    """A veto that fell or was lifted."""

    local_ns: int
    symbol: str
    hour: int | None
    """UTC hour of the day; None: the whole symbol."""
    change: str
    """``veto`` or ``lift``."""
    expectancy: Expectancy


class ExpectancyFilter:
    """Expectancy per symbol and per symbol and UTC hour of the day, fed by fills, lifted by shadow trades."""

    def __init__(self, policy: ExpectancyPolicy):
        self._policy = policy
        self._window_ns = int(policy.window_hours * HOUR_NS)
        self._buckets: dict[str, _Bucket] = {}
        self._now_ns: int | None = None

    def observe(
        self, now_ns: int, symbol: str, opened_ns: int, return_bps: float, *, shadow: bool
    ) -> list[ExpectancyEvent]:
        """A trade ended. A bucket under veto learns from shadow trades alone, any other from real ones alone.

        Args:
            now_ns: when it ended; may not run backwards.
            opened_ns: when it was decided: its hour is the one that learns.
            return_bps: net of all costs, basis points of notional.
            shadow: it was not sent, but resolved at the market.
        """
        value = finite("return_bps", return_bps)
        if self._now_ns is not None and now_ns < self._now_ns:
            raise UsageError(f"time runs backwards: {now_ns} after {self._now_ns}")
        if opened_ns > now_ns:
            raise UsageError(f"a trade ends at {now_ns} and begins at {opened_ns}")
        self._now_ns = now_ns
        events = []
        for hour in (None, hour_of(opened_ns)):
            bucket = self._buckets.setdefault(_key(symbol, hour), _Bucket())
            if shadow != (bucket.vetoed_ns is not None):
                continue
            bucket.times_ns.append(now_ns)
            bucket.returns.append(value)
            self._forget(bucket, now_ns)
            event = self._judge(bucket, now_ns, symbol, hour)
            if event is not None:
                events.append(event)
        return events

    def vetoed(self, now_ns: int, symbol: str) -> bool:
        """Whether an entry in ``symbol`` at this time is refused (``deny.expectancy``): trade it in the shadow."""
        buckets = (self._buckets.get(_key(symbol, hour)) for hour in (None, hour_of(now_ns)))
        return any(bucket is not None and bucket.vetoed_ns is not None for bucket in buckets)

    def expectancy(self, now_ns: int, symbol: str, hour: int | None = None) -> Expectancy:
        """Of the trades in the window: the real ones, under veto the shadow ones."""
        bucket = self._buckets.get(_key(symbol, hour), _Bucket())
        first = self._first(bucket, now_ns)
        return expectancy_of(bucket.returns[first:], float(self._policy.confidence))

    def _first(self, bucket: _Bucket, now_ns: int) -> int:
        """Index of the first trade in the window; exactly as old as the window still counts.

        Shadow trades do not grow old: where few come a day, a veto would be final.
        """
        first = max(0, len(bucket.times_ns) - self._policy.window_trades)
        if bucket.vetoed_ns is not None:
            return first
        while first < len(bucket.times_ns) and bucket.times_ns[first] < now_ns - self._window_ns:
            first += 1
        return first

    def _forget(self, bucket: _Bucket, now_ns: int) -> None:
        first = self._first(bucket, now_ns)
        del bucket.times_ns[:first]
        del bucket.returns[:first]

    def _judge(self, bucket: _Bucket, now_ns: int, symbol: str, hour: int | None) -> ExpectancyEvent | None:
        policy = self._policy
        if bucket.vetoed_ns is not None:
            if len(bucket.returns) < policy.reentry_trades:
                return None
            latest = expectancy_of(bucket.returns[-policy.reentry_trades :], float(policy.confidence))
            if latest.value is None or latest.value <= 0:
                return None
            bucket.vetoed_ns = None
            del bucket.times_ns[: -policy.reentry_trades]
            del bucket.returns[: -policy.reentry_trades]
            return ExpectancyEvent(now_ns, symbol, hour, "lift", latest)
        if len(bucket.returns) < policy.minimum_trades:
            return None
        recent = expectancy_of(bucket.returns, float(policy.confidence))
        if recent.upper is None or recent.upper >= 0:
            return None
        bucket.vetoed_ns = now_ns
        # What lifts the veto is what happens from here on.
        bucket.times_ns.clear()
        bucket.returns.clear()
        return ExpectancyEvent(now_ns, symbol, hour, "veto", recent)

    def snapshot(self) -> bytes:
        """The whole state, the same bytes for the same state."""
        buckets = {key: asdict(bucket) for key, bucket in self._buckets.items()}
        body = {"version": STATE_VERSION, "now_ns": self._now_ns, "buckets": buckets}
        return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    def restore(self, state: bytes) -> None:
        """Takes up where a snapshot ended.

        Raises:
            RecoveryError: not a snapshot, of another version, or damaged.
        """
        try:
            body: Any = json.loads(state)
            if body["version"] != STATE_VERSION:
                raise RecoveryError(
                    f"expectancy state of version {body['version']}, expected {STATE_VERSION}"
                )
            buckets = TypeAdapter(dict[str, _Bucket]).validate_json(json.dumps(body["buckets"]))
            now_ns = TypeAdapter(int | None).validate_python(body["now_ns"], strict=True)
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise RecoveryError(f"expectancy state is damaged: {error}") from error
        if any(len(bucket.times_ns) != len(bucket.returns) for bucket in buckets.values()):
            raise RecoveryError("expectancy state is damaged: times without returns")
        self._buckets, self._now_ns = buckets, now_ns


def hour_of(now_ns: int) -> int:
    """UTC hour of the day, 0 to 23."""
    return now_ns // HOUR_NS % 24


def _key(symbol: str, hour: int | None) -> str:
    return symbol if hour is None else f"{symbol}@{hour:02d}"
