"""The score as a page with plots, all of it written by one command."""

# ruff: noqa: E501 - prose stands in the page as it stands here

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.planted.captures import Pair, Votes
from bench.planted.score import Score

PAGE = "planted-edge.md"
REAL = "\n## Real captures\n"
WIDTH, HEIGHT, MARGIN = 460, 320, 52
INK, FADED, GOOD, BAD = "#1f2933", "#9aa5b1", "#2f6f9f", "#b5562c"


def write_page(score: Score, real: tuple[list[Pair], list[Votes]] | None, folder: Path) -> Path:
    """Writes the page and, in ``images`` beside it, its plots."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    plots = {
        "planted-lags.svg": _lags(score),
        "planted-reliability.svg": _reliability(score),
        "planted-profit.svg": _profit(score),
    }
    for name, content in plots.items():
        (images / name).write_text(content, encoding="utf-8")
    path = folder / PAGE
    # Without captures what an earlier run told of them stays.
    earlier = path.read_text("utf-8").partition(REAL)[2] if path.exists() else ""
    told = _real(*real) if real is not None else REAL + earlier if earlier else ""
    path.write_text(_page(score, told), encoding="utf-8")
    return path


def _page(score: Score, real: str) -> str:
    figures = score.figures
    lines = [
        "# Planted-edge score",
        "",
        "What the brain finds, claims, forecasts and earns in markets whose truth is known. Written by `make planted`",
        "(`python -m bench.planted`); a handful of markets is part of the tests.",
        "",
        f"{figures['markets']} markets of ten minutes: SOL leads ETH by 1.5 and DOGE by 3 round trips of a taker (answer to",
        "its mean impulse over fees and spread), lags drawn from 100 to 600 ms; AVAX moves with SOL at once, BTC and XRP",
        f"have no link. {figures['markets_without_edge']} more have impulses and no link at all. Everything is at its default",
        "but turnover (`config/seconds.yaml`). The oracle knows plants and latent prices up to the moment, needs no",
        "calibration, and trades at once, under the same costs, limits, latencies and gates.",
        "",
        "| question | answer | asked | |",
        "|---|---|---|---|",
        *(
            f"| {one.name} | {one.value} | {one.wanted} | {'passed' if one.passed else '**failed**'} |"
            for one in score.verdicts
        ),
        "",
        f"The brain's first trade comes {figures['first_trade_s']} s into a market, on average: 50 s pass before the clock is",
        "known, then the link must stand out, its beta and score warm up, 50 outcomes that count calibrate it, and the",
        f"consensus needs a past. It made {figures['trades']:,} trades, {figures['net_bps_a_trade']} bps net each; the oracle"
        f" {figures['oracle_trades']:,}.",
        f"Brier skill against a coin: {figures.get('brier_skill')}. All {figures.get('forecasts', 0):,} forecasts together have an ECE of",
        f"{figures.get('ece')}; calibrated ones would stay below {figures.get('ece_null')} in 95 % of cases. That many forecasts",
        "find errors that no gate of a single run could see.",
        *_traded(figures),
        "",
        "Forecasts within one horizon share their outcome, so every m-th counts, m the most lately open at once: none",
        "overlap ([why](decisions/0013-every-vote-teaches.md)). Groups are the forecasts of",
        "consecutive markets, at least 2,000 together, as the live gate asks.",
        "",
        "![found lags](images/planted-lags.svg) ![reliability](images/planted-reliability.svg)",
        "![net profit](images/planted-profit.svg)",
        "",
    ]
    return "\n".join(lines) + real


def _traded(figures: Mapping[str, Any]) -> list[str]:
    if not figures.get("traded_signals"):
        return []
    return [
        f"Of the {figures['traded_signals']:,} signals that were traded {figures['traded_right']:.1%} were right, where p said "
        f"{figures['traded_p']:.1%}."
    ]


def _real(pairs: Sequence[Pair], votes: Sequence[Votes]) -> str:
    lines = [
        REAL,
        "The captures of 2024-08-08, 344 s. Lag at the peak of the Hayashi-Yoshida curve of mids (10 ms steps), beta the",
        "covariance there over the leader's variation; 95 % intervals from 2,000 resamples of 16 segments of time, which",
        "for so few segments are rough.",
        "",
        "| leader → follower | told, ms | lag, ms | beta | correlation | mid changes |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.leader} → {one.follower} | {one.told_ms} | {one.lag_ms:.0f} ({one.lag_interval[0]:.0f} to "
            f"{one.lag_interval[1]:.0f}) | {one.beta:.2f} ({one.beta_interval[0]:.2f} to {one.beta_interval[1]:.2f}) | "
            f"{one.correlation:.2f} | {one.changes:,} |"
            for one in pairs
        ),
        "",
        "Votes of lead-lag on BTC and ETH perpetuals. By default no link is believed. Without the doubts there are votes:",
        "the table says how often they are right; what they earn is far below what trading costs.",
        "",
        "| settings | signals | counted | right | ECE (null, n) | move, bps | after costs, bps | traded | net |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_vote_line(one) for one in votes),
        "",
    ]
    return "\n".join(lines)


def _vote_line(one: Votes) -> str:
    right = "-" if one.right is None else "{:.1%} ({:.1%} to {:.1%})".format(*one.right)
    ece = "-" if one.ece is None else f"{one.ece:.3f} ({one.ece_null:.3f}, {one.forecasts})"
    move = "-" if one.gross_bps is None else f"{one.gross_bps:.2f}"
    after = "-" if one.after_costs_bps is None else f"{one.after_costs_bps:.2f}"
    error = "" if one.error_bps is None else f" ± {one.error_bps:.2f}"
    return (
        f"| {one.config} | {one.signals:,} | {one.counted:,} | {right} | {ece} | {move} | {after}{error} | "
        f"{one.traded} | {one.net:.2f} |"
    )


class _Plot:
    """A small chart: axes with a few ticks, points and lines, as SVG text."""

    def __init__(self, title: str, x: tuple[float, float, str], y: tuple[float, float, str]):
        self._x, self._y = x, y
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11" fill="{INK}">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{MARGIN}" y="20" font-size="13" font-weight="bold">{title}</text>',
        ]
        for n in range(5):
            at, up = x[0] + (x[1] - x[0]) * n / 4, y[0] + (y[1] - y[0]) * n / 4
            px, py = self._at(at, up)
            bottom, left = HEIGHT - MARGIN, MARGIN
            self._parts += [
                f'<text x="{px:.1f}" y="{bottom + 16}" text-anchor="middle">{at:.4g}</text>',
                f'<text x="{left - 6}" y="{py + 4:.1f}" text-anchor="end">{up:.4g}</text>',
                f'<path d="M{left} {py:.1f}H{WIDTH - 16}" stroke="#e4e7eb"/>',
            ]
        self._parts += [
            f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{x[2]}</text>',
            f'<text transform="translate(12 {HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle">{y[2]}</text>',
        ]

    def _at(self, x: float, y: float) -> tuple[float, float]:
        (x0, x1, _), (y0, y1, _) = self._x, self._y
        width, height = WIDTH - MARGIN - 16, HEIGHT - MARGIN - 32
        return MARGIN + (x - x0) / (x1 - x0) * width, HEIGHT - MARGIN - (y - y0) / (y1 - y0) * height

    def dot(self, x: float, y: float, colour: str, radius: float = 2.2) -> None:
        px, py = self._at(x, y)
        self._parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.6"/>'
        )

    def line(self, points: Sequence[tuple[float, float]], colour: str, dashed: bool = False) -> None:
        path = "L".join("{:.1f} {:.1f}".format(*self._at(*point)) for point in points)
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self._parts.append(f'<path d="M{path}" fill="none" stroke="{colour}"{dash}/>')

    def text(self) -> str:
        return "\n".join([*self._parts, "</svg>\n"])


def _lags(score: Score) -> str:
    plot = _Plot("Lags", (0, 700, "planted, ms"), (0, 700, "found, ms (0: none)"))
    plot.line([(0, 0), (700, 700)], FADED, dashed=True)
    for planted, found in score.lags:
        plot.dot(planted, found or 0.0, BAD if found is None else GOOD)
    return plot.text()


def _reliability(score: Score) -> str:
    plot = _Plot("Reliability of p, out of sample", (0, 1, "forecast p"), (0, 1, "share right"))
    plot.line([(0, 0), (1, 1)], FADED, dashed=True)
    plot.line([(p, right) for p, right, _ in score.reliability], GOOD)
    most = max((count for *_, count in score.reliability), default=1)
    for p, right, count in score.reliability:
        plot.dot(p, right, GOOD, 2 + 6 * (count / most) ** 0.5)
    return plot.text()


def _profit(score: Score) -> str:
    most = max((oracle for oracle, _ in score.ratios), default=1.0) * 1.05
    least = min(0.0, *(brain for _, brain in score.ratios), 0.0)
    plot = _Plot("Net profit of a market", (0, most, "oracle"), (least, most, "brain"))
    plot.line([(0, 0), (most, most)], FADED, dashed=True)
    plot.line([(0, 0), (most, most / 2)], BAD, dashed=True)
    for oracle, brain in score.ratios:
        plot.dot(max(0.0, oracle), brain, GOOD)
    return plot.text()
