"""Captures of several venues against the facts that were computed for them with a plain-Python book.

The facts stand beside the captures, in `PROVENANCE.md`: a line for each symbol with update counts, gaps, final id,
number of levels, the five best levels a side, and the trades.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aurora.capture import capture_info

FILES = {
    "BINANCE": "BINANCE.jsonl.zst",
    "BINANCE_DELIVERY": "BINANCE_DELIVERY.jsonl.zst",
    "BINANCE_FUTURES": "BINANCE_FUTURES.jsonl.zst",
    "BINANCE_FUTURES-1125a2.0": "BINANCE_FUTURES-1125a2.0.zst",
    "BYBIT": "BYBIT.jsonl.zst",
    "OKX": "OKX.jsonl.zst",
}
SYMBOLS = {
    "BINANCE": 4,
    "BINANCE_DELIVERY": 10,
    "BINANCE_FUTURES": 4,
    "BINANCE_FUTURES-1125a2.0": 5,
    "BYBIT": 6,
    "OKX": 3,
}
MARKETS = {"BYBIT.ws.2": "bybit_linear", "BYBIT.ws.3": "bybit_spot", "OKX.ws.1": "okx"}
FACT = re.compile(
    r"^  - (?:(?P<conn>\S+) \S*?(?:books |orderbook\.\d+\.))?(?P<symbol>[A-Z0-9_-]+): (?P<facts>.*)$"
)


def facts_of(provenance: str, name: str) -> list[dict[str, Any]]:
    """The symbols of one capture as `PROVENANCE.md` tells of them."""
    # The one that was packed anew goes by its name before.
    title = FILES[name] if FILES[name].endswith(".jsonl.zst") else FILES[name].removesuffix(".zst")
    start = provenance.index(f"- **{title}**")
    rows = []
    for line in provenance[start:].splitlines()[1:]:
        matched = FACT.match(line)
        if matched is None:
            break
        rows.append({**matched.groupdict()})
    return rows


def number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def levels(side: str, text: str) -> list[tuple[Decimal, Decimal]]:
    listed = re.search(rf"{side} ([^;]*)", text)
    assert listed is not None
    pairs = (level.split("x") for level in listed[1].split())
    return [(Decimal(price), Decimal(size)) for price, size in pairs]


@pytest.mark.parametrize("name", FILES)
def test_every_symbol_has_its_facts(name: str, captures: Path) -> None:
    facts = facts_of((captures / "PROVENANCE.md").read_text(encoding="utf-8"), name)
    assert len(facts) == SYMBOLS[name]
    reports, faults = capture_info([captures / "cryptofeed" / FILES[name]])
    assert faults == []
    for fact in facts:
        symbol, text = fact["symbol"], fact["facts"]
        market = MARKETS.get(fact["conn"] or "")
        found = [
            row
            for key, row in reports.items()
            if key.partition(":")[2] == symbol and market in (None, key.partition(":")[0])
        ]
        assert len(found) == 1, f"{symbol}: {sorted(reports)}"
        row = found[0]
        assert row["state"] == "synced"
        assert row["gaps"] == number(r"gaps (\d+)", text) == 0
        assert row["crossed"] == number(r"crossed (\d+)", text) == 0
        applied, snapshots = number(r"applied (\d+)", text), number(r"\(snapshots (\d+)\)", text)
        # Where snapshots are part of the stream, they count among the messages applied.
        in_stream = snapshots if name in ("BYBIT", "OKX") else 0
        assert row["depth_applied"] + (in_stream or 0) == applied
        assert row["snapshots"] == snapshots
        for what, pattern in (
            ("snapshot_id", r"snapshot id (\d+)"),
            ("depth_stale", r"stale dropped (\d+)"),
            ("final_update_id", r"final id (\d+)"),
        ):
            expected = number(pattern, text)
            assert expected is None or row[what] == expected, (symbol, what)
        counts = re.search(r"levels (\d+)/(\d+)", text)
        assert counts is not None
        assert row["levels"] == [int(counts[1]), int(counts[2])], symbol
        for side in ("bids", "asks"):
            ours = [(Decimal(price), Decimal(size)) for price, size in row[side]]
            assert ours == levels(side, text), (symbol, side)
        equal = re.search(r"bookTicker equal (\d+)/(\d+)", text)
        if equal is not None:
            # Ours also compares tickers that came before the snapshot, with diffs that had waited for it: every one
            # must be equal, and there may be a few more than the facts count.
            assert row["ticker_equal"] == row["ticker_same_id"], symbol
            assert int(equal[1]) == int(equal[2]) <= row["ticker_same_id"] <= int(equal[2]) + 3, symbol
        checksums = re.search(r"checksums ok (\d+)/(\d+)", text)
        if checksums is not None:
            assert (row["checksums_equal"], row["checksums"]) == (int(checksums[1]), int(checksums[2]))
        trades = re.search(r"aggTrades (\d+) qty ([\d.]+)", text)
        if trades is not None:
            assert (row["trades"], Decimal(row["trade_qty"])) == (int(trades[1]), Decimal(trades[2])), symbol


def test_five_hours_of_bitstamp(captures: Path) -> None:
    reports, faults = capture_info([captures / "ob-analytics" / "2015-05-01.log.xz"])
    assert faults == []
    row = reports["bitstamp:BTCUSD"]
    assert row["by_stream"] == {"trade": 575, "order_book": 5011}
    assert row["ignored"] == 24_894 + 24_918 + 602
    assert (row["crossed"], row["levels"]) == (0, [20, 20])
    assert (row["bids"][0], row["asks"][0]) == (["235.45", "0.16235931"], ["235.71", "3.90581607"])
