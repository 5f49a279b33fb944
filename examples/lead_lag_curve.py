"""Who leads whom, and by how much?

The Hayashi-Yoshida correlation of the mids at their own times, at every lag: no resampling, which would blur a lag of
milliseconds and shrink the correlation (Epps 1979). Its peak says how long after the leader the other market moves; the
ratio of squared correlations at positive over negative lags says how one-sided it is (Huth and Abergel 2014).

    python examples/lead_lag_curve.py BTC.gz ETH.gz --leader binance_usdm:BTCUSDT --out lead_lag.html
"""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go
import polars as pl
from common import arguments, captures_of, save, scratch

from aurora.features import compute, lead_lag, lead_lag_ratio


def main() -> None:
    parser = arguments(__doc__ or "", "lead_lag.html")
    parser.add_argument("--leader", help="instrument that may lead; the first capture's when not given")
    parser.add_argument("--max-lag", default="1s")
    parser.add_argument("--step", default="10ms")
    given = parser.parse_args()
    with scratch() as folder:
        captures = captures_of(given, Path(folder))
        first = compute(captures[0], ["mid"], "touch")["instrument"][0]
        frame = compute(captures, ["mid"], "touch")
    mids = {key: part for (key,), part in frame.partition_by("instrument", as_dict=True).items()}
    leader = given.leader or first
    if leader not in mids or len(mids) < 2:
        parser.error(
            f"a leader and a follower are needed; the captures hold {', '.join(sorted(map(str, mids)))}"
        )
    figure = go.Figure()
    print(f"{leader} leads")
    for follower in sorted(set(mids) - {leader}):
        curve = lead_lag(mids[leader], mids[follower], given.max_lag, given.step)
        peak = curve.sort(pl.col("correlation").abs(), descending=True, nulls_last=True).row(0, named=True)
        ratio = lead_lag_ratio(curve)
        if peak["correlation"] is None or ratio is None:
            print(f"  {follower}: never moves")
            continue
        lag_ms = peak["lag_ns"] / 1e6
        print(
            f"  {follower}: by {lag_ms:.0f} ms, correlation {peak['correlation']:.3f}, lead-lag ratio {ratio:.2f}"
        )
        times = (curve["lag_ns"] / 1e6).to_list()
        figure.add_scatter(x=times, y=curve["correlation"].to_list(), mode="lines", name=follower)
    figure.add_vline(x=0, line_dash="dot")
    figure.update_layout(
        title=f"Lead-lag behind {leader}",
        xaxis_title="lag of the other market, ms (right of 0 the leader leads)",
        yaxis_title="Hayashi-Yoshida correlation",
    )
    save(figure, given.out)


if __name__ == "__main__":
    main()
