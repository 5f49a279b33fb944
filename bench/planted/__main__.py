"""Runs the score, resumes what was stopped, and writes the page and its plots.

python -m bench.planted                       # 200 markets with links, 200 without; hours of one core at most
python -m bench.planted --markets 5 --page /tmp/page
python -m bench.planted --captures ../shared/data   # the table of real captures as well
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench.planted.captures import real_table
from bench.planted.markets import ROOT, score_market, stored
from bench.planted.page import write_page
from bench.planted.score import judge


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.planted", description=__doc__)
    parser.add_argument("--markets", type=int, default=200, help="seeds 1 to this, with and without links")
    parser.add_argument("--rows", type=Path, default=ROOT / "bench" / "planted" / "rows.jsonl")
    parser.add_argument("--page", type=Path, default=ROOT / "docs", help="folder of the page and its plots")
    parser.add_argument("--captures", type=Path, help="real captures (hftbacktest/usdm inside)")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    given = parser.parse_args()
    if given.fresh:
        given.rows.unlink(missing_ok=True)
    known = stored(given.rows)
    wanted = [(seed, linked) for seed in range(1, given.markets + 1) for linked in (True, False)]
    left = [one for one in wanted if one not in known]
    begun = time.monotonic()
    given.rows.parent.mkdir(parents=True, exist_ok=True)
    with given.rows.open("a", encoding="utf-8") as file:
        for count, (seed, linked) in enumerate(left, start=1):
            row = known[seed, linked] = score_market(seed, linked=linked)
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
            file.flush()
            spent = time.monotonic() - begun
            print(
                f"{count}/{len(left)} markets, {spent:.0f} s, {spent / count * (len(left) - count):.0f} s left",
                file=sys.stderr,
            )
    score = judge([known[one] for one in wanted])
    real = None if given.captures is None else real_table(given.captures)
    write_page(score, real, given.page)
    print(json.dumps(score.figures, indent=2))
    return 0 if score.passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
