"""Rows of all features that can be asked for, in plain Python from raw capture lines: the oracle of `compute`.

One pass over a capture of one symbol builds its own book and keeps whole histories; each row is computed from them
anew by the reference kernels. A cell is a number, or the name of the reason why there is none.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

import reference_kernels_book as book_kernels
import reference_kernels_trades as trade_kernels
import reference_kernels_volatility as volatility_kernels
from reference_history import ReferenceHistory, Scales
from reference_kernels_book import BUY, SELL, LevelUpdate

NO_TOUCH, WARMING_UP, NO_TRADES = "no_touch", "warming_up", "no_trades"
DEGENERATE, NOT_FITTED = "degenerate", "not_fitted"
__all__ = ["ReferenceFeatures", "Row", "Scales", "same_cell"]

Cell = float | str
Row = dict[str, Cell]
HOUR = trade_kernels.HOUR
MINUTE = 60 * 10**9
FLOW_LEVELS = 5
BANDS = (5, 10, 25)
GONE = 64
"""Half-lives after which a fading mean says nothing about now."""


def or_reason(value: float | None, reason: str) -> Cell:
    return reason if value is None else float(value)


@dataclass
class ReferenceFeatures(ReferenceHistory):
    microprice: tuple[list[float | None], int, int] | None = None
    """Adjustments in ticks by state, imbalance and spread buckets."""
    integrated_weights: Sequence[float] | None = None

    # --- Rows ---------------------------------------------------------------------------------------------------

    def grid(self, lines: Iterable[bytes], step_ns: int) -> list[tuple[int, Row]]:
        """Rows at grid times behind the first event up to the last; none behind an hour of silence."""
        rows: list[tuple[int, Row]] = []
        following = None
        for time, line in self.timed(lines):
            while following is not None and following <= time:
                if following - self.last_ns <= HOUR:
                    rows.append((following, self.row(following)))
                    following += step_ns
                else:
                    following = (time // step_ns + 1) * step_ns
            if following is None:
                following = (time // step_ns + 1) * step_ns
            self.take(time, line)
        return rows

    def events(self, lines: Iterable[bytes], sampling: str, every: int = 1) -> list[tuple[int, Row] | None]:
        """Rows at touch changes or trade prints; of each `every` but one it is only known that there is one."""
        rows: list[tuple[int, Row] | None] = []
        for time, line in self.timed(lines):
            changes = len(self.touches)
            is_trade = self.take(time, line)
            if len(self.touches) > changes if sampling == "touch" else is_trade:
                rows.append((time, self.row(time)) if len(rows) % every == 0 else None)
                self.read_views = len(self.views)
        return rows

    # --- One row ------------------------------------------------------------------------------------------------

    def row(self, now: int) -> Row:
        groups: tuple[Callable[[int], Row], ...] = (
            self.book_cells,
            self.flow_cells,
            self.change_cells,
            self.trade_cells,
            self.spread_cells,
            self.volatility_cells,
        )
        row = {name: cell for group in groups for name, cell in group(now).items()}
        self.read_views = len(self.views)
        return row

    def book_cells(self, now: int) -> Row:
        touch, scales = self.touch, self.scales
        names = ["obi_weighted", "quoted_spread", "spread_ticks"]
        names += [
            f"{what}_{width}bps" for width in BANDS for what in ("depth_bid", "depth_ask", "book_pressure")
        ]
        row: Row = dict.fromkeys(names, NO_TOUCH)
        row["microprice"] = NOT_FITTED if self.microprice is None else NO_TOUCH
        if touch is None:
            return row
        bids: Any = self.book.bids
        asks: Any = self.book.asks
        decay = self.settings.imbalance_decay
        weighted = book_kernels.imbalance_by_distance(bids, asks, self.depth_levels, scales.tick, decay)
        row["obi_weighted"] = or_reason(weighted, NO_TOUCH)
        row["quoted_spread"] = or_reason(book_kernels.quoted_spread(touch, scales.price_exponent), NO_TOUCH)
        row["spread_ticks"] = or_reason(book_kernels.quoted_spread_ticks(touch, scales.tick), NO_TOUCH)
        bid, _, ask, _ = touch
        # Exact fractions are slow: what is a per cent away is in no band.
        near = [{p: s for p, s in side.items() if 99 * bid < 100 * p < 101 * ask} for side in (bids, asks)]
        for width in BANDS:
            depths = [book_kernels.depth_within(side, bid, ask, width) for side in near]
            row[f"depth_bid_{width}bps"], row[f"depth_ask_{width}bps"] = (d / scales.size for d in depths)
            row[f"book_pressure_{width}bps"] = or_reason(book_kernels.ratio(*depths), DEGENERATE)
        if self.microprice is not None:
            adjustments, imbalance_buckets, spread_buckets = self.microprice
            state = book_kernels.microprice_state(touch, scales.tick, imbalance_buckets, spread_buckets)
            adjustment = None if state is None else adjustments[state]
            row["microprice"] = NOT_FITTED
            if adjustment is not None:
                exponent = scales.price_exponent
                row["microprice"] = book_kernels.microprice(touch, scales.tick, exponent, adjustment)
        return row

    def recent_views(self) -> tuple[list[Any], int]:
        """The views since the last row and two before them, which tell whether a run is unbroken."""
        begin = max(0, min(self.read_views, len(self.views)) - 2)
        return self.views[begin:], self.read_views - begin

    def flow_cells(self, now: int) -> Row:
        views, since = self.recent_views()
        row: Row = {}
        for level in range(FLOW_LEVELS):
            last = views[-1] if views else None
            missing = last is None or book_kernels.level_pair(last, level) is None
            flow = book_kernels.level_flow(views, level, since)
            row[f"mlofi_{level + 1}"] = (
                (NO_TOUCH if missing else WARMING_UP) if flow is None else flow / self.scales.size
            )
        if self.integrated_weights is None:
            row["integrated_ofi"] = NOT_FITTED
            return row
        reasons = [cell for cell in row.values() if isinstance(cell, str)]
        scaled = book_kernels.scaled_flow(views, FLOW_LEVELS, since)
        row["integrated_ofi"] = (
            reasons[0]
            if scaled is None
            else book_kernels.integrated_order_flow(self.integrated_weights, scaled)
        )
        return row

    def scaled_flow(self) -> list[float] | None:
        """Flows of the levels since the last row over the average depth; counts as a row."""
        views, since = self.recent_views()
        self.read_views = len(self.views)
        return book_kernels.scaled_flow(views, FLOW_LEVELS, since)

    def change_cells(self, now: int) -> Row:
        half_life = self.settings.rate_half_life_ms * 10**6
        begin = self.seen_since
        size = self.scales.size

        def rate(parts: Iterable[tuple[int, float]]) -> Cell:
            if begin is None:
                return NO_TOUCH
            value = book_kernels.fading_rate(parts, begin, half_life, now)
            return WARMING_UP if value is None else value / size

        flows = book_kernels.attribute(self.explaining, self.settings.attribution_ms * 10**6)
        row: Row = {"cancel_rate": rate([(flow.update.ns, flow.cancelled) for flow in flows])}
        displayed = sum(amount for side in (BUY, SELL) for _, amount in self.near_levels(side))
        cancel = row["cancel_rate"]
        row["cancel_share"] = cancel if isinstance(cancel, str) else cancel * size / displayed
        for side, name in ((BUY, "bid"), (SELL, "ask")):
            own = [f for f in flows if f.update.side == side]
            at_best = [f for f in own if book_kernels.at_best(side, f.update.price, f.update.best)]
            row[f"queue_arrival_rate_{name}"] = rate([(f.update.ns, f.added) for f in at_best])
            row[f"queue_cancel_rate_{name}"] = rate([(f.update.ns, f.cancelled) for f in at_best])
            trades = [e for e in self.counted if isinstance(e, book_kernels.Trade) and e.resting == side]
            takes = [(t.ns, t.size) for t in trades if book_kernels.at_best(side, t.price, t.best)]
            row[f"queue_take_rate_{name}"] = rate(takes)
        counted = any(isinstance(e, LevelUpdate) and e.before != e.after for e in self.counted)
        ratios = book_kernels.trade_to_book(self.counted, begin or 0, half_life, now)
        for name, value in zip(("trade_to_book_ratio", "trade_to_book_volume_ratio"), ratios, strict=True):
            row[name] = or_reason(value, DEGENERATE if counted else WARMING_UP)
        return row

    def plain_trades(self, since: int = 0) -> list[trade_kernels.Trade]:
        return [trade_kernels.Trade(t.ns, t.price, t.size, t.sign) for t in self.trades[since:]]

    def trade_cells(self, now: int) -> Row:
        s, scales = self.settings, self.scales
        trades = self.plain_trades()
        recent = [t for t in trades if now - t.local_ns <= 2 * s.trade_window_ms * 10**6]
        row: Row = {
            "tfi_window": or_reason(
                trade_kernels.trade_flow_window(recent, now, s.trade_window_ms * 10**6), NO_TRADES
            ),
            "vpin": self.vpin(),
            "kyle_lambda": self.kyle_lambda(now, trades),
            "roll_spread": WARMING_UP,
        }
        if len(trades) >= s.roll_trades:
            spread = trade_kernels.roll_spread([Fraction(t.price) for t in trades[-s.roll_trades :]])  # type: ignore[misc]
            row["roll_spread"] = DEGENERATE if spread is None else spread / scales.price
        half_life = s.rate_half_life_ms * 10**6
        started = self.first_ns or 0
        # What is sixty-four half-lives old has faded below rounding.
        rates = trade_kernels.trade_rates(trades, started, now, half_life)
        row["trade_rate"] = or_reason(rates.trades_per_second, WARMING_UP)
        volume = rates.volume_per_second
        row["trade_volume_rate"] = WARMING_UP if volume is None else volume / scales.size
        gone = not trades or now - trades[-1].local_ns > GONE * half_life
        row["trade_count_imbalance"] = NO_TRADES if gone else or_reason(rates.count_imbalance, NO_TRADES)
        bars = [bar for bar in trade_kernels.time_bars(trades, MINUTE) if bar.start_ns >= started]
        closed = [bar for bar in bars if bar.start_ns + MINUTE <= now]
        prices = ([getattr(bar, name) for bar in closed] for name in ("high", "low", "close"))
        ranges = trade_kernels.average_true_range(*prices)
        last = ranges[-1] if ranges else None
        row["atr_14"] = WARMING_UP if last is None else last / scales.price
        return row

    def vpin(self) -> Cell:
        """Without a bucket it is fifty times the mean size of the first hundred trades, which set it and no more."""
        trades, bucket = self.plain_trades(), self.settings.vpin_bucket
        if bucket is None:
            if len(trades) < 100:
                return WARMING_UP
            bucket = max(sum(int(t.size) for t in trades[:100]) * 50 // 100, 1)
            trades = trades[100:]
        # Whole bars of the newest trades are enough: what fills older buckets does not count.
        total = sum(int(t.size) for t in trades)
        skip = max(0, total // bucket - self.settings.vpin_buckets) * bucket
        kept: list[trade_kernels.Trade] = []
        for trade in trades:
            out = min(skip, int(trade.size))
            skip -= out
            if trade.size > out:
                kept.append(trade._replace(size=trade.size - out))
        return or_reason(trade_kernels.vpin(kept, bucket, self.settings.vpin_buckets), WARMING_UP)

    def kyle_lambda(self, now: int, trades: Sequence[trade_kernels.Trade]) -> Cell:
        s = self.settings
        step = s.kyle_interval_ms * 10**6
        touches = [
            trade_kernels.Touch(ns, None if touch is None else (touch[0] + touch[2]) / 2)
            for ns, touch in self.touches
        ]
        # Of the mids within an interval the last one counts, and whether one was lost.
        thin = []
        for _, group in groupby(touches, key=lambda touch: touch.local_ns // step):
            rows = list(group)
            thin += [t for t in rows[:-1] if t.mid is None] + rows[:1] * (len(rows) > 1) + rows[-1:]
        thin.sort(key=lambda touch: touch.local_ns)
        found = trade_kernels.kyle_observations(trades, thin, now, step, s.kyle_intervals)
        if len(found) < max(s.kyle_minimum_intervals, 3):
            return WARMING_UP
        slope = trade_kernels.slope([x for x, _ in found], [y for _, y in found])
        return DEGENERATE if slope is None else slope * self.scales.size / self.scales.price

    def spread_cells(self, now: int) -> Row:
        s = self.settings
        horizon, half_life = s.spread_horizon_ms * 10**6, s.spread_half_life_ms * 10**6
        times = [ns for ns, _ in self.touches]
        effective, realised, impact = [], [], []
        last_trade = last_due = None
        for trade in self.trades:
            if trade.mid_doubled is None:
                continue
            weight = trade.size * 2 ** (-(now - trade.ns) / half_life)
            mid = trade.mid_doubled / 2
            due = trade.ns + horizon
            parts = trade_kernels.spreads_of_trade(trade.sign, trade.price, mid, mid)
            effective.append((parts.effective, weight))
            last_trade = trade.ns
            if due < now:
                delayed = self.touches[bisect_right(times, due) - 1][1]
                if delayed is not None:
                    later = (delayed[0] + delayed[2]) / 2
                    parts = trade_kernels.spreads_of_trade(trade.sign, trade.price, mid, later)
                    realised.append((parts.realised, weight))
                    impact.append((parts.impact, weight))
                    last_due = due

        def mean(rows: list[Any], last: int | None) -> Cell:
            if last is None or now - last > GONE * half_life:
                return NO_TRADES
            return or_reason(trade_kernels.weighted_mean(rows), NO_TRADES)

        return {
            "effective_spread_bps": mean(effective, last_trade),
            "realised_spread_bps": mean(realised, last_due),
            "price_impact_bps": mean(impact, last_due),
        }

    def mids(self) -> list[tuple[int, float | None]]:
        scale = self.scales.price
        return [
            (ns, None if touch is None else (touch[0] / scale + touch[2] / scale) / 2)
            for ns, touch in self.touches
        ]

    def volatility_cells(self, now: int) -> Row:
        s = self.settings
        path = self.mids()
        step = s.volatility_step_ms * 10**6
        # Of the mids between two samples the last one counts; the first of all begins the grid.
        first = next((n for n, (_, mid) in enumerate(path) if mid is not None), len(path))
        thin = [list(rows)[-1] for _, rows in groupby(path[first:], key=lambda row: row[0] // step)]
        thin = path[first : first + 1] + thin
        window = (now, step, s.volatility_samples, min(s.volatility_minimum_samples, s.volatility_samples))
        row: Row = {
            "realised_volatility_window": or_reason(
                volatility_kernels.realised_volatility(thin, *window), WARMING_UP
            ),
            "bipower_volatility": or_reason(volatility_kernels.bipower_volatility(thin, *window), WARMING_UP),
        }
        known = [(ns, mid) for ns, mid in path if mid is not None]
        changes = max(s.two_scale_changes, 2 * s.two_scale_subgrids)
        minimum = min(max(s.two_scale_minimum_changes, 2 * s.two_scale_subgrids), changes)
        moves = sum(1 for n in range(1, len(known)) if known[n][1] != known[n - 1][1])
        value = volatility_kernels.two_scale_volatility(
            known, now, s.two_scale_changes, s.two_scale_subgrids, minimum
        )
        row["two_scale_volatility"] = or_reason(value, WARMING_UP if moves < minimum else DEGENERATE)
        # Of several mids at one time the last counts. A weight below 2^-64 of the first is none.
        distinct = [list(rows)[-1] for _, rows in groupby(known, key=lambda row: row[0])]
        row["ewma_mid"] = WARMING_UP
        if distinct:
            half_life = s.mid_half_life_ms * 10**6
            row["ewma_mid"] = volatility_kernels.ewma_recursion(distinct, half_life)[-1]
        return row


def same_cell(
    got: float | None, reason: str | None, expected: Cell, *, exact: bool, tolerance: float = 1e-9
) -> bool:
    """Whether a column's cell is what the reference says; `reason` is None where it is not asked for."""
    if isinstance(expected, str):
        return got is None and reason in (None, expected)
    if got is None:
        return False
    return got == expected if exact else math.isclose(got, expected, rel_tol=tolerance, abs_tol=1e-12)
