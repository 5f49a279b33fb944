"""The sections of the risk policy: what belongs to one gate stands together, each number with its range.

Numbers are :class:`~decimal.Decimal` as written in the file, so that limits on money and lots stay exact. Per cent is
of equity unless a name says otherwise.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

DECIMAL_PLACES = 18
"""Finer limits are refused: they mean nothing, and exact arithmetic would carry them along."""


def number(default: str, description: str, *, over: str | None = "0", **bounds: Any) -> Any:
    """A decimal limit, greater than ``over`` (None: no such bound); ``ge``, ``le`` and ``lt`` as in pydantic."""
    for name, value in bounds.items():
        bounds[name] = Decimal(str(value))
    if over is not None:
        bounds["gt"] = Decimal(over)
    return Field(Decimal(default), description=description, decimal_places=DECIMAL_PLACES, **bounds)


class Section(BaseModel):
    """A part of the policy file: unknown names are refused, nothing can be changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScalerPolicy(Section):
    """Multipliers in [0, 1] that shrink a size."""

    calibration_decay: Decimal = number("5", "k in exp(-k * excess calibration error)", le=1000)
    regime_trend: Decimal = number("1", "Multiplier in a trend", over=None, ge=0, le=1)
    regime_range: Decimal = number("0.75", "Multiplier in a range", over=None, ge=0, le=1)
    regime_neutral: Decimal = number("0.5", "Multiplier where no regime is clear", over=None, ge=0, le=1)
    regime_panic: Decimal = number("0", "Multiplier in a panic", over=None, ge=0, le=1)
    regime_illiquid: Decimal = number("0", "Multiplier in an illiquid market", over=None, ge=0, le=1)
    depth_share: Decimal = number("0.1", "Largest share of the depth within 5 bps that an order may be", le=1)
    throttle_slope: Decimal = number(
        "0.5", "Change of the multiplier per unit of the 7-day Sharpe ratio", le=10
    )
    throttle_floor: Decimal = number("0.25", "The performance throttle goes no lower", over=None, ge=0, le=1)
    volatility: Literal["none", "inverse_volatility", "volatility_target"] = Field(
        "none", description="The one volatility multiplier beside the stop distance"
    )


class KellyPolicy(Section):
    """Kelly at a low quantile of the posterior of p, or a fraction of Kelly: one, never both."""

    method: Literal["posterior_quantile", "fraction"] = "posterior_quantile"
    quantile: Decimal | None = Field(
        Decimal("0.2"),
        description="Quantile of the posterior of p; with posterior_quantile only",
        gt=0,
        le=Decimal("0.5"),
        decimal_places=DECIMAL_PLACES,
    )
    fraction: Decimal | None = Field(
        None,
        description="Share of full Kelly (0.25 where none is given); with fraction only",
        gt=0,
        le=Decimal("0.25"),
        decimal_places=DECIMAL_PLACES,
    )

    @model_validator(mode="before")
    @classmethod
    def _of_the_method(cls, values: Any) -> Any:
        """Fills in what the method needs, so that a default told and a default left out are the same policy."""
        if not isinstance(values, dict):
            return values
        given = {name: value for name, value in values.items() if value is not None}
        if given.get("method") == "fraction":
            return {"quantile": None, "fraction": Decimal("0.25"), **given}
        return given

    @property
    def posterior_quantile(self) -> Decimal:
        """Quantile of the posterior at which p is taken; with a fraction of Kelly p is its median."""
        return Decimal("0.5") if self.quantile is None else self.quantile

    @property
    def multiplier(self) -> Decimal:
        """Share of the Kelly fraction that is staked; 1 where p itself is already a low quantile."""
        return Decimal(1) if self.fraction is None else self.fraction


class TailPolicy(Section):
    """Expected shortfall at 95 %, per trade and over the portfolio."""

    trade_pct: Decimal = number("2", "Largest expected shortfall (95 %) of one trade", le=100)
    threshold_quantile: Decimal = number(
        "0.9", "Losses above this quantile are the tail that is fitted", lt=1
    )
    minimum_observations: int = Field(1000, ge=50, le=10_000_000, description="Fewer losses are not fitted")
    minimum_exceedances: int = Field(100, ge=10, le=1_000_000, description="Nor are fewer losses in the tail")
    haircut_pct: Decimal = number(
        "15",
        "Added to an empirical shortfall of 1,000 losses; grows with 1 / sqrt(n)",
        over=None,
        ge=0,
        le=500,
    )
    resamples: int = Field(500, ge=20, le=100_000, description="Of the bootstrap interval")


class LimitPolicy(Section):
    """Account limits beside those of position, symbol, gross and leverage at the top of the file."""

    sector_pct: Decimal = number("50", "Notional of one sector, working orders included", le=2000)
    sectors: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Instruments of each sector, as `venue:symbol` or symbol alone"
    )
    net_min_pct: Decimal = number("-30", "Least net notional, shorts negative", over=None, ge=-2000, le=0)
    net_max_pct: Decimal = number("100", "Largest net notional", over=None, ge=0, le=2000)
    notional_share_pct: Decimal = number("25", "Share of the 7-day notional one symbol may have", le=100)
    notional_share_multiple: Decimal = number(
        "1.5", "But at least this over the number of active symbols", over=None, ge=0, le=100
    )
    notional_share_floor_pct: Decimal = number(
        "100",
        "Shares are taken of at least this notional, so that a fresh account may trade",
        over=None,
        ge=0,
        le=10_000,
    )
    symbol_day_stop_pct: Decimal = number("1", "Loss of one symbol in a UTC day that stops it", le=100)
    symbol_cool_down_hours: Decimal = number("24", "How long it stays stopped", le=8760)
    correlation_alert: Decimal = number("0.7", "Weighted mean correlation of positions that alerts", lt=1)
    turnover_day_pct: Decimal = number("50", "Half the notional traded in a UTC day", le=1_000_000)

    @field_validator("sectors")
    @classmethod
    def _one_sector_each(cls, sectors: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Sectors and their members in order of name, so that one policy has one hash."""
        owner: dict[str, str] = {}
        for sector, members in sectors.items():
            if not sector:
                raise ValueError("a sector has no name")
            for member in members:
                if owner.setdefault(member, sector) != sector:
                    raise ValueError(
                        f"{member} is in {owner[member]} and in {sector}; a symbol has one sector"
                    )
        return {sector: tuple(sorted(set(members))) for sector, members in sorted(sectors.items())}

    def sector_of(self, instrument: str) -> str:
        """The sector of ``venue:symbol``, named so or by its symbol alone; empty where it has none."""
        names = (instrument, instrument.partition(":")[2])
        return next((s for name in names for s, members in self.sectors.items() if name in members), "")


class BreakerPolicy(Section):
    """When trading stops or shrinks by itself, and when it comes back."""

    day_loss_cap_pct: Decimal = number("3", "The day's loss limit is no larger, whatever the preset", le=100)
    drawdown_alert_pct: Decimal = number("5", "Drawdown from the peak that alerts", le=100)
    drawdown_halve_pct: Decimal = number("10", "Drawdown from the peak that halves exposure", le=100)
    drawdown_reset_share: Decimal = number("0.8", "Reset once below this share of its level", lt=1)
    loss_streak: int = Field(3, ge=1, le=1000, description="Losses in a row that halve the size until a win")
    loss_streak_scale: Decimal = number("0.5", "Size multiplier meanwhile", over=None, ge=0, lt=1)
    volatility_percentile: Decimal = number("95", "Realised volatility above it calls for defence", lt=100)
    volatility_reset_percentile: Decimal = number("80", "Defence ends at or below it", lt=100)
    volatility_window: int = Field(1000, ge=20, le=100_000, description="Past readings the percentile is of")
    volatility_minimum: int = Field(100, ge=20, le=100_000, description="Fewer readings trip nothing")
    defence_scale: Decimal = number("0.5", "Size multiplier in defence", over=None, ge=0, le=1)
    volatility_index_halt: Decimal = number("35", "Volatility index above which nothing is opened", le=1000)
    volatility_index_resume: Decimal = number("30", "Entries resume at or below it", le=1000)
    halt_exposure_scale: Decimal = number("0.5", "Exposure kept while halted", over=None, ge=0, le=1)
    condition_hold_s: Decimal = number(
        "30", "How long a condition such as a stale book blocks after its end", over=None, ge=0, le=86_400
    )


class ExpectancyPolicy(Section):
    """Veto of a symbol, or of a symbol's hour of the day, that loses with confidence."""

    window_trades: int = Field(500, ge=10, le=100_000, description="Latest trades that count")
    window_hours: Decimal = number("24", "Older trades do not count", le=8760)
    minimum_trades: int = Field(30, ge=10, le=100_000, description="Fewer trades veto nothing")
    confidence: Decimal = number("0.95", "One-sided confidence of the upper bound", over="0.5", lt=1)
    reentry_trades: int = Field(30, ge=5, le=100_000, description="Shadow trades that may lift a veto")


class PortfolioPolicy(Section):
    """Weights are shares of the allowed gross notional."""

    gross_pct: Decimal = number("70", "Sum of absolute weights, per cent", le=100)
    cash_pct: Decimal = number("10", "Weight kept in cash, per cent", over=None, ge=0, lt=100)
    concentration: Decimal = number("0.25", "Largest Herfindahl-Hirschman index of the weights", le=1)
    concentration_free: int = Field(4, ge=0, le=1000, description="So few symbols have no such limit")
    turnover_penalty: Decimal = number("0.1", "Basis points per unit of turnover", over=None, ge=0, le=1000)
    concentration_penalty: Decimal = number(
        "1", "Basis points per unit of the sum of squared weights", over=None, ge=0, le=1000
    )
    risk_aversion: Decimal = number("0", "Per basis point of variance", over=None, ge=0, le=1000)
    correlated_pct: Decimal = number(
        "60", "Weight of a symbol and all that moves with it, by positive correlation", le=100
    )
