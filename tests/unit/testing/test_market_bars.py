"""Synthetic bars: plants are in the frames that engines see, at their size and sign, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from pydantic import ValidationError

import aurora.features as features
from aurora.testing import (
    BarSettings,
    FundingPlant,
    Impulses,
    Jumps,
    LinkPlant,
    PatternPlant,
    PlantedBars,
    RegimePlant,
    SlowPlant,
    SymbolSettings,
    make_bars,
)

FOUR = ("SOLUSDT", "BTCUSDT", "ETHUSDT", "XRPUSDT")
EIGHT = (*FOUR, "ADAUSDT", "DOGEUSDT", "LINKUSDT", "AVAXUSDT")
PATTERNS = (
    "intraday_momentum",
    "vwap_reversion",
    "volume_spike",
    "relative_strength",
    "opening_range_breakout",
    "quick_reversion",
)
SLOW = (
    "cross_sectional_momentum",
    "time_series_momentum",
    "cross_sectional_reversion",
    "quality",
    "carry",
    "trend",
    "macro",
)
DAY_NS = 86_400 * 10**9

Floats = npt.NDArray[np.float64]


def symbols(names: tuple[str, ...], **changes: Any) -> tuple[SymbolSettings, ...]:
    return tuple(SymbolSettings(symbol=name, **changes) for name in names)


def key(symbol: str) -> str:
    return f"binance_usdm:{symbol}"


def t_value(values: Any, wanted: float = 0.0) -> float:
    array = np.asarray(values, dtype=np.float64)
    return float((array.mean() - wanted) / (array.std(ddof=1) / len(array) ** 0.5))


# --- Bars --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain() -> PlantedBars:
    return make_bars(BarSettings(seed=5, days=12, symbols=symbols(FOUR)))


def test_bars_are_as_those_of_captures(plain: PlantedBars) -> None:
    bars = plain.bars
    assert bars.columns == list(features.BAR_COLUMNS)
    assert bars.schema == features.bar_schema(bars.schema["notional"].scale)  # type: ignore[attr-defined]
    assert len(bars) == 4 * 12 * 1_440
    assert bars.null_count().sum_horizontal().item() == 0
    assert (bars["low"] <= bars["open"]).all()
    assert (bars["low"] <= bars["close"]).all()
    assert (bars["high"] >= bars["open"]).all()
    assert (bars["high"] >= bars["close"]).all()
    assert (bars["low"] <= bars["vwap"] * (1 + 1e-12)).all()
    assert (bars["vwap"] <= bars["high"] * (1 + 1e-12)).all()
    assert (bars["buy_volume"] <= bars["volume"]).all()
    assert (bars["volume"] > 0).all()
    assert features.resample(bars, "15m").height == 4 * 12 * 96
    days = features.daily(bars)
    assert days.filter(pl.col("close").is_null()).is_empty()
    # 1.2 bps per square root of a second are 353 bps a day.
    annual = days.filter(pl.col("instrument") == key("BTCUSDT"))["close"].log().diff().std() * 1e4
    assert annual == pytest.approx(353, rel=0.6)
    minutes = bars.filter(pl.col("instrument") == key("BTCUSDT"))["close"].log().diff().std()
    assert minutes * 1e4 == pytest.approx(1.2 * 60**0.5, rel=0.05)


def test_seeds_make_frames(plain: PlantedBars, tmp_path: Path) -> None:
    again = make_bars(plain.settings)
    other = make_bars(plain.settings.model_copy(update={"seed": 6}))
    for name in ("bars", "funding", "basis", "listing", "volatility_index", "btc_dominance"):
        frame = getattr(plain, name)
        assert frame.equals(getattr(again, name))
        assert frame.columns[0] == "instrument"
        assert (frame["known_ns"] >= frame["end_ns"]).all()
        if name != "listing":
            assert not frame.equals(getattr(other, name))
    paths = plain.write(tmp_path)
    assert all("synthetic" in path.name for path in paths.values())
    assert pl.read_parquet(paths["bars"]).equals(plain.bars)
    truth = json.loads(paths["truth"].read_text())
    assert truth == plain.truth
    assert truth["synthetic"] is True
    assert BarSettings.model_validate(truth["settings"]) == plain.settings


def test_a_plant_leaves_the_others_alone(plain: PlantedBars) -> None:
    plant = PatternPlant(kind="volume_spike", symbol="XRPUSDT", edge_bps=50.0)
    planted = make_bars(plain.settings.model_copy(update={"patterns": (plant,)}))
    same = [
        name
        for name in FOUR
        if planted.bars.filter(pl.col("instrument") == key(name)).equals(
            plain.bars.filter(pl.col("instrument") == key(name))
        )
    ]
    assert same == ["SOLUSDT", "BTCUSDT", "ETHUSDT"]


def test_links_are_in_bars_too() -> None:
    link = LinkPlant(leader="SOLUSDT", follower="XRPUSDT", lag_ms=120_000, strength=0.8)
    bars = make_bars(BarSettings(seed=5, days=3, symbols=symbols(FOUR), links=(link,))).bars
    returns = {
        name: bars.filter(pl.col("instrument") == key(name))["close"].log().diff()[1:].to_numpy()
        for name in FOUR
    }
    for name, lag, wanted in (("XRPUSDT", 2, 0.625), ("XRPUSDT", 0, 0.0), ("ETHUSDT", 2, 0.0)):
        x, y = returns["SOLUSDT"], returns[name]
        found = np.corrcoef(x[: len(x) - lag], y[lag:])[0, 1]
        assert found == pytest.approx(wanted, abs=0.07), (name, lag)


# --- Intraday patterns -------------------------------------------------------------------------------


def with_pattern(kind: str, edge_bps: float = 60.0, days: int = 30) -> PlantedBars:
    plants = tuple(PatternPlant(kind=kind, symbol=name, edge_bps=edge_bps) for name in FOUR)
    return make_bars(BarSettings(seed=3, days=days, symbols=symbols(FOUR), patterns=plants))


@pytest.mark.parametrize("kind", PATTERNS)
def test_each_pattern_shows_its_trigger_and_pays_its_edge(kind: str) -> None:
    planted = with_pattern(kind)
    rows = {
        name: part
        for (name,), part in features.intraday(planted.bars).partition_by("instrument", as_dict=True).items()
    }
    gains, unplanted, shown = [], [], []
    rng = np.random.default_rng(1)
    for episode in planted.truth["episodes"]:
        frame = rows[key(episode["symbol"])]
        ends, close = frame["end_ns"].to_numpy(), frame["close"].to_numpy()
        first = int(np.searchsorted(ends, episode["known_ms"] * 10**6))
        last = int(np.searchsorted(ends, episode["end_ms"] * 10**6))
        if last >= len(ends) or first < 20:
            continue
        gains.append(episode["side"] * np.log(close[last] / close[first]) * 1e4)
        # The trigger as the engine of that name looks at it, positive for the side.
        side, row = episode["side"], frame.row(first, named=True)
        if kind in ("intraday_momentum", "relative_strength"):
            shown.append(side * row["return_60m"] * 1e4 > 100)
        elif kind == "vwap_reversion":
            shown.append(-side * (row["session_vwap_deviation"] or 0.0) * 1e4 > 100)
        elif kind == "volume_spike":
            shown.append(frame["volume_ratio"][first - 1] > 3 and side * row["return_15m"] > 0)
        elif kind == "opening_range_breakout":
            position = row["opening_range_position"]
            shown.append(position > 1 if side > 0 else position < 0)
        else:
            window = close[first - 19 : first + 1]
            shown.append(-side * (close[first] - window.mean()) / window.std() > 2)
        place = int(rng.integers(100, len(close) - 100))
        unplanted.append(episode["side"] * np.log(close[place + 30] / close[place]) * 1e4)
    assert len(gains) > 100
    assert np.mean(shown) > 0.8
    # Up to a bar of the move lies before the first close.
    assert abs(t_value(gains, 60.0)) < 3.5
    assert t_value(gains) > 5
    assert abs(t_value(unplanted)) < 3.5


def test_relative_strength_can_have_a_benchmark() -> None:
    plant = PatternPlant(kind="relative_strength", symbol="XRPUSDT", edge_bps=60.0, benchmark="BTCUSDT")
    planted = make_bars(BarSettings(seed=3, days=20, symbols=symbols(FOUR), patterns=(plant,)))
    frame = features.intraday(planted.bars)
    parts = {name: frame.filter(pl.col("instrument") == key(name)) for name in ("XRPUSDT", "BTCUSDT")}
    moves = []
    for episode in planted.truth["episodes"]:
        row = int(np.searchsorted(parts["XRPUSDT"]["end_ns"].to_numpy(), episode["known_ms"] * 10**6))
        moves.append([episode["side"] * parts[name]["return_60m"][row] * 1e4 for name in parts])
    own, benchmark = np.mean(moves, axis=0)
    assert own > 70
    assert benchmark < -70
    assert {episode["symbol"] for episode in planted.truth["episodes"]} == {"XRPUSDT"}


def test_the_oracle_of_bars_knows_patterns_and_spells() -> None:
    planted = with_pattern("quick_reversion", days=5)
    episode = planted.truth["episodes"][0]
    known = episode["known_ms"] * 10**6
    expected = planted.expected_bps(episode["symbol"], [known - 60 * 10**9, known], 900 * 10**9)
    assert expected == pytest.approx([0.0, 60.0 * episode["side"]], abs=0.01)


# --- Slow plants -------------------------------------------------------------------------------------


def with_slow(kind: str, edge_bps: float = 60.0, seed: int = 3, days: int = 900) -> PlantedBars:
    plant = SlowPlant(kind=kind, edge_bps=edge_bps)
    return make_bars(
        BarSettings(
            seed=seed, days=days, bar_minutes=240, symbols=symbols(EIGHT, noise_bps=0.6), slow=(plant,)
        )
    )


def daily_log_returns(planted: PlantedBars) -> Floats:
    """Days × instruments, basis points."""
    closes = (
        features.daily(planted.bars).pivot(on="instrument", index="start_ns", values="close").sort("start_ns")
    )
    return np.diff(np.log(closes.select([key(name) for name in EIGHT]).to_numpy()), axis=0) * 1e4


def held(planted: PlantedBars, returns: Floats) -> tuple[Floats, Floats]:
    """Truth's expected gain of a long, and what it was, of every whole day within a spell and symbol."""
    start = planted.settings.start_ms * 10**6
    at = start + np.arange(1, len(returns) + 1) * DAY_NS
    expected = np.stack([planted.expected_bps(name, at, DAY_NS) for name in EIGHT], axis=1)
    return expected, returns


@pytest.mark.parametrize("kind", [kind for kind in SLOW if kind != "carry"])
def test_slow_plants_pay_their_edge(kind: str) -> None:
    """Returns regressed on what the truth expects: slope one."""
    edge_bps = 30.0 if kind in ("quality", "trend") else 60.0
    planted = with_slow(kind, edge_bps)
    expected, realised = held(planted, daily_log_returns(planted))
    x, y = expected.ravel(), realised.ravel()
    moved = x != 0
    assert np.abs(x).max() == pytest.approx(edge_bps)
    slope = (x * y)[moved].sum() / (x * x)[moved].sum()
    error = 0.6 * 86_400**0.5 / np.sqrt((x * x)[moved].sum())
    assert slope == pytest.approx(1.0, abs=4 * error + 0.03)
    assert slope > 5 * error


def test_without_a_plant_nothing_is_expected_and_nothing_drifts() -> None:
    settings = BarSettings(seed=3, days=900, bar_minutes=240, symbols=symbols(EIGHT, noise_bps=0.6))
    planted = make_bars(settings)
    expected, realised = held(planted, daily_log_returns(planted))
    assert not expected.any()
    # Neither does the past of a series tell its future, nor its rank.
    past = realised[:-1] - realised[:-1].mean(axis=1, keepdims=True)
    correlation = np.corrcoef(past.ravel(), realised[1:].ravel())[0, 1]
    assert abs(correlation) < 4 / past.size**0.5
    assert abs(t_value(realised.ravel())) < 4


def test_past_ranks_tell_future_ranks_where_momentum_is_planted() -> None:
    for kind, sign in (("cross_sectional_momentum", 1), ("cross_sectional_reversion", -1)):
        planted = with_slow(kind, edge_bps=80.0 if sign > 0 else 400.0)
        returns = daily_log_returns(planted)
        span = 21 if sign > 0 else 5
        if sign < 0:
            # At the ends of the pushes, as the truth tells them.
            known = sorted({row["known_ms"] for row in planted.truth["slow"]})
            days = [(ms - planted.settings.start_ms) // 86_400_000 - 1 for ms in known]
        else:
            days = list(range(span, len(returns) - 1))
        past = np.array([returns[day - span : day].sum(axis=0) for day in days if span <= day < len(returns)])
        future = np.array([returns[day] for day in days if span <= day < len(returns)])
        past -= past.mean(axis=1, keepdims=True)
        future -= future.mean(axis=1, keepdims=True)
        correlation = np.corrcoef(past.ravel(), future.ravel())[0, 1] * sign
        assert correlation > 4 / past.size**0.5, kind


def test_quality_is_told_by_liquidity_funding_and_age() -> None:
    planted = with_slow("quality", edge_bps=20.0)
    spells = {row["symbol"]: row["side"] * row["edge_bps_per_day"] for row in planted.truth["slow"]}
    quality = [spells[name] for name in EIGHT]
    turnover = planted.bars.group_by("instrument").agg(pl.col("notional").cast(pl.Float64).mean())
    usual = make_bars(planted.settings.model_copy(update={"slow": ()}))
    base = usual.bars.group_by("instrument").agg(pl.col("notional").cast(pl.Float64).mean().alias("base"))
    ratio = turnover.join(base, on="instrument").with_columns(pl.col("notional") / pl.col("base"))
    rates = planted.funding.group_by("instrument").agg(pl.col("rate").std())
    listed = planted.listing
    columns = {
        name: (
            ratio.filter(pl.col("instrument") == key(name))["notional"].item(),
            -rates.filter(pl.col("instrument") == key(name))["rate"].item(),
            -listed.filter(pl.col("instrument") == key(name))["listed_day"].item(),
        )
        for name in EIGHT
    }
    for part in range(3):
        values = [columns[name][part] for name in EIGHT]
        ranks = np.corrcoef(np.argsort(np.argsort(values)), np.argsort(np.argsort(quality)))[0, 1]
        assert ranks > 0.9, part


def test_carry_is_paid_by_funding_and_not_by_prices() -> None:
    planted = with_slow("carry", edge_bps=30.0)
    expected, realised = held(planted, daily_log_returns(planted))
    paid = (
        planted.funding.with_columns((pl.col("end_ns") - 1) // DAY_NS)
        .group_by("instrument", "end_ns")
        .agg(pl.col("rate").sum(), pl.len())
        .filter(pl.col("len") == 3)
    )
    first = planted.settings.start_ms // 86_400_000
    gains, wanted = [], []
    for column, name in enumerate(EIGHT):
        own = paid.filter(pl.col("instrument") == key(name)).sort("end_ns")
        for day, rate in zip(own["end_ns"].to_list(), own["rate"].to_list(), strict=True):
            row = day - first - 1
            if 0 <= row < len(expected) and abs(expected[row, column]) == pytest.approx(30.0):
                gains.append(-rate * 1e4 * np.sign(expected[row, column]))
                wanted.append(expected[row, column])
    assert len(gains) > 4_000
    assert np.mean(gains) == pytest.approx(30.0, rel=0.02)
    moves = (np.sign(expected) * realised)[expected != 0]
    assert abs(t_value(moves)) < 4


def test_macro_is_told_by_volatility_dominance_and_funding() -> None:
    planted = with_slow("macro")
    spells = [row for row in planted.truth["slow"] if row["symbol"] == "ETHUSDT"]
    assert not [row for row in planted.truth["slow"] if row["symbol"] == "BTCUSDT"]
    index = planted.volatility_index.filter(pl.col("instrument") == key("ETHUSDT"))
    share = planted.btc_dominance.filter(pl.col("instrument") == key("ETHUSDT"))
    assert share["value"].is_between(0.05, 0.95).all()
    for spell in spells[1:-1]:
        inside = pl.col("end_ns").is_between(
            (spell["start_ms"] + 86_400_000) * 10**6, spell["end_ms"] * 10**6
        )
        levels = index.filter(inside)["value"]
        calm = spell["side"] > 0
        assert (levels < 50).all() if calm else (levels > 75).all()
        moves = share.filter(inside)["value"].diff().drop_nulls()
        assert moves.sum() * spell["side"] < 0
        rates = planted.funding.filter(inside)["rate"]
        assert ((rates < 0) if calm else (rates > 0)).mean() == 1.0


def test_the_listing_and_the_basis_are_sane(plain: PlantedBars) -> None:
    assert plain.listing["listed_day"].n_unique() == 1
    basis = plain.basis.filter(pl.col("instrument") == key("ETHUSDT"))["basis"].to_numpy() * 1e4
    assert basis.std() == pytest.approx(1.0 / (1 - 0.81) ** 0.5, rel=0.3)
    assert np.corrcoef(basis[:-1], basis[1:])[0, 1] == pytest.approx(0.9, abs=0.06)
    rates = plain.funding.filter(pl.col("instrument") == key("ETHUSDT"))
    assert (rates["interval_hours"] == 8.0).all()
    assert len(rates) == 37


# --- Regimes in bars ---------------------------------------------------------------------------------


def average_directional_index(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Wilder (1978), each smoothing begun with a mean."""

    def smoothed(values: Floats) -> list[float]:
        found = [float(values[:n].mean())]
        for value in values[n:]:
            found.append((found[-1] * (n - 1) + float(value)) / n)
        return found

    up, down = np.diff(high), -np.diff(low)
    plus = smoothed(np.where((up > down) & (up > 0), up, 0.0))
    minus = smoothed(np.where((down > up) & (down > 0), down, 0.0))
    reach = smoothed(np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1]))
    p, m = np.array(plus) / reach, np.array(minus) / reach
    index = smoothed(100 * np.abs(p - m) / (p + m))
    return np.concatenate([np.full(len(close) - len(index), np.nan), index])


def test_default_regimes_are_what_their_names_say() -> None:
    """SPEC §6: TREND has ADX > 25, RANGE < 20 and 1 to 4 % a day, PANIC > 5 % and falling, ILLIQUID < 30 % volume."""
    settings = BarSettings(
        seed=5, days=60, bar_minutes=15, symbols=symbols(FOUR[:3]), regimes=RegimePlant(dwell_s=86_400.0)
    )
    planted = make_bars(settings)
    found: dict[str, list[tuple[Floats, Floats, Floats]]] = {}
    for name in FOUR[:3]:
        bars = planted.bars.filter(pl.col("instrument") == key(name))
        high, low, close, volume = (bars[c].to_numpy() for c in ("high", "low", "close", "volume"))
        index = average_directional_index(high, low, close)
        moves = np.diff(np.log(close), prepend=np.nan)
        ends = bars["end_ns"].to_numpy() / 1e6
        usual = np.median(volume)
        for spell in planted.truth["regimes"]:
            inside = (ends > spell["start_ms"] + 4 * 3_600_000) & (ends <= spell["end_ms"])
            found.setdefault(spell["name"], []).append((index[inside], moves[inside], volume[inside] / usual))
    parts = {name: [np.concatenate(part) for part in zip(*rows, strict=True)] for name, rows in found.items()}
    daily = {name: np.nanstd(moves) * 96**0.5 for name, (_, moves, _) in parts.items()}
    assert np.nanmedian(parts["TREND"][0]) > 25
    assert np.nanmedian(parts["RANGE"][0]) < 20
    assert 0.01 < daily["RANGE"] < 0.04
    assert daily["PANIC"] > 0.05
    assert np.nanmean(parts["PANIC"][1]) < 0
    assert np.nanmean(parts["PANIC"][2]) > 2
    assert np.nanmean(parts["ILLIQUID"][2]) < 0.3


# --- Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bar_minutes": 7}, "divide the day"),
        ({"start_ms": 1_704_067_200_001}, "midnight"),
        ({"symbols": symbols(FOUR, impulses=Impulses())}, "impulses"),
        ({"slow": (SlowPlant(kind="trend", edge_bps=1.0),) * 2}, "twice"),
        ({"patterns": (PatternPlant(kind="volume_spike", symbol="LTCUSDT", edge_bps=5.0),)}, "none of"),
        ({"days": 0}, "days"),
    ],
)
def test_settings_are_validated(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BarSettings(**{"symbols": symbols(FOUR), **change})


def test_bars_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match="BarSettings"):
        make_bars({"days": 3})  # type: ignore[arg-type]


def test_jumps_and_funding_are_in_bars() -> None:
    jumps = Jumps(every_s=86_400.0, scale_bps=200.0)
    funding = FundingPlant(interval_minutes=60, mean_bps=3.0, deviation_bps=0.1)
    settings = BarSettings(
        seed=4, days=30, symbols=symbols(("BTCUSDT",), noise_bps=0.5, jumps=jumps), funding=funding
    )
    planted = make_bars(settings)
    bars = planted.bars
    for ms, bps in planted.truth["symbols"]["BTCUSDT"]["jumps"]:
        row = int(np.searchsorted(bars["end_ns"].to_numpy(), ms * 10**6, side="right"))
        if 0 < row < len(bars):
            moved = np.log(bars["close"][row] / bars["close"][row - 1]) * 1e4
            assert moved == pytest.approx(bps, abs=40)
    assert planted.funding["rate"].mean() * 1e4 == pytest.approx(3.0, abs=0.2)
