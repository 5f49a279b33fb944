"""Bars straight from capture lines: time bars by polars' grouping, fill and holes, volume and dollar bars in plain
Python with decimals. The oracle of the streaming builder; nothing here streams.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

HOUR = 3_600 * 10**9
Bar = dict[str, Any]


class Print(NamedTuple):
    local_ns: int
    price: Decimal
    size: Decimal
    bought: bool


def capture_lines(*paths: Path) -> list[bytes]:
    lines: list[bytes] = []
    for path in paths:
        content = path.read_bytes()
        lines += (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).splitlines(
            keepends=True
        )
    return lines


def local_ns(line: bytes) -> int:
    return int(line.split(b" ", 1)[0])


def market_trades(lines: Iterable[bytes]) -> list[Print]:
    """Prints that are market trades: futures mark each with `X`, spot marks none."""
    prints = []
    for line in lines:
        if b'"trade"' not in line:
            continue
        data = json.loads(line.split(b" ", 1)[1])["data"]
        if data["e"] == "trade" and data.get("X", "MARKET") == "MARKET":
            prints.append(Print(local_ns(line), Decimal(data["p"]), Decimal(data["q"]), not data["m"]))
    return prints


def bar_of(prints: Sequence[Print], **known: Any) -> Bar:
    prices = [p.price for p in prints]
    return {
        "start_ns": prints[0].local_ns,
        "end_ns": prints[-1].local_ns,
        "known_ns": prints[-1].local_ns,
        "first_ns": prints[0].local_ns,
        "last_ns": prints[-1].local_ns,
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "volume": sum(p.size for p in prints),
        "buy_volume": sum(p.size for p in prints if p.bought),
        "notional": sum(p.price * p.size for p in prints),
        "trades": len(prints),
        "filled": False,
        "complete": True,
        **known,
    }


def threshold_bars(
    prints: Sequence[Print], threshold: Decimal, *, by_notional: bool, until_ns: int
) -> list[Bar]:
    bars: list[Bar] = []
    group: list[Print] = []
    total = Decimal(0)
    for p in prints:
        group.append(p)
        total += p.size * (p.price if by_notional else 1)
        if total >= threshold:
            bars.append(bar_of(group))
            group, total = [], Decimal(0)
    if group:
        bars.append(bar_of(group, complete=False, known_ns=until_ns))
    return bars


def time_bars(prints: Sequence[Print], step_ns: int, *, observed_ns: int, until_ns: int) -> list[Bar]:
    """Groups by polars over exact integers of 1e-8; fill and holes by looking at the trades around a silence."""
    if not prints:
        return []
    scaled = [
        (p.local_ns, int(p.price * 10**8), int(p.size * 10**8), p.bought, n) for n, p in enumerate(prints)
    ]
    frame = pl.DataFrame(scaled, schema=["local_ns", "price", "size", "bought", "number"], orient="row")
    price, size = pl.col("price"), pl.col("size")
    groups = frame.group_by_dynamic("local_ns", every=f"{step_ns}i", start_by="window").agg(
        pl.col("number").first().alias("first"),
        pl.col("number").last().alias("last"),
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        size.sum().alias("volume"),
        size.filter("bought").sum().alias("buy_volume"),
        pl.len().alias("trades"),
    )
    bars: list[Bar] = []
    for row in groups.iter_rows(named=True):
        start, inside = row["local_ns"], prints[row["first"] : row["last"] + 1]
        if bars and inside[0].local_ns - bars[-1]["last_ns"] < HOUR:
            close = bars[-1]["close"]
            flat = {name: close for name in ("open", "high", "low", "close")}
            none = dict.fromkeys(("volume", "buy_volume", "notional"), Decimal(0))
            bars += [
                {
                    **flat,
                    **none,
                    "start_ns": at,
                    "end_ns": at + step_ns,
                    "known_ns": inside[0].local_ns,
                    "first_ns": None,
                    "last_ns": None,
                    "trades": 0,
                    "filled": True,
                    "complete": True,
                }
                for at in range(bars[-1]["end_ns"], start, step_ns)
            ]
        end = start + step_ns
        exact = {
            name: Decimal(row[name]) / 10**8
            for name in ("open", "high", "low", "close", "volume", "buy_volume")
        }
        bars.append(
            {
                **exact,
                "start_ns": start,
                "end_ns": end,
                "known_ns": min(end, until_ns),
                "first_ns": inside[0].local_ns,
                "last_ns": inside[-1].local_ns,
                "notional": sum(p.price * p.size for p in inside),
                "trades": row["trades"],
                "filled": False,
                "complete": observed_ns <= start and end <= until_ns,
            }
        )
    return bars
