"""How long a program waits for Aurora before its first line runs."""

import subprocess
import sys

from bench.registry import benchmark, repeat, seconds


def interpreter(code: str) -> float:
    """Milliseconds of a fresh interpreter that runs `code`."""
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True)) * 1e3


@benchmark(name="import", unit="ms", better="lower")
def import_aurora() -> float:
    """`import aurora` in a fresh process, the interpreter's own start taken off."""
    bare = repeat(lambda: interpreter("pass"), times=10)
    return max(0.0, repeat(lambda: interpreter("import aurora"), times=10) - bare)
