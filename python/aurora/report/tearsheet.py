"""One run as one HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from aurora.errors import OutputError
from aurora.journal import Journal, plain, utc

from . import figures, metrics
from .page import Page
from .summary import nothing_happened, run_summary
from .text import NONE, fact, money, percent, price, sentences, two, whole

FILE_NAME = "tearsheet.html"
LAST_TRADES = 50
MOST_INSTRUMENTS = 8

Row = dict[str, Any]


def render_tearsheet(
    run_directory: Path | str,
    out: Path | str | None = None,
    reason_docs: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Renders the journal in ``run_directory`` and answers with the file's path.

    out: the HTML file, ``tearsheet.html`` in the run directory when None.
    reason_docs: meaning of each reason code in one line.

    Of ``run.json`` it reads ``run_id`` and ``synthetic`` (true: labelled so), of the summary (or else of
    ``run.json``) ``data_quality``: a mapping per instrument with ``grade`` and what else there is to say.
    Raises DataError when there is no journal, OutputError when the file cannot be written.
    """
    directory = Path(run_directory)
    path = directory / FILE_NAME if out is None else Path(out)
    content = _page(Journal.open(directory), reason_docs)
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; choose a file in a writable directory"
        ) from error
    return path


def _page(journal: Journal, docs: Mapping[str, str]) -> str:
    summary = run_summary(journal)
    fills = journal.fills().collect().to_dicts()
    found = metrics.trades(fills)
    equity = journal.equity().select("local_ns", "equity").collect()
    fallen = metrics.drawdown(equity["equity"].to_list())

    page = Page(f"Aurora run {_run_id(journal)}")
    _header(page, journal)
    nothing = nothing_happened(summary, docs)
    if nothing:
        page.raw(f'<div class="notice">{escape(nothing)}</div>')
    _cards(page, summary, metrics.trade_totals(found), fallen, fills)
    _grades(page, journal)
    _equity(page, equity, fallen)
    _prices(page, journal, fills)
    _reasons(page, summary, docs)
    _costs(page, fills)
    _calibration(page, journal)
    _trades(page, found)
    plotly = ""
    if page.figures:
        from plotly.offline import get_plotlyjs

        plotly = get_plotlyjs()
    return page.html(plotly)


def _run_id(journal: Journal) -> str:
    return str(journal.run.get("run_id", ""))


def _header(page: Page, journal: Journal) -> None:
    label = '<span class="synthetic">SYNTHETIC DATA</span>' if journal.run.get("synthetic") else ""
    page.raw(f"<h1>Aurora tearsheet{label}</h1>")
    page.raw(f'<div class="soft">run <code>{escape(_run_id(journal))}</code></div>')
    span = (
        journal.equity()
        .select(pl.col("local_ns").min().alias("a"), pl.col("local_ns").max().alias("b"))
        .collect()
    )
    first, last = span.row(0)
    if first is not None:
        page.raw(f'<div class="soft">{utc(first)[:23]} to {utc(last)[:23]} UTC</div>')
    if journal.summary is None:
        page.raw(
            '<div class="notice">This run has not ended: the numbers are those of its records so far.</div>'
        )
    faults = (journal.summary or {}).get("faults") or []
    if faults:
        count = (journal.summary or {}).get("fault_count", len(faults))
        page.raw(
            f'<div class="notice">{count} faults in the input, the first: {escape(str(faults[0]))}</div>'
        )


def _cards(
    page: Page,
    summary: Mapping[str, Any],
    totals: metrics.TradeTotals,
    fallen: metrics.Drawdown,
    fills: Sequence[Row],
) -> None:
    pnl = summary.get("pnl") or {}
    maker = sum(row["liquidity"] == "maker" for row in fills) / len(fills) if fills else None
    cards = [
        (f"{name} P&L" if name in ("net", "gross") else name, *money(value)) for name, value in pnl.items()
    ]
    cards += [
        (name, whole(summary.get(name)), "")
        for name in ("samples", "decisions", "intents", "orders", "fills")
    ]
    depth = NONE if fallen.deepest is None else f"{float(fallen.deepest):,.2f}"
    cards += [
        ("trades closed", whole(totals.closed), ""),
        ("trades open", whole(totals.open), ""),
        ("hit rate (net > 0)", percent(totals.hit_rate), ""),
        ("average win", *money(totals.average_win)),
        ("average loss", *money(totals.average_loss)),
        ("average holding", NONE if (held := totals.average_holding_s) is None else f"{held:,.1f} s", ""),
        ("maker share of fills", percent(maker), ""),
        ("deepest drawdown", depth, ""),
        ("drawdown of peak", percent(fallen.deepest_share, 3), ""),
    ]
    page.cards(cards)


def _grades(page: Page, journal: Journal) -> None:
    page.heading("Data grade")
    quality = (journal.summary or {}).get("data_quality") or journal.run.get("data_quality") or {}
    if not quality:
        page.paragraph("The run recorded no data quality.", "soft")
        return
    told = ("grade", "reasons", "remarks")
    page.table(
        [("instrument", ""), ("grade", ""), ("why", "wide"), ("to know", "wide")],
        (
            [key, str(facts.get("grade") or NONE), *(sentences(facts.get(name)) for name in told[1:])]
            for key, facts in sorted(quality.items())
        ),
    )
    names = list(dict.fromkeys(name for facts in quality.values() for name in facts if name not in told))
    keys = sorted(quality)
    page.table(
        [("measure", ""), *((key, "number") for key in keys)],
        ([name.replace("_", " "), *(fact(quality[key].get(name)) for key in keys)] for name in names),
    )


def _equity(page: Page, equity: pl.DataFrame, fallen: metrics.Drawdown) -> None:
    page.heading("Equity and drawdown")
    if equity.is_empty():
        page.paragraph("No equity was recorded.", "soft")
        return
    page.figure(
        figures.equity_figure(equity["local_ns"].to_list(), equity["equity"].to_list(), fallen.depths)
    )


def _prices(page: Page, journal: Journal, fills: Sequence[Row]) -> None:
    page.heading("Fills over price")
    if not fills:
        page.paragraph("There were no fills.", "soft")
        return
    page.paragraph("Up: buy, down: sell; filled: maker, hollow: taker. The line is the mid.", "soft")
    mids = journal.equity().select("local_ns", "mids").explode("mids").unnest("mids").collect()
    counts = Counter(row["instrument"] for row in fills)
    for instrument, _ in counts.most_common(MOST_INSTRUMENTS):
        line = mids.filter(pl.col("instrument") == instrument)
        page.subheading(instrument)
        mine = [row for row in fills if row["instrument"] == instrument]
        page.figure(figures.price_figure(line["local_ns"].to_list(), line["mid"].to_list(), mine))
    if len(counts) > MOST_INSTRUMENTS:
        page.paragraph(
            f"{len(counts) - MOST_INSTRUMENTS} instruments with fewer fills are not drawn.", "soft"
        )


def _reasons(page: Page, summary: Mapping[str, Any], docs: Mapping[str, str]) -> None:
    page.heading("Decisions by reason")
    reasons: dict[str, int] = summary.get("reasons") or {}
    if reasons:
        page.figure(figures.counts_figure(reasons, docs, "trade."))
        total = sum(reasons.values())
        rows = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        page.table(
            [("reason", ""), ("count", "number"), ("share", "number"), ("meaning", "wide")],
            ([name, f"{count:,}", percent(count / total), docs.get(name, NONE)] for name, count in rows),
        )
    else:
        page.paragraph("There were no decisions.", "soft")
    page.heading("Samples without a vote, by reason")
    abstained: dict[str, int] = summary.get("abstained") or {}
    if abstained:
        page.figure(figures.counts_figure(abstained, docs, ""))
    else:
        page.paragraph(
            f"Of {whole(summary.get('samples'))} samples none abstained for a recorded reason.", "soft"
        )


def _costs(page: Page, fills: Sequence[Row]) -> None:
    page.heading("Cost of the fills: fee and spread")
    costs = metrics.cost_split(fills)
    if not costs:
        page.paragraph("There were no fills, so nothing was paid.", "soft")
        return
    page.paragraph(
        "Half-spread is side × (price − mid at the match) × size: paid above zero, earned below.", "soft"
    )
    page.figure(figures.costs_figure(costs))
    names = ("liquidity", "fills", "notional", "fee", "fee, bps", "half-spread", "half-spread, bps")
    page.table(
        [(name, "number" if index else "") for index, name in enumerate(names)],
        (
            [
                cost.liquidity,
                f"{cost.fills:,}",
                f"{cost.notional:,.2f}",
                f"{cost.fee:,.4f}",
                two(cost.bps(cost.fee)),
                f"{cost.half_spread:,.4f}",
                two(cost.bps(cost.half_spread)),
            ]
            for cost in costs
        ),
    )
    without = sum(cost.without_touch for cost in costs)
    if without:
        page.paragraph(
            f"{without:,} fills had no touch at the match; their spread is not in the sum.", "soft"
        )


def _calibration(page: Page, journal: Journal) -> None:
    page.heading("Calibration")
    decisions = journal.decisions().select("trace", "engine", "side", "p").filter(pl.col("p").is_not_null())
    outcomes = journal.outcomes().select("trace", "engine", "return_bps")
    pairs = metrics.resolved(
        decisions.collect().iter_rows(named=True), outcomes.collect().iter_rows(named=True)
    )
    if not pairs:
        page.paragraph("No calibrated signal has a known outcome.", "soft")
        return
    bins = metrics.reliability(pairs)
    page.paragraph(
        f"{len(pairs):,} signals in groups of equal count by claimed p. Right: the mid at the horizon "
        "had moved towards the signal's side.",
        "soft",
    )
    page.figure(figures.reliability_figure(bins))
    page.table(
        [
            ("claimed p", "number"),
            ("share right", "number"),
            ("95 % interval", "number"),
            ("count", "number"),
        ],
        (
            [
                f"{item.mean_p:.4f}",
                f"{item.rate:.4f}",
                f"{item.low:.3f} to {item.high:.3f}",
                f"{item.count:,}",
            ]
            for item in bins
        ),
    )


def _trades(page: Page, found: Sequence[metrics.Trade]) -> None:
    page.heading(f"Last {LAST_TRADES} trades" if len(found) > LAST_TRADES else "Trades")
    if not found:
        page.paragraph("There were no trades.", "soft")
        return
    names = ("size", "entry", "exit", "gross", "fees", "net")
    page.table(
        [
            ("opened (UTC)", ""),
            ("trace", "digits"),
            ("instrument", ""),
            ("side", ""),
            *((n, "number") for n in names),
        ],
        (
            [
                utc(trade.result.opened_ns or 0)[:23],
                trade.trace,
                trade.instrument,
                "buy" if trade.result.side > 0 else "sell",
                plain(trade.result.entered),
                price(trade.result.entry_price),
                price(trade.result.exit_price),
                "open" if trade.result.gross is None else f"{trade.result.gross:,.4f}",
                f"{trade.result.fees:,.4f}",
                "open" if trade.result.net is None else f"{trade.result.net:,.4f}",
            ]
            for trade in reversed(found[-LAST_TRADES:])
        ),
    )
