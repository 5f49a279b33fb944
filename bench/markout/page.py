"""The tables as a page with a plot and a file of figures, all written by one command."""

# ruff: noqa: E501 - prose stands in the page as it stands here

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.markout.estimate import DRAWS, HORIZONS_S, Mean, Reference, Row
from bench.markout.quotes import MILLISECOND, SECOND, QuoteSettings
from bench.markout.tables import QUEUES, REFERENCES, SURE_AT_S, Table

PAGE, FIGURES, PLOT = "markout.md", "markout.json", "markout.svg"
PANEL, HEIGHT, MARGIN = 400, 300, 56
STEPS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Of the vertical axis, bps; the first that needs no more than six."""
INK, GRID, ALL, FILLED = "#1f2933", "#e4e7eb", "#2f6f9f", "#b5562c"
NAMES = {"price": "from the quote's price", "mid": "from the mid"}


def write_page(tables: Sequence[Table], folder: Path, *, seed: int) -> Path:
    """Writes the page and, beside it its figures and, in ``images``, its plot."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    (images / PLOT).write_text(_plot(tables), encoding="utf-8")
    figures = {"seed": seed, "draws": DRAWS, "settings": asdict(QuoteSettings())}
    content = figures | {"tables": [asdict(table) | {"is_worse": table.is_worse} for table in tables]}
    (folder / FIGURES).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    path = folder / PAGE
    path.write_text(_page(tables), encoding="utf-8")
    return path


def _page(tables: Sequence[Table]) -> str:
    settings = QuoteSettings()
    worse = sum(table.is_worse for table in tables)
    return "\n".join(
        [
            "# Markouts of quotes at the touch",
            "",
            "A known fact, reproduced: who is filled at the touch is worse off than who only quotes there, since what fills a quote",
            "knows more than what passes it by. Written by `make markout` (`python -m bench.markout`); the figures are in",
            f"[{FIGURES}]({FIGURES}), a test asks for the fact of the real capture.",
            "",
            f"On both sides of the touch of the real captures of 2024-08-08 (5½ minutes each) one post-only lot is quoted every {settings.every_ns // MILLISECOND} ms",
            f"and cancelled after {settings.rest_ns // SECOND} s, through the simulated venue (`docs/venue.md`, its cautious defaults): {settings.latency_ns // MILLISECOND} ms each way, the market",
            "heard when the recording heard it, fills where the venue's queue model gives them. The market does not react to the quotes.",
            "",
            "**Definition.** Markout at `h` = `D·(M(t+h) − P)/P·10⁴` bps, `D` = 1 for a quote that buys and −1 for one that sells, `M` the mid by",
            "the exchange's clock; positive is in the maker's favour, fees are not in it (spec/quant.md §6, *Markout*).",
            "",
            "- *From the quote's price* `P` is that price: the half-spread earned is inside (the realised half-spread of Huang and Stoll 1996).",
            "  *From the mid* `P` is the mid just before `t`: the move alone, which is the adverse selection with its sign turned.",
            "- *All* quotes: `t` is when the venue accepted one. *Filled*: `t` is when it was filled. *Filled, from the quote*: the filled ones, `t`",
            "  as for all, so it is the very same markout given the fill; what the market did before the fill is in it.",
            "- Quotes that would have taken on arrival are refused and are no quotes here.",
            "",
            f"**Intervals** are 95 % percentiles of {DRAWS:,} resamples by the stationary bootstrap (Politis and Romano 1994) of instants of quoting, in",
            "blocks of a mean length of twice the horizon and a quote's life: quotes that near to each other share their moves. Both means are",
            "taken of one resample, so the difference is paired. *Blocks* says how many the record holds: at 30 s five, and such an",
            "interval is rough.",
            "",
            f"Filled quotes are worse at every horizon, and at {SURE_AT_S:g} s and below the whole interval of the difference lies under zero, in {worse} of {len(tables)}",
            "tables.",
            "",
            f"![markouts](images/{PLOT})",
            *(line for table in tables for line in _table(table)),
            "",
        ]
    )


def _table(table: Table) -> list[str]:
    lines = [
        "",
        f"## {table.instrument}, {QUEUES[table.queue]} queue",
        "",
        f"{table.accepted:,} quotes accepted, {table.refused:,} refused, {table.filled:,} filled.",
    ]
    for reference in REFERENCES:
        lines += [
            "",
            f"Basis points {NAMES[reference]}:",
            "",
            "| horizon | quotes | fills | blocks | all | filled | difference | filled, from the quote | difference |",
            "|---:|---:|---:|---:|---|---|---|---|---|",
            *(_line(row) for row in table.rows if row.reference == reference),
        ]
    return lines


def _line(row: Row) -> str:
    means = (row.all, row.filled, row.difference, row.filled_from_quote, row.difference_from_quote)
    told = " | ".join(f"{_number(m.value)} ({_number(m.low)} to {_number(m.high)})" for m in means)
    return f"| {row.horizon_s:g} s | {row.quotes:,} | {row.fills:,} | {row.blocks:.0f} | {told} |"


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _plot(tables: Sequence[Table]) -> str:
    """One panel a capture, its risk-averse table, from the quote's price."""
    shown = [table for table in tables if table.queue == next(iter(QUEUES))]
    width = PANEL * max(1, len(shown))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
    ]
    for number, table in enumerate(shown):
        parts += _panel(table, number * PANEL)
    return "\n".join([*parts, "</svg>\n"])


def _panel(table: Table, left: int, reference: Reference = "price") -> list[str]:
    rows = [row for row in table.rows if row.reference == reference]
    means: list[Mean] = [mean for row in rows for mean in (row.all, row.filled)]
    low = min((mean.low for mean in means), default=-1.0)
    high = max((mean.high for mean in means), default=1.0)
    step = next((step for step in STEPS if (high - low) / step <= 6), STEPS[-1])
    first, last = math.floor(min(low, 0.0) / step), max(1, math.ceil(high / step))
    ticks = [number * step for number in range(first, last + 1)]
    ends = math.log10(HORIZONS_S[0]), math.log10(HORIZONS_S[-1])

    def across(horizon_s: float, aside: float = 0.0) -> float:
        share = (math.log10(horizon_s) - ends[0]) / (ends[1] - ends[0])
        return left + MARGIN + 14 + share * (PANEL - MARGIN - 44) + aside

    def up(value: float) -> float:
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return HEIGHT - MARGIN - share * (HEIGHT - MARGIN - 52)

    parts = [
        f'<text x="{left + MARGIN}" y="18" font-size="13" font-weight="bold">{table.instrument}</text>',
        f'<text x="{left + MARGIN}" y="34" fill="{ALL}">all quotes</text>',
        f'<text x="{left + MARGIN + 70}" y="34" fill="{FILLED}">filled, 95 % intervals</text>',
        f'<text transform="translate({left + 12} {HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">markout, bps</text>',
        f'<text x="{left + PANEL / 2:.0f}" y="{HEIGHT - 14}" text-anchor="middle">horizon, s</text>',
    ]
    for value in ticks:
        parts += [
            f'<path d="M{left + MARGIN} {up(value):.1f}H{left + PANEL - 16}" stroke="{GRID}"/>',
            f'<text x="{left + MARGIN - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>',
        ]
    parts.append(f'<path d="M{left + MARGIN} {up(0):.1f}H{left + PANEL - 16}" stroke="{INK}"/>')
    for row in rows:
        x = across(row.horizon_s)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{row.horizon_s:g}</text>'
        )
        for mean, colour, aside in ((row.all, ALL, -4.0), (row.filled, FILLED, 4.0)):
            x = across(row.horizon_s, aside)
            parts += [
                f'<path d="M{x:.1f} {up(mean.low):.1f}V{up(mean.high):.1f}" stroke="{colour}" stroke-width="1.5"/>',
                f'<circle cx="{x:.1f}" cy="{up(mean.value):.1f}" r="3.5" fill="{colour}"/>',
            ]
    return parts
