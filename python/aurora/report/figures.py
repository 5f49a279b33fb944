"""Figures of the tearsheet as plain Plotly descriptions: data and layout, without the page's theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from .metrics import CostSplit, ReliabilityBin, Row

Figure = dict[str, Any]

MOST_POINTS = 6_000
"""A line is thinned to about this many points; extremes stay."""

BLUE, GREEN, RED, ORANGE, GREY = "#3b82f6", "#16a34a", "#dc2626", "#d97706", "#8b93a1"


def milliseconds(nanoseconds: int) -> float:
    """Time on a Plotly date axis (UTC), to the microsecond."""
    return nanoseconds // 1_000 / 1_000


def thin(
    times: Sequence[int], values: Sequence[float], most: int = MOST_POINTS
) -> tuple[list[int], list[float]]:
    """Keeps the first, lowest, highest and last of every bucket, so that the line looks the same."""
    if len(values) <= most:
        return list(times), list(values)
    width = -(-4 * len(values) // most)
    keep: list[int] = []
    for start in range(0, len(values), width):
        bucket = range(start, min(start + width, len(values)))
        lowest = min(bucket, key=values.__getitem__)
        highest = max(bucket, key=values.__getitem__)
        keep += sorted({bucket[0], lowest, highest, bucket[-1]})
    return [times[index] for index in keep], [values[index] for index in keep]


def equity_figure(times: Sequence[int], equity: Sequence[Decimal], depths: Sequence[Decimal]) -> Figure:
    """Equity above, drawdown below, on one time axis."""
    at, value = thin(times, [float(item) for item in equity])
    under, depth = thin(times, [-float(item) for item in depths])
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "equity",
                "x": [milliseconds(item) for item in at],
                "y": value,
                "line": {"color": BLUE, "width": 1.5},
                "hovertemplate": "%{y:,.2f}<extra>equity</extra>",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "drawdown",
                "x": [milliseconds(item) for item in under],
                "y": depth,
                "yaxis": "y2",
                "line": {"color": RED, "width": 1},
                "fill": "tozeroy",
                "hovertemplate": "%{y:,.2f}<extra>drawdown</extra>",
            },
        ],
        "layout": {
            "height": 420,
            "showlegend": False,
            "hovermode": "x unified",
            "xaxis": {"type": "date", "anchor": "y2"},
            "yaxis": {"title": {"text": "equity"}, "domain": [0.36, 1], "tickformat": ",.2f"},
            "yaxis2": {"title": {"text": "drawdown"}, "domain": [0, 0.28], "tickformat": ",.2f"},
        },
    }


def price_figure(times: Sequence[int], mids: Sequence[float], fills: Sequence[Row]) -> Figure:
    """Fills of one instrument over its mid: up buys, down sells; filled are maker, hollow taker."""
    at, value = thin(times, mids)
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "mid",
            "x": [milliseconds(item) for item in at],
            "y": value,
            "line": {"color": GREY, "width": 1},
            "hovertemplate": "%{y}<extra>mid</extra>",
        }
    ]
    kinds = sorted({(-row["side"], row["liquidity"]) for row in fills})
    for turned, liquidity in kinds:
        mine = [row for row in fills if row["side"] == -turned and row["liquidity"] == liquidity]
        buy = turned < 0
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{'buy' if buy else 'sell'}, {liquidity}",
                "x": [milliseconds(row["local_ns"]) for row in mine],
                "y": [float(row["price"]) for row in mine],
                "text": [f"{row['leg']} {row['size'].normalize():f}<br>{row['trace']}" for row in mine],
                "hovertemplate": "%{y} %{text}",
                "marker": {
                    "symbol": f"triangle-{'up' if buy else 'down'}{'' if liquidity == 'maker' else '-open'}",
                    "color": GREEN if buy else RED,
                    "size": 9,
                    "line": {"width": 1.5, "color": GREEN if buy else RED},
                },
            }
        )
    return {
        "data": data,
        "layout": {
            "height": 360,
            "hovermode": "closest",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "xaxis": {"type": "date"},
            "yaxis": {"title": {"text": "price"}},
        },
    }


def counts_figure(counts: Mapping[str, int], docs: Mapping[str, str], highlight: str) -> Figure:
    """Horizontal bars, the largest on top; names that start with ``highlight`` (if any) stand out."""
    ordered = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    names = [name for name, _ in ordered]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [count for _, count in ordered],
                "y": names,
                "text": [f"{count:,}" for _, count in ordered],
                "textposition": "auto",
                "customdata": [docs.get(name, "") for name in names],
                "hovertemplate": "%{y}: %{x:,}<br>%{customdata}<extra></extra>",
                "marker": {
                    "color": [GREEN if highlight and n.startswith(highlight) else BLUE for n in names]
                },
            }
        ],
        "layout": {
            "height": 90 + 30 * len(names),
            "xaxis": {"title": {"text": "count"}, "rangemode": "tozero"},
            "yaxis": {"automargin": True, "type": "category"},
        },
    }


def costs_figure(costs: Sequence[CostSplit]) -> Figure:
    """Fee and half-spread by liquidity; below zero is earned."""
    names = [f"{cost.liquidity} ({cost.fills:,} fills)" for cost in costs]

    def bar(name: str, color: str, values: list[Decimal]) -> dict[str, Any]:
        return {
            "type": "bar",
            "name": name,
            "x": names,
            "y": [float(value) for value in values],
            "text": [f"{float(value):,.2f}" for value in values],
            "textposition": "auto",
            "marker": {"color": color},
            "hovertemplate": "%{x}: %{y:,.4f}<extra>" + name + "</extra>",
        }

    return {
        "data": [
            bar("fee", ORANGE, [cost.fee for cost in costs]),
            bar("half-spread", BLUE, [cost.half_spread for cost in costs]),
        ],
        "layout": {
            "height": 320,
            "barmode": "group",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "yaxis": {"title": {"text": "paid (below zero: earned)"}, "zeroline": True},
        },
    }


def reliability_figure(found: Sequence[ReliabilityBin]) -> Figure:
    """How often signals were right, over what they claimed; the diagonal is perfect calibration."""
    claimed = [item.mean_p for item in found]
    everything = [*claimed, *(item.low for item in found), *(item.high for item in found)]
    ends = [max(0.0, min(everything) - 0.02), min(1.0, max(everything) + 0.02)]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "perfect",
                "x": ends,
                "y": ends,
                "line": {"color": GREY, "dash": "dot", "width": 1},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "observed, 95 % interval",
                "x": claimed,
                "y": [item.rate for item in found],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [item.high - item.rate for item in found],
                    "arrayminus": [item.rate - item.low for item in found],
                    "thickness": 1,
                },
                "customdata": [f"{item.right:,} of {item.count:,} right" for item in found],
                "hovertemplate": "claimed %{x:.3f}, observed %{y:.3f}<br>%{customdata}<extra></extra>",
                "line": {"color": BLUE, "width": 1},
                "marker": {"size": 7},
            },
        ],
        "layout": {
            "height": 380,
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "xaxis": {"title": {"text": "claimed p"}},
            "yaxis": {"title": {"text": "share right"}},
        },
    }
