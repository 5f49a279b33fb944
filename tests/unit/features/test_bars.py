"""Bars through the streaming builder against grouping whole lists, and what no cut or later line may change."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal as assert_close
from reference_bars import Bar, Print, capture_lines, local_ns, market_trades, threshold_bars, time_bars

from aurora._core import BarCore, CaptureStream
from aurora.capture import CaptureSettings
from aurora.errors import DataError, RecoveryError, UsageError
from aurora.features import BAR_COLUMNS, bar_step_ns, bars, resample
from aurora.stages import compute_bars

AS_CAPTURED = CaptureSettings(clock_offset_ms=0, slice_ms=60_000)
MINUTE = 60 * 10**9
ENDLESS = 2**62
FLOATS = ("open", "high", "low", "close", "volume", "buy_volume")
EXACT = ("start_ns", "end_ns", "known_ns", "first_ns", "last_ns", "notional", "trades", "filled", "complete")

# Files, sum of sizes, of bought sizes, VWAP, trades: data/PROVENANCE.md.
GOLDEN = {
    "usdm BTC": (["usdm/btcusdt_20240808.gz"], "2429.366", "1251.576", "61680.98215329", 21313),
    "usdm ETH": (["usdm/ethusdt_20240808.gz"], "9164.948", "4960.564", "2681.39617532", 14076),
    "spot BTC": (
        ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"],
        "437.91552",
        "204.49112",
        "61671.55160665",
        19904,
    ),
    "spot ETH": (
        ["spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz"],
        "4272.7241",
        "2023.5441",
        "2680.77433934",
        14515,
    ),
    "coinm BTC": (
        ["cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"],
        "182183",
        "102983",
        "61652.85706899",
        5235,
    ),
}


def check(frame: pl.DataFrame, expected: Sequence[Bar]) -> None:
    """Every column against the oracle's decimals, exactly."""
    assert frame.height == len(expected)
    for name in EXACT:
        assert frame[name].to_list() == [bar[name] for bar in expected], name
    for name in FLOATS:
        decimals = frame["price_decimals" if "volume" not in name else "size_decimals"]
        quanta = [Decimal(q).scaleb(-d) for q, d in zip(frame[f"{name}_quanta"], decimals, strict=True)]
        assert quanta == [bar[name] for bar in expected], name
        assert frame[name].to_list() == [float(bar[name]) for bar in expected], name
    vwaps = [float(bar["notional"] / bar["volume"]) if bar["volume"] else None for bar in expected]
    for got, vwap in zip(frame["vwap"], vwaps, strict=True):
        assert got == (vwap if vwap is None else pytest.approx(vwap, rel=1e-14))


def until(lines: Sequence[bytes]) -> int:
    return local_ns(lines[-1]) + 1


def paths_of(captures: Path, name: str) -> list[Path]:
    return [captures / "hftbacktest" / file for file in GOLDEN[name][0]]


def assert_frame_equal(left: pl.DataFrame, right: pl.DataFrame) -> None:
    assert_close(left, right, check_exact=True)


# Real captures


@pytest.mark.parametrize("rule", [{"every": "1s"}, {"every": "1m"}, {"volume": 20}, {"every": "1d"}])
@pytest.mark.parametrize("name", GOLDEN)
def test_bars_add_up_to_the_known_facts(name: str, rule: dict[str, Any], captures: Path) -> None:
    _, size, bought, vwap, trades = GOLDEN[name]
    frame = compute_bars(paths_of(captures, name), **rule)
    decimals = frame["size_decimals"][0]
    volume = Decimal(frame["volume_quanta"].sum()).scaleb(-decimals)
    assert volume == Decimal(size)
    assert Decimal(frame["buy_volume_quanta"].sum()).scaleb(-decimals) == Decimal(bought)
    assert frame["trades"].sum() == trades
    assert round(frame["notional"].sum() / volume, 8) == Decimal(vwap)


@pytest.mark.parametrize("every", ["100ms", "1s", "1m"])
@pytest.mark.parametrize("name", ["usdm BTC", "spot ETH"])
def test_time_bars_of_a_capture_are_groups_of_its_trades(name: str, every: str, captures: Path) -> None:
    paths = paths_of(captures, name)
    lines = capture_lines(*paths)
    expected = time_bars(
        market_trades(lines), bar_step_ns(every), observed_ns=local_ns(lines[0]), until_ns=until(lines)
    )
    frame = compute_bars(paths, every, capture=AS_CAPTURED)
    check(frame, expected)
    assert frame["observed_ns"].unique().to_list() == [local_ns(lines[0])]
    if every == "100ms":
        assert frame["filled"].sum() > 100


def test_volume_and_dollar_bars_of_a_capture_are_groups_of_its_trades(captures: Path) -> None:
    paths = paths_of(captures, "usdm BTC")
    lines = capture_lines(*paths)
    prints, end = market_trades(lines), until(lines)
    frame = compute_bars(paths, volume=Decimal("12.345"), capture=AS_CAPTURED)
    assert frame.height > 100
    check(frame, threshold_bars(prints, Decimal("12.345"), by_notional=False, until_ns=end))
    frame = compute_bars(paths, dollar=Decimal("750000.01"), capture=AS_CAPTURED)
    assert frame.height > 100
    check(frame, threshold_bars(prints, Decimal("750000.01"), by_notional=True, until_ns=end))


@pytest.mark.parametrize("rule", [{"every": "1s"}, {"volume": 5}, {"dollar": 10**6}])
def test_cuts_of_a_capture_carry_no_meaning(rule: dict[str, Any], captures: Path) -> None:
    paths = paths_of(captures, "usdm BTC")
    whole = compute_bars(paths, **rule, capture=CaptureSettings(slice_ms=0))
    for slice_ms in (37, 1_000, 61_234):
        assert_frame_equal(compute_bars(paths, **rule, capture=CaptureSettings(slice_ms=slice_ms)), whole)


@pytest.mark.parametrize("rule", [{"every": "1s"}, {"every": "1m"}, {"volume": 5}])
def test_what_was_known_does_not_change(rule: dict[str, Any], captures: Path, tmp_path: Path) -> None:
    """A capture that ends earlier has the same bars up to its end, but for the one left open."""
    paths = paths_of(captures, "usdm BTC")
    lines = capture_lines(*paths)
    whole = compute_bars(paths, **rule, capture=AS_CAPTURED)
    for kept in (5_000, 40_000, 77_777):
        end = local_ns(lines[kept])
        part = [line for line in lines if local_ns(line) < end]
        path = tmp_path / f"{kept}.txt"
        path.write_bytes(b"".join(part))
        early = compute_bars([path], **rule, capture=AS_CAPTURED)
        # The end of a time bar is not in it.
        known = until(part) if "every" in rule else until(part) - 1
        assert_frame_equal(
            early.filter((pl.col("end_ns") <= known) & closed), whole.filter(pl.col("known_ns") <= known)
        )


closed = pl.col("complete") | (pl.col("start_ns") < pl.col("observed_ns"))


def test_several_instruments_stand_in_one_frame(captures: Path) -> None:
    names = ("usdm BTC", "spot ETH")
    paths = [path for name in names for path in paths_of(captures, name)]
    both = compute_bars(paths, "1m", capture=AS_CAPTURED)
    assert both["instrument"].unique().sort().to_list() == ["binance_spot:ETHUSDT", "binance_usdm:BTCUSDT"]
    assert both["end_ns"].is_sorted()
    for name in names:
        alone = compute_bars(paths_of(captures, name), "1m", capture=AS_CAPTURED)
        mine = both.filter(pl.col("instrument") == alone["instrument"][0])
        assert_frame_equal(mine, alone.with_columns(pl.col("notional").cast(both.schema["notional"])))


# Captures made by hand

Recorder = Callable[[], Any]


def test_silences_are_filled_or_holes(recorder: Recorder, start_ns: int, tmp_path: Path) -> None:
    minute = 60_000.0
    first = (start_ns // MINUTE + 1) * MINUTE - start_ns  # ns to the first whole minute
    offset = first / 1e6
    market = recorder()
    market.ticker(0, 1, "99.9", "1.000", "100.1", "1.000")
    market.trade(offset + 1, 1, "100.0", "0.500", False)
    market.trade(offset + 2, 2, "777.0", "9.000", False, kind="INSURANCE_FUND")
    market.trade(offset + 3 * minute, 3, "101.0", "0.250", True)
    # An hour less a nanosecond would need finer clocks than the exchange's; the builder's own tests have it.
    market.trade(offset + 3 * minute + 59 * minute, 4, "102.0", "0.125", False)
    market.trade(offset + 3 * minute + 119 * minute, 5, "103.0", "1.000", False)
    path = market.write(tmp_path / "silences.txt")
    frame = bars(path, "1m")
    at = start_ns + first
    traded = frame.filter(~pl.col("filled"))
    assert [(ns - at) // MINUTE for ns in traded["start_ns"]] == [0, 3, 62, 122]
    assert traded["close"].to_list() == [100.0, 101.0, 102.0, 103.0]
    assert traded["volume"].to_list() == [0.5, 0.25, 0.125, 1.0]
    assert traded["buy_volume"].to_list() == [0.5, 0.0, 0.125, 1.0]
    assert traded["notional"].to_list() == [Decimal(x) for x in ("50", "25.25", "12.75", "103")]
    assert traded["complete"].to_list() == [True, True, True, False]
    filled = frame.filter("filled")
    assert [(ns - at) // MINUTE for ns in filled["start_ns"]] == [1, 2, *range(4, 62)]
    assert filled["close"].to_list() == [100.0] * 2 + [101.0] * 58
    assert filled["vwap"].null_count() == filled.height
    # Filled bars were known with the next trade; the one left open with the last line.
    assert [(ns - at) // MINUTE for ns in filled["known_ns"].unique(maintain_order=True)] == [3, 62]
    assert traded["known_ns"].to_list()[-1] == traded["last_ns"].to_list()[-1] + 1


def test_a_capture_without_trades_gives_an_empty_frame(recorder: Recorder, tmp_path: Path) -> None:
    quiet = recorder()
    for n in range(5):
        quiet.ticker(n * 40_000, n, "99.9", "1.000", "100.1", "1.000")
    path = quiet.write(tmp_path / "quiet.txt")
    loud = recorder()
    loud.ticker(0, 1, "99.9", "1.000", "100.1", "1.000")
    loud.trade(5, 1, "100.0", "0.001", False)
    one = bars(loud.write(tmp_path / "loud.txt"))
    assert one.height == 1
    for rule in ({"every": "1m"}, {"volume": 1}, {"dollar": 10}):
        frame = bars(path, **rule)  # type: ignore[arg-type]
        assert frame.height == 0
        assert frame.schema == one.schema
        assert frame.columns == list(BAR_COLUMNS)
    assert resample(bars(path), "15m").schema == one.schema


def test_bars_begin_where_observation_does(recorder: Recorder, start_ns: int, tmp_path: Path) -> None:
    into = start_ns % MINUTE / 1e6  # START is 20 s into its minute
    assert into == 20_000
    market = recorder()
    market.ticker(0, 1, "99.9", "1.000", "100.1", "1.000")
    market.trade(30_000, 1, "100.0", "0.001", False)
    market.trade(50_000, 2, "100.0", "0.001", False)
    market.ticker(100_000, 2, "99.9", "1.000", "100.1", "1.000")  # the end of the second minute, exactly
    frame = bars(market.write(tmp_path / "a.txt"), "1m")
    assert frame["complete"].to_list() == [False, True]
    assert frame["observed_ns"].to_list() == [start_ns] * 2


# Refusals


@pytest.mark.parametrize(
    "every", ["", "0m", "7m", "99ms", "2d", "1w", "1.5m", "-1m", "touch", "99999999999999999999d"]
)
def test_lengths_that_no_day_is_made_of_are_refused(every: str) -> None:
    with pytest.raises(UsageError, match="give a time from 100ms to 1d"):
        bar_step_ns(every)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"every": "1m", "volume": 1}, "give one of"),
        ({"volume": 1, "dollar": 1}, "give one of"),
        ({"volume": Decimal("0.0001")}, "finer than 0.001"),
        ({"dollar": Decimal("1e-9")}, "finer than"),
        ({"volume": 0}, "positive decimal"),
        ({"volume": 0.5}, "positive decimal"),
        ({"volume": "many"}, "positive decimal"),
        ({"dollar": Decimal("inf")}, "positive decimal"),
        ({"volume": Decimal("1e25")}, "out of range"),
        ({"volume": Decimal("1e300")}, "out of range"),
    ],
)
def test_rules_no_bar_can_be_built_by(
    rule: dict[str, Any], complaint: str, recorder: Recorder, tmp_path: Path
) -> None:
    market = recorder()
    market.trade(0, 1, "100.0", "0.001", False)
    with pytest.raises(UsageError, match=complaint):
        bars(market.write(tmp_path / "a.txt"), **rule)


def test_dollar_bars_of_inverse_contracts_are_refused(captures: Path) -> None:
    with pytest.raises(UsageError, match="ask for volume bars"):
        bars(paths_of(captures, "coinm BTC"), dollar=1000)


def test_only_time_bars_of_one_length_are_resampled(recorder: Recorder, tmp_path: Path) -> None:
    market = recorder()
    for n in range(6):
        market.trade(n * 40_000, n, "100.0", "0.001", False)
    path = market.write(tmp_path / "a.txt")
    minutes, seconds = bars(path, "1m"), bars(path, "1s")
    for wrong, complaint in (
        (bars(path, volume="0.002"), "no time bars of one length"),
        (pl.concat([minutes, seconds]), "no time bars of one length"),
        (pl.concat([minutes, minutes]), "twice"),
        (minutes.drop("known_ns"), "known_ns missing"),
    ):
        with pytest.raises(UsageError, match=complaint):
            resample(wrong, "15m")
    with pytest.raises(UsageError, match="do not make bars"):
        resample(bars(path, "15m"), "1m")
    with pytest.raises(UsageError, match="do not make bars"):
        resample(bars(path, "4m"), "10m")


def test_sums_beyond_their_columns_are_refused(recorder: Recorder, tmp_path: Path) -> None:
    market = recorder()
    # A size of a single trade is at most 10^18 - 1 quanta; twelve of these are more than 64 bits hold.
    for n in range(12):
        market.trade(n * 20_000, n, "3", "800000000000000000", False)
    path = market.write(tmp_path / "a.txt")
    assert bars(path, "10s").filter(~pl.col("filled"))["volume_quanta"].to_list() == [8 * 10**17] * 12
    with pytest.raises(DataError, match="ask for shorter bars"):
        bars(path, "1h")
    with pytest.raises(DataError, match="ask for shorter"):
        resample(bars(path, "10s"), "1h")


def test_state_comes_from_bars_alone(recorder: Recorder, tmp_path: Path) -> None:
    market = recorder()
    market.trade(0, 1, "100.0", "0.001", False)
    stream = CaptureStream([str(market.write(tmp_path / "a.txt"))])
    stream.start(0, [(None, None, None)])
    core = BarCore(stream.instruments()[0], "volume", 5)
    with pytest.raises(RecoveryError):
        core.restore(b"nonsense")
    with pytest.raises(UsageError, match="time, volume or dollar"):
        BarCore(stream.instruments()[0], "tick", 5)
    with pytest.raises(UsageError, match="too small"):
        BarCore(stream.instruments()[0], "time", 5)


# Any small market

HOUR_MS = 3_600_000
gaps = st.sampled_from(
    [0, 0, 1, 700, 20_000, 59_999, 60_000, 1_000_000, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1, 5 * HOUR_MS]
)
events = st.tuples(
    gaps,
    st.integers(9_990, 10_010),
    st.integers(1, 60),
    st.booleans(),
    st.sampled_from(["trade", "trade", "trade", "odd", "ticker"]),
)
markets = st.lists(events, min_size=1, max_size=40)
few = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def written(folder: str, made: list[tuple[int, int, int, bool, str]], recorder: Recorder) -> Path:
    market, ms = recorder(), 0
    for n, (gap, price, size, maker_bought, kind) in enumerate(made):
        ms += gap
        if kind == "ticker":
            market.ticker(ms, n + 1, "99.90", "1.000", "100.10", "1.000")
        else:
            what = "MARKET" if kind == "trade" else "ADL"
            market.trade(ms, n, f"{price / 100:.2f}", f"{size / 1000:.3f}", maker_bought, what)
    return market.write(Path(folder) / "market.txt")


@few
@given(made=markets, every=st.sampled_from(["1s", "1m", "15m", "1h", "1d"]))
def test_any_time_bars_are_groups_of_trades(recorder: Recorder, made: list[Any], every: str) -> None:
    if every == "1s":
        made = [(gap if gap < HOUR_MS - 1 else HOUR_MS, *rest) for gap, *rest in made]
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, made, recorder)
        lines = capture_lines(path)
        frame = compute_bars([path], every, capture=AS_CAPTURED)
    expected = time_bars(
        market_trades(lines), bar_step_ns(every), observed_ns=local_ns(lines[0]), until_ns=until(lines)
    )
    check(frame, expected)


@few
@given(made=markets, size=st.integers(1, 200), by_notional=st.booleans())
def test_any_volume_and_dollar_bars_are_groups_of_trades(
    recorder: Recorder, made: list[Any], size: int, by_notional: bool
) -> None:
    threshold = Decimal(size) / 1000 * (100 if by_notional else 1)
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, made, recorder)
        lines = capture_lines(path)
        rule = {"dollar" if by_notional else "volume": threshold}
        frame = compute_bars([path], **rule, capture=AS_CAPTURED)  # type: ignore[arg-type]
    prints: list[Print] = market_trades(lines)
    check(frame, threshold_bars(prints, threshold, by_notional=by_notional, until_ns=until(lines)))


@few
@given(
    made=markets,
    lengths=st.sampled_from(
        [("1m", "15m"), ("1m", "1h"), ("15m", "1h"), ("20s", "1m"), ("1m", "1d"), ("1h", "1h")]
    ),
)
def test_finer_bars_make_the_coarser_ones(
    recorder: Recorder, made: list[Any], lengths: tuple[str, str]
) -> None:
    finer, coarser = lengths
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, made, recorder)
        end = until(capture_lines(path))
        built = compute_bars([path], coarser, capture=AS_CAPTURED)
        from_finer = compute_bars([path], finer, capture=AS_CAPTURED)
    shuffled = from_finer.sample(fraction=1, shuffle=True, seed=len(made))
    assert_frame_equal(resample(shuffled, coarser, until_ns=end), built)
    # Without the end of observation only the last bar may be less complete.
    known = resample(from_finer, coarser)
    assert_frame_equal(known.head(-1), built.head(-1))
    end_of_last = pl.all().exclude("complete", "known_ns")
    assert_frame_equal(known.tail(1).select(end_of_last), built.tail(1).select(end_of_last))
    assert not (known["complete"] & ~built["complete"]).any()


@few
@given(
    made=markets,
    rule=st.sampled_from([("time", 10**9), ("time", MINUTE), ("volume", 37), ("dollar", 500_000_000)]),
    seed=st.integers(0, 2**32),
)
def test_any_cuts_and_restarts_give_the_same_bars(
    recorder: Recorder, made: list[Any], rule: tuple[str, int], seed: int
) -> None:
    draw = random.Random(seed)
    made = [(min(gap, HOUR_MS), *rest) for gap, *rest in made]
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, made, recorder)
        times = [local_ns(line) for line in capture_lines(path)]
        cuts = sorted({draw.choice(times) + draw.choice((-1, 0, 1, MINUTE)) for _ in range(8)})

        def run(ends: Sequence[int]) -> pl.DataFrame:
            stream = CaptureStream([str(path)])
            stream.start(0, [(None, None, None)])
            instrument = stream.instruments()[0]
            core = BarCore(instrument, *rule)
            frames = []
            for end in [*ends, ENDLESS]:
                block = stream.next_slice(end)[0]
                frames.append(pl.DataFrame(core.process(block)))
                fresh = BarCore(instrument, "volume", 1)
                fresh.restore(core.snapshot())
                assert fresh.snapshot() == core.snapshot()
                assert fresh.observed_ns == core.observed_ns
                core = fresh
                if block.last:
                    break
            return pl.concat([*frames, pl.DataFrame(core.finish())])

        assert_frame_equal(run(cuts), run([]))
