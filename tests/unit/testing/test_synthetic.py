"""The synthetic market against oracles that share no code with it.

Books are rebuilt with plain dictionaries of `Decimal`; the planted lags are found with a Hayashi-Yoshida
cross-correlation of the best bid and ask alone.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import FrozenInstanceError, dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora.testing import (
    DEFAULT_SYMBOLS,
    FollowerPlant,
    SymbolSpec,
    SyntheticMarket,
    SyntheticSettings,
    generate,
)

SEEDS = (7, 11, 23)
DURATION_S = 200.0

# A control is unrelated to the leader, but both jump about forty times in 200 s, and any lag may line up
# two of those jumps by chance. One coincidence is worth about 1/40 of the variance; the luckiest of 201
# lags has two or three of one sign, so the largest correlation is typically 0.03 to 0.08 (0.074 at most in
# twenty other seeds). Six coincidences of one sign at one and the same lag would make 0.15. Planted
# followers are near 0.9.
CONTROL_BOUND = 0.15
FOLLOWER_BOUND = 0.7


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> dict[int, SyntheticMarket]:
    directory = tmp_path_factory.mktemp("synthetic")
    return {
        seed: generate(SyntheticSettings(seed=seed, duration_s=DURATION_S), directory / str(seed))
        for seed in SEEDS
    }


# --- Reading and rebuilding -----------------------------------------------------------------------


def read_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Local time in nanoseconds and message of each line behind the header."""
    with gzip.open(path, "rt", encoding="ascii") as stream:
        header, *lines = stream.read().splitlines()
    assert header.startswith("# ")
    return [(int(stamp), json.loads(body)) for stamp, body in (line.split(" ", 1) for line in lines)]


def of_kind(lines: list[tuple[int, dict[str, Any]]], kind: str) -> list[dict[str, Any]]:
    return [message["data"] for _, message in lines if message.get("data", {}).get("e") == kind]


class BrokenBook(Exception):
    pass


@dataclass
class Rebuilt:
    touches: dict[int, tuple[Decimal, Decimal, Decimal, Decimal]] = field(
        default_factory=dict
    )  # by update id of a diff
    older: int = 0  # diffs older than the snapshot
    levels: list[int] = field(default_factory=list)
    one_tick_spreads: int = 0


def rebuild(lines: list[tuple[int, dict[str, Any]]], tick: Decimal) -> Rebuilt:
    """The exchange's rule: the first diff brackets the snapshot, from then on `pu` is the previous `u`."""
    snapshots = [message for _, message in lines if "lastUpdateId" in message]
    if len(snapshots) != 1:
        raise BrokenBook("one snapshot expected")
    snapshot = snapshots[0]
    book = {
        side: {Decimal(price): Decimal(size) for price, size in snapshot[side]} for side in ("bids", "asks")
    }
    last = snapshot["lastUpdateId"]
    result = Rebuilt()
    synced = False
    for diff in of_kind(lines, "depthUpdate"):
        if diff["u"] < last and not synced:
            result.older += 1
            continue
        if not diff["U"] <= diff["u"]:
            raise BrokenBook("U is beyond u")
        if not synced and not diff["U"] <= last <= diff["u"]:
            raise BrokenBook("the first diff does not bracket the snapshot")
        if synced and diff["pu"] != last:
            raise BrokenBook("gap")
        synced, last = True, diff["u"]
        for side, key in (("bids", "b"), ("asks", "a")):
            for price, size in diff[key]:
                if Decimal(size) == 0:
                    book[side].pop(Decimal(price), None)
                else:
                    book[side][Decimal(price)] = Decimal(size)
        bid, ask = max(book["bids"]), min(book["asks"])
        if bid >= ask:
            raise BrokenBook("crossed or locked")
        result.touches[last] = (bid, book["bids"][bid], ask, book["asks"][ask])
        result.levels += [len(book["bids"]), len(book["asks"])]
        result.one_tick_spreads += ask - bid == tick
    return result


def touch(ticker: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return Decimal(ticker["b"]), Decimal(ticker["B"]), Decimal(ticker["a"]), Decimal(ticker["A"])


def check_tickers(lines: list[tuple[int, dict[str, Any]]], rebuilt: Rebuilt) -> int:
    """The number of tickers that share their update id with a diff; each must show the rebuilt touch."""
    shared = 0
    for ticker in of_kind(lines, "bookTicker"):
        if ticker["u"] in rebuilt.touches:
            if rebuilt.touches[ticker["u"]] != touch(ticker):
                raise BrokenBook("ticker and book disagree")
            shared += 1
    return shared


def captures(market: SyntheticMarket) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    return {symbol: read_lines(path) for symbol, path in market.paths.items()}


@pytest.fixture(scope="module")
def first(markets: dict[int, SyntheticMarket]) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    return captures(markets[SEEDS[0]])


def tick_of(symbol: str) -> Decimal:
    return Decimal(str(DEFAULT_SYMBOLS[symbol].tick_size))


@pytest.mark.parametrize("seed", SEEDS)
def test_books_rebuild_without_gaps_and_never_cross(markets: dict[int, SyntheticMarket], seed: int) -> None:
    for symbol, lines in captures(markets[seed]).items():
        rebuilt = rebuild(lines, tick_of(symbol))
        diffs = of_kind(lines, "depthUpdate")
        assert rebuilt.older >= 2, symbol
        assert len(rebuilt.touches) == len(diffs) - rebuilt.older
        assert len(diffs) > 0.8 * DURATION_S * 10
        assert all(later["pu"] == earlier["u"] < later["U"] for earlier, later in pairwise(diffs))
        assert check_tickers(lines, rebuilt) > 100, symbol
        assert min(rebuilt.levels) >= 20
        assert max(rebuilt.levels) <= 40
        assert rebuilt.one_tick_spreads > 0.75 * len(rebuilt.touches)


def test_the_oracle_notices_damage(first: dict[str, list[tuple[int, dict[str, Any]]]]) -> None:
    lines = first["ETHUSDT"]
    tick = tick_of("ETHUSDT")
    places = [
        index for index, (_, message) in enumerate(lines) if message.get("stream", "").find("@depth") > 0
    ]
    with pytest.raises(BrokenBook, match="gap"):
        rebuild(lines[: places[50]] + lines[places[50] + 1 :], tick)
    with pytest.raises(BrokenBook, match="bracket"):
        rebuild([line for index, line in enumerate(lines) if index not in places[:20]], tick)
    # A deletion that never arrives leaves a stale level, which shows as a crossed book or as a wrong touch.
    stale = json.loads(json.dumps(lines))
    for _, message in stale:
        if message.get("data", {}).get("e") == "depthUpdate":
            for side in "ba":
                message["data"][side] = [level for level in message["data"][side] if Decimal(level[1]) != 0]
    with pytest.raises(BrokenBook, match=r"crossed|disagree"):
        check_tickers(stale, rebuild(stale, tick))


def test_tickers_are_one_increasing_sequence_and_cover_every_touch(
    first: dict[str, list[tuple[int, dict[str, Any]]]],
) -> None:
    for symbol, lines in first.items():
        tickers = of_kind(lines, "bookTicker")
        updates = [ticker["u"] for ticker in tickers]
        assert all(earlier < later for earlier, later in pairwise(updates))
        assert all(touch(ticker)[0] < touch(ticker)[2] and touch(ticker)[1] > 0 for ticker in tickers)
        # The rebuilt touch after any diff is what the latest ticker up to that update id said.
        rebuilt = rebuild(lines, tick_of(symbol))
        for update, expected in rebuilt.touches.items():
            position = int(np.searchsorted(updates, update, side="right")) - 1
            assert touch(tickers[position]) == expected, symbol


def test_trades_happen_at_the_touch_and_reduce_it(
    first: dict[str, list[tuple[int, dict[str, Any]]]],
) -> None:
    for symbol, lines in first.items():
        tickers = of_kind(lines, "bookTicker")
        by_time: dict[int, list[int]] = {}
        for index, ticker in enumerate(tickers):
            by_time.setdefault(ticker["T"], []).append(index)
        trades = of_kind(lines, "trade")
        assert len(trades) > DURATION_S
        assert [trade["t"] for trade in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))
        for trade in trades:
            price, size = Decimal(trade["p"]), Decimal(trade["q"])
            # A taker who sells (the buyer is the maker) meets the bid, one who buys meets the ask.
            offset, beyond = (0, -1) if trade["m"] else (2, 1)
            explained = False
            for index in by_time.get(trade["T"], []):
                before, after = touch(tickers[index - 1]), touch(tickers[index])
                if index == 0 or before[offset] != price or before[offset + 1] < size:
                    continue
                reduced = after[offset] == price and after[offset + 1] == before[offset + 1] - size
                swept = (after[offset] - price) * beyond > 0 and before[offset + 1] == size
                explained = explained or reduced or swept
            assert explained, (symbol, trade)


def test_times_and_clock_offset(markets: dict[int, SyntheticMarket]) -> None:
    offsets = set()
    for market in markets.values():
        offset = market.truth["clock_offset_ms"]
        offsets.add(offset)
        assert -1500 <= offset < -800
        for lines in captures(market).values():
            stamps = [stamp for stamp, _ in lines]
            assert stamps == sorted(stamps)
            late = np.array(
                [
                    stamp / 1e6 - message["data"]["E"] - offset
                    for stamp, message in lines
                    if message.get("data", {}).get("e") == "bookTicker"
                ]
            )
            # Local minus exchange time is the offset plus a latency: always positive, small, little jitter.
            assert late.min() > 3.0
            assert np.median(late) < 15.0
            assert late.std() < 3.0
            for kind in ("depthUpdate", "bookTicker", "trade"):
                events = [message["E"] for message in of_kind(lines, kind)]
                assert events == sorted(events)
            snapshot = next(i for i, (_, message) in enumerate(lines) if "lastUpdateId" in message)
            assert any(message.get("data", {}).get("e") == "depthUpdate" for _, message in lines[:snapshot])
    assert len(offsets) == len(markets)


def test_messages_look_like_the_exchange(first: dict[str, list[tuple[int, dict[str, Any]]]]) -> None:
    keys = {
        "depthUpdate": ["e", "E", "T", "s", "U", "u", "pu", "b", "a"],
        "bookTicker": ["e", "u", "s", "b", "B", "a", "A", "T", "E"],
        "trade": ["e", "E", "T", "s", "t", "p", "q", "X", "m"],
    }
    streams = {"depthUpdate": "depth@100ms", "bookTicker": "bookTicker", "trade": "trade"}
    for symbol, lines in first.items():
        spec = DEFAULT_SYMBOLS[symbol]
        tick, lot = Decimal(str(spec.tick_size)), Decimal(str(spec.lot_size))
        prices, sizes = [], []
        for _, message in lines:
            if "lastUpdateId" in message:
                assert list(message) == ["lastUpdateId", "E", "T", "bids", "asks"]
                prices += [level[0] for level in message["bids"] + message["asks"]]
                bids = [Decimal(level[0]) for level in message["bids"]]
                assert bids == sorted(bids, reverse=True)
                continue
            data = message["data"]
            assert list(data) == keys[data["e"]]
            assert message["stream"] == f"{symbol.lower()}@{streams[data['e']]}"
            assert data["s"] == symbol
            if data["e"] == "trade":
                prices.append(data["p"])
                sizes.append(data["q"])
            elif data["e"] == "bookTicker":
                prices += [data["b"], data["a"]]
                sizes += [data["B"], data["A"]]
            else:
                prices += [level[0] for level in data["b"] + data["a"]]
                sizes += [level[1] for level in data["b"] + data["a"]]
        assert all(Decimal(price) % tick == 0 and Decimal(price) > 0 for price in set(prices))
        assert {-Decimal(price).as_tuple().exponent for price in set(prices)} == {spec.price_decimals}
        assert all(Decimal(size) % lot == 0 and Decimal(size) >= 0 for size in set(sizes))
        assert {-Decimal(size).as_tuple().exponent for size in set(sizes)} == {spec.quantity_decimals}


# --- Planted truth --------------------------------------------------------------------------------


def mid_path(lines: list[tuple[int, dict[str, Any]]]) -> tuple[np.ndarray, np.ndarray]:
    """Local times in milliseconds since the first and log mids, one for each change of the mid."""
    rows = [
        (stamp, (float(message["data"]["b"]) + float(message["data"]["a"])) / 2)
        for stamp, message in lines
        if message.get("data", {}).get("e") == "bookTicker"
    ]
    times = np.array([row[0] - 1_735_689_590_000_000_000 for row in rows]) / 1e6
    mids = np.log([row[1] for row in rows])
    changed = np.concatenate([[True], np.diff(mids) != 0])
    return times[changed], mids[changed]


def value_at(path: tuple[np.ndarray, np.ndarray], times: np.ndarray) -> np.ndarray:
    return path[1][np.clip(np.searchsorted(path[0], times, side="right") - 1, 0, len(path[0]) - 1)]


def hayashi_yoshida(
    leader: tuple[np.ndarray, np.ndarray], follower: tuple[np.ndarray, np.ndarray], lag_ms: float
) -> float:
    """Covariance of asynchronous changes with the follower shifted back; a positive lag has the leader first.

    Each change spans the interval since the previous one; the products of all pairs of overlapping intervals
    are summed. For one interval of the leader, the follower's overlapping changes add up to one difference.
    """
    leader_times, leader_values = leader
    follower_times, follower_values = follower[0] - lag_ms, follower[1]
    begin = np.searchsorted(follower_times, leader_times[:-1], side="right") - 1
    end = np.searchsorted(follower_times, leader_times[1:], side="left")
    begin = np.clip(begin, 0, len(follower_values) - 1)
    end = np.clip(end, 0, len(follower_values) - 1)
    return float(np.dot(np.diff(leader_values), follower_values[end] - follower_values[begin]))


LAGS = np.arange(-1000, 1001, 10)


def correlations(market: SyntheticMarket) -> dict[str, np.ndarray]:
    paths = {symbol: mid_path(lines) for symbol, lines in captures(market).items()}
    leader = paths.pop(market.truth["leader"])
    return {
        symbol: np.array([hayashi_yoshida(leader, path, lag) for lag in LAGS])
        / np.sqrt(np.sum(np.diff(leader[1]) ** 2) * np.sum(np.diff(path[1]) ** 2))
        for symbol, path in paths.items()
    }


def test_hayashi_yoshida_oracle_by_hand() -> None:
    # Two changes each; the follower repeats the leader 100 ms later at twice the size: 1 * 2 + (-1) * (-2).
    times = np.array([0.0, 1000.0, 2000.0])
    values = np.array([0.0, 1.0, 0.0])
    follower = (times + 100.0, 2 * values)
    assert hayashi_yoshida((times, values), follower, 100.0) == pytest.approx(4.0)
    # Unshifted, the leader's rise meets the follower's rise alone, its fall meets both: 2 + (-1) * (2 - 2).
    assert hayashi_yoshida((times, values), follower, 0.0) == pytest.approx(2.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_lags_are_found_and_controls_stay_flat(
    markets: dict[int, SyntheticMarket], seed: int
) -> None:
    market = markets[seed]
    found = correlations(market)
    lags = [plant["lag_ms"] for plant in market.truth["followers"].values()]
    assert len(set(lags)) == len(lags) == 2
    for symbol, plant in market.truth["followers"].items():
        assert plant["lag_ms"] in range(100, 601)
        assert plant["lag_ms"] % 10 == 0
        assert 0.7 <= plant["strength"] <= 1.1
        peak = int(np.argmax(np.abs(found[symbol])))
        assert abs(int(LAGS[peak]) - plant["lag_ms"]) <= 10, symbol
        assert FOLLOWER_BOUND < found[symbol][peak] < 1.0
        # Away from the planted lag, and on the follower's side of zero, there is nothing.
        elsewhere = np.abs(LAGS - plant["lag_ms"]) > 100
        assert np.abs(found[symbol][elsewhere]).max() < CONTROL_BOUND, symbol
    for symbol in market.truth["controls"]:
        assert np.abs(found[symbol]).max() < CONTROL_BOUND, symbol


def answers_bps(
    market: SyntheticMarket, detected_bps: float = 15.0, latency_ms: float = 20.0
) -> dict[str, np.ndarray]:
    """Signed moves of each follower, from an order's arrival to the end of its lag window.

    The leader is seen to move when its mid differs from that of 50 ms ago by more than `detected_bps`; the
    order arrives `latency_ms` later. The window ends 60 ms (the longest ramp) after the follower's lag.
    """
    paths = {symbol: mid_path(lines) for symbol, lines in captures(market).items()}
    leader = paths[market.truth["leader"]]
    moves = (leader[1] - value_at(leader, leader[0] - 50.0)) * 1e4
    seen, signs, quiet_until = [], [], -np.inf
    for time, move in zip(leader[0], moves, strict=True):
        if abs(move) > detected_bps and time > quiet_until:
            seen.append(time)
            signs.append(np.sign(move))
            quiet_until = time + 700.0
    at = np.array(seen)
    return {
        symbol: np.array(signs)
        * 1e4
        * (value_at(paths[symbol], at + plant["lag_ms"] + 60.0) - value_at(paths[symbol], at + latency_ms))
        for symbol, plant in market.truth["followers"].items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_a_taker_has_an_edge_after_the_leader_moves(markets: dict[int, SyntheticMarket], seed: int) -> None:
    market = markets[seed]
    impulses = market.truth["impulses"][market.truth["leader"]]
    sizes = np.array([abs(size) for _, size, _ in impulses])
    assert sizes.min() >= 25
    assert sizes.max() <= 60
    for symbol, answer in answers_bps(market).items():
        # Every impulse is large enough to be detected, and nothing else is.
        assert abs(len(answer) - len(impulses)) <= 2
        # Far above a round trip of taker fees and spread, about 12 bps.
        assert answer.mean() > 20.0, symbol
        strength = market.truth["followers"][symbol]["strength"]
        assert answer.mean() == pytest.approx(strength * sizes.mean(), rel=0.12)


def test_an_unlinked_market_has_no_lead(tmp_path: Path, markets: dict[int, SyntheticMarket]) -> None:
    null = generate(SyntheticSettings(seed=7, duration_s=DURATION_S, linked=False), tmp_path)
    assert null.truth["linked"] is False
    assert null.truth["followers"] == {}
    assert sorted(null.truth["controls"]) == ["BTCUSDT", "ETHUSDT", "XRPUSDT"]
    for symbol, found in correlations(null).items():
        assert np.abs(found).max() < CONTROL_BOUND, symbol
    # Cutting the links changes the followers only.
    linked = markets[7]
    for symbol, same in (("SOLUSDT", True), ("XRPUSDT", True), ("ETHUSDT", False), ("BTCUSDT", False)):
        assert (null.paths[symbol].read_bytes() == linked.paths[symbol].read_bytes()) is same, symbol


# --- Files, determinism and settings --------------------------------------------------------------


def test_everything_is_labelled_synthetic(markets: dict[int, SyntheticMarket]) -> None:
    for seed, market in markets.items():
        truth = json.loads(market.truth_path.read_text(encoding="utf-8"))
        assert truth == market.truth
        assert market.truth_path.name == f"synthetic_truth_seed{seed}.json"
        assert truth["synthetic"] is True
        assert (truth["version"], truth["seed"], truth["duration_s"]) == (1, seed, DURATION_S)
        assert (truth["leader"], truth["controls"], truth["linked"]) == ("SOLUSDT", ["XRPUSDT"], True)
        assert list(market.paths) == ["SOLUSDT", "ETHUSDT", "BTCUSDT", "XRPUSDT"]
        for symbol, path in market.paths.items():
            assert truth["files"][symbol] == path.name == f"synthetic_{symbol.lower()}_seed{seed}.gz"
            assert path.parent == market.truth_path.parent
            with gzip.open(path, "rt", encoding="ascii") as stream:
                header = stream.readline()
            assert header.startswith(f"# aurora synthetic market v1 seed={seed} symbol={symbol}")


def test_equal_settings_give_equal_bytes(tmp_path: Path) -> None:
    settings = SyntheticSettings(seed=3, duration_s=10.0)
    once, again = generate(settings, tmp_path / "a"), generate(settings, tmp_path / "b")
    other = generate(SyntheticSettings(seed=4, duration_s=10.0), tmp_path / "c")
    assert once.truth_path.read_bytes() == again.truth_path.read_bytes()
    for symbol, path in once.paths.items():
        content = path.read_bytes()
        assert content == again.paths[symbol].read_bytes()
        # No flags, hence no file name, and no modification time.
        assert content[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
        lines, others = read_lines(path), read_lines(other.paths[symbol])
        assert of_kind(lines, "bookTicker")[1:50] != of_kind(others, "bookTicker")[1:50]


def test_a_symbol_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    full = generate(SyntheticSettings(seed=5, duration_s=8.0), tmp_path / "full")
    alone = generate(SyntheticSettings(seed=5, duration_s=8.0, followers=(), controls=()), tmp_path / "alone")
    assert list(alone.paths) == ["SOLUSDT"]
    assert alone.paths["SOLUSDT"].read_bytes() == full.paths["SOLUSDT"].read_bytes()


def test_given_plants_symbols_and_offset_are_used(tmp_path: Path) -> None:
    doge = SymbolSpec(
        symbol="DOGEUSDT", price=0.4, tick_size=0.00001, lot_size=1, price_decimals=5, quantity_decimals=0
    )
    settings = SyntheticSettings(
        seed=1,
        duration_s=60.0,
        leader="BTCUSDT",
        followers=(
            FollowerPlant(symbol="DOGEUSDT", lag_ms=255, strength=0.8),
            FollowerPlant(symbol="ADAUSDT", lag_ms=40, strength=1.2),
        ),
        controls=(),
        clock_offset_ms=37,
        symbols=(doge,),
    )
    market = generate(settings, tmp_path)
    assert market.truth["clock_offset_ms"] == 37
    assert market.truth["followers"]["ADAUSDT"] == {"lag_ms": 40, "strength": 1.2}
    found = correlations(market)
    assert abs(int(LAGS[np.argmax(found["DOGEUSDT"])]) - 255) <= 10
    assert abs(int(LAGS[np.argmax(found["ADAUSDT"])]) - 40) <= 10
    for symbol, tick in (("DOGEUSDT", Decimal("0.00001")), ("ADAUSDT", Decimal("0.0001"))):
        lines = read_lines(market.paths[symbol])
        assert check_tickers(lines, rebuild(lines, tick)) > 0
        assert Decimal(of_kind(lines, "bookTicker")[0]["B"]) % 1 == 0


def test_a_market_shorter_than_its_lag(tmp_path: Path) -> None:
    plant = FollowerPlant(symbol="ETHUSDT", lag_ms=2000, strength=1.0)
    market = generate(SyntheticSettings(duration_s=5.0, followers=(plant,)), tmp_path)
    for symbol, lines in captures(market).items():
        assert len(rebuild(lines, tick_of(symbol)).touches) > 20


def test_progress_never_decreases_and_ends_at_one(tmp_path: Path) -> None:
    seen: list[float] = []
    generate(SyntheticSettings(duration_s=60.0), tmp_path, seen.append)
    assert len(seen) >= 8
    assert seen == sorted(seen)
    assert seen[0] < 0.5
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"duration_s": 1.0}, "duration_s"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"impulse_every_s": 0.5}, "impulse_every_s"),
        ({"own_impulse_every_s": 0.5}, "own_impulse_every_s"),
        ({"impulse_bps": (60.0, 25.0)}, "impulse_bps"),
        ({"impulse_bps": (25.0, 2500.0)}, "impulse_bps"),
        ({"noise_bps": -1.0}, "noise_bps"),
        ({"pre_impulse_trades": -1.0}, "pre_impulse_trades"),
        ({"clock_offset_ms": 10**6}, "clock_offset_ms"),
        ({"start_ms": 0}, "start_ms"),
        ({"linked": 1}, "linked"),
        ({"leader": "NOPEUSDT"}, "unknown symbol"),
        ({"leader": "solusdt"}, "upper-case"),
        ({"controls": ("SOLUSDT",)}, "more than once"),
        ({"controls": "XRPUSDT"}, "controls must be a tuple"),
        ({"followers": ("ETHUSDT",)}, "followers must be a tuple"),
        ({"followers": (FollowerPlant(symbol="XRPUSDT", lag_ms=100, strength=1.0),)}, "more than once"),
        ({"symbols": (DEFAULT_SYMBOLS["BTCUSDT"],) * 2}, "one name"),
    ],
)
def test_settings_are_validated(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SyntheticSettings(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"lag_ms": 0},
        {"lag_ms": 102},
        {"lag_ms": 2005},
        {"lag_ms": 100.0},
        {"strength": 0.0},
        {"strength": 3.0},
    ],
)
def test_plants_are_validated(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        FollowerPlant(**{"symbol": "ETHUSDT", "lag_ms": 100, "strength": 1.0, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbol": ""}, "symbol"),
        ({"price": 0.0}, "price"),
        ({"price": 5.0}, "1 basis point"),
        ({"tick_size": -0.01}, "tick_size"),
        ({"tick_size": 0.001}, "price_decimals"),
        ({"lot_size": 0.25, "quantity_decimals": 1}, "quantity_decimals"),
        ({"price_decimals": 9}, "price_decimals"),
        ({"touch_notional": 0}, "touch_notional"),
    ],
)
def test_symbols_are_validated(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {
        "symbol": "ABCUSDT",
        "price": 150.0,
        "tick_size": 0.01,
        "lot_size": 0.1,
        "price_decimals": 2,
        "quantity_decimals": 1,
    }
    with pytest.raises(ValueError, match=message):
        SymbolSpec(**{**good, **change})


def test_settings_are_frozen_and_generate_checks_its_argument(tmp_path: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        SyntheticSettings().seed = 8  # type: ignore[misc]
    with pytest.raises(TypeError):
        SyntheticSettings(7)  # type: ignore[misc]
    with pytest.raises(TypeError, match="SyntheticSettings"):
        generate({"seed": 7}, tmp_path)  # type: ignore[arg-type]
