"""Rows of markets into verdicts: what was found, claimed, forecast and earned, each beside what was asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, norm, t

from aurora.signal import expected_calibration_error, null_calibration_error

FOUND, FALSE_CLAIM, LUCKY = 0.95, 0.05, 0.05
LEAST_SHARE = 0.5
MAX_ECE = 0.05
GROUP = 2_000
"""Forecasts of one calibration test: those of so many consecutive markets as hold at least that many."""
BINS = 15
COST_BPS = 10.2
"""Two taker fees and a usual spread: a round trip."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the score."""

    name: str
    value: str
    wanted: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Score:
    verdicts: tuple[Verdict, ...]
    figures: dict[str, Any]
    reliability: tuple[tuple[float, float, int], ...]
    """Mean forecast, share right and count of each bin, all markets together."""
    ratios: tuple[tuple[float, float], ...]
    """Net profit of the oracle and of the brain, per market."""
    lags: tuple[tuple[float, float | None], ...]
    """Planted and found, ms."""
    no_edge: tuple[float, ...]
    """Net profit of markets without an edge."""

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)


def at_least(count: int, total: int, rate: float) -> tuple[int, bool]:
    """The binomial 1 % quantile of so many trials at a rate, and whether the count is not below it."""
    least = int(binom.ppf(0.01, total, rate)) if total else 0
    return least, count >= least


def at_most(count: int, total: int, rate: float) -> tuple[int, bool]:
    """The binomial 99 % quantile, and whether the count is not above it."""
    most = int(binom.ppf(0.99, total, rate)) if total else 0
    return most, count <= most


def judge(rows: Sequence[Mapping[str, Any]]) -> Score:
    linked = [row for row in rows if row["linked"]]
    unlinked = [row for row in rows if not row["linked"]]
    verdicts: list[Verdict] = []
    figures: dict[str, Any] = {"markets": len(linked), "markets_without_edge": len(unlinked)}

    def add(name: str, value: str, wanted: str, passed: bool) -> None:
        verdicts.append(Verdict(name, value, wanted, passed))

    followers = [one for row in linked for one in row["followers"]]
    for multiple in sorted({one["multiple"] for one in followers}):
        part = [one for one in followers if one["multiple"] == multiple]
        right = sum(one["right"] for one in part)
        least, passed = at_least(right, len(part), FOUND)
        add(
            f"links of {multiple:g} round trips found, lag within a sample",
            f"{right} of {len(part)}",
            f"≥ {least}",
            passed,
        )
        figures[f"found_{multiple:g}"] = [right, len(part)]
    controls = [claimed for row in rows for claimed in row["controls"].values()]
    most, passed = at_most(sum(controls), len(controls), FALSE_CLAIM)
    add("links claimed on controls", f"{sum(controls)} of {len(controls)}", f"≤ {most}", passed)
    figures["false_claims"] = [sum(controls), len(controls)]

    _calibration(linked, add, figures)
    net, best = sum(row["net"] for row in linked), sum(row["oracle"]["net"] for row in linked)
    share = net / best if best > 0 else math.nan
    low, high = _ratio_interval(linked)
    add(
        "net profit over that of the oracle",
        f"{share:.1%} (95 %: {low:.1%} to {high:.1%})",
        f"≥ {LEAST_SHARE:.0%}",
        share >= LEAST_SHARE,
    )
    figures["net"], figures["oracle_net"], figures["share"] = round(net, 2), round(best, 2), round(share, 4)
    figures["trades"] = sum(len(row["trades"]) for row in linked)
    figures["oracle_trades"] = sum(len(row["oracle"]["trades"]) for row in linked)
    figures["net_bps_a_trade"] = _mean([bps for row in linked for bps in row["trades"]])
    starts = [row["first_s"] for row in linked if row["first_s"] is not None]
    figures["first_trade_s"] = _mean(starts)
    _without_edge(unlinked, add, figures)
    traded = [pair for row in linked for pair in row["traded_p"]]
    if traded:
        right, said = sum(one[1] for one in traded), math.fsum(one[0] for one in traded)
        # Were each p true, so many would be right by chance at least in 99 % of cases.
        least = said - float(norm.ppf(0.99)) * math.sqrt(math.fsum(p * (1 - p) for p, _ in traded))
        add(
            "right of the signals traded",
            f"{right:,} of {len(traded):,}",
            f"≥ {least:,.0f}, by p",
            right >= least,
        )
        figures["traded_signals"] = len(traded)
        figures["traded_p"] = round(said / len(traded), 4)
        figures["traded_right"] = round(right / len(traded), 4)
    pairs = [pair for row in linked for pair in row["p"]]
    return Score(
        tuple(verdicts),
        figures,
        tuple(_bins(pairs)),
        tuple((row["oracle"]["net"], row["net"]) for row in linked),
        tuple((one["lag_ms"], one["found_ms"]) for one in followers),
        tuple(row["net"] for row in unlinked),
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(math.fsum(values) / len(values), 3) if values else None


def _error(pairs: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Calibration error and its 95 % null quantile."""
    p = np.array([one[0] for one in pairs])
    right = np.array([one[1] for one in pairs], np.bool_)
    ece = expected_calibration_error(p, right, BINS, "equal_width")
    null = null_calibration_error(p, BINS, "equal_width", level=0.95, draws=1000, seed=0)
    assert ece is not None
    assert null is not None
    return ece, null.quantile


def groups(rows: Sequence[Mapping[str, Any]]) -> list[list[Sequence[float]]]:
    """Forecasts of consecutive markets, at least :data:`GROUP` together; what is left over at the end is left out."""
    made: list[list[Sequence[float]]] = []
    now: list[Sequence[float]] = []
    for row in rows:
        now += row["p"]
        if len(now) >= GROUP:
            made.append(now)
            now = []
    return made


def _calibration(
    linked: Sequence[Mapping[str, Any]],
    add: Callable[[str, str, str, bool], None],
    figures: dict[str, Any],
) -> None:
    tested = [_error(group) for group in groups(linked)]
    below = sum(ece <= quantile for ece, quantile in tested)
    small = sum(ece <= MAX_ECE for ece, _ in tested)
    # However few groups there are, one of them has to pass.
    least = max(1, at_least(below, len(tested), 0.95)[0])
    name = f"groups of ≥ {GROUP:,} forecasts with ECE"
    add(
        f"{name} under the 95 % null quantile",
        f"{below} of {len(tested)}",
        f"≥ {least}",
        below >= least,
    )
    add(f"{name} ≤ {MAX_ECE}", f"{small} of {len(tested)}", "all", small == len(tested) and bool(tested))
    figures["groups"] = [[round(ece, 4), round(quantile, 4)] for ece, quantile in tested]
    pairs = [pair for row in linked for pair in row["p"]]
    if pairs:
        ece, quantile = _error(pairs)
        figures["forecasts"], figures["ece"], figures["ece_null"] = (
            len(pairs),
            round(ece, 4),
            round(quantile, 4),
        )
        brier = math.fsum((p - y) ** 2 for p, y in pairs) / len(pairs)
        figures["brier_skill"] = round(1 - brier / 0.25, 4)


def _without_edge(
    unlinked: Sequence[Mapping[str, Any]],
    add: Callable[[str, str, str, bool], None],
    figures: dict[str, Any],
) -> None:
    if not unlinked:
        return
    nets = [row["net"] for row in unlinked]
    allowed = -math.fsum(row["position"] for row in unlinked) / len(unlinked) * COST_BPS / 1e4 / 6
    mean = math.fsum(nets) / len(nets)
    add(
        "mean net profit without an edge",
        f"{mean:.2f}",
        f"≥ {allowed:.2f} (a round trip an hour)",
        mean >= allowed,
    )
    lucky = sum(_surely_positive(row["trades"]) for row in unlinked)
    most, passed = at_most(lucky, len(unlinked), LUCKY)
    add("markets without an edge that look profitable", f"{lucky} of {len(unlinked)}", f"≤ {most}", passed)
    figures["no_edge_net"] = round(mean, 2)
    figures["no_edge_trades"] = sum(len(row["trades"]) for row in unlinked)


def _surely_positive(trades: Sequence[float]) -> bool:
    """Whether the lower 95 % bound (one-sided, Student) of the mean net profit of a trade is above 0."""
    if len(trades) < 2:
        return False
    values = np.array(trades)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - float(t.ppf(0.95, len(values) - 1)) * error > 0


def _ratio_interval(linked: Sequence[Mapping[str, Any]], draws: int = 2_000) -> tuple[float, float]:
    """95 % bootstrap interval over markets."""
    if not linked:
        return math.nan, math.nan
    draw = np.random.default_rng(0)
    brain = np.array([row["net"] for row in linked])
    oracle = np.array([row["oracle"]["net"] for row in linked])
    index = draw.integers(0, len(linked), (draws, len(linked)))
    ratios = brain[index].sum(axis=1) / oracle[index].sum(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)


def _bins(pairs: Sequence[Sequence[float]]) -> list[tuple[float, float, int]]:
    if not pairs:
        return []
    p = np.array([one[0] for one in pairs])
    right = np.array([one[1] for one in pairs], np.float64)
    place = np.clip(np.ceil(p * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        (float(p[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in range(BINS)
        if (place == b).any()
    ]
