"""The fills of one fixed order script: Aurora's venue beside hftbacktest, order by order.

    python -m bench.peers.fills [--latency-ns 1000000] [--mixed] [--peer-python PYTHON]

Same capture, same constant latency, same queue model, same script; Aurora runs by hftbacktest's rules for trades
beyond a price and crossing books, without tickers. Prints, for each queue model, how many orders agree in size, price
and time of the fill, and every order that does not. What differs and why stands in `docs/venue.md`.

Exit codes: 0 done, 3 no capture here.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console

from bench.peers.run import HERE, peer_python
from bench.python._captures import BTC, ROOT, capture
from bench.registry import Unavailable

QUEUES = ("risk_averse_literal", "power3", "log")

Fill = tuple[int, int, int]
"""Exchange time, price in ticks, size in lots."""


def fills(path: Path) -> dict[int, list[Fill]]:
    out: dict[int, list[Fill]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            fill = (int(row["exchange_ns"]), int(row["price"]), int(row["size"]))
            out.setdefault(int(row["id"]), []).append(fill)
    return out


def verdict(ours: list[Fill], theirs: list[Fill]) -> str:
    """How an order fared on the two sides."""
    if not ours or not theirs:
        return "filled by neither" if ours == theirs else "only ours" if ours else "only theirs"
    if sum(size for _, _, size in ours) != sum(size for _, _, size in theirs):
        return "other size"
    if ours[-1][0] != theirs[-1][0]:
        return "other time"
    return "equal" if ours[-1][1] == theirs[-1][1] else "other price"


def compare(folder: Path, queue: str, submitted: list[int], console: Console) -> Counter[str]:
    ours, theirs = fills(folder / f"ours_{queue}.csv"), fills(folder / f"theirs_{queue}.csv")
    last = max(theirs, default=0)
    counts: Counter[str] = Counter()
    for order in submitted:
        if order > last:
            counts["after the peer's last fill"] += 1
            continue
        pair = (ours.get(order, []), theirs.get(order, []))
        word = verdict(*pair)
        counts[word] += 1
        if word not in ("equal", "filled by neither"):
            console.print(f"  {queue} order {order}: {word}: ours {pair[0]}, theirs {pair[1]}", style="dim")
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--latency-ns", type=int, default=1_000_000)
    parser.add_argument("--mixed", action="store_true", help="orders of 1, 10 and 100 lots instead of 1")
    parser.add_argument("--peer-python", type=Path, help="an interpreter that has hftbacktest 2.4.4")
    options = parser.parse_args()
    console = Console()
    try:
        path = str(capture(BTC))
    except Unavailable as missing:
        console.print(str(missing))
        return 3
    build = ["cargo", "build", "--release", "--quiet", "-p", "aurora-io", "--example", "venue_script"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = str(target / "release" / "examples" / "venue_script")
    peer = options.peer_python or peer_python(console)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "orders.csv"
        with script.open("w") as file:
            subprocess.run([program, "script", path, *["mixed"] * options.mixed], stdout=file, check=True)
        with script.open(newline="") as file:
            submitted = [int(row["id"]) for row in csv.DictReader(file) if row["do"] == "submit"]
        latency = str(options.latency_ns)
        for queue in QUEUES:
            with (folder / f"ours_{queue}.csv").open("w") as file:
                command = [program, "fills", path, str(script), queue, "whole", latency]
                subprocess.run(command, stdout=file, check=True)
            theirs = str(folder / f"theirs_{queue}.csv")
            worker = str(HERE / "hftbacktest_fills.py")
            command = [str(peer), worker, path, str(script), queue, latency, theirs]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            counts = compare(folder, queue, submitted, console)
            console.print(f"{queue}: " + ", ".join(f"{n} {word}" for word, n in counts.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
