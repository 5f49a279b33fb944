"""Markouts of quotes at the touch: markets whose answer is known, the intervals, and the fact on the real captures."""

import json
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from replays import ROOT

from aurora._core import Instrument, MarketBlock, quote_touch
from aurora.errors import ConfigError
from aurora.tca import MidPath
from aurora.testing import FlowPlant, MarketSettings, SymbolSettings, make_market

sys.path.insert(0, str(ROOT))
from bench.markout.estimate import estimate, markouts
from bench.markout.page import write_page
from bench.markout.quotes import MILLISECOND, SECOND, Quotes, QuoteSettings, quote
from bench.markout.tables import QUEUES, table

INSTRUMENT = Instrument(
    "binance_usdm", "XUSDT", price_exponent=1, size_exponent=3, tick=10, lot=1, min_notional=0
)
START = 1_700_000_000 * SECOND
SNAPSHOT, TICKER, TRADE = 1, 2, 3
BUYER_IS_MAKER = 2
SHOWN = 50
MOVE = 20
LATENCY = 2 * MILLISECOND


def made_market(informed: bool, seconds: int = 120) -> MarketBlock:
    """1000.0 to 1001.0, and every four seconds a trade through all that is shown: bids and asks in turns.

    Informed trades are followed, 50 ms later, by a move of the touch by 2.0 the trade's way.
    """
    rows: list[tuple[int, int, int, list[tuple[int, int, int]]]] = []
    bid = 10_000
    touch = [(1, bid, SHOWN), (-1, bid + 10, SHOWN)]
    rows.append((0, SNAPSHOT, 0, touch))
    for number, second in enumerate(range(4, seconds, 4)):
        at = second * SECOND + 30 * MILLISECOND
        sells = number % 2 == 0
        price = bid if sells else bid + 10
        rows.append((at, TRADE, BUYER_IS_MAKER if sells else 0, [(1, price, 10 * SHOWN)]))
        if informed:
            bid += -MOVE if sells else MOVE
        rows.append((at + 50 * MILLISECOND, TICKER, 0, [(1, bid, SHOWN), (-1, bid + 10, SHOWN)]))
    rows.append((seconds * SECOND, TICKER, 0, [(1, bid, SHOWN), (-1, bid + 10, SHOWN)]))
    levels = [(owner, *level) for owner, row in enumerate(rows) for level in row[3]]
    time_ns = np.array([START + row[0] for row in rows], np.int64)
    ids = np.arange(1, len(rows) + 1, dtype=np.uint64) * 10
    columns = {
        "kind": np.array([row[1] for row in rows], np.uint8),
        "flags": np.array([row[2] for row in rows], np.uint8),
        "local_ns": time_ns + LATENCY,
        "exchange_ns": time_ns,
        "first_id": ids,
        "last_id": ids,
        "previous_id": ids - np.uint64(10),
        "level_message": np.array([level[0] for level in levels], np.int64),
        "level_side": np.array([level[1] for level in levels], np.int8),
        "level_price": np.array([level[2] for level in levels], np.int64),
        "level_size": np.array([level[3] for level in levels], np.int64),
    }
    return MarketBlock.from_columns(columns, end_ns=int(time_ns[-1]) + SECOND, last=True)


@pytest.mark.parametrize("queue", QUEUES)
def test_who_is_filled_by_an_informed_trade_loses_what_it_knows(queue: str) -> None:
    settings = QuoteSettings(warm_up_ns=SECOND)
    quotes = quote(INSTRUMENT, [made_market(informed=True)], queue, settings)
    assert quotes.is_filled.sum() > 200
    buys = quotes.is_filled & (quotes.side == 1)
    sells = quotes.is_filled & (quotes.side == -1)
    assert set(quotes.price[buys]) == {1000.0}
    assert set(quotes.price[sells]) == {999.0}
    # Bought at 1000.0 with the mid at 1000.5: five basis points until the touch moves to 998.0 and 999.0.
    for horizon, price, mid in [(20 * MILLISECOND, 5.0, 0.0), (SECOND, -15.0, -2.0 / 1000.5 * 1e4)]:
        for reference, wanted in (("price", price), ("mid", mid)):
            got = markouts(quotes, quotes.filled_ns, horizon, reference, buys)[buys]
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9)
    # Sold at 999.0, and 1000.5 a second later.
    got = markouts(quotes, quotes.filled_ns, SECOND, "price", sells)[sells]
    np.testing.assert_allclose(got, -1.5 / 999.0 * 1e4, rtol=0, atol=1e-9)
    row = estimate(quotes, 1.0, "price", rest_ns=settings.rest_ns, draws=200)
    assert row is not None
    assert row.difference.high < 0
    # The mean of all is that of a plain loop over what is known of this market.
    assert row.all.value == pytest.approx(naive_mean_of_all(quotes, SECOND), abs=1e-9)


def naive_mean_of_all(quotes: Quotes, horizon_ns: int) -> float:
    """The touch moves at known times; every quote's markout is a sum by hand."""
    moves = [(START + s * SECOND + 80 * MILLISECOND, n % 2 == 0) for n, s in enumerate(range(4, 120, 4))]
    gains = []
    for side, price, at in zip(quotes.side, quotes.price, quotes.accepted_ns, strict=True):
        if at + horizon_ns > START + 120 * SECOND:
            continue
        down = sum(1 if fell else -1 for moved, fell in moves if moved <= at + horizon_ns)
        gains.append(side * (1000.5 - 2.0 * down - price) / price * 1e4)
    return float(np.mean(gains))


def test_who_is_filled_by_an_uninformed_trade_earns_the_half_spread() -> None:
    settings = QuoteSettings(warm_up_ns=SECOND)
    quotes = quote(INSTRUMENT, [made_market(informed=False)], "risk_averse", settings)
    for horizon_s in (0.1, 1.0):
        row = estimate(quotes, horizon_s, "price", rest_ns=settings.rest_ns, draws=200)
        assert row is not None
        assert row.fills > 200
        for mean in (row.all, row.filled):
            # 0.5 of 1000.0 where it buys, of 1001.0 where it sells.
            assert mean.value == pytest.approx(5.0, abs=0.005)
        assert row.difference.value == pytest.approx(0.0, abs=0.005)
        moved = estimate(quotes, horizon_s, "mid", rest_ns=settings.rest_ns, draws=50)
        assert moved is not None
        assert moved.filled.value == moved.all.value == moved.difference.value == 0.0


@pytest.mark.parametrize(("kind", "wanted"), [("toxic", -5.0), ("benign", 0.0)])
def test_planted_flow_costs_its_impact(kind: Literal["toxic", "benign"], wanted: float) -> None:
    """Quotes in the way of bursts that move the price by five basis points, for good or for a moment."""
    settings = MarketSettings(
        seed=6,
        duration_s=1_800.0,
        symbols=(SymbolSettings(symbol="ETHUSDT", noise_bps=0.8),),
        flows=(FlowPlant(symbol="ETHUSDT", kind=kind),),
    )
    market = make_market(settings)
    source = market.source()
    (instrument,) = source.instruments.values()
    chosen = QuoteSettings(rest_ns=SECOND // 2)
    quotes = quote(instrument, [source.whole("ETHUSDT")], "risk_averse", chosen)
    gains = markouts(quotes, quotes.filled_ns, 5 * SECOND // 2, "price", quotes.is_filled)
    bursts = []
    for begin_ms, _, side, _ in market.truth["symbols"]["ETHUSDT"]["bursts"]:
        ahead = begin_ms * MILLISECOND - quotes.accepted_ns
        met = (ahead > 0) & (ahead < SECOND // 5) & (quotes.side == -side) & np.isfinite(gains)
        if met.any():
            bursts.append(float(gains[met].mean()))
    assert len(bursts) > 40
    error = np.std(bursts) / len(bursts) ** 0.5
    assert np.mean(bursts) == pytest.approx(wanted, abs=4 * error + 0.3)


def test_settings_that_cannot_be_are_refused() -> None:
    given = {"every_ns": 1, "rest_ns": 1, "start_ns": 0, "order_latency_ns": 0, "response_latency_ns": 0}
    blocks = [made_market(informed=False)]
    for wrong in ("unknown", "power", "power:-1", "power:nan", "log:2"):
        with pytest.raises(ConfigError, match="queue model"):
            quote_touch(INSTRUMENT, blocks, **given, queue=wrong)
    with pytest.raises(ConfigError, match="every_ns is 0"):
        quote_touch(INSTRUMENT, blocks, **{**given, "every_ns": 0}, queue="log")


def random_walk(seed: int) -> Quotes:
    """Bids over ten minutes of a random walk, every third of them "filled" by chance: nothing is selected."""
    draw = np.random.default_rng(seed)
    step_ns, count = 100 * MILLISECOND, 6_000
    time_ns = START + step_ns * np.arange(count)
    mid = 100.0 * np.exp(np.cumsum(draw.normal(0, 1e-4, count)))
    sent = time_ns[10::2]
    price = mid[9:-1:2]
    filled = np.where(draw.random(len(sent)) < 1 / 3, sent + draw.integers(0, 10, len(sent)) * step_ns, -1)
    end = int(time_ns[-1])
    side = np.ones(len(sent), np.int64)
    return Quotes(side, price, sent, sent, filled, MidPath(time_ns, mid, end), 0)


def test_intervals_hold_what_they_promise_though_markouts_overlap() -> None:
    """Without selection the mean of all, from the mid, is zero: so it is in most of the intervals, but not in those
    that take overlapping markouts for independent ones."""
    runs, held, independent, difference = 60, 0, 0, 0
    for seed in range(runs):
        quotes = random_walk(seed)
        row = estimate(quotes, 5.0, "mid", rest_ns=SECOND, seed=seed, draws=200)
        assert row is not None
        held += row.all.low <= 0 <= row.all.high
        difference += row.difference.low <= 0 <= row.difference.high
        everything = np.ones(len(quotes.side), np.bool_)
        plain = markouts(quotes, quotes.accepted_ns, 5 * SECOND, "mid", everything)
        plain = plain[np.isfinite(plain)]
        independent += abs(plain.mean()) <= 1.96 * plain.std() / len(plain) ** 0.5
    # 95 % would be 57; the bootstrap is known to be somewhat short for fifty blocks.
    assert held >= 50
    assert difference >= 50
    assert independent <= 30


def test_one_seed_gives_one_interval() -> None:
    first, again, other = (
        estimate(random_walk(1), 1.0, "price", rest_ns=SECOND, seed=seed, draws=100) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
@pytest.mark.parametrize("queue", ["risk_averse", "power:3"])
def test_filled_quotes_are_worse_than_all_on_the_real_captures(
    captures: Path, tmp_path: Path, symbol: str, queue: str
) -> None:
    path = captures / "hftbacktest" / "usdm" / f"{symbol}_20240808.gz"
    found = table(path, queue, horizons_s=(0.1, 1.0, 5.0), draws=400)
    assert found.filled > 500
    for row in found.rows:
        if row.horizon_s <= 1.0:
            assert row.difference.high < 0, row
            assert row.difference_from_quote.high < 0, row
        assert row.difference.value < 0, row
    # From the price, all quotes earn about half a spread, of which hardly anything is left at so short a horizon.
    assert found.is_worse
    page = write_page([found], tmp_path, seed=0).read_text()
    assert "0.1 s" in page
    assert (tmp_path / "images" / "markout.svg").read_text().startswith("<svg")
    figures = json.loads((tmp_path / "markout.json").read_text())
    assert figures["tables"][0]["filled"] == found.filled
