"""Growth of peak memory with the length of a capture: 1, 10 and 100 times real BTC, read as a stream."""

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.python._captures import BTC, capture, longer
from bench.registry import benchmark

TIMES = (1, 10, 100)
REPEATS = 3
"""Fewer than of times: what else the machine does takes no memory of this process."""

_PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
"""Linux counts the memory of whoever starts a program into that program's peak, so a small one stands between."""

_FEATURES = """
import sys
from aurora.capture import CaptureSet
from aurora.features import FeatureSettings
from aurora.stages import MarketStage

captures = CaptureSet(sys.argv[1:])
rows = 0
for stream in captures.streams:
    reader = captures.open(stream)
    stages = {
        key: MarketStage(instrument, FeatureSettings(), clock_offset_ns=captures.offset_of(key))
        for key, instrument in captures.instruments.items()
    }
    while (messages := reader.next()) is not None:
        for message in messages:
            if message.block.fault is not None:
                sys.exit(message.block.fault)
            for answer in stages[message.instrument].process([message]):
                rows += len(answer.features)
if rows == 0:
    sys.exit("no features")
"""
"""Features slice by slice, none of them kept."""


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@functools.cache
def _capture(times: int) -> Path:
    """The capture so many times over; kept until the benchmarks end."""
    return longer(BTC, times, Path(_folder().name))


def peak_mb(*command: str) -> float:
    """Peak memory of a Python program, MB. Raises RuntimeError when it fails."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _PEAK, sys.executable, *command], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return int(done.stdout) / 1024


def growth_mb(*command: str) -> float:
    """The greatest peak memory of a program over longer captures, less that over the capture itself."""
    capture(BTC)
    peaks: dict[int, float] = {}
    for times in TIMES:
        peaks[times] = min(peak_mb(*command, str(_capture(times))) for _ in range(REPEATS))
    told = ", ".join(f"{times} times {peak:.1f} MB" for times, peak in peaks.items())
    print(f"peaks: {told}", file=sys.stderr)
    return round(max(peaks.values()) - peaks[1], 1)


@benchmark(name="memory-growth-features", unit="MB", better="lower")
def features() -> float:
    """A capture of 1, 10 and 100 times the length through the market stage, features of each slice let go."""
    return growth_mb("-c", _FEATURES)


@benchmark(name="memory-growth-info", unit="MB", better="lower")
def info() -> float:
    """The same through `aurora data info`."""
    return growth_mb("-m", "aurora.cli", "data", "info", "--json")
