"""How the desk's entries behave: when one that rests gives way, and what is asked of each beside risk and costs.

Whatever protects or reduces a position is asked nothing of this. The checks and their codes: ``docs/execution.md``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

MILLISECOND_NS = 10**6
MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
MONEY = 10**8
E4 = 10_000
LOW_FILL_MS = 60_000


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MakerFirstSettings(_Model):
    """When a resting entry gives way to another order."""

    refusals: int = Field(2, ge=1, le=100, description="Post-only refusals after which what is left is taken")
    drift_bps: float = Field(
        3.0, ge=0, le=1_000, description="The touch may leave the entry behind by as much"
    )
    low_fill_ms: int | None = Field(
        None,
        gt=0,
        le=86_400_000,
        description="Age at which too little may be filled, below entry_ttl_ms; null: a minute, if it rests as long",
    )
    low_fill_pct: float = Field(
        40.0, ge=0, le=100, description="Too little: less than this share of the size"
    )

    def rules(self) -> tuple[int, int, int, int]:
        """Refusals, drift in 1e-8, age in ns, share in 1e-4, as the core takes them."""
        low_fill_ms = LOW_FILL_MS if self.low_fill_ms is None else self.low_fill_ms
        return (
            self.refusals,
            round(self.drift_bps * E4),
            low_fill_ms * MILLISECOND_NS,
            round(self.low_fill_pct * 100),
        )


class WindowHours(_Model):
    """What holds in one part of the UTC day."""

    entries: int = Field(ge=0, le=10_000, description="Entries of the account that may work at once")
    least_notional: Decimal = Field(ge=0, le=10**12, description="Smallest entry, settlement currency")

    def rules(self) -> tuple[int, int]:
        return self.entries, int(self.least_notional * MONEY)


class TradingWindowSettings(_Model):
    """Priority hours and the rest of the day."""

    from_hour: float = Field(10.0, ge=0, lt=24, description="UTC")
    until_hour: float = Field(16.0, ge=0, le=24, description="UTC, excluded; before from_hour: over midnight")
    priority: WindowHours = WindowHours(entries=6, least_notional=Decimal(25))
    off_peak: WindowHours = WindowHours(entries=2, least_notional=Decimal(50))


class BudgetSettings(_Model):
    """The venue's limits on requests and the share of each that entries leave to cancels and protective orders."""

    weight_1m: int = Field(2_400, ge=2, le=10**9, description="Request weight a minute")
    orders_10s: int = Field(300, ge=2, le=10**9)
    orders_1m: int = Field(1_200, ge=2, le=10**9)
    reserve_pct: float = Field(20.0, ge=0, lt=50, description="Of each; only half of a limit is held at once")


class SilenceSettings(_Model):
    """Requests that nobody answers."""

    timeouts: int = Field(2, ge=1, le=1_000, description="In a row")
    wait_s: float = Field(30.0, ge=0, le=86_400, description="Entries wait this long")


class BackoffSettings(_Model):
    """Jittered exponential backoff of failed requests; an entry waits no longer than the latency budget."""

    first_ms: int = Field(250, gt=0, le=3_600_000)
    largest_ms: int = Field(2_000, gt=0, le=3_600_000)
    jitter_pct: float = Field(20.0, ge=0, le=100)
    tries: int = Field(5, ge=1, le=100, description="The first included")

    @model_validator(mode="after")
    def _grows(self) -> BackoffSettings:
        if self.largest_ms < self.first_ms:
            raise ValueError(f"largest_ms {self.largest_ms} is below first_ms {self.first_ms}")
        return self


class ConductSettings(_Model):
    """What entries are asked; null: not asked. ``{}`` switches one on with the numbers of its kind."""

    protection_sigma: float | None = Field(
        None, gt=0, le=100, description="Farthest limit from the mid, in deviations over the holding time; 2"
    )
    depth_share_pct: float | None = Field(
        None, gt=0, le=100, description="Most of the displayed size that an entry takes; 100"
    )
    clock_skew_ms: float | None = Field(
        None, gt=0, le=60_000, description="Largest offset of our clock from the venue's; 500"
    )
    silence: SilenceSettings | None = None
    backoff: BackoffSettings | None = None
    window: TradingWindowSettings | None = None
    budgets: BudgetSettings | None = None

    def rules(self) -> dict[str, Any]:
        """Plain numbers, as the core takes them."""
        silence, backoff, window, budgets = self.silence, self.backoff, self.window, self.budgets
        return {
            "protection_e4": None if self.protection_sigma is None else round(self.protection_sigma * E4),
            "depth_share_e4": None if self.depth_share_pct is None else round(self.depth_share_pct * 100),
            "clock_skew_ns": None
            if self.clock_skew_ms is None
            else round(self.clock_skew_ms * MILLISECOND_NS),
            "silence": None if silence is None else (silence.timeouts, round(silence.wait_s * 1e9)),
            "backoff": None
            if backoff is None
            else (
                backoff.first_ms * MILLISECOND_NS,
                backoff.largest_ms * MILLISECOND_NS,
                round(backoff.jitter_pct * 100),
                backoff.tries,
            ),
            "window": None
            if window is None
            else (
                round(window.from_hour * HOUR_NS),
                round(window.until_hour * HOUR_NS),
                window.priority.rules(),
                window.off_peak.rules(),
            ),
            "budgets": None
            if budgets is None
            else [
                (limit, window_ns, round(limit * budgets.reserve_pct / 100))
                for limit, window_ns in (
                    (budgets.weight_1m, MINUTE_NS),
                    (budgets.orders_10s, MINUTE_NS // 6),
                    (budgets.orders_1m, MINUTE_NS),
                )
            ],
        }
