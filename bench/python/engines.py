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


def _committee() -> tuple[Any, list[list[Any]], list[Any]]:
    """Votes of every engine at every instant of ten symbols, the engines known to have skill."""
    from aurora.engines import BUILT_IN
    from aurora.messages import Votes
    from aurora.signal import Circumstances, Committee, SampleRows, SignalSettings

    draw = np.random.default_rng(1)
    names = list(BUILT_IN)
    settings = SignalSettings.model_validate({"min_outcomes": 20, "method": "platt", "monitor_s": 86_400})
    committee = Committee(settings, names, 0)
    times = START_NS + GRID_NS * np.arange(1, INSTANTS + 1)
    whole = np.arange(1, INSTANTS + 1)
    mid = 100.0 + np.cumsum(draw.choice([-0.01, 0.01], INSTANTS))
    rows = SampleRows(times, mid, whole, whole + 1, whole, whole, whole.astype(np.uint64), whole, whole)
    cast = []
    for key in KEYS:
        votes = []
        for name in names:
            chosen = np.flatnonzero(draw.random(INSTANTS) < 1 / 50)
            side = draw.choice([-1, 1], len(chosen)).astype(np.int8)
            edge = draw.uniform(1, 20, len(chosen))
            horizon = np.full(len(chosen), 10 * GRID_NS)
            votes.append(Votes(name, key, chosen, times[chosen], side, edge / 10, edge, horizon, {}))
        cast.append(votes)
    return committee, cast, [rows, Circumstances()]


@benchmark(name="committee", unit="µs/instant", better="lower")
def votes_to_signals() -> float:
    """Ten symbols and fourteen engines, each voting once in fifty instants: weighed, judged, opened, resolved."""

    def run() -> float:
        committee, cast, (rows, around) = _committee()

        def block() -> None:
            for key, votes in zip(KEYS, cast, strict=True):
                committee.signals(votes, rows, around)
                committee.resolve(key, rows.local_ns, rows.mid)

        return seconds(block) / INSTANTS * 1e6

    return repeat(run)


@benchmark(name="consensus", unit="µs/instant", better="lower")
def consensus() -> float:
    """The gate alone: ten symbols, 1,000 scores a block."""
    from aurora.signal import ConsensusGate, ConsensusSettings

    scores = np.random.default_rng(0).uniform(-1, 1, INSTANTS)

    def run() -> float:
        gates = [ConsensusGate(ConsensusSettings()) for _ in range(SYMBOLS)]
        return seconds(lambda: [gate.judge_many(scores) for gate in gates]) / INSTANTS * 1e6

    return repeat(run)
