"""Replays for tests: runs in this process, their tables, and captures changed from a moment on.

Imported by name: the conftest of each folder that uses it puts this folder on the path.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from aurora._core import DurableLedger
from aurora.capture import CaptureSet
from aurora.cli.run import ReplayOptions, run_replay
from aurora.journal import Journal
from aurora.testing import SyntheticMarket, SyntheticSettings, generate

ROOT = Path(__file__).resolve().parents[2]
PROBE = ROOT / "config" / "probe.yaml"
SECONDS = ROOT / "config" / "seconds.yaml"
"""The defaults without a limit on turnover, which would end a day of half-second trades after three of them."""
SECOND = 1_000_000_000

TABLES = ("decisions", "orders", "fills", "outcomes", "equity", "slices")
TIME_OF = {"outcomes": "due_ns"}
"""Column with a row's time, where it is not ``local_ns``."""

# Every trade of it pays and its stops are hit: three basis points away, entries that rest and expire.
ROUGH = """
engines:
  lead_lag: {significance: 0.001, require_stable_peak: false, min_beta_t: 0, min_edge_bps: 0.05,
             min_updates: 10, min_changes: 50}
signal: {require_calibration: false, require_consensus: false, require_approval: false, min_p: 0}
costs: {maker_fee_bps: 1.7, taker_fee_bps: 4.3, charge_spread: false, min_net_edge_bps: -20,
        min_benefit_cost: 0, entry: maker}
desk: {start_cash: 12345.678, entry_ttl_ms: 400, order_latency_ms: 7, response_latency_ms: 11,
       holding_horizons: 3}
policy: {stop_bps: 3, limits: {turnover_day_pct: 1000000}}
"""


@dataclass(frozen=True)
class Run:
    """A finished replay."""

    summary: dict[str, Any]
    out: Path

    @property
    def digests(self) -> tuple[str, str]:
        return self.summary["decisions_digest"], self.summary["fills_digest"]

    @property
    def journal(self) -> Journal:
        return Journal.open(self.out)

    def table(self, name: str) -> pl.DataFrame:
        return getattr(self.journal, name)().collect()

    def ledger(self) -> list[tuple[int, int, str, str]]:
        """(sequence, local time, client id, kind) of every row, checked."""
        ledger = DurableLedger(str(self.out / "ledger.redb"))
        rows = list(ledger.rows())
        assert ledger.verify() == len(rows)
        return rows


def replay(
    paths: Iterable[str | Path],
    out: Path,
    config: Path | None = PROBE,
    progress: Callable[[str, int], None] | None = None,
    **options: Any,
) -> Run:
    """A replay in this process to its end."""
    given = ReplayOptions(paths=[str(path) for path in paths], out=out, config=config, **options)
    return Run(run_replay(given, progress), out)


def probe_with_checkpoints(folder: Path, every_s: float) -> Path:
    """config/probe.yaml with checkpoints after so many seconds of wall time; the same run by its id."""
    values = yaml.safe_load(PROBE.read_text())
    values["policy_file"] = str(PROBE.parent / values["policy_file"])
    values["runner"] = {"checkpoint_s": every_s}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "probe.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def usdm(captures: Path) -> list[Path]:
    """The real USDⓈ-M BTC and ETH captures of the same six minutes."""
    folder = captures / "hftbacktest" / "usdm"
    return [folder / "btcusdt_20240808.gz", folder / "ethusdt_20240808.gz"]


def market(directory: Path, seed: int, duration_s: float = 60.0, **settings: Any) -> SyntheticMarket:
    """A synthetic market that is busy enough to trade within a minute."""
    busy = {"impulse_every_s": 2.5, **settings}
    return generate(SyntheticSettings(seed=seed, duration_s=duration_s, **busy), directory)


def assert_same_records(run: Run, oracle: Run) -> None:
    """Every row of every table, the ledger and the totals: as if nothing had ever happened."""
    for name in TABLES:
        assert run.table(name).equals(oracle.table(name), null_equal=True), f"{name} differ"
    assert run.ledger() == oracle.ledger()
    assert run.digests == oracle.digests
    for name in ("events", "signals", "intents", "orders", "fills", "reasons", "pnl", "account", "abstained"):
        assert run.summary[name] == oracle.summary[name], name
    assert run.journal.verify().ok
    assert_nothing_twice(run)


def assert_nothing_twice(run: Run) -> None:
    """No order was placed twice, no execution counted twice, and the ledger is whole."""
    orders, fills = run.table("orders"), run.table("fills")
    placed = orders.filter(pl.col("event") == "placed")["client_id"]
    assert placed.n_unique() == len(placed) == run.summary["orders"]
    assert fills.select("instrument", "trade_id").is_unique().all()
    rows = run.ledger()
    assert [sequence for sequence, *_ in rows] == list(range(len(rows)))
    intents = [client_id for _, _, client_id, kind in rows if kind == "intent"]
    assert sorted(intents) == sorted(placed)


def rows_until(run: Run, until_ns: int) -> dict[str, pl.DataFrame]:
    """The rows of every table with a time up to ``until_ns``, hashes and sequence numbers included."""
    return {
        name: run.table(name).filter(pl.col(TIME_OF.get(name, "local_ns")) <= until_ns) for name in TABLES
    }


_EXCHANGE_TIME = re.compile(rb'"[ET]":(\d+)')
_DECIMAL = re.compile(rb'"(\d+)\.(\d+)"')


class CaptureLines:
    """A capture file line by line, with the two clocks of each."""

    def __init__(self, path: Path, offset_ns: int) -> None:
        self.name = path.name.removesuffix(".gz")
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        self.lines = content.splitlines(keepends=True)
        self.offset_ns = offset_ns
        self.local_ns = np.empty(len(self.lines), np.int64)
        """Receive time less the clock offset."""
        self.earliest_ns = np.empty(len(self.lines), np.int64)
        """The earliest of all times of the line; before everything where it names none."""
        for index, line in enumerate(self.lines):
            stamp = line[: line.find(b" ")]
            times = [int(ms) * 1_000_000 for ms in _EXCHANGE_TIME.findall(line)]
            local = int(stamp) - offset_ns if stamp.isdigit() else 0
            self.local_ns[index] = local
            self.earliest_ns[index] = min([local, *times]) if times else 0

    def write(
        self, directory: Path, after_ns: int, until_ns: int, change: Callable[[bytes], bytes | None]
    ) -> Path:
        """A copy without compression: lines with every clock after ``after_ns`` are changed, or dropped where
        ``change`` answers None or their local time is after ``until_ns``; no other line is touched."""
        later = self.earliest_ns > after_ns
        beyond = later & (self.local_ns > until_ns)
        path = directory / self.name
        with path.open("wb") as file:
            for line, changes, drops in zip(self.lines, later.tolist(), beyond.tolist(), strict=True):
                if not changes:
                    file.write(line)
                elif not drops and (changed := change(line)) is not None:
                    file.write(changed)
        return path

    def end_of(self, path: Path) -> int:
        """Corrected local time of the last line of a copy: a stream says nothing of the time behind its end."""
        last = path.read_bytes().splitlines()[-1]
        return int(last.split(b" ", 1)[0]) - self.offset_ns


def read_captures(paths: Sequence[Path]) -> list[CaptureLines]:
    """Captures with the clock offset that a replay of them estimates."""
    offsets = set(CaptureSet(paths).clock_offset_ns.values())
    assert len(offsets) == 1, "one recorder, one clock"
    return [CaptureLines(path, offsets.copy().pop()) for path in paths]


def with_numbers(line: bytes, change: Callable[[int, bool], int]) -> bytes:
    """The line with every price and size replaced by ``change(quanta, is_price)``, printed as before.

    All decimals in quotation marks alternate: price, size, price, size.
    """
    seen = 0

    def replaced(match: re.Match[bytes]) -> bytes:
        nonlocal seen
        seen += 1
        whole, part = match.groups()
        digits = b"%0*d" % (len(part) + 1, change(int(whole + part), seen % 2 == 1))
        return b'"' + digits[: -len(part)] + b"." + digits[-len(part) :] + b'"'

    return _DECIMAL.sub(replaced, line)


def dropped(rng: random.Random) -> Callable[[bytes], bytes | None]:
    """Half of all lines are gone, so that books have gaps."""
    return lambda line: None if rng.random() < 0.5 else line


def altered(rng: random.Random) -> Callable[[bytes], bytes | None]:
    """The market jumps, and every size is another."""
    jump, factor = rng.choice((-3000, -700, 700, 3000)), rng.choice((2, 3, 7))
    return lambda line: with_numbers(
        line, lambda quanta, is_price: max(quanta + jump, 1) if is_price else quanta * factor
    )


def delayed(rng: random.Random) -> Callable[[bytes], bytes | None]:
    """Every line arrives later, by its local clock; its order stays."""
    by_ns = rng.randrange(1_000_000, 2_000_000_000)

    def delay(line: bytes) -> bytes:
        stamp, _, rest = line.partition(b" ")
        return b"%d %s" % (int(stamp) + by_ns, rest)

    return delay


def truncated(rng: random.Random) -> Callable[[bytes], bytes | None]:
    """Nothing more comes."""
    return lambda line: None


CHANGES = (dropped, altered, delayed, truncated)
