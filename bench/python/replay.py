"""The whole walk on real BTC and ETH: from packed files to the written journal, on one core."""

import tempfile
from pathlib import Path

from bench.python._captures import BTC, ETH, capture, longer
from bench.python._programs import best_replay, replay
from bench.registry import LEAST_REPEATS, benchmark


@benchmark(name="replay-inline", unit="events/s", better="higher")
def inline() -> float:
    """The default config, which rightly finds nothing to trade here."""
    return best_replay([capture(BTC), capture(ETH)], "default.yaml")


@benchmark(name="replay-bytewax", unit="events/s", better="higher")
def bytewax() -> float:
    return best_replay([capture(BTC), capture(ETH)], "default.yaml", "bytewax")


@benchmark(name="replay-inline-probe", unit="events/s", better="higher")
def inline_probe() -> float:
    """Every signal traded: orders, fills and their records as well."""
    return best_replay([capture(BTC), capture(ETH)], "probe.yaml")


@benchmark(name="replay-bytewax-probe", unit="events/s", better="higher")
def bytewax_probe() -> float:
    return best_replay([capture(BTC), capture(ETH)], "probe.yaml", "bytewax")


@benchmark(name="memory-growth", unit="MB", better="lower")
def memory_growth() -> float:
    """Peak memory of a replay of ten times the input, less that of one time; the least of each."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        peaks = []
        for times in (1, 10):
            paths = [longer(name, times, folder) for name in (BTC, ETH)]
            runs = [replay(paths, "probe.yaml") for _ in range(LEAST_REPEATS)]
            if any(quality["gaps"] != times - 1 for run in runs for quality in run["data_quality"].values()):
                raise RuntimeError(f"{times} repetitions have other gaps than those between them")
            peaks.append(min(run["peak_rss_mb"] for run in runs))
    return round(peaks[1] - peaks[0], 1)
