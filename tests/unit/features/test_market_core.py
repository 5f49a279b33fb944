"""Feature rows through the streaming core against plain Python, and what no cut or later line may change."""

from __future__ import annotations

import gzip
import math
import pickle
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from reference_market import ReferenceMarket, Row

from aurora._core import CaptureStream, FeatureBlock, Instrument, MarketBlock, MarketCore
from aurora.capture import CaptureSettings
from aurora.errors import ConfigError, DataError, RecoveryError, UsageError
from aurora.features import FEATURES, FeatureSettings
from aurora.stages import compute_features

ENDLESS = 2**62
STEP_MS = 50
QUANTA = ("bid", "ask", "bid_size", "ask_size")
FLOATS = ("mid", "spread_bps", "obi_1", "obi_k", "weighted_mid", "ofi", "tfi", "realised_volatility")
COLUMNS = ("local_ns", "book_state", *QUANTA, *FLOATS, "feature_hash")


def opened(path: Path) -> tuple[CaptureStream, Instrument]:
    stream = CaptureStream([str(path)])
    stream.start(0, [(None, None, None)])
    return stream, stream.instruments()[0]


def features(
    path: Path, settings: FeatureSettings, ends: Sequence[int] = ()
) -> tuple[Instrument, list[FeatureBlock]]:
    """Feature blocks of a capture cut at `ends`."""
    stream, instrument = opened(path)
    core = settings.core(instrument)
    blocks = []
    for end in [*ends, ENDLESS]:
        block = stream.next_slice(end)[0]
        assert block.fault is None
        blocks.append(core.process(block))
        if block.last:
            break
    return instrument, blocks


def joined(blocks: Sequence[FeatureBlock], name: str) -> np.ndarray[Any, Any]:
    return np.concatenate([getattr(block, name) for block in blocks])


def check_rows(expected: list[Row], instrument: Instrument, blocks: Sequence[FeatureBlock]) -> None:
    got = {name: joined(blocks, name).tolist() for name in COLUMNS}
    assert got["local_ns"] == [row["local_ns"] for row in expected]
    assert got["book_state"] == [row["book_state"] for row in expected]
    for name in QUANTA:
        scale = instrument.price_scale if name in ("bid", "ask") else instrument.size_scale
        for n, row in enumerate(expected):
            value = row[name]
            assert got[name][n] == (0 if value is None else Decimal(value) * scale), (name, n)
    for name in FLOATS:
        for n, row in enumerate(expected):
            value = row[name]
            if value is None:
                assert math.isnan(got[name][n]), (name, n)
            else:
                assert got[name][n] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, n)


def test_a_market_made_by_hand(recorder: Callable[[], Any], start_ns: int, tmp_path: Path) -> None:
    """Every number below follows from the lines by pencil."""
    market = recorder()
    market.diff(0, 90, 100, 89)
    market.snapshot(
        1,
        100,
        [["100.00", "10.000"], ["99.90", "20.000"], ["99.80", "30.000"]],
        [["101.00", "5.000"], ["101.10", "25.000"], ["101.20", "10.000"]],
    )
    market.trade(2, 1, "101.00", "60.000", False)
    market.trade(2, 2, "100.00", "40.000", True)
    market.diff(10, 101, 101, 100, [["100.00", "14.000"]])
    market.ticker(30, 103, "100.00", "14.000", "101.00", "7.000")
    market.trade(50, 3, "101.00", "900.000", False)  # At the grid time itself: not yet known there.
    market.diff(60, 102, 103, 101, [["100.00", "0.000"]], [["101.00", "3.000"]])
    market.trade(140, 4, "101.00", "1.000", False, "ADL")
    market.diff(160, 105, 110, 104)
    market.trade(201, 5, "101.00", "1.000", False)
    settings = FeatureSettings(sample_ms=STEP_MS, depth_levels=3, volatility_minimum_changes=1)
    instrument, [block] = features(market.write(tmp_path / "hand.txt"), settings)
    assert instrument.key == "binance_usdm:ETHUSDT"
    rows = pl.DataFrame(block)
    first = start_ns // 50_000_000 * 50_000_000 + 50_000_000
    assert first == start_ns + 50_000_000
    assert rows["local_ns"].to_list() == [first + n * 50_000_000 for n in range(4)]
    assert rows["book_state"].to_list() == [0, 0, 0, 2]
    scale = instrument.price_scale
    assert rows["bid"].to_list() == [100 * scale, 999 * scale // 10, 999 * scale // 10, None]
    # Row 1: touch 100 x 14 | 101 x 7 from the ticker, the ladder behind it 14/20/30 | 5/25/10.
    assert rows["obi_1"][0] == pytest.approx((14 - 7) / 21)
    assert rows["obi_k"][0] == pytest.approx((64 - 40) / 104)
    assert rows["weighted_mid"][0] == pytest.approx(100 + 14 / 21)
    assert rows["mid"][0] == 100.5
    assert rows["spread_bps"][0] == pytest.approx(1 / 100.5 * 1e4)
    assert rows["ofi"][0] == pytest.approx(4 + (5 - 7))
    assert rows["tfi"][0] == pytest.approx(0.2)
    # Row 2: bid fell to 99.90 x 20 (-14), ask 7 became 3 (+4); 900 bought one millisecond after the last row.
    assert rows["ofi"][1] == pytest.approx(-14 + 4)
    fade = 2.0 ** (-48 / 1000)
    assert rows["tfi"][1] == pytest.approx((900 + 20 * fade) / (900 + 100 * fade))
    assert rows["obi_1"][1] == pytest.approx((20 - 3) / 23)
    # Row 3: nothing moved; a trade that is none of the market's does not count.
    assert rows["ofi"][2] == 0.0
    assert rows["tfi"][2] == pytest.approx(rows["tfi"][1])
    # One mid change, 100.5 to 100.45, ninety milliseconds ago, and 149 ms of time.
    change = math.log(100.45 / 100.5)
    half_life = 60.0
    squares = change * change * 2 ** (-0.09 / half_life)
    seconds = half_life / math.log(2) * (1 - 2 ** (-0.149 / half_life))
    assert rows["realised_volatility"][2] == pytest.approx(math.sqrt(squares / seconds) * 1e4)
    # Row 4: the book has a gap.
    assert [rows[name][3] for name in (*QUANTA, *FLOATS)] == [None] * 12


@pytest.mark.parametrize("seed", range(12))
def test_restless_markets_equal_plain_python(
    seed: int, restless: Callable[[int], Any], tmp_path: Path
) -> None:
    market = restless(seed)
    settings = FeatureSettings(
        sample_ms=20,
        depth_levels=1 + seed % 4,
        trade_flow_half_life_ms=30,
        volatility_half_life_ms=500,
        volatility_minimum_changes=3,
    )
    reference = ReferenceMarket(
        sample_ns=20 * 10**6,
        depth_levels=settings.depth_levels,
        trade_half_life_ns=30 * 10**6,
        volatility_half_life_ns=500 * 10**6,
        volatility_minimum_changes=3,
    )
    expected = reference.run(market.lines)
    instrument, blocks = features(market.write(tmp_path / "restless.txt"), settings)
    check_rows(expected, instrument, blocks)
    assert len(expected) > 100
    if seed == 0:
        assert {row["book_state"] for row in expected} >= {0, 2}
        assert any(row["bid"] is None for row in expected)
        assert any(row["realised_volatility"] is not None for row in expected)


@pytest.fixture(scope="module")
def real_part(captures: Path) -> list[bytes]:
    with gzip.open(captures / "hftbacktest" / "usdm" / "ethusdt_20240808.gz", "rb") as file:
        return list(islice(file, 6_000))


@pytest.fixture(scope="module")
def real_file(real_part: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("real") / "ethusdt.txt"
    path.write_bytes(b"".join(real_part))
    return path


def test_a_real_capture_equals_plain_python(real_part: list[bytes], real_file: Path) -> None:
    expected = ReferenceMarket(sample_ns=250 * 10**6).run(real_part)
    instrument, blocks = features(real_file, FeatureSettings(sample_ms=250))
    check_rows(expected, instrument, blocks)
    assert sum(row["bid"] is not None for row in expected) > 50
    assert any(row["realised_volatility"] is not None for row in expected)


def test_quotes_are_the_changes_of_the_best_prices(restless: Callable[[int], Any], tmp_path: Path) -> None:
    market = restless(3)
    reference = ReferenceMarket(sample_ns=20 * 10**6)
    reference.run(market.lines)
    instrument, [block] = features(market.write(tmp_path / "market.txt"), FeatureSettings(sample_ms=20))
    scale = instrument.price_scale
    prices, expected = (0, 0), []
    for time, touch in reference.touches:
        now = (0, 0) if touch is None else (int(touch[0] * scale), int(touch[2] * scale))
        if now != prices:
            expected.append((time, *now))
        prices = now
    assert list(zip(*(column.tolist() for column in block.quotes), strict=True)) == expected
    assert block.quote_count == len(expected) > 20


def test_numpy_columns_equal_the_table_with_null_for_nan(
    restless: Callable[[int], Any], tmp_path: Path
) -> None:
    _, [block] = features(restless(1).write(tmp_path / "market.txt"), FeatureSettings(sample_ms=20))
    table = pl.DataFrame(block)
    assert table.columns == list(COLUMNS)
    assert table["feature_hash"].dtype == pl.UInt64
    undefined = block.bid == 0
    assert undefined.any()
    assert not undefined.all()
    for name in QUANTA:
        assert (table[name].is_null().to_numpy() == undefined).all()
        assert (table[name].fill_null(0).to_numpy() == getattr(block, name)).all()
    for name in FLOATS:
        column = getattr(block, name)
        assert (table[name].is_null().to_numpy() == np.isnan(column)).all()
        assert table[name].is_nan().sum() == 0, "undefined leaves as null, never as NaN"
        np.testing.assert_array_equal(table[name].fill_null(float("nan")).to_numpy(), column)
    for name in ("local_ns", "book_state", "feature_hash"):
        assert table[name].null_count() == 0
        np.testing.assert_array_equal(table[name].to_numpy(), getattr(block, name))
    del block
    assert table["local_ns"].is_sorted(), "the table keeps the memory it shares alive"


def same(left: Sequence[FeatureBlock], right: Sequence[FeatureBlock]) -> None:
    for name in COLUMNS:
        assert joined(left, name).tobytes() == joined(right, name).tobytes(), name
    for n in range(3):
        assert np.array_equal(
            np.concatenate([b.quotes[n] for b in left]), np.concatenate([b.quotes[n] for b in right])
        )
    assert sum(b.event_count for b in left) == sum(b.event_count for b in right)


def test_cuts_of_time_change_nothing(real_file: Path) -> None:
    settings = FeatureSettings(sample_ms=STEP_MS)
    _, whole = features(real_file, settings)
    times = joined(whole, "local_ns")
    begin, end = int(times[0]), int(times[-1])
    draw = random.Random(11)
    for cuts in (1, 7, 60, 400):
        ends = sorted(draw.randrange(begin - 10**9, end + 10**9) for _ in range(cuts))
        ends += [int(times[len(times) // 2])]  # A cut on the grid.
        _, parts = features(real_file, settings, sorted(set(ends)))
        same(whole, parts)


def test_restored_cores_go_on_exactly(real_file: Path) -> None:
    settings = FeatureSettings(sample_ms=STEP_MS)
    _, whole = features(real_file, settings)
    times = joined(whole, "local_ns")
    stream, instrument = opened(real_file)
    core = settings.core(instrument)
    blocks = []
    for end in [int(t) + 13 for t in times[::25]] + [ENDLESS]:
        block = stream.next_slice(end)[0]
        blocks.append(core.process(pickle.loads(pickle.dumps(block))))
        state = core.snapshot()
        other = settings.core(instrument)
        other.restore(state)
        assert other.snapshot() == state
        assert other.quality() == core.quality()
        core = other
    same(whole, [pickle.loads(pickle.dumps(block)) for block in blocks])


def test_states_of_another_kind_are_refused(real_file: Path) -> None:
    settings = FeatureSettings()
    stream, instrument = opened(real_file)
    core = settings.core(instrument)
    block = stream.next_slice(ENDLESS)[0]
    rows = core.process(block)
    state = core.snapshot()
    for bad in (b"", b"nonsense", block.to_bytes(), state[:-5], state[1:]):
        with pytest.raises(RecoveryError):
            core.restore(bad)
    assert core.snapshot() == state, "a refused state changes nothing"
    for kind, bad in (
        (MarketBlock, rows.to_bytes()),
        (FeatureBlock, block.to_bytes()),
        (FeatureBlock, b"\x01"),
    ):
        with pytest.raises(RecoveryError):
            kind.from_bytes(bad)


def spoil(line: bytes, draw: random.Random) -> bytes:
    """Another market: sizes and prices of the line changed, its form and times kept."""
    digits = b"123456789"
    head, body = line.split(b'"data":', 1) if b'"data":' in line else (line[:25], line[25:])
    out = bytearray(body)
    inside = False
    for n, byte in enumerate(out):
        if byte == ord('"'):
            inside = not inside
        elif inside and byte in digits and out[n - 1] not in b'"' and draw.random() < 0.5:
            out[n] = draw.choice(digits)
    middle = b'"data":' if b'"data":' in line else b""
    return head + middle + bytes(out)


def test_nothing_later_changes_a_row(real_part: list[bytes], real_file: Path, tmp_path: Path) -> None:
    """Rows up to t are the same to the last bit, whatever follows t: other numbers, nothing, or a broken line."""
    settings = FeatureSettings(sample_ms=STEP_MS)
    _, whole = features(real_file, settings)
    times = joined(whole, "local_ns")
    draw = random.Random(5)
    for _ in range(10):
        cut = draw.randrange(1_200, len(real_part) - 100)  # Filters and clock come from the first 1,000.
        known_until = int(real_part[cut].split(b" ", 1)[0])
        for rest in ([spoil(line, draw) for line in real_part[cut:]], real_part[cut : cut + 1]):
            path = tmp_path / "other.txt"
            path.write_bytes(b"".join([*real_part[:cut], *rest]))
            _, other = features(path, settings)
            rows = int(np.searchsorted(times, known_until, side="right"))
            assert rows > 5
            for name in COLUMNS:
                expected = joined(whole, name)[:rows]
                assert joined(other, name)[:rows].tobytes() == expected.tobytes(), (name, cut)
        if len(rest) > 1:
            assert joined(other, "feature_hash")[-1] != joined(whole, "feature_hash")[-1]


def test_one_changed_quantity_changes_the_hash_behind_it(
    real_part: list[bytes], real_file: Path, tmp_path: Path
) -> None:
    settings = FeatureSettings(sample_ms=STEP_MS)
    _, whole = features(real_file, settings)
    trade = next(n for n in range(3_000, 6_000) if b'"e":"trade"' in real_part[n])
    line = real_part[trade]
    at = line.index(b'"q":"') + 5
    changed = line[:at] + (b"8" if line[at : at + 1] != b"8" else b"9") + line[at + 1 :]
    path = tmp_path / "changed.txt"
    path.write_bytes(b"".join([*real_part[:trade], changed, *real_part[trade + 1 :]]))
    _, other = features(path, settings)
    time = int(line.split(b" ", 1)[0])
    behind = joined(whole, "local_ns") > time
    differs = joined(whole, "feature_hash") != joined(other, "feature_hash")
    assert differs.tolist() == behind.tolist()
    assert behind.any()
    assert not behind.all()


# --- The research one-liner -------------------------------------------------------------------------------------

UNSHIFTED = CaptureSettings(clock_offset_ms=0)


def test_compute_features_is_streaming_run_to_the_end(real_file: Path) -> None:
    settings = FeatureSettings(sample_ms=STEP_MS)
    instrument, [block] = features(real_file, settings)
    table = compute_features([real_file], settings=settings, capture=UNSHIFTED)
    assert table.columns == ["instrument", "local_ns", *FEATURES]
    assert table["instrument"].unique().to_list() == [instrument.key]
    assert table.drop("instrument").equals(pl.DataFrame(block).select("local_ns", *FEATURES))
    some = compute_features([str(real_file)], ["ofi", "mid"], settings, UNSHIFTED)
    assert some.columns == ["instrument", "local_ns", "ofi", "mid"]
    assert some.equals(table.select(some.columns))


def test_compute_features_shifts_local_time_to_the_exchange_clock(real_file: Path) -> None:
    settings = FeatureSettings(sample_ms=1)
    unshifted = compute_features([real_file], ["mid"], settings, UNSHIFTED).drop_nulls()
    shifted = compute_features(
        [real_file], ["mid"], settings, CaptureSettings(clock_offset_ms=-1270)
    ).drop_nulls()
    assert shifted["local_ns"][0] - unshifted["local_ns"][0] == 1270 * 10**6
    assert shifted["mid"].to_list() == unshifted["mid"].to_list()


def test_compute_features_refuses_what_it_cannot_answer(
    real_part: list[bytes], real_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="alpha"):
        compute_features([real_file], ["mid", "alpha"])
    broken = tmp_path / "broken.txt"
    broken.write_bytes(b"".join(real_part[:1500]) + b"half\n")
    with pytest.raises(DataError, match="line 1501"):
        compute_features([broken])
    short = tmp_path / "short.txt"
    short.write_bytes(real_part[0])
    with pytest.raises(DataError, match="sampling step"):
        compute_features([short])


@pytest.mark.parametrize(
    "name", ["sample_ns", "depth_levels", "trade_flow_half_life_ns", "volatility_half_life_ns"]
)
def test_kernels_refuse_settings_that_are_not_positive(name: str, real_file: Path) -> None:
    _, instrument = opened(real_file)
    good = {
        "sample_ns": 1,
        "depth_levels": 1,
        "trade_flow_half_life_ns": 1,
        "volatility_half_life_ns": 1,
        "volatility_minimum_changes": 1,
    }
    MarketCore(instrument, **good)
    with pytest.raises(ConfigError, match=name):
        MarketCore(instrument, **{**good, name: 0})
