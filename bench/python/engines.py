"""All engines on ten symbols: what one decision instant costs, in blocks as in a replay and one by one as live."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from bench.registry import benchmark, repeat, seconds

SYMBOLS = 10
INSTANTS = 1_000
GRID_NS = 50_000_000
MINUTE_NS = 60_000_000_000
DAY_NS = 1_440 * MINUTE_NS
START_NS = 19_000 * DAY_NS
KEYS = [f"binance_usdm:{name}USDT" for name in ("SOL", "BTC", *(f"ALT{n}" for n in range(SYMBOLS - 2)))]


def _series(step: int, columns: dict[str, Any]) -> Any:
    from aurora.engines import Observations

    end = START_NS + step * np.arange(1, INSTANTS + 1)
    return Observations(end, end - step, end, columns)


@functools.cache
def _inputs(kind: str) -> dict[str, Any]:
    """Every instant brings news of every series: none is cheaper than another."""
    from aurora.engines import EngineInput

    draw = np.random.default_rng(5)
    step = {"intraday": 15 * MINUTE_NS, "lead_lag": GRID_NS}.get(kind, DAY_NS)
    times = START_NS + step * np.arange(1, INSTANTS + 1)
    made = {}
    for key in KEYS:
        price = 100 * np.exp(np.cumsum(draw.normal(0, 1e-4, INSTANTS)))
        if kind == "lead_lag":
            columns = {name: draw.normal(0, 1, INSTANTS) for name in ("obi_1", "ofi", "tfi")} | {
                "mid": price,
                "weighted_mid": price,
            }
            made[key] = EngineInput(times, columns, times - 1, price)
            continue
        names = [f"return_{n}m" for n in (15, 30, 60)] + ["session_vwap_deviation", "opening_range_position"]
        names += [f"return_{n}d" for n in (1, 5, 21, 63, 126, 252)] + ["value", "rate", "basis"]
        bars = {name: draw.normal(0, 0.01, INSTANTS) for name in names}
        bars |= {
            name: draw.uniform(0.5, 4, INSTANTS) for name in ("volume_ratio", "volume", "interval_hours")
        }
        bars |= {f"volatility_{n}d": draw.uniform(0.3, 1.2, INSTANTS) for n in (21, 63)}
        bars |= {f"average_{n}d": price * draw.uniform(0.9, 1.1) for n in (20, 50, 200)}
        bars |= {
            "close": price,
            "average_true_range": price * 1e-3,
            "listed_day": np.full(INSTANTS, 18_000.0),
        }
        news = _series(step, bars)
        none = np.empty(0, np.int64)
        names = ["intraday", "daily", "funding", "basis", "listing", "volatility_index", "btc_dominance"]
        made[key] = EngineInput(times, {}, none, np.empty(0), dict.fromkeys(names, news))
    return made


def _kind(engine: Any) -> str:
    return "lead_lag" if engine.name == "lead_lag" else str(getattr(engine, "clock", ""))


def _each_engine(measure: Callable[[Callable[[], Any], dict[str, Any]], float]) -> float:
    from aurora.engines import BUILT_IN, choose_engine

    total = 0.0
    for name in BUILT_IN:
        choice = choose_engine(name)
        make = functools.partial(choice.make, KEYS, GRID_NS if name == "lead_lag" else MINUTE_NS)
        total += measure(make, _inputs(_kind(make())))
    return total


@benchmark(name="engines", unit="µs/instant", better="lower")
def in_blocks() -> float:
    """All fourteen and ten symbols together, 1,000 instants a block."""

    def measure(make: Callable[[], Any], inputs: dict[str, Any]) -> float:
        def run() -> float:
            engine = make()
            return seconds(lambda: engine.vote(inputs)) / INSTANTS * 1e6

        return repeat(run)

    return _each_engine(measure)


@benchmark(name="engines-live", unit="µs/instant", better="lower")
def one_by_one() -> float:
    """The same where every block holds one instant, at which every series has news."""

    def measure(make: Callable[[], Any], inputs: dict[str, Any]) -> float:
        from aurora.engines import spans

        times = next(iter(inputs.values())).local_ns.tolist()[: INSTANTS // 4]
        parts = [part for _, part in spans(inputs, 0, times)][: len(times)]

        def run() -> float:
            engine = make()
            return seconds(lambda: [engine.vote(part) for part in parts]) / len(parts) * 1e6

        return repeat(run)

    return _each_engine(measure)
