"""Measures the markouts of quotes at the touch of the real captures, and writes the page, its plot and its figures.

python -m bench.markout                        # captures of AURORA_CAPTURES or ../shared/data
python -m bench.markout --captures DIR --page /tmp/page

Exit codes: 0 every filled quote's markout is surely worse than that of all, 1 some is not, 3 no captures here.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.markout.page import write_page
from bench.markout.tables import QUEUES, table
from bench.python._captures import BTC, ETH, ROOT, capture
from bench.registry import Unavailable


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.markout", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--captures", type=Path, help="real captures (hftbacktest/usdm inside)")
    parser.add_argument("--page", type=Path, default=ROOT / "docs", help="folder of the page and its plot")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    given = parser.parse_args()
    if given.captures is not None:
        os.environ["AURORA_CAPTURES"] = str(given.captures)
    try:
        paths = [capture(name) for name in (BTC, ETH)]
    except Unavailable as reason:
        print(f"not measured, {reason}", file=sys.stderr)
        return 3
    tables = [table(path, queue, seed=given.seed) for path in paths for queue in QUEUES]
    print(write_page(tables, given.page, seed=given.seed))
    return 0 if all(one.is_worse for one in tables) else 1


if __name__ == "__main__":
    raise SystemExit(main())
