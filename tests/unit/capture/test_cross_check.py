"""Two sources of one market: equal to themselves, and every planted fault found with its size."""

from __future__ import annotations

import gzip
import json
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from aurora.capture import CrossCheck, cross_check
from aurora.capture.cross_check import base_asset
from aurora.errors import DataError, UsageError
from aurora.testing import SyntheticSettings, generate

MS = 10**6
Lines = list[bytes]


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lines]:
    """Lines of a synthetic market by symbol."""
    made = generate(SyntheticSettings(seed=11, duration_s=90.0), tmp_path_factory.mktemp("market"))
    return {
        symbol: gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        for symbol, path in made.paths.items()
    }


@pytest.fixture
def lines(markets: dict[str, Lines]) -> Lines:
    return markets["ETHUSDT"]


def is_trade(line: bytes) -> bool:
    return b'"e":"trade"' in line


def shifted(line: bytes, received_ms: int = 0, exchange_ms: int = 0) -> bytes:
    if line.startswith(b"#"):
        return line
    time, frame = line.split(b" ", 1)
    frame = re.sub(rb'"([ET])":(\d+)', lambda m: b'"%s":%d' % (m[1], int(m[2]) + exchange_ms), frame)
    return b"%d %s" % (int(time) + received_ms * MS, frame)


def scaled(line: bytes, by: float) -> bytes:
    """Ticker prices moved by a share of themselves: a source that quotes another market."""
    if b'"e":"bookTicker"' not in line and b'"e":"depthUpdate"' not in line and b"lastUpdateId" not in line:
        return line
    return re.sub(rb'(\["|"[ab]":")(\d+\.\d+)"', lambda m: b'%s%.2f"' % (m[1], float(m[2]) * by), line)


def compared(tmp_path: Path, one: Lines, other: Lines) -> CrossCheck:
    paths = tmp_path / "one.txt", tmp_path / "other.txt"
    for path, content in zip(paths, (one, other), strict=True):
        path.write_bytes(b"".join(content))
    [check] = cross_check([paths[0]], [paths[1]])
    return check


def test_a_source_agrees_with_itself(lines: Lines, tmp_path: Path) -> None:
    check = compared(tmp_path, lines, lines)
    assert (check.agrees, check.disagreements) == (True, ())
    assert check.p99_absolute_difference_bps == check.median_difference_bps == 0
    assert (check.within_share, check.clock_lag_ms) == (1, 0)
    assert check.lag_correlation == pytest.approx(1)
    assert (check.missing_in_first, check.missing_in_second, check.unequal_trades) == (0, 0, 0)
    assert check.trades_first > 100


@pytest.mark.parametrize("lag_ms", [-150, 37, 500])
def test_exchange_clocks_apart_are_a_lag(lag_ms: int, lines: Lines, tmp_path: Path) -> None:
    check = compared(tmp_path, lines, [shifted(line, exchange_ms=lag_ms) for line in lines])
    assert check.clock_lag_ms == pytest.approx(lag_ms, abs=2)
    assert check.lag_correlation is not None
    assert check.lag_correlation > 0.9
    assert check.agrees is False
    assert any("exchange times" in sentence for sentence in check.disagreements)
    # The receive clock stayed: against the shifted exchange clock its offset is less by the lag.
    assert check.receive_clock_difference_ms == pytest.approx(lag_ms, abs=1)
    assert (check.missing_in_first, check.missing_in_second) == (0, 0)


def test_receive_clocks_apart_are_told_and_do_not_matter(lines: Lines, tmp_path: Path) -> None:
    check = compared(tmp_path, lines, [shifted(line, received_ms=800) for line in lines])
    assert check.receive_clock_difference_ms == pytest.approx(-800, abs=0.01)
    assert (check.agrees, check.clock_lag_ms, check.p99_absolute_difference_bps) == (True, 0, 0)
    assert "the receive clocks are -800 ms apart" in check.sentences


def test_dropped_trades_are_counted_where_they_lack(lines: Lines, tmp_path: Path) -> None:
    trades = [i for i, line in enumerate(lines) if is_trade(line)]
    lost_first, lost_second = set(trades[50:57]), set(trades[80:180:25])
    check = compared(
        tmp_path,
        [line for i, line in enumerate(lines) if i not in lost_first],
        [line for i, line in enumerate(lines) if i not in lost_second],
    )
    assert (check.missing_in_first, check.missing_in_second, check.unequal_trades) == (7, 4, 0)
    assert check.disagreements == (
        "7 trades of the other are missing in the first",
        "4 trades of the other are missing in the second",
    )


def test_trades_of_one_id_that_differ(lines: Lines, tmp_path: Path) -> None:
    trades = [i for i, line in enumerate(lines) if is_trade(line)]
    changed = list(lines)
    for i in trades[60:63]:
        changed[i] = re.sub(rb'"q":"\d', b'"q":"9', changed[i])
        assert changed[i] != lines[i]
    check = compared(tmp_path, lines, changed)
    assert check.unequal_trades == 3
    assert check.agrees is False


def test_a_scaled_price_is_a_difference_of_that_size(lines: Lines, tmp_path: Path) -> None:
    check = compared(tmp_path, lines, [scaled(line, 1.002) for line in lines])
    assert check.median_difference_bps == pytest.approx((1 / 1.002 - 1) * 1e4, abs=0.05)
    assert check.p99_absolute_difference_bps == pytest.approx(20, abs=0.2)
    assert check.within_share == 0
    assert check.agrees is False
    assert "mids differ by more than 1 bps for 100.0% of the time" in check.disagreements[0]


def test_a_part_is_compared_where_both_are(lines: Lines, tmp_path: Path) -> None:
    check = compared(tmp_path, lines, lines[: len(lines) // 2])
    whole = compared(tmp_path, lines, lines)
    assert 0.4 * whole.overlap_s < check.overlap_s < 0.6 * whole.overlap_s
    assert (check.agrees, check.missing_in_first, check.missing_in_second) == (True, 0, 0)


def test_the_difference_equals_a_plain_walk(lines: Lines, tmp_path: Path) -> None:
    """Mids on the grid from the tickers alone, read with `json` and looked up time by time."""

    def tickers(chosen: Lines) -> list[tuple[int, float]]:
        rows = []
        for line in chosen:
            if b'"e":"bookTicker"' in line:
                quote = json.loads(line.split(b" ", 1)[1])["data"]
                rows.append((quote["T"], (float(quote["b"]) + float(quote["a"])) / 2))
        return rows

    # Without diffs behind the first the touch is the tickers': four of five are lost in the other.
    head = next(i for i, line in enumerate(lines) if b"lastUpdateId" in line) + 1
    rest = [line for line in lines[head:] if b"depthUpdate" not in line]
    one = [*lines[:head], *rest]
    places = [i for i, line in enumerate(one) if b'"e":"bookTicker"' in line]
    gone = set(places) - set(places[::5])
    other = [line for i, line in enumerate(one) if i not in gone]
    check = compared(tmp_path, one, other)

    def at(rows: list[tuple[int, float]], ms: int) -> float | None:
        known = [mid for time, mid in rows if time <= ms]
        return known[-1] if known else None

    first, second = tickers(one[head:]), tickers(other[head:])
    distances = []
    for ms in range(-(-second[0][0] // 100) * 100, second[-1][0] + 1, 100):
        a, b = at(first, ms), at(second, ms)
        assert a is not None
        assert b is not None
        distances.append(abs(a - b) / b * 1e4)
    assert check.median_absolute_difference_bps == pytest.approx(statistics.median(distances), abs=0.02)
    assert check.p99_absolute_difference_bps == pytest.approx(np.quantile(distances, 0.99), rel=0.03)
    within = sum(d <= 1 for d in distances) / len(distances)
    assert check.within_share == pytest.approx(within, abs=0.01)
    assert 0.2 < within < 0.99


def test_pairs_are_the_same_instrument_or_else_the_same_asset(
    markets: dict[str, Lines], tmp_path: Path
) -> None:
    paths = {}
    for symbol in ("ETHUSDT", "BTCUSDT"):
        paths[symbol] = tmp_path / f"{symbol}.txt"
        paths[symbol].write_bytes(b"".join(markets[symbol]))
    checks = cross_check(list(paths.values()), list(paths.values()))
    assert [(check.first, check.second) for check in checks] == [
        ("binance_usdm:BTCUSDT", "binance_usdm:BTCUSDT"),
        ("binance_usdm:ETHUSDT", "binance_usdm:ETHUSDT"),
    ]
    with pytest.raises(UsageError, match="nothing to compare"):
        cross_check([paths["ETHUSDT"]], [paths["BTCUSDT"]])


@pytest.mark.parametrize(
    ("symbol", "asset"),
    [
        ("BTCUSDT", "BTC"),
        ("BTCUSD_PERP", "BTC"),
        ("BTC-USDT-SWAP", "BTC"),
        ("ETHBTC", "ETH"),
        ("PI_XBTUSD", "BTC"),
        ("BTC", "BTC"),
        ("1000PEPEUSDT", "1000PEPE"),
        ("btcusd", "BTC"),
        ("USDCUSDT", "USDC"),
    ],
)
def test_the_asset_of_a_symbol(symbol: str, asset: str) -> None:
    assert base_asset(symbol) == asset


def test_a_capture_without_a_touch(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "trades.txt"
    path.write_bytes(b"".join(line for line in lines if is_trade(line)))
    with pytest.raises(DataError, match="not one usable touch"):
        cross_check([path], [path])
