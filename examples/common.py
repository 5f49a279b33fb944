"""What the examples share: the command line, a market made on the spot, and a page with a plot."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from aurora.testing import SyntheticSettings, generate

SEED = 7
SECONDS = 300.0


def arguments(description: str, out: str) -> argparse.ArgumentParser:
    """Captures, `--out`, and what the market made on the spot is like."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument(
        "captures", nargs="*", type=Path, help="capture files; a synthetic market when none are given"
    )
    parser.add_argument("--out", type=Path, default=Path(out), help="HTML page to write")
    parser.add_argument("--seed", type=int, default=SEED, help="of the synthetic market")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of the synthetic market")
    return parser


def captures_of(given: argparse.Namespace, folder: Path) -> list[Path]:
    """The captures named on the command line, else those of a synthetic market, its leader first."""
    if given.captures:
        return list(given.captures)
    print(f"No captures given: a synthetic market of {given.seconds:g} s, seed {given.seed}.")
    return list(generate(SyntheticSettings(seed=given.seed, duration_s=given.seconds), folder).paths.values())


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for what is gone when the example ends."""
    return tempfile.TemporaryDirectory(prefix="aurora-example-")


def save(figure: Any, out: Path) -> None:
    """A page that needs nothing else: plotly's source is in it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.update_layout(template="simple_white", margin={"t": 60})
    figure.write_html(out, include_plotlyjs=True, full_html=True)
    print(f"Wrote {out}")
