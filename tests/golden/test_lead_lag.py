"""Lead-lag of the real captures, with the numbers that PROVENANCE.md gives for them."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from reference_kernels_volatility import KalmanBeta, hayashi_yoshida, variation

from aurora.errors import ConfigError, DataError, UsageError
from aurora.features import compute, cross_beta, lead_lag, lead_lag_ratio

STEP_NS = 10 * 10**6


FILES = {
    "usdm BTC": "usdm/btcusdt",
    "usdm ETH": "usdm/ethusdt",
    "spot BTC": "spot/btcusdt",
    "spot ETH": "spot/ethusdt",
    "cm BTC": "cm/btcusd_perp",
}


@pytest.fixture(scope="module")
def mids(captures: Path) -> dict[str, pl.DataFrame]:
    """Mids by market at the changes of the touch, on one recorder's clock."""
    frame = compute(
        [captures / "hftbacktest" / f"{file}_20240808.gz" for file in FILES.values()], ["mid"], "touch"
    )
    keys = ("usdm:BTCUSDT", "usdm:ETHUSDT", "spot:BTCUSDT", "spot:ETHUSDT", "coinm:BTCUSD_PERP")
    found = frame["instrument"].unique()
    assert set(found) == {f"binance_{key}" for key in keys}
    return {
        name: frame.filter(pl.col("instrument") == f"binance_{key}")
        for name, key in zip(FILES, keys, strict=True)
    }


def peak(curve: pl.DataFrame) -> tuple[int, float]:
    """Lag and value of the largest correlation by magnitude."""
    row = curve.sort(pl.col("correlation").abs(), descending=True).row(0, named=True)
    return row["lag_ns"], row["correlation"]


PAIRS = pytest.mark.parametrize(
    ("leader", "follower", "lag_ms", "energy"),
    [
        ("usdm BTC", "usdm ETH", 90, 9.7),
        ("usdm BTC", "spot BTC", 120, 27),
        ("usdm BTC", "cm BTC", 110, 5.5),
        ("usdm ETH", "spot ETH", 40, 2.4),
    ],
)


@PAIRS
def test_who_leads_whom(
    leader: str, follower: str, lag_ms: int, energy: float, mids: dict[str, pl.DataFrame]
) -> None:
    """Changes of the touch's mid, ladder and ticker together: grid of 10 ms, one second either way."""
    curve = lead_lag(mids[leader], mids[follower], "1s", "10ms")
    assert curve["lag_ns"].to_list() == [n * STEP_NS for n in range(-100, 101)]
    lag, correlation = peak(curve)
    assert abs(lag - lag_ms * 10**6) <= STEP_NS
    assert correlation > 0.5
    # The published ratios are of the tickers' mids alone: see below.
    assert lead_lag_ratio(curve) == pytest.approx(energy, rel=0.1)
    # Seen from the other side it is the same curve, mirrored.
    back = lead_lag(mids[follower], mids[leader], "1s", "10ms")
    assert back["correlation"].reverse().to_list() == pytest.approx(curve["correlation"].to_list(), abs=1e-9)


@pytest.fixture(scope="module")
def ticker_mids(captures: Path) -> dict[str, pl.DataFrame]:
    """Mids of the bookTicker stream alone, read from the raw lines."""

    def read(file: str) -> pl.DataFrame:
        times, mids = [], []
        with gzip.open(captures / "hftbacktest" / f"{file}_20240808.gz", "rb") as lines:
            for line in lines:
                if b"@bookTicker" in line:
                    time, frame = line.split(b" ", 1)
                    data = json.loads(frame)["data"]
                    times.append(int(time))
                    mids.append((float(data["b"]) + float(data["a"])) / 2)
        return pl.DataFrame({"local_ns": times, "mid": mids})

    return {name: read(file) for name, file in FILES.items()}


@PAIRS
def test_how_much_more_leads_than_lags(
    leader: str, follower: str, lag_ms: int, energy: float, ticker_mids: dict[str, pl.DataFrame]
) -> None:
    """Squared correlations at positive over those at negative lags, lag 0 in neither sum."""
    curve = lead_lag(ticker_mids[leader], ticker_mids[follower], "1s", "10ms")
    assert abs(peak(curve)[0] - lag_ms * 10**6) <= STEP_NS
    assert lead_lag_ratio(curve) == pytest.approx(energy, rel=0.04)


def bitcoin_in_yen(captures: Path, exchange: str) -> pl.DataFrame:
    frame = pl.read_csv(captures / "lead-lag" / f"{exchange}JPY_2018-08-12_small.csv")
    times = pl.col("date").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ns").cast(pl.Int64)
    return frame.select(times.alias("local_ns"), pl.col("last").alias("mid"))


def test_bitflyer_leads_btcbox(captures: Path) -> None:
    """A pair known from elsewhere, by last prices of one second's resolution."""
    leader, follower = bitcoin_in_yen(captures, "bitflyer"), bitcoin_in_yen(captures, "btcbox")
    assert (leader.height, follower.height) == (17_507, 10_516)
    curve = lead_lag(leader, follower, "60s", "1s")
    lag, correlation = peak(curve)
    assert lag == 15 * 10**9
    assert correlation == pytest.approx(0.149, abs=5e-4)
    at_once = curve.filter(pl.col("lag_ns") == 0)["correlation"].item()
    assert at_once == pytest.approx(0.030, abs=5e-4)


# --- The functions themselves -----------------------------------------------------------------------------------


def walk(seed: int, count: int, every_ns: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    times = np.cumsum(draw.integers(1, every_ns, count))
    return pl.DataFrame({"local_ns": times, "mid": 100 * np.exp(np.cumsum(draw.normal(0, 1e-4, count)))})


def test_the_curve_is_the_double_loop() -> None:
    x, y = walk(1, 60, 10**9), walk(2, 50, 10**9)
    curve = lead_lag(x, y, "3s", "500ms")
    logs = [[math.log(mid) for mid in frame["mid"]] for frame in (x, y)]
    scale = math.sqrt(variation(logs[0]) * variation(logs[1]))
    for lag, covariance, correlation in curve.iter_rows():
        shifted = [time - lag for time in y["local_ns"]]
        expected = hayashi_yoshida(x["local_ns"].to_list(), logs[0], shifted, logs[1])
        assert covariance == pytest.approx(expected, rel=1e-9, abs=1e-18)
        assert correlation == pytest.approx(expected / scale, rel=1e-9, abs=1e-12)


def test_repeats_and_gaps_are_no_observations() -> None:
    x, y = walk(3, 40, 10**9), walk(4, 40, 10**9)
    plain = lead_lag(x, y, "2s", "1s")
    noisy = pl.concat(
        [
            x,
            x.with_columns(pl.col("local_ns") + 1),  # Unchanged a moment later.
            x.with_columns(mid=pl.lit(None, pl.Float64), local_ns=pl.col("local_ns") + 2),
        ]
    ).sort("local_ns")
    assert lead_lag(noisy, y, "2s", "1s").equals(plain)
    superseded = x.with_columns(mid=pl.col("mid") * 2)
    both = pl.concat([superseded, x]).sort("local_ns", maintain_order=True)
    assert lead_lag(both, y, "2s", "1s").equals(plain), "of several mids at one time the last counts"
    still = x.with_columns(mid=pl.lit(5.0))
    assert lead_lag(still, y, "2s", "1s")["correlation"].null_count() == 5
    assert lead_lag_ratio(lead_lag(still, y, "2s", "1s")) is None


def test_betas_equal_plain_python() -> None:
    """The whole past is in the window, so that the sums are those of the definition."""
    x, y = walk(5, 400, 10**8), walk(6, 300, 10**8)
    frame = cross_beta(x, y, "1s", window="1h", process_variance=1e-3, observation_variance=2.0)
    kalman = KalmanBeta(1e-3, 2.0, 1.0)
    before: tuple[float, float] | None = None
    for row in frame.iter_rows(named=True):
        now = row["local_ns"]
        logs, times = [], []
        for known in (x.filter(pl.col("local_ns") < now), y.filter(pl.col("local_ns") < now)):
            times.append(known["local_ns"].to_list())
            logs.append([math.log(mid) * 1e4 for mid in known["mid"]])
        variances = [variation(path) for path in logs]
        covariance = hayashi_yoshida(times[0], logs[0], times[1], logs[1])
        assert row["covariance"] == pytest.approx(covariance, rel=1e-9, abs=1e-9)
        assert row["beta"] == pytest.approx(covariance / variances[0], rel=1e-9, abs=1e-12)
        scale = math.sqrt(variances[0] * variances[1])
        assert row["correlation"] == pytest.approx(covariance / scale, rel=1e-9, abs=1e-12)
        standing = (logs[0][-1], logs[1][-1])
        if before is None:
            assert row["kalman_beta"] is None
            assert row["kalman_error"] is None
        else:
            kalman.update(standing[0] - before[0], standing[1] - before[1])
            assert row["kalman_beta"] == pytest.approx(kalman.beta, rel=1e-9, abs=1e-12)
            assert row["kalman_error"] == pytest.approx(math.sqrt(kalman.variance), rel=1e-9)
        before = standing
    assert frame.height >= 10


def test_a_planted_beta_is_found() -> None:
    x = walk(7, 4_000, 10**8)
    y = x.with_columns(mid=(pl.col("mid").log() * 0.6).exp() * (100**0.4))
    last = cross_beta(x, y, "1s", observation_variance=0.01).tail(1)
    assert last["beta"].item() == pytest.approx(0.6, abs=1e-6)
    assert last["correlation"].item() == pytest.approx(1, abs=1e-6)
    assert last["kalman_beta"].item() == pytest.approx(0.6, abs=0.01)


def test_a_row_knows_what_came_before_it() -> None:
    x, y = walk(8, 300, 10**8), walk(9, 300, 10**8)
    whole = cross_beta(x, y, "1s", window="5s")
    moment = whole["local_ns"][whole.height // 2]
    changed = x.with_columns(
        mid=pl.when(pl.col("local_ns") >= moment).then(pl.col("mid") * 1.5).otherwise(pl.col("mid"))
    )
    other = cross_beta(changed, y, "1s", window="5s")
    until = pl.col("local_ns") <= moment
    assert other.filter(until).equals(whole.filter(until), null_equal=True)
    assert not other.equals(whole, null_equal=True)


def test_a_lost_mid_is_no_move() -> None:
    x, y = walk(10, 300, 10**8), walk(11, 300, 10**8)
    lost = pl.concat(
        [
            x[:150],
            pl.DataFrame({"local_ns": [x["local_ns"][149] + 1], "mid": [None]}, schema=x.schema),
            x[150:],
        ]
    )
    doubled = lost.with_columns(
        mid=pl.when(pl.col("local_ns") > x["local_ns"][149]).then(pl.col("mid") * 2).otherwise(pl.col("mid"))
    )
    frames = [cross_beta(frame, y, "1s", window="1h") for frame in (lost, doubled)]
    for name in ("covariance", "beta"):
        assert frames[0][name].to_list() == pytest.approx(frames[1][name].to_list(), rel=1e-9, abs=1e-9)


def test_what_cannot_be_used_is_refused() -> None:
    x = walk(12, 20, 10**9)
    for wrong in ("1", "0s", "soon", "1d"):
        with pytest.raises(UsageError, match="max_lag"):
            lead_lag(x, x, wrong)
        with pytest.raises(UsageError, match="every"):
            cross_beta(x, x, wrong)
    with pytest.raises(UsageError, match="follower has no column mid"):
        lead_lag(x, x.drop("mid"))
    with pytest.raises(DataError, match="time"):
        lead_lag(x.reverse(), x)
    with pytest.raises(DataError, match="time"):
        cross_beta(x.reverse(), x)
    with pytest.raises(ConfigError, match="observation_variance"):
        cross_beta(x, x, observation_variance=0)
    assert cross_beta(x.clear(), x).is_empty()
