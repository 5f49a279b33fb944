"""Which price of now is nearest to the mid of later: the mid, the weighted mid, or the microprice?

The microprice (Stoikov 2018) is fitted on the first half of a capture and judged on the second half, which it has not
seen: |mid at t + h - price at t| over a grid of 100 ms, for several horizons h, as mean and as root mean square. While
the mid mostly stands still, nothing beats the mid in the mean; a forecast of where it goes shows in the squares. Bars
are two standard errors of the difference to the mid, from means over blocks of ten seconds, since neighbouring rows are
alike.

    python examples/microprice_and_mid.py CAPTURE --out microprice.html
"""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
from common import arguments, captures_of, save, scratch

from aurora.errors import AuroraError
from aurora.features import FeatureSettings, KernelSettings, compute
from aurora.stages import fit_feature

STEP_NS = 100 * 10**6
HORIZONS_MS = (100, 500, 1_000, 5_000)
BLOCK_NS = 10 * 10**9
PRICES = ("mid", "weighted_mid", "microprice")


def first_half(capture: Path, folder: Path) -> Path:
    """A capture of the first half of the lines."""
    data = capture.read_bytes()
    lines = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).splitlines(keepends=True)
    path = folder / "first_half.txt"
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    return path


def errors(frame: pl.DataFrame, horizon_ms: int) -> pl.DataFrame:
    """Rows where all prices and the later mid are defined, with each price's distance to it in basis points."""
    later = frame.select(pl.col("local_ns") - horizon_ms * 10**6, later=pl.col("mid"))
    both = frame.join(later, on="local_ns", how="inner").drop_nulls()
    return both.select(
        block=pl.col("local_ns") // BLOCK_NS,
        **{name: (pl.col("later") - pl.col(name)).abs() / pl.col("mid") * 1e4 for name in PRICES},
    )


def standard_error(table: pl.DataFrame, name: str) -> float:
    """Of the mean difference to the mid, blocks being one observation each."""
    blocks = table.group_by("block", maintain_order=True).agg((pl.col(name) - pl.col("mid")).mean())[name]
    deviation = blocks.std()
    return float(deviation) / math.sqrt(len(blocks)) if isinstance(deviation, float) else math.nan


def main() -> None:
    parser = arguments(__doc__ or "", "microprice.html")
    parser.add_argument("--minimum", type=int, default=30, help="visits that a state of the table needs")
    given = parser.parse_args()
    with scratch() as name:
        folder = Path(name)
        capture = captures_of(given, folder)[0]
        half = first_half(capture, folder)
        try:
            fitted = fit_feature("microprice", [half], minimum=given.minimum)
        except AuroraError as error:
            parser.error(str(error))
        table = folder / "microprice.json"
        table.write_text(json.dumps(fitted), encoding="utf-8")
        settings = FeatureSettings(kernels=KernelSettings(microprice=table))
        seen_until = compute(half, ["mid"], "100ms")["local_ns"][-1]
        frame = compute(capture, list(PRICES), "100ms", settings).filter(
            (pl.col("local_ns") > seen_until) & (pl.col("instrument") == fitted["instrument"])
        )
    print(
        f"{fitted['instrument']}: fitted on {fitted['transitions']} touch changes, {fitted['moves']} of them moves"
    )
    print(
        "horizon      rows  " + "".join(f"{name:>14}" for name in PRICES) + "   mean distance, basis points"
    )
    figure = go.Figure()
    rows = []
    for horizon in HORIZONS_MS:
        table_of = errors(frame, horizon)
        if table_of.is_empty():
            continue
        means = [float(table_of[name].mean()) for name in PRICES]  # type: ignore[arg-type]
        rows.append((horizon, means, [standard_error(table_of, name) for name in PRICES]))
        print(f"{horizon:5d} ms {table_of.height:9d}  " + "".join(f"{mean:14.4f}" for mean in means))
        squares = [math.sqrt(float(table_of[name].pow(2).mean())) for name in PRICES]  # type: ignore[arg-type]
        print(f"{'root mean square':>20}" + "".join(f"{square:14.4f}" for square in squares))
    for n, price in enumerate(PRICES[1:], start=1):
        figure.add_bar(
            x=[f"{horizon} ms" for horizon, _, _ in rows],
            y=[means[n] - means[0] for _, means, _ in rows],
            error_y={"type": "data", "array": [2 * deviations[n] for _, _, deviations in rows]},
            name=price,
        )
    figure.update_layout(
        title=f"Distance to the later mid, against the mid's own: {fitted['instrument']}, second half",
        xaxis_title="horizon",
        yaxis_title="basis points (below 0: nearer than the mid)",
        barmode="group",
    )
    save(figure, given.out)


if __name__ == "__main__":
    main()
