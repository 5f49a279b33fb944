"""Entries worked over time, in replays: sums, order, time and rate against a plain reading of the order log and the
market's trades."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml
from replays import ROUGH, Run, assert_nothing_twice, market, read_captures, replay

from aurora.capture import CaptureSet

OVER_NS = 6 * 10**9
SLICES = 6
RATE = Decimal("0.002")
DISPLAY = 40
ENDED = ("filled", "cancelled", "rejected", "expired", "expired_in_match")


@dataclass(frozen=True)
class Worked:
    run: Run
    trades: dict[str, list[tuple[int, Decimal]]]
    """By instrument, local time and size of every trade of the market."""
    lots: dict[str, Decimal]


def config(folder: Path, kind: str, entry: str, **slicing: object) -> Path:
    values = yaml.safe_load(ROUGH)
    values["costs"]["entry"] = entry
    values["policy"]["stop_bps"] = 100
    values["desk"] |= {"holding_horizons": 100, "schedule": kind}
    values["desk"]["slicing"] = {"over_ms": OVER_NS // 10**6, "slices": SLICES, **slicing}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def trades_of(paths: Sequence[Path]) -> dict[str, list[tuple[int, Decimal]]]:
    found: dict[str, list[tuple[int, Decimal]]] = {}
    for capture in read_captures(paths):
        for line, local_ns in zip(capture.lines, capture.local_ns.tolist(), strict=True):
            if b'"trade"' not in line:
                continue
            message = json.loads(line.split(b" ", 1)[1])
            row = message.get("data", message)
            assert row["e"] == "trade"
            if row.get("X") in (None, "MARKET"):
                found.setdefault(f"binance_usdm:{row['s']}", []).append((local_ns, Decimal(row["q"])))
    return found


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Worked]:
    """A replay of one market by a kind of schedule and a kind of entry, each made once."""
    folder = tmp_path_factory.mktemp("schedules")
    paths = list(market(folder / "captures", 5, 150.0).paths.values())
    trades = trades_of(paths)
    lots = {
        key: Decimal(instrument.format_size(instrument.lot))
        for key, instrument in CaptureSet(paths).instruments.items()
    }
    slicing: dict[str, dict[str, object]] = {
        "pov": {"participation": float(RATE)},
        "iceberg": {"display_lots": DISPLAY},
        "vwap": {"volume_curves": {"binance_usdm:ETHUSDT": [1] * 288}},
        "auto": {"notional": 100, "persistence_signals": 3},
    }
    made: dict[tuple[str, str], Worked] = {}

    def make(kind: str, entry: str) -> Worked:
        if (kind, entry) not in made:
            name = f"{kind}_{entry}"
            settings = config(folder / name, kind, entry, **slicing.get(kind, {}))
            made[kind, entry] = Worked(replay(paths, folder / name / "out", settings), trades, lots)
        return made[kind, entry]

    return make


@dataclass
class Slice:
    local_ns: int
    size: Decimal
    order_type: str
    filled: Decimal
    ended_ns: int | None


def slices_of(run: Run, trace: str) -> list[Slice]:
    """The entries of a trade as its rows of the order log and of the fills tell them."""
    orders, fills = run.table("orders"), run.table("fills")
    rows = orders.filter((pl.col("trace") == trace) & (pl.col("leg") == "entry")).to_dicts()
    found: dict[str, Slice] = {}
    for row in rows:
        if row["event"] == "placed":
            assert row["client_id"] not in found
            still_open = [one for one in found.values() if one.ended_ns is None]
            assert not still_open, "two entries of one trade are open at once"
            filled = fills.filter(pl.col("client_id") == row["client_id"])["size"].sum() or 0
            found[row["client_id"]] = Slice(
                row["local_ns"], Decimal(row["size"]), row["order_type"], Decimal(filled), None
            )
        elif row["event"] in ENDED:
            found[row["client_id"]].ended_ns = row["local_ns"]
    return list(found.values())


def accepted(run: Run) -> list[dict[str, object]]:
    return run.table("decisions").filter(pl.col("reason").str.starts_with("trade.")).to_dicts()


def due(
    kind: str,
    decided: Decimal,
    lot: Decimal,
    begun_ns: int,
    now_ns: int,
    trades: list[tuple[int, Decimal]],
) -> Decimal:
    """What may have been sent in all, less what ended unfilled."""
    if kind == "iceberg":
        return decided
    if kind == "pov":
        volume = sum((size for at, size in trades if begun_ns <= at <= now_ns), Decimal(0))
        return min(decided, RATE * volume)
    begun = sum(1 for k in range(SLICES) if begun_ns * SLICES + k * OVER_NS <= now_ns * SLICES)
    return decided / lot * begun // SLICES * lot


@pytest.mark.parametrize("entry", ["taker", "maker"])
@pytest.mark.parametrize("kind", ["twap", "vwap", "pov", "iceberg"])
def test_a_schedule_is_kept_to_the_lot(worked: Callable[[str, str], Worked], kind: str, entry: str) -> None:
    made = worked(kind, entry)
    several = whole = 0
    for decision in accepted(made.run):
        decided, begun_ns = Decimal(decision["size"]), int(decision["local_ns"])
        slices = slices_of(made.run, str(decision["trace"]))
        trades = made.trades[str(decision["instrument"])]
        lot = made.lots[str(decision["instrument"])]
        filled = Decimal(0)
        for one in slices:
            assert one.size > 0
            assert one.size % lot == 0
            assert one.order_type == ("limit_ioc" if entry == "taker" else "limit_post_only")
            assert filled + one.size <= due(kind, decided, lot, begun_ns, one.local_ns, trades)
            assert one.local_ns <= begun_ns + OVER_NS
            if kind == "iceberg":
                assert one.size <= DISPLAY * lot
            filled += one.filled
        assert filled <= decided
        several += len(slices) > 2
        whole += filled == decided
    assert several >= 3, f"{several} entries of three slices or more"
    if kind in ("twap", "vwap") and entry == "taker":
        assert whole >= 3, "every lot of what was decided, and no more"


def test_auto_works_some_and_not_others(worked: Callable[[str, str], Worked]) -> None:
    made = worked("auto", "taker")
    counts = [len(slices_of(made.run, str(decision["trace"]))) for decision in accepted(made.run)]
    assert max(counts) > 2


def test_it_runs_the_same_twice_and_nothing_twice(
    worked: Callable[[str, str], Worked], tmp_path: Path
) -> None:
    made = worked("pov", "maker")
    paths = list(market(tmp_path / "captures", 5, 150.0).paths.values())
    settings = config(tmp_path / "again", "pov", "maker", participation=float(RATE))
    again = replay(paths, tmp_path / "out", settings)
    assert again.digests == made.run.digests
    assert_nothing_twice(again)
    rows = again.ledger()
    assert [kind for *_, kind in rows].count("schedule") == len(accepted(again))
