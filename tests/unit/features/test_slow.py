"""Slow features against the textbook in plain Python, bar by bar over whole histories, and against the future."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from reference_kernels_trades import average_true_range

from aurora.cli import main
from aurora.errors import DataError, UsageError
from aurora.features import bar_schema, bars, daily, intraday, resample, with_floats

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIDNIGHT = 19_700 * DAY


@dataclass(frozen=True)
class Row:
    start: int
    high: float
    low: float
    close: float
    volume: int
    """Thousandths."""
    vwap: float
    filled: bool = False
    complete: bool = True
    known: int | None = None


def frame_of(rows: list[Row], step: int, instrument: str = "binance_usdm:BTCUSDT") -> pl.DataFrame:
    """Prices of eight decimals, sizes of three; the open is of no account."""
    made = [
        {
            "instrument": instrument,
            "start_ns": r.start,
            "end_ns": r.start + step,
            "known_ns": r.known or r.start + step,
            "first_ns": None if r.filled else r.start,
            "last_ns": None if r.filled else r.start + step - 1,
            "open_quanta": round(r.close * 1e8),
            "high_quanta": round(r.high * 1e8),
            "low_quanta": round(r.low * 1e8),
            "close_quanta": round(r.close * 1e8),
            "volume_quanta": r.volume,
            "buy_volume_quanta": r.volume // 2,
            "notional": Decimal(round(r.vwap * 1e8)) * r.volume / 10**11,
            "trades": 0 if r.filled else 3,
            "price_decimals": 8,
            "size_decimals": 3,
            "filled": r.filled,
            "complete": r.complete,
            "observed_ns": rows[0].start,
        }
        for r in rows
    ]
    schema = bar_schema(11)
    return with_floats(pl.DataFrame(made, schema={name: schema[name] for name in made[0]}))


def market(seed: int, step: int, count: int, start: int, missing: float = 0.0) -> list[Row]:
    """A walk with forward-filled bars, and stretches that are missing."""
    draw = random.Random(seed)
    rows: list[Row] = []
    close, at, number = 100.0, start, 0
    while number < count:
        if rows and draw.random() < missing:
            at += step * (HOUR // step + draw.randint(1, 40))
        if rows and rows[-1].start + step == at and draw.random() < 0.15:
            # Some bars of silence, known with the trade behind them.
            silent = draw.randint(1, 4)
            trade = at + silent * step + step // 3
            for _ in range(silent):
                rows.append(Row(at, close, close, close, 0, close, filled=True, known=trade))
                at += step
            number += silent
        close = round(close * (1 + draw.uniform(-0.01, 0.01)), 8)
        high, low = round(close + draw.uniform(0, 0.5), 8), round(close - draw.uniform(0, 0.5), 8)
        vwap = round(draw.uniform(low, high), 8)
        rows.append(Row(at, high, low, close, draw.randint(1, 5_000), vwap))
        at += step
        number += 1
    return rows


def close_to(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-10, abs=1e-12)


def check(frame: pl.DataFrame, expected: dict[str, list[float | None]]) -> None:
    for name, values in expected.items():
        got = frame[name].to_list()
        assert len(got) == len(values), name
        for n, (one, other) in enumerate(zip(got, values, strict=True)):
            assert one == close_to(other), (name, n)


# Within the day


def runs_of(rows: list[Row], step: int) -> list[list[Row]]:
    runs: list[list[Row]] = []
    for row in rows:
        if not runs or runs[-1][-1].start + step != row.start:
            runs.append([])
        runs[-1].append(row)
    return runs


def reference_intraday(
    rows: list[Row], step: int, opening: int, begin: int, length: int, volume_bars: int
) -> dict[str, list[float | None]]:
    names = (
        "return_15m",
        "return_30m",
        "return_60m",
        "volume_ratio",
        "session_vwap",
        "session_vwap_deviation",
    )
    names += ("opening_range_high", "opening_range_low", "opening_range_position", "average_true_range")
    table: dict[str, list[float | None]] = {name: [] for name in names}
    by_start = {row.start: row for row in rows}
    for run in runs_of(rows, step):
        highs, lows, closes = ([getattr(r, name) for r in run] for name in ("high", "low", "close"))
        table["average_true_range"] += average_true_range(highs, lows, closes)
        for n, row in enumerate(run):
            for minutes in (15, 30, 60):
                back = n - minutes * MINUTE // step
                table[f"return_{minutes}m"].append(row.close / run[back].close - 1 if back >= 0 else None)
            before = [r.volume for r in run[max(n - volume_bars, 0) : n]]
            enough = len(before) == volume_bars and sum(before) > 0
            table["volume_ratio"].append(row.volume / mean(before) if enough else None)
            opened = (row.start - begin) // DAY * DAY + begin
            inside = row.start + step <= opened + length
            since = [by_start.get(at) for at in range(opened, row.start + step, step)] if inside else [None]
            vwap = None
            whole = [r for r in since if r is not None]
            if len(whole) == len(since) and any(r.volume for r in whole):
                vwap = sum(r.vwap * r.volume for r in whole) / sum(r.volume for r in whole)
            table["session_vwap"].append(vwap)
            table["session_vwap_deviation"].append(None if vwap is None else row.close / vwap - 1)
            first = [by_start.get(at) for at in range(opened, opened + opening, step)]
            traded = [r for r in first if r is not None and not r.filled]
            high = low = position = None
            if inside and row.start + step >= opened + opening and None not in first and traded:
                high, low = max(r.high for r in traded), min(r.low for r in traded)
                position = (row.close - low) / (high - low) if high > low else None
            table["opening_range_high"].append(high)
            table["opening_range_low"].append(low)
            table["opening_range_position"].append(position)
    return table


@pytest.mark.parametrize(
    ("step", "window", "opening_range_minutes", "volume_bars"),
    [
        (MINUTE, None, 30, 20),
        (MINUTE, (time(8), time(16)), 60, 7),
        (5 * MINUTE, (time(22, 30), time(3, 15)), 15, 20),
        (15 * MINUTE, None, 30, 3),
        (15 * MINUTE, (time(6), time(6)), 45, 1),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_intraday_is_the_textbook(
    step: int, window: tuple[time, time] | None, opening_range_minutes: int, volume_bars: int, seed: int
) -> None:
    begin, length = 0, DAY
    if window is not None:
        begin = (window[0].hour * 60 + window[0].minute) * MINUTE
        end = (window[1].hour * 60 + window[1].minute) * MINUTE
        length = (end - begin) % DAY or DAY
    rows = market(seed, step, 3 * DAY // step, MIDNIGHT - 7 * step, missing=0.3 * step / HOUR / 10)
    assert len(runs_of(rows, step)) > 1
    got = intraday(
        frame_of(rows, step).sample(fraction=1, shuffle=True, seed=seed),
        opening_range_minutes=opening_range_minutes,
        window=window,
        volume_bars=volume_bars,
    )
    expected = reference_intraday(rows, step, opening_range_minutes * MINUTE, begin, length, volume_bars)
    assert got["start_ns"].to_list() == [row.start for row in rows]
    check(got, expected)
    for name, values in expected.items():
        assert any(value is not None for value in values), name
        assert any(value is None for value in values), name


def test_an_hour_by_hand() -> None:
    """Opening range 10 to 14, then 13: three quarters up; 4 × 1 and 1 × 13 traded."""
    prices = [(12, 10, 11), (14, 11, 12), (12.5, 12, 12.25), (13, 13, 13)]
    rows = [
        Row(MIDNIGHT + n * 15 * MINUTE, high, low, close, 4_000 if n < 3 else 1_000, close)
        for n, (high, low, close) in enumerate(prices)
    ]
    got = intraday(frame_of(rows, 15 * MINUTE), volume_bars=2)
    assert got["opening_range_high"].to_list() == [None, 14, 14, 14]
    assert got["opening_range_low"].to_list() == [None, 10, 10, 10]
    assert got["opening_range_position"].to_list() == [None, 0.5, 0.5625, 0.75]
    assert got["volume_ratio"].to_list() == [None, None, 1.0, 0.25]
    check(got, {"return_15m": [None, 1 / 11, 0.25 / 12, 0.75 / 12.25]})
    check(got, {"return_30m": [None, None, 1.25 / 11, 1 / 12], "return_60m": [None] * 4})
    vwap = (11 * 4 + 12 * 4 + 12.25 * 4 + 13) / 13
    check(got.tail(1), {"session_vwap": [vwap], "session_vwap_deviation": [13 / vwap - 1]})


def test_a_hole_of_one_hour_breaks_a_return_of_one_hour() -> None:
    """The bars at both ends are there, 60 minutes apart."""
    whole = [Row(MIDNIGHT + n * MINUTE, 101, 99, 100 + n / 100, 5, 100) for n in range(121)]
    assert intraday(frame_of(whole, MINUTE))["return_60m"].null_count() == 60
    broken = whole[:60] + whole[119:]
    got = intraday(frame_of(broken, MINUTE))
    assert got["return_60m"].null_count() == len(broken)
    assert got["return_15m"].to_list()[-2:] == [None, None]
    assert got["session_vwap"].to_list()[59:] == [close_to(100.0), None, None]


def test_incomplete_bars_are_left_out() -> None:
    rows = [Row(MIDNIGHT + n * MINUTE, 101, 99, 100, 5, 100, complete=n not in (0, 39)) for n in range(40)]
    got = intraday(frame_of(rows, MINUTE))
    assert got["start_ns"].to_list() == [row.start for row in rows[1:39]]
    assert got["opening_range_high"].null_count() == got.height, "its first minute was not observed"
    assert got["volume_ratio"].to_list() == [None] * 20 + [1.0] * 18


def test_silence_leaves_no_dust_in_the_average_volume() -> None:
    rows = [Row(MIDNIGHT + n * MINUTE, 101, 99, 100, 7 + n, 100) for n in range(25)]
    late = MIDNIGHT + 50 * MINUTE
    rows += [
        Row(late - (25 - n) * MINUTE, 100, 100, 100, 0, 100, filled=True, known=late + 1) for n in range(25)
    ]
    rows.append(Row(late, 101, 99, 100, 9, 100))
    assert intraday(frame_of(rows, MINUTE))["volume_ratio"].to_list()[-5:] == [None] * 5


@pytest.mark.parametrize("seed", range(4))
def test_intraday_does_not_know_the_future(seed: int) -> None:
    rows = market(seed, MINUTE, 400, MIDNIGHT - 60 * MINUTE, missing=0.004)
    frame = frame_of(rows, MINUTE)
    whole = intraday(frame)
    for known in random.Random(seed).choices(frame["known_ns"].to_list(), k=12):
        part = pl.col("known_ns") <= known
        assert_frame_equal(intraday(frame.filter(part)), whole.filter(part), rel_tol=1e-12)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"opening_range_minutes": 0}, "opening range"),
        ({"opening_range_minutes": 7}, "opening range"),
        ({"opening_range_minutes": 90, "window": (time(8), time(9))}, "opening range"),
        ({"window": (time(8, 1), time(9))}, "begin and end with a bar"),
        ({"window": (time(8), time(9, 0, 30))}, "begin and end with a bar"),
        ({"volume_bars": 0}, "positive"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], complaint: str) -> None:
    rows = market(1, 5 * MINUTE, 20, MIDNIGHT)
    with pytest.raises(UsageError, match=complaint):
        intraday(frame_of(rows, 5 * MINUTE), **settings)


def test_bars_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="do not make 15 minutes"):
        intraday(frame_of(market(1, HOUR, 20, MIDNIGHT), HOUR))
    large = [Row(MIDNIGHT + n * MINUTE, 101, 99, 100, 10**18, 0) for n in range(3)]
    with pytest.raises(DataError, match="too large"):
        intraday(frame_of(large, MINUTE))


# From day to day


def reference_series(count: int = 60) -> tuple[list[float], list[float], list[float]]:
    """The series of the published average true range."""
    closes = [100 + 3 * math.sin(t / 5) + 0.1 * t for t in range(count)]
    highs = [c + 1 + 0.2 * math.cos(t) for t, c in enumerate(closes)]
    lows = [c - 1 - 0.1 * math.sin(t) for t, c in enumerate(closes)]
    return highs, lows, closes


@pytest.mark.parametrize("step", [MINUTE, 15 * MINUTE, DAY])
def test_average_true_range_has_the_published_numbers(step: int) -> None:
    """TA-Lib's ATR(14): index 14 is 2.015967368, index 59 is 2.009489659."""
    rows = [
        Row(MIDNIGHT + t * step, high, low, close, 1, close)
        for t, (high, low, close) in enumerate(zip(*reference_series(), strict=True))
    ]
    frame = frame_of(rows, step)
    got = daily(frame) if step == DAY else intraday(frame)
    values = got["average_true_range"].to_list()
    assert values[:14] == [None] * 14
    assert values[14] == pytest.approx(2.015967368, abs=1e-8)
    assert values[59] == pytest.approx(2.009489659, abs=1e-8)


def reference_daily(closes: dict[int, float], count: int) -> dict[str, list[float | None]]:
    """`closes` by number of the day; every number below is the definition written out."""
    table: dict[str, list[float | None]] = {}
    for n in (1, 5, 21, 63, 126, 252):
        table[f"return_{n}d"] = [
            closes[day] / closes[day - n] - 1 if day in closes and day - n in closes else None
            for day in range(count)
        ]
    for n in (21, 63):
        values: list[float | None] = []
        for day in range(count):
            span = [closes.get(at) for at in range(day - n, day + 1)]
            known = [close for close in span if close is not None]
            logs = [math.log(after / before) for before, after in pairwise(known)]
            values.append(stdev(logs) * math.sqrt(365) if len(known) == n + 1 else None)
        table[f"volatility_{n}d"] = values
    for n in (20, 50, 200):
        spans = [[closes.get(at) for at in range(day - n + 1, day + 1)] for day in range(count)]
        table[f"average_{n}d"] = [mean(s) if None not in s else None for s in spans]  # type: ignore[type-var]
    return table


@pytest.mark.parametrize("missing", [(), (0,), (30,), (299,), (100, 101, 280)])
def test_daily_is_the_textbook(missing: tuple[int, ...]) -> None:
    """`missing` days were not observed from end to end."""
    draw = random.Random(5)
    rows, close = [], 100.0
    for day in range(-1, 301):
        close = round(close * math.exp(draw.gauss(0, 0.03)), 8)
        rows.append(
            Row(MIDNIGHT + day * DAY, close + 1, close - 1, close, 10, close, complete=day not in missing)
        )
    got = daily(frame_of(rows, DAY))
    assert got["start_ns"].to_list() == [row.start for row in rows], (
        "every day between the first and the last"
    )
    closes = {n: row.close for n, row in enumerate(rows) if row.complete}
    check(got, reference_daily(closes, len(rows)))
    expected: list[float | None] = []
    for run in runs_of([row for row in rows if row.complete], DAY):
        highs, lows, ends = ([getattr(r, name) for r in run] for name in ("high", "low", "close"))
        while len(expected) < (run[0].start - rows[0].start) // DAY:
            expected.append(None)
        expected += average_true_range(highs, lows, ends)
    check(got, {"average_true_range": expected})
    absent = got.filter(pl.col("close").is_null())
    assert absent["start_ns"].to_list() == [MIDNIGHT + day * DAY for day in missing]
    # Behind instrument, date, start and end.
    for name in absent.columns[4:]:
        assert absent[name].null_count() == len(missing), name


def test_daily_volatility_by_hand() -> None:
    """Up and down by a factor e^0.01, from day to day."""
    rows = [
        Row(MIDNIGHT + n * DAY, 200, 50, round(100 * math.exp(0.01 * (n % 2)), 8), 1, 100) for n in range(22)
    ]
    got = daily(frame_of(rows, DAY))
    # 11 rises and 10 falls: mean 0.01/21, squares 21 × 1e-4.
    variance = (21 * 1e-4 - 21 * (0.01 / 21) ** 2) / 20
    assert got["volatility_21d"].to_list()[:-1] == [None] * 21
    assert got["volatility_21d"][-1] == pytest.approx(math.sqrt(variance * 365), rel=1e-6)
    assert got["date"][0] == date.fromordinal(date(1970, 1, 1).toordinal() + 19_700)


def test_finer_bars_make_the_same_days() -> None:
    hours = market(3, HOUR, 40 * 24, MIDNIGHT)
    frame = frame_of(hours, HOUR)
    assert_frame_equal(daily(frame), daily(resample(frame, "1d")), check_exact=True)
    got = daily(frame)
    days = {row.start // DAY * DAY for row in hours}
    assert got.height >= len(days) - 1 >= 39
    for start, close, volume in got.select("start_ns", "close", "volume").head(39).iter_rows():
        inside = [row for row in hours if start <= row.start < start + DAY]
        assert close == inside[-1].close
        assert volume == pytest.approx(sum(row.volume for row in inside) / 1000)


def test_daily_does_not_know_the_future() -> None:
    frame = frame_of(market(4, DAY, 300, MIDNIGHT, missing=0.01), DAY)
    whole = daily(frame)
    for known in frame["known_ns"].to_list()[::29]:
        part = daily(frame.filter(pl.col("known_ns") <= known))
        assert_frame_equal(part, whole.filter(pl.col("end_ns") <= part["end_ns"].max()), rel_tol=1e-12)


def test_instruments_do_not_touch() -> None:
    first = frame_of(market(1, 5 * MINUTE, 600, MIDNIGHT), 5 * MINUTE, "binance_spot:BTCUSDT")
    second = frame_of(market(2, 5 * MINUTE, 500, MIDNIGHT - DAY), 5 * MINUTE, "binance_usdm:ETHUSDT")
    both = pl.concat([first, second])
    for features in (intraday, daily):
        got = features(both)
        assert got["end_ns"].is_sorted()
        for frame in (first, second):
            mine = got.filter(pl.col("instrument") == frame["instrument"][0])
            assert_frame_equal(mine, features(frame), rel_tol=1e-12)


def test_no_bars_give_no_features() -> None:
    frame = frame_of(market(1, MINUTE, 30, MIDNIGHT), MINUTE)
    for features in (intraday, daily):
        got = features(frame.clear())
        assert got.height == 0
        assert got.schema == features(frame).schema


# The command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["aurora", *map(str, arguments)])
    try:
        main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


@pytest.fixture
def capture(recorder: Callable[[], Any], tmp_path: Path) -> Path:
    made = recorder()
    draw = random.Random(9)
    made.ticker(0, 1, "99.9", "1.000", "100.1", "1.000")
    for n in range(500):
        made.trade(
            30_000 + n * 13_000, n, f"{100 + draw.randint(-20, 20) / 10:.1f}", "0.010", draw.random() < 0.5
        )
    return Path(made.write(tmp_path / "capture.txt"))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson"])
def test_the_command_writes_what_the_face_gives(
    suffix: str, capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out = tmp_path / f"bars.{suffix}"
    assert run(monkeypatch, "features", "bars", capture, "--every", "5m", "--out", out, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    expected = bars(capture, "5m")
    assert (facts["rows"], facts["trades"], facts["columns"]) == (expected.height, 500, expected.columns)
    assert facts["complete"] == expected["complete"].sum()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    read = {"parquet": pl.read_parquet, "csv": pl.read_csv, "ndjson": pl.read_ndjson}[suffix](out)
    columns = ["start_ns", "end_ns", "open", "high", "low", "close", "volume", "trades", "filled"]
    assert_frame_equal(read.select(columns), expected.select(columns), check_dtypes=False, check_exact=True)
    if suffix == "parquet":
        assert_frame_equal(read, expected, check_exact=True)


def test_the_command_adds_features_within_the_day(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out = tmp_path / "bars.parquet"
    assert run(monkeypatch, "features", "bars", capture, "--intraday", "--out", out, "--json") == 0
    got, made = pl.read_parquet(out), bars(capture, "1m")
    assert_frame_equal(got.select(made.columns), made.filter("complete"))
    added = intraday(made)
    assert_frame_equal(got.select(added.columns), added)
    assert got["return_60m"].count() > 10


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--volume", "0.5", "--out", "v.parquet"), 0),
        (("--dollar", "30", "--out", "d.parquet"), 0),
        (("--every", "1m", "--volume", "0.5", "--out", "v.parquet"), 2),
        (("--volume", "0.5", "--intraday", "--out", "v.parquet"), 2),
        (("--every", "1h", "--intraday", "--out", "v.parquet"), 2),
        (("--volume", "0.00001", "--out", "v.parquet"), 2),
        (("--volume", "some", "--out", "v.parquet"), 2),
        (("--every", "7m", "--out", "v.parquet"), 2),
        (("--out", "v.xlsx"), 2),
        (("--out", "nowhere/v.parquet"), 1),
    ],
)
def test_the_command_says_what_is_wrong(
    options: tuple[str, ...],
    code: int,
    capture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "features", "bars", capture, *options) == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert bool(told.err.strip()) == bool(code)
