"""How long a program waits for Aurora before its first line runs."""

import subprocess
import sys

from bench.registry import benchmark, seconds


def interpreter(code: str) -> float:
    """Milliseconds of a fresh interpreter that runs `code`."""
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True)) * 1e3


def added(code: str, rounds: int = 10) -> float:
    """Milliseconds that `code` adds to a bare interpreter, both started in turns."""
    pairs = [(interpreter("pass"), interpreter(code)) for _ in range(rounds)]
    return max(0.0, min(full for _, full in pairs) - min(bare for bare, _ in pairs))


@benchmark(name="import", unit="ms", better="lower")
def import_aurora() -> float:
    """`import aurora` in a fresh process, the interpreter's own start taken off."""
    return added("import aurora")


@benchmark(name="import-cli", unit="ms", better="lower")
def import_cli() -> float:
    """What every `aurora` command waits for before it looks at its arguments."""
    return added("import aurora.cli.app")
