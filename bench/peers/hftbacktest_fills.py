"""One fixed order script through hftbacktest: the fills, to be compared with those of Aurora's venue.

Runs in the peers' environment. `python hftbacktest_fills.py CAPTURE ORDERS_CSV QUEUE LATENCY_NS OUT_CSV`; the script is
that of `rust/aurora-io/examples/venue_script.rs`, its times are by the exchange's clock. An order's fills are read from
its local copy after every event of the backtest, so each row is one execution report.
"""

import csv
import sys
from typing import Any

import numpy as np
from hftbacktest import GTC, GTX, LIMIT, BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data.utils import binancefutures
from hftbacktest.order import FILLED, IOC
from numba import njit

SUBMIT, CANCEL = 0, 1
TICK, LOT = 0.1, 0.001


def _asset(data: np.ndarray[Any, Any], queue: str, latency_ns: int, partial: bool) -> BacktestAsset:
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(latency_ns, latency_ns)
        .trading_value_fee_model(0.0002, 0.0005)
        .tick_size(TICK)
        .lot_size(LOT)
    )
    models = {
        "risk_averse_literal": lambda: asset.risk_adverse_queue_model(),
        "power3": lambda: asset.power_prob_queue_model(3.0),
        "log": lambda: asset.log_prob_queue_model(),
    }
    asset = models[queue]()
    # An order of one lot has no parts, and the whole-fill exchange does not stop half way.
    return asset.partial_fill_exchange() if partial else asset.no_partial_fill_exchange()


@njit
def _script(hbt, times, what, ids, buys, prices, sizes, terms, out, stopped):  # type: ignore[no-untyped-def]
    """Sends each row at its time; notes every growth of an order's executed size."""
    rows = 0
    # Before its first step the backtest has no time.
    hbt.elapse(1)
    last = np.zeros(ids.max() + 1)
    for i in range(len(times) + 1):
        until = times[i] if i < len(times) else hbt.current_timestamp + 2_000_000_000
        while hbt.current_timestamp < until:
            step = min(until - hbt.current_timestamp, 5_000_000)
            code = hbt.elapse(step)
            ended = code != 0
            if ended:
                stopped[0], stopped[1] = code, hbt.current_timestamp
            orders = hbt.orders(0).values()
            while orders.has_next():
                order = orders.get()
                executed = order.qty - order.leaves_qty
                # The local copy of a filled order says what was left before its last fill.
                if order.status == FILLED:
                    executed = order.qty
                if executed > last[order.order_id] + 1e-9:
                    out[rows, 0] = order.order_id
                    out[rows, 1] = order.exch_timestamp
                    out[rows, 2] = round(order.exec_price_tick)
                    out[rows, 3] = round((executed - last[order.order_id]) / 0.001)
                    out[rows, 4] = 1 if order.time_in_force == IOC else 0
                    last[order.order_id] = executed
                    rows += 1
            hbt.clear_inactive_orders(0)
            if ended:
                return rows
        if i == len(times):
            break
        if what[i] == 1:
            if ids[i] in hbt.orders(0):
                hbt.cancel(0, ids[i], False)
        elif buys[i]:
            hbt.submit_buy_order(0, ids[i], prices[i] * 0.1, sizes[i] * 0.001, terms[i], LIMIT, False)
        else:
            hbt.submit_sell_order(0, ids[i], prices[i] * 0.1, sizes[i] * 0.001, terms[i], LIMIT, False)
    return rows


def main() -> None:
    capture, script, queue, latency_ns, out_path = sys.argv[1:6]
    with open(script, newline="") as file:
        rows = list(csv.DictReader(file))
    terms = {"GTC": GTC, "GTX": GTX, "IOC": IOC, "": GTC}
    times = np.array([int(row["time_ns"]) for row in rows])
    what = np.array([CANCEL if row["do"] == "cancel" else SUBMIT for row in rows])
    ids = np.array([int(row["id"]) for row in rows])
    buys = np.array([row["side"] == "Buy" for row in rows])
    prices = np.array([int(row["price"] or 0) for row in rows])
    sizes = np.array([int(row["size"] or 0) for row in rows])
    data = binancefutures.convert(capture, buffer_size=2_000_000)
    hbt = HashMapMarketDepthBacktest([_asset(data, queue, int(latency_ns), sizes.max() > 1)])
    out = np.zeros((100_000, 5), dtype=np.int64)
    stopped = np.zeros(2, dtype=np.int64)
    count = _script(
        hbt,
        times,
        what,
        ids,
        buys,
        prices,
        sizes,
        np.array([terms[row["time_in_force"]] for row in rows]),
        out,
        stopped,
    )
    # 1 is the end of the data. 14 is 2.4.4's answer to some second fills of one order in one millisecond, and ends it.
    print(f"ended with code {stopped[0]} at {stopped[1]}", file=sys.stderr)
    hbt.close()
    with open(out_path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "exchange_ns", "price", "size", "taker"])
        writer.writerows(out[:count].tolist())


if __name__ == "__main__":
    main()
