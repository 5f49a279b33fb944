"""Two instruments at once: who leads whom, and what they have in common as time goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aurora._core import cross_columns, hayashi_yoshida_curve
from aurora.errors import DataError, UsageError

if TYPE_CHECKING:
    import polars as pl

_TIME = re.compile(r"(\d+)\s*(ms|s|m|h)")
_NANOSECONDS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def lead_lag(
    leader: pl.DataFrame, follower: pl.DataFrame, max_lag: str = "1s", step: str = "10ms"
) -> pl.DataFrame:
    """Hayashi-Yoshida correlation of two mids at every lag (Hayashi, Yoshida 2005; lagged as in Hoffmann, Rosenbaum,
    Yoshida 2013): from observations at their own times, without resampling.

    Args:
        leader, follower: columns ``local_ns`` and ``mid``, as :func:`aurora.features.compute` gives them with
            ``every="touch"``. Of several mids at one time the last counts; repeated and missing mids are left out.
        max_lag, step: times such as ``"1s"`` and ``"10ms"``: lags run from -max_lag to +max_lag.

    Returns:
        ``lag_ns, covariance, correlation``. A positive lag means that the leader leads: its moves are compared with
        those that the follower makes ``lag_ns`` later. Covariance is of log mids; correlation is null where one of
        the two never moves. It may exceed 1 in small samples.

    Raises:
        UsageError: a column is missing, or a lag is no time.
        DataError: times run backwards, or a mid is not a price.
    """
    import polars as pl

    most, width = _nanoseconds("max_lag", max_lag), _nanoseconds("step", step)
    reach = most // width
    lags = np.arange(-reach, reach + 1, dtype=np.int64) * width
    x_ns, x = _changes("leader", leader)
    y_ns, y = _changes("follower", follower)
    covariance, correlation = hayashi_yoshida_curve(x_ns, x, y_ns, y, lags)
    return pl.DataFrame(
        {"lag_ns": lags, "covariance": covariance, "correlation": pl.Series(correlation).fill_nan(None)}
    )


def lead_lag_ratio(curve: pl.DataFrame) -> float | None:
    """Sum of squared correlations at positive lags over that at negative lags (Huth, Abergel 2014): above 1 the first
    instrument leads. None where there is nothing to divide by.

    Args:
        curve: what :func:`lead_lag` gave.
    """
    import polars as pl

    square = pl.col("correlation").pow(2).sum()
    ahead = float(curve.filter(pl.col("lag_ns") > 0).select(square).item())
    behind = float(curve.filter(pl.col("lag_ns") < 0).select(square).item())
    return ahead / behind if behind > 0 else None


def cross_beta(
    leader: pl.DataFrame,
    follower: pl.DataFrame,
    every: str = "1s",
    *,
    window: str = "60s",
    process_variance: float = 1e-4,
    observation_variance: float = 1.0,
) -> pl.DataFrame:
    """What two mids have in common, streamed: each row knows mids before its time only.

    Args:
        leader, follower: columns ``local_ns`` and ``mid``; null from where there is no mid.
        every: distance of rows, on the grid of local time.
        window: length of the Hayashi-Yoshida sums, in whole steps of ``every``.
        process_variance: variance that the Kalman beta gains from row to row.
        observation_variance: variance of the follower's returns about beta times the leader's, squared basis points.

    Returns:
        ``local_ns``, ``covariance`` (squared basis points over the window), ``correlation`` and ``beta`` (of follower
        on leader) by Hayashi-Yoshida, ``kalman_beta`` and its standard error ``kalman_error`` from the returns
        between rows. Null where undefined.

    Raises:
        UsageError: a column is missing, or a time is none.
        ConfigError: a variance is out of range.
        DataError: times run backwards, or a mid is not a price.
    """
    import polars as pl

    step, span = _nanoseconds("every", every), _nanoseconds("window", window)
    x, y = _quotes("leader", leader), _quotes("follower", follower)
    if not len(x[0]) or not len(y[0]):
        grid = np.empty(0, np.int64)
    else:
        first, last = min(x[0][0], y[0][0]), max(x[0][-1], y[0][-1])
        grid = np.arange(first // step + 1, last // step + 1, dtype=np.int64) * step
    columns = cross_columns(
        *x,
        *y,
        grid,
        bucket_ns=step,
        buckets=max(span // step, 1),
        process_variance=process_variance,
        observation_variance=observation_variance,
    )
    return pl.DataFrame({"local_ns": grid, **columns}).with_columns(pl.col(pl.Float64).fill_nan(None))


def _nanoseconds(name: str, text: str) -> int:
    matched = _TIME.fullmatch(text)
    if matched is None or int(matched[1]) == 0:
        raise UsageError(f"{name} is {text!r}; give a time such as 10ms, 1s or 1m")
    return int(matched[1]) * _NANOSECONDS[matched[2]]


def _quotes(name: str, frame: pl.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    missing = [column for column in ("local_ns", "mid") if column not in frame.columns]
    if missing:
        raise UsageError(f"the {name} has no column {missing[0]}; it has {', '.join(frame.columns)}")
    times = frame["local_ns"].to_numpy().astype(np.int64)
    if np.any(times[1:] < times[:-1]):
        raise DataError(f"the times of the {name} run backwards; sort it by local_ns")
    mids = frame["mid"].cast(float).fill_null(float("nan"))
    return times, mids.to_numpy().astype(np.float64)


def _changes(name: str, frame: pl.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Times and log mids where the mid changed."""
    times, mids = _quotes(name, frame)
    known = mids > 0
    times, mids = times[known], mids[known]
    newest = np.append(times[1:] != times[:-1], True)[: len(times)]
    times, mids = times[newest], mids[newest]
    moved = np.insert(mids[1:] != mids[:-1], 0, True)[: len(times)]
    return times[moved], np.log(mids[moved])
