"""Every engine's rule in plain Python, one instrument and one time at a time, from the docstrings: lists, loops and the
`statistics` module, nothing of the engines' own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev, stdev
from typing import Any, NamedTuple

from aurora.engines import EngineInput

MINUTE = 60 * 10**9
DAY = 1_440 * MINUTE
NAN = float("nan")


class Row(NamedTuple):
    known: int
    start: int
    end: int
    values: dict[str, float]

    def __getitem__(self, name: Any) -> Any:
        return self.values.get(name, NAN)


class Abstains(Exception):
    """With its reason."""


Universe = Mapping[str, Mapping[str, list[Row]]]


class Said(NamedTuple):
    votes: list[tuple[int, int, float, float]]
    """(row, side, score, edge)."""
    abstained: Counter[str]


def universe_of(inputs: Mapping[str, EngineInput]) -> dict[str, dict[str, list[Row]]]:
    def rows(series: Any) -> list[Row]:
        columns = {name: column.tolist() for name, column in series.columns.items()}
        times = zip(series.known_ns.tolist(), series.start_ns.tolist(), series.end_ns.tolist(), strict=True)
        return [
            Row(*time, {name: column[n] for name, column in columns.items()}) for n, time in enumerate(times)
        ]

    return {key: {name: rows(s) for name, s in one.series.items()} for key, one in inputs.items()}


def known(universe: Universe, key: str, series: str, t: int) -> list[Row]:
    return [row for row in universe[key][series] if row.known <= t]


def say(
    rule: Any, clock: str, ages: Mapping[str, float], settings: Any, inputs: Mapping[str, EngineInput]
) -> dict[str, Said]:
    """What an engine says: `ages` names its series, each with the minutes after which a row has expired."""
    universe = universe_of(inputs)
    said = {}
    for key in sorted(inputs):
        votes: list[tuple[int, int, float, float]] = []
        abstained: Counter[str] = Counter()
        before = -1
        for row, t in enumerate(inputs[key].local_ns.tolist()):
            try:
                lacking = [series for series in ages if series not in universe[key]]
                if lacking:
                    raise Abstains(f"no_{lacking[0]}")
                if not any(before < r.known <= t for r in universe[key][clock]):
                    raise Abstains(f"no_new_{clock}")
                for series, minutes in ages.items():
                    rows = known(universe, key, series, t)
                    if not rows:
                        raise Abstains(f"{series}_not_known_yet")
                    if t - rows[-1].end > minutes * MINUTE:
                        raise Abstains(f"{series}_expired")
                signal, volatility, edge = rule(settings, universe, key, t, ages)
                signal = max(-settings.max_signal, min(settings.max_signal, signal))
                if abs(signal) < settings.entry or signal == 0:
                    raise Abstains("below_entry")
                coefficient = settings.information_coefficient
                if edge is None:
                    edge = coefficient * volatility * abs(signal) * 1e4
                score = 4 / math.sqrt(2 * math.pi) * coefficient * signal
                votes.append((row, 1 if signal > 0 else -1, score, edge))
            except Abstains as reason:
                abstained[str(reason)] += 1
            before = t
        said[key] = Said(votes, abstained)
    return said


def when(reason: str, holds: bool) -> None:
    if holds:
        raise Abstains(reason)


# --- Intraday ---------------------------------------------------------------------------------------------------


def deviation(row: Row, minutes: float) -> float:
    """Volatility over so many minutes from the average true range."""
    a_bar = row["average_true_range"] / row["close"] / math.sqrt(8 / math.pi)
    return a_bar * math.sqrt(minutes * MINUTE / (row.end - row.start))


def latest_bar(settings: Any, universe: Universe, key: str, t: int) -> tuple[Row, float]:
    row = known(universe, key, "intraday", t)[-1]
    when("bars_not_intraday", row.end - row.start > 15 * MINUTE)
    horizon = deviation(row, settings.horizon_minutes)
    when("volatility_undefined", not horizon > 0)
    return row, horizon


def intraday_momentum(s: Any, universe: Universe, key: str, t: int, ages: Any) -> tuple[float, float, None]:
    row, horizon = latest_bar(s, universe, key, t)
    change, latest = row[f"return_{s.minutes}m"], row["return_15m"]
    when("return_undefined", math.isnan(change) or math.isnan(latest))
    when("not_confirmed", (change > 0) - (change < 0) != (latest > 0) - (latest < 0))
    return change / deviation(row, s.minutes), horizon, None


def vwap_reversion(s: Any, universe: Universe, key: str, t: int, ages: Any) -> tuple[float, float, None]:
    row, horizon = latest_bar(s, universe, key, t)
    off = row["session_vwap_deviation"]
    when("vwap_undefined", math.isnan(off))
    return -off / deviation(row, s.scale_minutes), horizon, None


def volume_spike(s: Any, universe: Universe, key: str, t: int, ages: Any) -> tuple[float, float, None]:
    row, horizon = latest_bar(s, universe, key, t)
    when("return_undefined", math.isnan(row["return_15m"]))
    when("volume_undefined", math.isnan(row["volume_ratio"]))
    when("no_volume_spike", row["volume_ratio"] < s.spike)
    return row["return_15m"] / deviation(row, 15), horizon, None


def peers(universe: Universe, series: str, t: int, minutes: float) -> dict[str, Row]:
    """Fresh rows of the universe that end at the latest time of all."""
    fresh = {}
    for key in universe:
        rows = known(universe, key, series, t) if series in universe[key] else []
        if rows and t - rows[-1].end <= minutes * MINUTE:
            fresh[key] = rows[-1]
    newest = max((row.end for row in fresh.values()), default=0)
    return {key: row for key, row in fresh.items() if row.end == newest}


def relative_strength(s: Any, universe: Universe, key: str, t: int, ages: Any) -> tuple[float, float, None]:
    row, horizon = latest_bar(s, universe, key, t)
    name = f"return_{s.minutes}m"
    when("return_undefined", math.isnan(row[name]))
    among = peers(universe, "intraday", t, ages["intraday"])
    when("not_of_the_newest_bar", key not in among)
    values = [other[name] for other in among.values() if not math.isnan(other[name])]
    when("too_few_members", len(values) < s.min_members)
    when("no_dispersion", len(set(values)) == 1)
    return (row[name] - fmean(values)) / stdev(values), horizon, None


def opening_range_breakout(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    row, horizon = latest_bar(s, universe, key, t)
    now = row["opening_range_position"]
    when("opening_range_undefined", math.isnan(now))
    above, below = now > 1 + s.buffer, now < -s.buffer
    when("inside_the_range", not above and not below)
    rows = known(universe, key, "intraday", t)
    broken = len(rows) < 2 or rows[-2].start != row.start - (row.end - row.start) or rows[-2].end != row.start
    before = NAN if broken else rows[-2]["opening_range_position"]
    when("previous_bar_missing", math.isnan(before))
    when("outside_before", before > 1 + s.buffer if above else before < -s.buffer)
    return (now if above else now - 1), horizon, None


def quick_reversion(s: Any, universe: Universe, key: str, t: int, ages: Any) -> tuple[float, float, None]:
    row, horizon = latest_bar(s, universe, key, t)
    rows = known(universe, key, "intraday", t)[-s.bars :]
    closes = [r["close"] for r in rows]
    length = row.end - row.start
    chain = all(r.start == row.start - n * length for n, r in enumerate(reversed(rows)))
    when("bars_too_few", len(rows) < s.bars or not chain or any(map(math.isnan, closes)))
    when("no_dispersion", len(set(closes)) == 1)
    return -(closes[-1] - fmean(closes)) / pstdev(closes), horizon, None


# --- Cross-section ----------------------------------------------------------------------------------------------


def latest_day(s: Any, universe: Universe, key: str, t: int) -> tuple[Row, float]:
    row = known(universe, key, "daily", t)[-1]
    when("bars_not_daily", row.end - row.start != DAY)
    horizon = row[f"volatility_{s.volatility_days}d"] * math.sqrt(s.horizon_minutes / 1440 / 365)
    when("volatility_undefined", not horizon > 0)
    return row, horizon


def rank_scores(values: Mapping[str, float]) -> dict[str, float]:
    n = len(values)
    return {
        key: math.sqrt(3)
        * (sum(o < v for o in values.values()) - sum(o > v for o in values.values()))
        / (n - 1)
        for key, v in values.items()
        if n > 1
    }


def leg(s: Any, values: Mapping[str, float], key: str) -> int:
    """By sorting: the leg's size of the highest, but only where its edge parts unequal values."""
    size = max(1, math.floor(len(values) * s.fraction))
    ordered = sorted(values.values())
    mine = values[key]
    high = mine in ordered[-size:] and (size >= len(ordered) or mine != ordered[-size - 1])
    low = mine in ordered[:size] and (size >= len(ordered) or mine != ordered[size])
    return high - low


def ranked(s: Any, values: Mapping[str, float], key: str, among: Sequence[str]) -> float:
    when("not_of_the_newest_day", key not in among)
    when("too_few_members", len(values) < s.min_members)
    when("middle_of_the_ranks", leg(s, values, key) == 0)
    return rank_scores(values)[key]


def cross_sectional_momentum(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    def formation(row: Row) -> float:
        skipped = row[f"return_{s.skip_days}d"] if s.skip_days else 0.0
        if skipped == -1:
            return NAN
        return float((1 + row[f"return_{s.formation_days}d"]) / (1 + skipped) - 1)

    row, horizon = latest_day(s, universe, key, t)
    when("return_undefined", math.isnan(formation(row)))
    among = peers(universe, "daily", t, ages["daily"])
    values = {k: formation(r) for k, r in among.items() if not math.isnan(formation(r))}
    return ranked(s, values, key, list(among)), horizon, None


def time_series_momentum(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    row, horizon = latest_day(s, universe, key, t)
    change = row[f"return_{s.formation_days}d"]
    when("return_undefined", math.isnan(change))
    annual = row[f"volatility_{s.volatility_days}d"]
    return change / (annual * math.sqrt(s.formation_days / 365)), horizon, None


def cross_sectional_reversion(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    row, horizon = latest_day(s, universe, key, t)
    name = f"return_{s.formation_days}d"
    when("return_undefined", math.isnan(row[name]))
    among = peers(universe, "daily", t, ages["daily"])
    values = {k: -r[name] for k, r in among.items() if not math.isnan(r[name])}
    return ranked(s, values, key, list(among)), horizon, None


def quality(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    def parts(k: str) -> tuple[float, float, float]:
        days = known(universe, k, "daily", t)
        row = days[-1]
        window = days[-s.liquidity_days :]
        chain = all(r.start == row.start - n * DAY for n, r in enumerate(reversed(window)))
        traded = [r["close"] * r["volume"] for r in window]
        when("days_too_few", len(window) < s.liquidity_days or not chain or any(map(math.isnan, traded)))
        funding = known(universe, k, "funding", t)
        rates = [r["rate"] / r["interval_hours"] for r in funding[-s.funding_rows :]]
        when("funding_too_short", len(rates) < s.funding_rows or any(map(math.isnan, rates)))
        age = row.end // DAY - known(universe, k, "listing", t)[-1]["listed_day"]
        when("age_undefined", not age >= 0)
        return fmean(traded), -stdev(rates) if len(set(rates)) > 1 else 0.0, age

    _, horizon = latest_day(s, universe, key, t)
    parts(key)
    among = peers(universe, "daily", t, ages["daily"])
    found = {}
    for k in among:
        try:
            when(
                "",
                t - (known(universe, k, "funding", t) or [Row(0, 0, 0, {})])[-1].end
                > ages["funding"] * MINUTE,
            )
            latest_day(s, universe, k, t)
            found[k] = parts(k)
        except Abstains:
            continue
    scores = [rank_scores({k: v[n] for k, v in found.items()}) for n in range(3)]
    values = {k: sum(score[k] for score in scores) for k in found if len(found) > 1}
    return ranked(s, values, key, list(among)), horizon, None


# --- Futures ----------------------------------------------------------------------------------------------------


def carry(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    funding = known(universe, key, "funding", t)[-1]
    basis = known(universe, key, "basis", t)[-1]["basis"]
    when("funding_undefined", math.isnan(funding["rate"]) or not funding["interval_hours"] > 0)
    when("basis_undefined", math.isnan(basis))
    timestamps = s.horizon_minutes / 60 / funding["interval_hours"]
    earned = (-funding["rate"] * timestamps - s.convergence * basis) * 1e4
    return earned / s.min_carry_bps, 0.0, abs(earned)


def trend(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    row, horizon = latest_day(s, universe, key, t)
    a, b, c = (row[f"average_{n}d"] for n in (20, 50, 200))
    when("average_undefined", any(map(math.isnan, (a, b, c))))
    up, down = a > b > c and a > c * (1 + s.band), a < b < c and a < c * (1 - s.band)
    when("averages_not_in_order", not up and not down)
    annual = row[f"volatility_{s.volatility_days}d"]
    return (a / c - 1) / (annual * math.sqrt(200 / 365)), horizon, None


def macro(s: Any, universe: Universe, key: str, t: int, ages: Any) -> Any:
    index = [r["value"] for r in known(universe, key, "volatility_index", t)[-s.volatility_rows :]]
    now = index[-1]
    when("volatility_index_undefined", not now > 0)
    defined = [v for v in index if not math.isnan(v)]
    when("volatility_index_too_short", len(defined) < s.min_volatility_rows)
    share = (sum(v < now for v in defined) + sum(v == now for v in defined) / 2) / len(defined)
    dominance = [r["value"] for r in known(universe, key, "btc_dominance", t)]
    change = dominance[-1] - dominance[-1 - s.dominance_rows] if len(dominance) > s.dominance_rows else NAN
    when("btc_dominance_too_short", math.isnan(change))
    rates = []
    for k in universe:
        rows = known(universe, k, "funding", t) if "funding" in universe[k] else []
        if rows and t - rows[-1].end <= ages["funding"] * MINUTE and not math.isnan(rows[-1]["rate"]):
            rates.append(rows[-1]["rate"])
    when("too_few_members", len(rates) < s.min_members)
    readings = [
        1 if share <= s.calm else -1 if share >= s.stressed else 0,
        ((change > 0) - (change < 0)) * (1 if "BTC" in key else -1)
        if abs(change) >= s.dominance_change
        else 0,
        -1
        if sum(r > 0 for r in rates) / len(rates) >= s.crowded
        else 1
        if sum(r < 0 for r in rates) / len(rates) >= s.crowded
        else 0,
    ]
    when("no_agreement", abs(sum(readings)) < 2)
    return sum(readings) / math.sqrt(3), now / 100 * math.sqrt(s.horizon_minutes / 1440 / 365), None


RULES: dict[str, tuple[Any, str]] = {
    "intraday_momentum": (intraday_momentum, "intraday"),
    "vwap_reversion": (vwap_reversion, "intraday"),
    "volume_spike": (volume_spike, "intraday"),
    "relative_strength": (relative_strength, "intraday"),
    "opening_range_breakout": (opening_range_breakout, "intraday"),
    "quick_reversion": (quick_reversion, "intraday"),
    "cross_sectional_momentum": (cross_sectional_momentum, "daily"),
    "time_series_momentum": (time_series_momentum, "daily"),
    "cross_sectional_reversion": (cross_sectional_reversion, "daily"),
    "quality": (quality, "daily"),
    "carry": (carry, "funding"),
    "trend": (trend, "daily"),
    "macro": (macro, "volatility_index"),
}


def ages_of(name: str, s: Any) -> dict[str, float]:
    """Series of an engine in the order it asks for them, and the minutes after which a row has expired."""
    kind = RULES[name][1]
    if kind == "intraday":
        return {"intraday": s.max_age_minutes}
    if name == "carry":
        return {"funding": s.funding_max_age_minutes, "basis": s.basis_max_age_minutes}
    if name == "macro":
        age = s.max_age_minutes
        return {"volatility_index": age, "btc_dominance": age, "funding": s.funding_max_age_minutes}
    ages = {"daily": s.max_age_days * 1440}
    if name == "quality":
        ages |= {"funding": s.funding_max_age_minutes, "listing": math.inf}
    return ages
