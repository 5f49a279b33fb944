"""Synthetic market v2 as captures and as blocks: read back by Aurora, and rebuilt with plain dictionaries."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from touches import Touches, touches_of

from aurora._core import MarketBlock
from aurora.capture import CaptureSet, CaptureSettings, capture_info, is_synthetic
from aurora.testing import (
    LIGHT,
    REAL,
    THIN,
    FaultPlant,
    FlowPlant,
    FundingPlant,
    Impulses,
    Jumps,
    LinkPlant,
    MarketSettings,
    PatternPlant,
    PlantedMarket,
    Rates,
    RegimePlant,
    RegimeShape,
    SymbolSettings,
    lead_lag_market,
    make_market,
)

EVERYTHING = MarketSettings(
    seed=11,
    duration_s=120.0,
    symbols=(
        SymbolSettings(symbol="SOLUSDT", impulses=Impulses(), jumps=Jumps(every_s=20.0)),
        SymbolSettings(symbol="BTCUSDT", activity=2.0),
        SymbolSettings(symbol="ETHUSDT", noise_bps=0.7),
        SymbolSettings(symbol="DOGEUSDT", noise_bps=2.0),
    ),
    links=(LinkPlant(leader="SOLUSDT", follower="ETHUSDT", lag_ms=150, strength=0.6, on_s=20.0, off_s=20.0),),
    patterns=(
        PatternPlant(
            kind="quick_reversion", symbol="DOGEUSDT", edge_bps=20.0, trigger_s=5, horizon_s=10, every_s=30
        ),
    ),
    flows=(FlowPlant(symbol="BTCUSDT", kind="toxic"), FlowPlant(symbol="DOGEUSDT", kind="benign")),
    regimes=RegimePlant(
        dwell_s=20.0, shapes={"PANIC": RegimeShape(volatility=2.0, activity=3.0, spread_ticks=3)}
    ),
    funding=FundingPlant(interval_minutes=1),
)


@pytest.fixture(scope="module")
def market() -> PlantedMarket:
    return make_market(EVERYTHING)


def replaced(settings: MarketSettings, **changes: Any) -> MarketSettings:
    """With other values, validated anew."""
    return MarketSettings(**{name: getattr(settings, name) for name in MarketSettings.model_fields} | changes)


def text_of(market: PlantedMarket, symbol: str) -> str:
    return "\n".join(market.lines(symbol))


# --- Reading back ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", [LIGHT, REAL, THIN], ids=["light", "real", "thin"])
def test_aurora_reads_it_without_a_fault(rates: Rates, tmp_path: Path) -> None:
    settings = replaced(EVERYTHING, rates=rates, links=(), patterns=())
    if rates == THIN:
        settings = replaced(settings, duration_s=7_200.0)
    market = make_market(settings)
    paths = market.write(tmp_path)
    reports, faults = capture_info(list(paths.values()))
    assert faults == []
    assert len(reports) == 4
    for own in settings.symbols:
        report = reports[f"binance_usdm:{own.symbol}"]
        messages = market.messages[own.symbol]
        counted = Counter(messages.kind.tolist())
        streams = report["by_stream"]
        assert report["state"] == "synced"
        assert (report["gaps"], report["duplicates"], report["crossed"]) == (0, 0, 0)
        assert report["receive_time_held"] == 0
        assert report["messages"] == len(messages)
        assert [streams[name] for name in ("depth@0ms", "snapshot", "bookTicker", "trade")] == [
            counted[kind] for kind in range(4)
        ]
        assert report["ticker_same_id"] == report["ticker_equal"] > 20
        assert report["depth_stale"] >= 1
        assert float(report["tick_size"]) == own.spec.tick_size


def test_a_plain_rebuild_agrees_with_every_ticker(market: PlantedMarket) -> None:
    """Dictionaries of text: the exchange's rule, and the touch after each diff."""
    for own in EVERYTHING.symbols:
        book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        snapshot: dict[str, Any] | None = None
        frames = [json.loads(line.split(" ", 1)[1]) for line in market.lines(own.symbol)[1:]]
        snapshot = next(frame for frame in frames if "lastUpdateId" in frame)
        book = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        tickers = {f["data"]["u"]: f["data"] for f in frames if f.get("data", {}).get("e") == "bookTicker"}
        ids = sorted(tickers)
        last = snapshot["lastUpdateId"]
        applied = compared = 0
        for frame in frames:
            data = frame.get("data", {})
            if data.get("e") != "depthUpdate" or data["u"] < last:
                continue
            assert data["U"] <= last <= data["u"] if not applied else data["pu"] == last
            last, applied = data["u"], applied + 1
            for side in "ba":
                for price, size in data[side]:
                    if float(size) == 0:
                        book[side].pop(price, None)
                    else:
                        book[side][price] = size
            bid, ask = max(book["b"], key=float), min(book["a"], key=float)
            assert float(bid) < float(ask)
            # The touch is what the latest ticker up to the diff's id said.
            shown = tickers[ids[int(np.searchsorted(ids, last, side="right")) - 1]]
            assert (shown["b"], shown["B"], shown["a"], shown["A"]) == (
                bid,
                book["b"][bid],
                ask,
                book["a"][ask],
            )
            compared += 1
        assert compared > 300
        assert len(book["b"]) >= 10
        trades = [f["data"]["t"] for f in frames if f.get("data", {}).get("e") == "trade"]
        assert trades == list(range(trades[0], trades[0] + len(trades)))


def test_trades_take_from_the_touch_what_they_print(market: PlantedMarket) -> None:
    """No order prints more than was displayed; it leaves the rest, unless the level is refilled at once or gone."""
    for own in EVERYTHING.symbols:
        touches = touches_of(market.source().whole(own.symbol))
        orders: dict[tuple[int, int, bool], int] = {}
        for moment, price, size, buys in zip(
            touches.trade_ns.tolist(),
            touches.trade_price.tolist(),
            touches.trade_size.tolist(),
            touches.trade_is_buy.tolist(),
            strict=True,
        ):
            orders[moment, price, buys] = orders.get((moment, price, buys), 0) + size
        left = 0
        for (moment, price, buys), size in orders.items():
            prices = touches.ask if buys else touches.bid
            sizes = touches.ask_size if buys else touches.bid_size
            rows = np.flatnonzero(touches.time_ns == moment)
            # Orders of one millisecond cannot be told apart: together they meet what the rows before displayed.
            before = [row - 1 for row in rows if prices[row - 1] == price]
            assert before
            assert size <= sum(int(sizes[row]) for row in before)
            left += any(prices[row + 1] == price and sizes[row + 1] == sizes[row] - size for row in before)
        assert len(orders) > 50
        assert left > 0.3 * len(orders)


@pytest.mark.parametrize("slice_ms", [0, 70, 1_000])
def test_blocks_are_the_readers_byte_for_byte(market: PlantedMarket, tmp_path: Path, slice_ms: int) -> None:
    settings = CaptureSettings(slice_ms=slice_ms)
    read = CaptureSet(list(market.write(tmp_path, packed=False).values()), settings)
    made = market.source(settings)
    assert made.streams == read.streams
    assert made.clock_offset_ns == read.clock_offset_ns
    assert (made.first_slice, made.calibrated_ns) == (read.first_slice, read.calibrated_ns)
    for stream in read.streams:
        one, other = read.open(stream), made.open(stream)
        while (expected := one.next()) is not None:
            found = other.next()
            assert found is not None
            assert found[0].slice_index == expected[0].slice_index
            assert found[0].instrument == expected[0].instrument
            assert found[0].block.to_bytes() == expected[0].block.to_bytes()
        assert other.next() is None


def test_a_source_opens_anywhere(market: PlantedMarket) -> None:
    source = market.source(CaptureSettings(slice_ms=1_000))
    stream = source.streams[0]
    reader = source.open(stream)
    blocks = []
    while (messages := reader.next()) is not None:
        blocks.append(messages[0].block.to_bytes())
    for skipped in (0, 1, 57, len(blocks) - 1, len(blocks)):
        later = source.open(stream, source.first_slice + skipped)
        rest = []
        while (messages := later.next()) is not None:
            rest.append(messages[0].block.to_bytes())
        assert rest == blocks[skipped:]


# --- Rates and shapes of the real capture ------------------------------------------------------------


@pytest.fixture(scope="module")
def bitcoin() -> tuple[PlantedMarket, Touches]:
    own = SymbolSettings(symbol="BTCUSDT", noise_bps=1.3)
    made = make_market(MarketSettings(seed=2, duration_s=300.0, rates=REAL, symbols=(own,)))
    return made, touches_of(made.source().whole("BTCUSDT"))


def test_rates_are_those_of_the_capture(bitcoin: tuple[PlantedMarket, Touches]) -> None:
    """PROVENANCE.md: BTCUSDT has 6,551 diffs, 66,089 bookTickers and 21,313 trades in 344.8 s; 443,262 levels."""
    market, _ = bitcoin
    messages, seconds = market.messages["BTCUSDT"], 300.0
    counted = Counter(messages.kind.tolist())
    assert counted[0] / seconds == pytest.approx(19.0, rel=0.02)
    assert counted[2] / seconds == pytest.approx(191.7, rel=0.1)
    assert counted[3] / seconds == pytest.approx(61.8, rel=0.25)
    levels = (messages.bids + messages.asks)[messages.kind == 0]
    assert levels.mean() == pytest.approx(67.7, rel=0.2)


def test_spreads_and_moves_are_those_of_the_capture(bitcoin: tuple[PlantedMarket, Touches]) -> None:
    """Measured there: 94.2 % of quotes and 99.1 % of time one tick wide, 5.9 mid changes a second, 1.4 bps in 1 s."""
    touches = bitcoin[1]
    narrow = touches.ask - touches.bid == (touches.ask - touches.bid).min()
    assert narrow.mean() == pytest.approx(0.942, abs=0.02)
    held = np.diff(touches.time_ns)
    assert (held * narrow[:-1]).sum() / held.sum() > 0.98
    moves = np.count_nonzero(np.diff(touches.mid)) / 300.0
    assert 4 < moves < 14
    assert touches.returns_bps(1_000_000_000).std() == pytest.approx(1.4, rel=0.15)
    # Events come in bunches: variances of counts per second over their means were 104 and 382.
    for times, least in ((touches.time_ns, 40), (touches.trade_ns, 80)):
        counts = np.bincount((times - times[0]) // 1_000_000_000)
        assert counts.var() / counts.mean() > least
    # The median size displayed was 165,000 USDT.
    notional = np.median(touches.bid_size) / 1_000 * touches.mid.mean() / 100
    assert notional == pytest.approx(165_000, rel=0.15)


def test_thin_rates_are_an_event_a_second() -> None:
    own = SymbolSettings(symbol="ETHUSDT")
    market = make_market(MarketSettings(seed=2, duration_s=86_400.0, rates=THIN, symbols=(own,)))
    assert 0.8 < market.events / 86_400 < 1.3


# --- Bytes -------------------------------------------------------------------------------------------


def test_bytes_are_these_on_every_machine(market: PlantedMarket) -> None:
    digest = hashlib.sha256()
    for own in EVERYTHING.symbols:
        digest.update(text_of(market, own.symbol).encode())
    digest.update(json.dumps(market.truth, sort_keys=True).encode())
    assert digest.hexdigest() == "619408e73aea4bdf868c3368e7ef80a173eb377911d7052e3b0e162bd2c2c399"


def test_seeds_make_bytes_and_nothing_else_does(market: PlantedMarket, tmp_path: Path) -> None:
    again, other = make_market(EVERYTHING), make_market(replaced(EVERYTHING, seed=12))
    for own in EVERYTHING.symbols:
        assert again.lines(own.symbol) == market.lines(own.symbol)
        assert other.lines(own.symbol)[1:200] != market.lines(own.symbol)[1:200]
    first = market.write(tmp_path / "one")
    second = again.write(tmp_path / "two")
    assert [p.read_bytes() for p in first.values()] == [p.read_bytes() for p in second.values()]
    assert json.loads((tmp_path / "one/synthetic_truth_seed11.json").read_text()) == market.truth


def test_no_knob_reshuffles_another(market: PlantedMarket) -> None:
    def unchanged(changed: MarketSettings) -> set[str]:
        made = make_market(changed)
        names = [own.symbol for own in changed.symbols]
        for name in names:
            assert np.array_equal(made.paths[name].noise, market.paths[name].noise)
            assert made.paths[name].impulses == market.paths[name].impulses
            assert made.paths[name].jumps == market.paths[name].jumps
        return {name for name in names if made.lines(name) == market.lines(name)}

    every = {own.symbol for own in EVERYTHING.symbols}
    link = EVERYTHING.links[0].model_copy(update={"strength": 0.9, "lag_ms": 300})
    assert unchanged(replaced(EVERYTHING, links=(link,))) == every - {"ETHUSDT"}
    assert unchanged(replaced(EVERYTHING, patterns=())) == every - {"DOGEUSDT"}
    assert unchanged(replaced(EVERYTHING, flows=EVERYTHING.flows[:1])) == every - {"DOGEUSDT"}
    assert unchanged(replaced(EVERYTHING, symbols=EVERYTHING.symbols[::-1])) == every
    assert unchanged(replaced(EVERYTHING, funding=None)) == every
    fault = FaultPlant(kind="duplicate", symbol="BTCUSDT")
    assert unchanged(replaced(EVERYTHING, faults=(fault,))) == every - {"BTCUSDT"}
    # Base events keep their times: a plant adds to them.
    plain = make_market(replaced(EVERYTHING, flows=())).messages["BTCUSDT"]
    toxic = market.messages["BTCUSDT"]
    quotes = set(plain.transaction_ms[plain.kind == 2].tolist())
    kept = quotes & set(toxic.transaction_ms[toxic.kind == 2].tolist())
    assert len(kept) > 0.9 * len(quotes)


def test_files_say_that_they_are_synthetic(market: PlantedMarket, tmp_path: Path) -> None:
    for packed in (True, False):
        for symbol, path in market.write(tmp_path, packed=packed).items():
            assert "synthetic" in path.name
            assert is_synthetic(path)
            unnamed = tmp_path / "capture"
            unnamed.write_bytes(path.read_bytes())
            assert is_synthetic(unnamed)
            content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
            assert content.startswith(f"# aurora synthetic market v2 seed=11 symbol={symbol}".encode())
            unnamed.unlink()
    truth = json.loads((tmp_path / "synthetic_truth_seed11.json").read_text())
    assert list(truth)[:3] == ["synthetic", "version", "seed"]
    assert truth["synthetic"] is True
    assert truth["version"] == 2
    assert MarketSettings.model_validate(truth["settings"]) == EVERYTHING


# --- Faults ------------------------------------------------------------------------------------------

CLEAN = lead_lag_market(3, duration_s=300.0)
FAULTS = {
    "gap": FaultPlant(kind="gap", symbol="ETHUSDT", count=3),
    "duplicate": FaultPlant(kind="duplicate", symbol="ETHUSDT", count=5),
    "late": FaultPlant(kind="late", symbol="ETHUSDT", count=4),
    "outlier": FaultPlant(kind="outlier", symbol="ETHUSDT", count=4),
    "clock_step": FaultPlant(kind="clock_step", count=2, step_ms=120),
}


def damaged(faults: tuple[FaultPlant, ...], folder: Path) -> tuple[dict[str, Any], list[Any], list[str]]:
    market = make_market(replaced(CLEAN, faults=faults))
    path = market.write(folder, packed=False)["ETHUSDT"]
    reports, broken = capture_info([path])
    assert broken == []
    return reports["binance_usdm:ETHUSDT"], market.truth["faults"], path.read_text().splitlines()


@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in FAULTS), tuple(FAULTS)])
def test_no_fault_but_the_planted_ones(kinds: tuple[str, ...], tmp_path: Path) -> None:
    report, ledger, lines = damaged(tuple(FAULTS[kind] for kind in kinds), tmp_path)
    planted = Counter(entry["kind"] for entry in ledger)
    assert planted == {kind: FAULTS[kind].count for kind in kinds}
    assert report["gaps"] == planted["gap"]
    assert report["snapshots"] == 1 + planted["gap"]
    assert report["duplicates"] == planted["duplicate"]
    assert report["receive_time_held"] == planted["late"]
    assert report["crossed"] == 0
    assert report["ticker_same_id"] == report["ticker_equal"]
    assert report["state"] == "synced"
    clean = make_market(CLEAN).messages["ETHUSDT"]
    # A gap loses a diff and brings a snapshot.
    assert report["messages"] == len(clean) + planted["duplicate"] + planted["outlier"]
    for entry in ledger:
        if "line" in entry:
            stamp, frame = lines[entry["line"] - 1].split(" ", 1)
            data = json.loads(frame)["data"]
            assert int(stamp) == entry["local_ns"]
            assert data["u" if entry["kind"] == "duplicate" else "t"] in (
                entry.get("update_id"),
                entry.get("trade_id"),
            )


def test_an_outlier_is_as_far_off_as_planted(tmp_path: Path) -> None:
    _, ledger, lines = damaged((FAULTS["outlier"],), tmp_path)
    for entry in ledger:
        price = float(json.loads(lines[entry["line"] - 1].split(" ", 1)[1])["data"]["p"])
        before = next(
            json.loads(line.split(" ", 1)[1])["data"]
            for line in reversed(lines[: entry["line"] - 1])
            if "bookTicker" in line
        )
        assert (price / float(before["b"]) - 1) * 1e4 == pytest.approx(entry["size_bps"], abs=30)


def test_clock_steps_move_every_capture_at_once() -> None:
    plain = make_market(CLEAN)
    stepped = make_market(replaced(CLEAN, faults=(FAULTS["clock_step"],)))
    moments = [entry["local_ns"] for entry in stepped.truth["faults"]]
    for symbol, messages in plain.messages.items():
        moved = stepped.messages[symbol].local_ns - messages.local_ns
        assert set(moved.tolist()) == {0, 120_000_000, 240_000_000}
        at = np.flatnonzero(np.diff(moved)) + 1
        assert messages.local_ns[at[0] - 1] < moments[0] <= messages.local_ns[at[0]]


def test_a_gap_without_a_new_snapshot_stays(tmp_path: Path) -> None:
    fault = FaultPlant(kind="gap", symbol="ETHUSDT", recover_s=None)
    report, _, _ = damaged((fault,), tmp_path)
    assert (report["state"], report["gaps"], report["snapshots"]) == ("stale_gap", 1, 1)


def test_blocks_of_a_damaged_market_are_the_readers(tmp_path: Path) -> None:
    market = make_market(replaced(CLEAN, faults=tuple(FAULTS.values())))
    read = CaptureSet(list(market.write(tmp_path, packed=False).values()), CaptureSettings(slice_ms=0))
    made = market.source(CaptureSettings(slice_ms=0))
    for stream in read.streams:
        expected, found = read.open(stream).next(), made.open(stream).next()
        assert expected is not None
        assert found is not None
        assert found[0].block.to_bytes() == expected[0].block.to_bytes()


# --- Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"duration_s": 1.0}, "duration_s"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"symbols": ()}, "symbols"),
        ({"symbols": (SymbolSettings(symbol="SOLUSDT"),) * 2, "links": ()}, "twice"),
        ({"links": (LinkPlant(leader="SOLUSDT", follower="XRPUSDT", lag_ms=100, strength=1),)}, "none of"),
        ({"links": (LinkPlant(leader="SOLUSDT", follower="ETHUSDT", lag_ms=105, strength=1),)}, "multiple"),
        (
            {
                "links": (
                    LinkPlant(leader="SOLUSDT", follower="ETHUSDT", lag_ms=100, strength=1),
                    LinkPlant(leader="ETHUSDT", follower="SOLUSDT", lag_ms=100, strength=1),
                )
            },
            "circle",
        ),
        (
            {
                "patterns": (
                    PatternPlant(kind="volume_spike", symbol="ETHUSDT", edge_bps=9, every_s=60, horizon_s=60),
                )
            },
            "no room",
        ),
        ({"flows": (FlowPlant(symbol="XRPUSDT", kind="toxic"),)}, "none of"),
        ({"rates": REAL, "duration_s": 86_400.0 * 30}, "max_events"),
        ({"clock_offset_ms": 10**6}, "clock_offset_ms"),
    ],
)
def test_settings_are_validated(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        replaced(EVERYTHING, **change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinkPlant(leader="A", follower="A", lag_ms=0, strength=1), "itself"),
        (lambda: LinkPlant(leader="A", follower="B", lag_ms=0, strength=0.0001), "thousandths"),
        (lambda: LinkPlant(leader="A", follower="B", lag_ms=0, strength=1, on_s=3), "go together"),
        (
            lambda: LinkPlant(leader="A", follower="B", lag_ms=0, strength=1, intervals_s=((5, 2),)),
            "must rise",
        ),
        (lambda: Impulses(smallest_bps=50, largest_bps=20), "below"),
        (lambda: Jumps(scale_bps=500, largest_bps=100), "exceed"),
        (lambda: SymbolSettings(symbol="NOPEUSDT"), "unknown symbol"),
        (lambda: FaultPlant(kind="gap"), "one of them"),
        (lambda: FaultPlant(kind="clock_step", symbol="BTCUSDT"), "all symbols"),
        (lambda: FlowPlant(symbol="A", kind="toxic", every_s=1.0), "no room"),
        (lambda: lead_lag_market(1, multiples=(60.0,)), "strength"),
        (lambda: lead_lag_market(1, multiples=(1.0,) * 7), "at most"),
    ],
)
def test_plants_are_validated(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_market_of_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="MarketSettings"):
        make_market({"seed": 7})  # type: ignore[arg-type]


# --- Blocks from columns -----------------------------------------------------------------------------


def test_a_block_of_columns_is_the_block(market: PlantedMarket) -> None:
    block = market.source().whole("ETHUSDT")
    again = MarketBlock.from_columns(block.columns(), end_ns=block.end_ns, last=block.last, fault=None)
    assert again.to_bytes() == block.to_bytes()
    broken = MarketBlock.from_columns(block.columns(), end_ns=1, last=False, fault="why")
    assert (broken.end_ns, broken.last, broken.fault) == (1, False, "why")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": None}, "the column kind is missing"),
        ({"kind": np.array([9], np.uint8)}, "of no known kind: 9"),
        ({"local_ns": np.array([1.0])}, "the column local_ns is of another type"),
        ({"flags": np.zeros(2, np.uint8)}, "columns differ in length"),
        ({"level_side": np.zeros(1, np.int8)}, "columns differ in length"),
        ({"level_side": np.array([-1, 1], np.int8)}, "level 1 is out of order"),
        ({"level_side": np.array([1, 0], np.int8)}, "level 1 is out of order"),
        ({"level_message": np.array([0, 1])}, "level 1 is out of order"),
        ({"level_message": np.array([-1, 0])}, "level 0 is out of order"),
    ],
)
def test_columns_that_are_no_block_are_refused(change: dict[str, Any], message: str) -> None:
    one = np.ones(1, np.int64)
    ids = np.ones(1, np.uint64)
    columns: dict[str, Any] = {
        "kind": np.array([2], np.uint8),
        "flags": np.zeros(1, np.uint8),
        "local_ns": one,
        "exchange_ns": one,
        "first_id": ids,
        "last_id": ids,
        "previous_id": ids,
        "level_message": np.zeros(2, np.int64),
        "level_side": np.array([1, -1], np.int8),
        "level_price": np.array([5, 6]),
        "level_size": np.array([7, 8]),
    }
    assert len(MarketBlock.from_columns(columns, end_ns=2, last=True)) == 1  # type: ignore[arg-type]
    columns |= change
    columns = {name: values for name, values in columns.items() if values is not None}
    with pytest.raises(ValueError, match=message):
        MarketBlock.from_columns(columns, end_ns=2, last=True)  # type: ignore[arg-type]
