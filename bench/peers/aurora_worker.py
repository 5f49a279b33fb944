"""Aurora under the stopwatch, in the protocol of `hftbacktest_worker`: one JSON command a line in, one answer out.

What is pure Rust is measured by the examples of `rust/aurora-io`, started anew for each round.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def example(program: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


class Worker:
    def __init__(self, measure: str, features: str, venue: str):
        self.measure = measure
        self.features = features
        self.venue = venue

    def rust(self, what: str, capture: str) -> dict[str, float]:
        """One figure set of the Rust examples."""
        if what in ("decode", "book"):
            return example(self.measure, what, capture, "5")
        if what == "maker":
            return example(self.venue, what, capture, "5")
        return example(self.features, what, capture, "5")

    def frame(self, capture: str) -> dict[str, float]:
        """The raw packed capture on disk to the twelve core kernels as a polars frame, rows every 50 ms."""
        from aurora.features import compute
        from bench.peers.core import CORE_KERNELS

        start = time.perf_counter_ns()
        rows = compute(capture, CORE_KERNELS).height
        return {"ns": time.perf_counter_ns() - start, "rows": rows}

    def stored(self, root: str) -> dict[str, float]:
        """A catalogue on disk to the book and the twelve core kernels, rows every 50 ms."""
        from aurora.capture import Catalogue
        from aurora.features import CATALOGUE, FeatureSettings
        from bench.peers.core import CORE_KERNELS

        extra = tuple(name for name in CORE_KERNELS if not CATALOGUE[name].fixed)
        start = time.perf_counter_ns()
        catalogue = Catalogue(root)
        ((key, instrument),) = catalogue.instruments().items()
        core = FeatureSettings(extra=extra).core(instrument)
        rows = sum(len(core.process(block)) for block in catalogue.blocks(key))
        return {"ns": time.perf_counter_ns() - start, "rows": rows}


def main() -> None:
    worker = Worker(*sys.argv[1:4])
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        print(json.dumps(getattr(worker, command["do"])(*command.get("with", []))), flush=True)


if __name__ == "__main__":
    main()
