"""hftbacktest and numba under the stopwatch: one JSON command a line in, one JSON answer a line out.

Runs in the peers' environment, which has no Aurora. Each command does its piece of work once and answers with
nanoseconds and how many rows it went over, so that the caller can take turns between the two sides.
"""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from hftbacktest import (
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.data.utils import binancefutures
from numba import njit

ENDLESS_NS = 10**18


@njit
def _feed(hbt: Any) -> int:
    """The bare feed loop: wait for the next event, read the touch."""
    seen = 0
    while True:
        code = hbt.wait_next_feed(False, ENDLESS_NS)
        if code != 2:
            break
        depth = hbt.depth(0)
        if depth.best_bid_tick < depth.best_ask_tick:
            seen += 1
    return seen


@njit
def _market_making(hbt: Any, every_ns: int, lot: float) -> int:
    """Its own market-making loop at its plainest: cancel what rests, one post-only order a side at the touch."""
    order_id = 0
    while hbt.elapse(every_ns) == 0:
        hbt.clear_inactive_orders(0)
        orders = hbt.orders(0).values()
        while orders.has_next():
            order = orders.get()
            if order.cancellable:
                hbt.cancel(0, order.order_id, False)
        depth = hbt.depth(0)
        if math.isfinite(depth.best_bid) and math.isfinite(depth.best_ask):
            hbt.submit_buy_order(0, order_id, depth.best_bid, lot, GTX, LIMIT, False)
            hbt.submit_sell_order(0, order_id + 1, depth.best_ask, lot, GTX, LIMIT, False)
            order_id += 2
    return order_id


def _asset(data: np.ndarray[Any, Any], tick: float, lot: float) -> BacktestAsset:
    return (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(1_000_000, 1_000_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(tick)
        .lot_size(lot)
    )


@njit
def _imbalance(bid_size, ask_size, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        total = bid_size[i] + ask_size[i]
        out[i] = (bid_size[i] - ask_size[i]) / total if total > 0 else math.nan


@njit
def _order_flow(bid, bid_size, ask, ask_size, out):  # type: ignore[no-untyped-def]
    out[0] = 0
    for i in range(1, len(out)):
        flow = 0
        if bid[i] >= bid[i - 1]:
            flow += bid_size[i]
        if bid[i] <= bid[i - 1]:
            flow -= bid_size[i - 1]
        if ask[i] <= ask[i - 1]:
            flow -= ask_size[i]
        if ask[i] >= ask[i - 1]:
            flow += ask_size[i - 1]
        out[i] = flow


@njit
def _weighted_mid(bid, bid_size, ask, ask_size, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        total = bid_size[i] + ask_size[i]
        share = bid_size[i] / total
        out[i] = share * ask[i] + (1.0 - share) * bid[i]


@njit
def _trade_flow(time_ns, size, sign, half_life_ns, out):  # type: ignore[no-untyped-def]
    buy, sell = 0.0, 0.0
    for i in range(len(out)):
        if i > 0:
            fade = 2.0 ** (-(time_ns[i] - time_ns[i - 1]) / half_life_ns)
            buy *= fade
            sell *= fade
        if sign[i] > 0:
            buy += size[i]
        else:
            sell += size[i]
        out[i] = (buy - sell) / (buy + sell)


@njit
def _volatility(time_ns, mid, half_life_ns, out):  # type: ignore[no-untyped-def]
    squares, seconds = 0.0, 0.0
    for i in range(1, len(out)):
        dt = time_ns[i] - time_ns[i - 1]
        fade = 2.0 ** (-dt / half_life_ns)
        change = math.log(mid[i] / mid[i - 1])
        squares = squares * fade + change * change
        seconds = seconds * fade + half_life_ns / math.log(2.0) * (1.0 - fade) * 1e-9
        out[i] = math.sqrt(squares / seconds) if seconds > 0 else math.nan


@njit
def _ewma(time_ns, mid, half_life_ns, out):  # type: ignore[no-untyped-def]
    value = mid[0]
    for i in range(len(out)):
        if i > 0:
            fade = 2.0 ** (-(time_ns[i] - time_ns[i - 1]) / half_life_ns)
            value = fade * value + (1.0 - fade) * mid[i]
        out[i] = value


@njit
def _vpin(size, sign, bucket, buckets, out):  # type: ignore[no-untyped-def]
    ring = np.zeros(buckets)
    at, full, filled, signed, total = 0, 0, 0, 0, 0.0
    for i in range(len(out)):
        left = size[i]
        while left > 0:
            part = min(left, bucket - filled)
            filled += part
            signed += part * sign[i]
            left -= part
            if filled == bucket:
                total += abs(signed) - ring[at]
                ring[at] = abs(signed)
                at = (at + 1) % buckets
                full += 1
                filled, signed = 0, 0
        out[i] = total / (buckets * bucket) if full >= buckets else math.nan


@njit
def _roll(price, window, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i] = math.nan
    n = window - 1
    a = np.zeros(window)
    b = np.zeros(window)
    at = 0
    sa, sb, sab = 0.0, 0.0, 0.0
    for i in range(2, len(out)):
        x, y = price[i] - price[i - 1], price[i - 1] - price[i - 2]
        sa += x - a[at]
        sb += y - b[at]
        sab += x * y - a[at] * b[at]
        a[at], b[at] = x, y
        at = (at + 1) % window
        if i > window:
            covariance = (sab - sa * sb / window) / n
            if covariance < 0:
                out[i] = 2.0 * math.sqrt(-covariance)


class Worker:
    def __init__(self) -> None:
        self.data: np.ndarray[Any, Any] | None = None
        self.columns: dict[str, np.ndarray[Any, Any]] = {}

    def convert(self, capture: str) -> tuple[int, int]:
        """hftbacktest's own converter; its table is what the feed loops read."""
        start = time.perf_counter_ns()
        # Their default buffer is 6.4 GB; this one is as large as the capture needs.
        self.data = binancefutures.convert(capture, buffer_size=2_000_000)
        return time.perf_counter_ns() - start, len(self.data)

    def _run(self, build: Any) -> tuple[int, int]:
        if self.data is None:
            raise ValueError("convert first")
        hbt = build([_asset(self.data, 0.1, 0.001).roi_lb(0.0).roi_ub(200_000.0)])
        start = time.perf_counter_ns()
        _feed(hbt)
        spent = time.perf_counter_ns() - start
        hbt.close()
        return spent, len(self.data)

    def market_making(self, every_ns: int) -> tuple[int, int]:
        """The loop over the whole capture; rows are fills."""
        if self.data is None:
            raise ValueError("convert first")
        hbt = ROIVectorMarketDepthBacktest([_asset(self.data, 0.1, 0.001).roi_lb(0.0).roi_ub(200_000.0)])
        start = time.perf_counter_ns()
        _market_making(hbt, every_ns, 0.001)
        spent = time.perf_counter_ns() - start
        fills = int(hbt.state_values(0).num_trades)
        hbt.close()
        return spent, fills

    def feed_roi(self) -> tuple[int, int]:
        return self._run(ROIVectorMarketDepthBacktest)

    def feed_hashmap(self) -> tuple[int, int]:
        return self._run(HashMapMarketDepthBacktest)

    def load(self, columns: str) -> tuple[int, int]:
        """Rows for the kernels: the touches and trades of the capture as Aurora decoded them."""
        with np.load(columns) as file:
            self.columns = {name: file[name] for name in file.files}
        return 0, len(self.columns["time_ns"])

    def kernel(self, name: str) -> tuple[int, int]:
        c = self.columns
        rows = len(c["trade_ns"]) if name in ("trade_flow", "vpin", "roll") else len(c["time_ns"])
        out = np.empty(rows)
        calls: dict[str, Callable[[], None]] = {
            "imbalance": lambda: _imbalance(c["bid_size"], c["ask_size"], out),
            "order_flow": lambda: _order_flow(c["bid"], c["bid_size"], c["ask"], c["ask_size"], out),
            "weighted_mid": lambda: _weighted_mid(c["bid"], c["bid_size"], c["ask"], c["ask_size"], out),
            "trade_flow": lambda: _trade_flow(c["trade_ns"], c["size"], c["sign"], 1e9, out),
            "volatility": lambda: _volatility(c["time_ns"], c["mid"], 6e10, out),
            "ewma": lambda: _ewma(c["time_ns"], c["mid"], 1e9, out),
            "vpin": lambda: _vpin(c["size"], c["sign"], 1000, 50, out),
            "roll": lambda: _roll(c["price"], 100, out),
        }
        start = time.perf_counter_ns()
        calls[name]()
        return time.perf_counter_ns() - start, rows


def main() -> None:
    worker = Worker()
    # hftbacktest prints while it converts: what it says must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            spent, rows = getattr(worker, command["do"])(*command.get("with", []))
        answers.write(json.dumps({"ns": spent, "rows": rows}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
