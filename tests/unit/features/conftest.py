"""Makes `tests/helpers` importable; small captures made by hand or by a seed."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "helpers"))

START = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000


class Recorder:
    """Writes capture lines of one USDⓈ-M symbol, tick 0.1 and lot 0.001."""

    def __init__(self, symbol: str = "ETHUSDT") -> None:
        self.symbol = symbol
        self.lines: list[bytes] = []

    def _frame(self, ms: float, frame: dict[str, Any]) -> None:
        time = START + round(ms * MILLISECOND)
        self.lines.append(f"{time} {json.dumps(frame, separators=(',', ':'))}\n".encode())

    def _data(self, ms: float, stream: str, data: dict[str, Any]) -> None:
        exchange = START // MILLISECOND + int(ms)
        data = {"e": data.pop("e"), "E": exchange, "T": exchange, "s": self.symbol, **data}
        self._frame(ms, {"stream": f"{self.symbol.lower()}@{stream}", "data": data})

    def snapshot(self, ms: float, last: int, bids: list[list[str]], asks: list[list[str]]) -> None:
        self._frame(ms, {"lastUpdateId": last, "E": 1, "T": 1, "bids": bids, "asks": asks})

    def diff(self, ms: float, first: int, last: int, before: int, bids: Any = (), asks: Any = ()) -> None:
        data = {"e": "depthUpdate", "U": first, "u": last, "pu": before, "b": list(bids), "a": list(asks)}
        self._data(ms, "depth@0ms", data)

    def ticker(self, ms: float, u: int, bid: str, bid_size: str, ask: str, ask_size: str) -> None:
        data = {"e": "bookTicker", "u": u, "b": bid, "B": bid_size, "a": ask, "A": ask_size}
        self._data(ms, "bookTicker", data)

    def trade(
        self, ms: float, number: int, price: str, size: str, maker_bought: bool, kind: str = "MARKET"
    ) -> None:
        data = {"e": "trade", "t": number, "p": price, "q": size, "X": kind, "m": maker_bought}
        self._data(ms, "trade", data)

    def write(self, path: Path) -> Path:
        path.write_bytes(b"".join(self.lines))
        return path


def random_market(seed: int, events: int = 400) -> Recorder:
    """A thin, restless market: gaps, locked and one-sided books, tickers ahead of the ladder, odd trades."""
    draw = random.Random(seed)
    market = Recorder()

    def size() -> str:
        return f"{draw.randint(1, 40) / 1000:.3f}"

    true_book: list[dict[str, str]] = [
        {f"{100 + sign * (1 + n) / 10:.2f}": size() for n in range(8)} for sign in (-1, 1)
    ]
    ms, u, last = 3.0, 1000, 1000

    def snapshot() -> None:
        bids, asks = (
            sorted(map(list, side.items()), key=lambda level: float(level[0])) for side in true_book
        )
        market.snapshot(ms, u, bids[::-1], asks)

    def change(side: dict[str, str], price: float) -> list[str]:
        level = [f"{price:.2f}", draw.choice(("0.000", size()))]
        side[level[0]] = level[1]
        if level[1] == "0.000":
            del side[level[0]]
        return level

    market.diff(1, 990, 1000, 989)
    snapshot()
    for number in range(events):
        # Whole milliseconds, so that many events fall on grid times.
        ms += draw.choice((0, 0, 1, 2, 5, 10, 30, 90))
        what = draw.random()
        centre = 100 + draw.randint(-4, 4) / 10
        if what < 0.45:
            first = u + 1
            u += draw.randint(1, 4)
            rows = [
                [change(side, centre + sign * draw.randint(-1, 7) / 10) for _ in range(3)]
                for side, sign in zip(true_book, (-1, 1), strict=True)
            ]
            market.diff(ms, first, u, last - (draw.random() < 0.02), *rows)
            last = u
        elif what < 0.75:
            bid = centre - draw.randint(0, 2) / 10
            ask = bid + draw.randint(0 if draw.random() < 0.1 else 1, 3) / 10
            market.ticker(ms, u + draw.randint(-3, 4), f"{bid:.2f}", size(), f"{ask:.2f}", size())
        elif what < 0.97:
            kind = draw.choice(("MARKET", "MARKET", "MARKET", "INSURANCE_FUND"))
            market.trade(ms, number, f"{centre:.2f}", size(), draw.random() < 0.5, kind)
        else:
            snapshot()
    return market


@pytest.fixture(scope="session")
def recorder() -> Callable[[], Recorder]:
    return Recorder


@pytest.fixture(scope="session")
def restless() -> Callable[[int], Recorder]:
    return random_market


@pytest.fixture(scope="session")
def start_ns() -> int:
    return START
