"""A small capture of every format that is text, line by line, each line but the head with one trade or level."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

START_MS = 1_700_000_000_000
RECORDS = 60


@dataclass(frozen=True)
class Format:
    """A way to write captures.

    ``record(n, size)`` is the n-th line without its end; ``missing`` is what to cut from one so that its size is
    missing (in a table: with the comma), ``repeated`` what to put behind it so that a key stands there twice.
    """

    name: str
    file: str
    record: Callable[[int, str], str]
    missing: str
    head: tuple[str, ...] = ()
    repeated: str = ""
    size: str = "2"
    floats: bool = field(default=True)
    """Whether sizes may have a fraction."""

    def lines(self, count: int = RECORDS) -> list[bytes]:
        """The whole file, each line with its end."""
        records = [self.record(n, self.size) for n in range(count)]
        return [f"{line}\n".encode() for line in (*self.head, *records)]

    def line_of(self, record: int) -> int:
        """Number of a record's line, from 1."""
        return len(self.head) + record + 1


def _ms(n: int) -> int:
    return START_MS + 10 * n


def _raw(frame: Callable[[int, str], str]) -> Callable[[int, str], str]:
    return lambda n, size: f"{_ms(n)}000123 {frame(n, size)}"


def _binance(n: int, size: str) -> str:
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{_ms(n)},"T":{_ms(n)},"s":"BTCUSDT","t":{n},'
        f'"p":"100.50","q":"{size}","X":"MARKET","m":true}}}}'
    )


def _bybit(n: int, size: str) -> str:
    return (
        f'{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{_ms(n)},"data":[{{"T":{_ms(n)},"s":"BTCUSDT",'
        f'"S":"Sell","v":"{size}","p":"65114.20","L":"MinusTick","i":"a-{n}","BT":false}}]}}'
    )


def _okx(n: int, size: str) -> str:
    return (
        f'{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{n}",'
        f'"px":"30218.8","sz":"{size}","side":"sell","ts":"{_ms(n)}"}}]}}'
    )


def _kraken(n: int, size: str) -> str:
    return (
        f'{{"feed":"trade","product_id":"PI_XBTUSD","uid":"u{n}","side":"sell","type":"fill","seq":{n + 1},'
        f'"time":{_ms(n)},"qty":{size},"price":34969.5}}'
    )


def _hyperliquid(n: int, size: str) -> str:
    return (
        f'{{"channel":"trades","data":[{{"coin":"BTC","hash":"0x0","px":"105056.0","side":"B","sz":"{size}",'
        f'"tid":{n},"time":{_ms(n)},"users":["0x1","0x2"]}}]}}'
    )


def _seconds(n: int) -> str:
    return f"{_ms(n) // 1000}.{_ms(n) % 1000:03d}0633"


def _cryptofeed(n: int, size: str) -> str:
    data = json.dumps(_binance(n, size))
    return f'{{"t":"recv","conn":"BINANCE.ws.1","ts":{_seconds(n)},"data":{data}}}'


def _tardis(rest: str) -> Callable[[int, str], str]:
    return lambda n, size: f"bitmex,XBTUSD,{_ms(n)}000,{_ms(n)}500,{rest.format(n=n, size=size)}"


_TARDIS = "exchange,symbol,timestamp,local_timestamp,"

FORMATS = (
    Format("binance", "a.txt", _raw(_binance), ',"q":"2"', repeated=',"q":"2"'),
    Format("bybit", "a.txt", _raw(_bybit), '"v":"2",', repeated='"v":"2",'),
    Format("okx", "a.txt", _raw(_okx), '"sz":"2",', repeated='"sz":"2",'),
    Format("kraken_futures", "a.txt", _raw(_kraken), '"qty":2,', repeated='"qty":2,'),
    Format("hyperliquid", "a.txt", _raw(_hyperliquid), '"sz":"2",', repeated='"sz":"2",'),
    Format(
        "cryptofeed",
        "a.jsonl",
        _cryptofeed,
        ',\\"q\\":\\"2\\"',
        head=('{"t":"header","format":2,"exchange":"BINANCE"}',),
        repeated=',\\"q\\":\\"2\\"',
    ),
    Format(
        "cryptofeed_text",
        "a.0",
        lambda n, size: f"{_seconds(n)}: {_binance(n, size)}",
        ',"q":"2"',
        head=(
            'configuration: {"trades":["BTC-USDT"]}',
            "wss://fstream.binance.com/stream?streams=btcusdt@trade <-> 1700000000.0",
        ),
        repeated=',"q":"2"',
    ),
    Format(
        "bitstamp",
        "2015-05-01.log",
        lambda n, size: f'{_ms(n)} trade {{"price": 236.47, "amount": {size}, "id": {n}}}',
        '"amount": 2, ',
        repeated='"amount": 2, ',
    ),
    Format(
        "tardis_trades",
        "a.csv",
        _tardis("{n},sell,8531.5,{size}"),
        ",2",
        head=(_TARDIS + "id,side,price,amount",),
    ),
    Format(
        "tardis_book",
        "a.csv",
        _tardis("false,ask,8531.5,{size}"),
        ",2",
        head=(_TARDIS + "is_snapshot,side,price,amount",),
    ),
    Format(
        "tardis_snapshot",
        "a.csv",
        _tardis("8531.5,3,8531,{size}"),
        ",2",
        head=(_TARDIS + "asks[0].price,asks[0].amount,bids[0].price,bids[0].amount",),
    ),
    Format(
        "tardis_quotes",
        "a.csv",
        _tardis("3,8531.5,8531,{size}"),
        ",2",
        head=(_TARDIS + "ask_amount,ask_price,bid_price,bid_amount",),
    ),
    Format(
        "binance_csv",
        "a.csv",
        lambda n, size: f"BTCUSDT,{_ms(n)},{n + 1},{n + 1},b,set,20377.00,{size},{n}",
        ",2,",
        head=("symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu",),
    ),
    Format(
        "lobster",
        "AAPL_2012-06-21_34200000_57600000_message_1.csv",
        lambda n, size: f"{34200 + n / 100:.9f},1,{n + 1},{size},5853300,1",
        ",2,",
        floats=False,
    ),
)
