"""Does the order book imbalance tell which way the mid moves next?

Rows of a 100 ms grid are cut into tenths by the imbalance of the best level. For each tenth: how often the next move
of the mid is upwards. Rows between the same two moves share one outcome, so the bars (95 %, Wilson 1927) count moves,
not rows. Gould and Bonart (2016) find the same picture in equities: the fuller side wins.

    python examples/imbalance_and_next_move.py CAPTURE... --out imbalance.html
"""

from __future__ import annotations

import math
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
from common import arguments, captures_of, save, scratch

from aurora.features import compute

Z_95 = 1.959964


def next_moves(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of one instrument with `up` (whether the next move of the mid is upwards) and `move`, its number."""
    defined = frame.drop_nulls().with_columns(change=pl.col("mid").diff().shift(-1))
    return (
        defined.with_columns(
            change=pl.when(pl.col("change") != 0).then("change").fill_null(strategy="backward"),
            move=(pl.col("mid").diff().fill_null(0) != 0).cum_sum(),
        )
        .drop_nulls()
        .with_columns(up=pl.col("change") > 0)
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """Ends of Wilson's 95 % interval of a share seen in `count` trials."""
    square = Z_95 * Z_95
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = Z_95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return centre - half, centre + half


def by_decile(frame: pl.DataFrame) -> pl.DataFrame:
    """Tenths of the rows by imbalance: mean imbalance, rows, distinct moves, share of upward moves and its interval."""
    ranked = frame.with_columns(
        decile=((pl.col("obi_1").rank("ordinal") - 1) * 10 // frame.height).cast(pl.Int64) + 1
    )
    table = (
        ranked.group_by("decile")
        .agg(
            imbalance=pl.col("obi_1").mean(),
            rows=pl.len(),
            moves=pl.struct("instrument", "move").n_unique(),
            up=pl.col("up").mean(),
        )
        .sort("decile")
    )
    ends = [wilson(up, moves) for up, moves in table.select("up", "moves").iter_rows()]
    return table.with_columns(
        low=pl.Series([low for low, _ in ends]), high=pl.Series([high for _, high in ends])
    )


def main() -> None:
    parser = arguments(__doc__ or "", "imbalance.html")
    given = parser.parse_args()
    with scratch() as folder:
        frame = compute(captures_of(given, Path(folder)), ["mid", "obi_1"], "100ms")
    moves = pl.concat([next_moves(part) for part in frame.partition_by("instrument")])
    table = by_decile(moves)
    print("decile  imbalance    rows   moves  upwards   95 % interval")
    for decile, imbalance, rows, count, up, low, high in table.iter_rows():
        print(f"{decile:6d} {imbalance:+10.3f} {rows:7d} {count:7d} {up:8.3f}   {low:.3f} .. {high:.3f}")
    difference = table["up"][-1] - table["up"][0]
    apart = table["low"][-1] > table["high"][0] or table["high"][-1] < table["low"][0]
    print(f"Top less bottom decile: {difference:+.3f}, intervals {'apart' if apart else 'overlap'}")
    figure = go.Figure(
        go.Scatter(
            x=table["imbalance"].to_list(),
            y=table["up"].to_list(),
            mode="markers+lines",
            error_y={
                "type": "data",
                "array": (table["high"] - table["up"]).to_list(),
                "arrayminus": (table["up"] - table["low"]).to_list(),
            },
        )
    )
    figure.add_hline(y=0.5, line_dash="dot")
    figure.update_layout(
        title=f"Next move of the mid by order book imbalance: {', '.join(frame['instrument'].unique().sort())}",
        xaxis_title="order book imbalance of the best level, mean of its tenth",
        yaxis_title="share of next moves that are upwards",
    )
    save(figure, given.out)


if __name__ == "__main__":
    main()
