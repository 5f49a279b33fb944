"""To the last unit: cash, positions, orders and stops, recomputed from the tables alone with decimals.

The runs are the real capture without fees, a planted market under the default config, and a rough one where
entries rest and expire and stops are hit.
"""

import json
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl
import pytest
from replays import Run

from aurora._core import reason_codes

UNIT = Decimal("1e-8")
NO_ORDER = "a" * 32
"""Client id of what concerns no order."""
ENDED = {"filled", "cancelled", "rejected", "expired"}


def rows(run: Run, table: str) -> list[dict[str, Any]]:
    return run.table(table).to_dicts()


def settings(run: Run) -> dict[str, Any]:
    return run.journal.run["settings"]


def test_the_runs_do_what_they_are_for(probe_run: Run, planted_run: Run, rough_run: Run) -> None:
    """Without stops that fill, entries that expire and fees, the identities below would say little."""
    assert probe_run.summary["fills"] > 20
    assert planted_run.summary["fills"] > 20
    assert planted_run.summary["pnl"]["fees"] > 0
    rough = rough_run.table("orders")
    filled = rough.filter(pl.col("event") == "filled")["leg"].value_counts().to_dicts()
    assert {row["leg"] for row in filled} == {"entry", "stop", "exit"}
    events = set(rough["event"].unique()) | set(planted_run.table("orders")["event"].unique())
    assert {"placed", "accepted", "partially_filled", "filled", "cancel_requested", "cancelled"} <= events
    assert set(rough_run.table("fills")["liquidity"].unique()) == {"maker", "taker"}


def test_cash_and_positions_are_their_fills(any_run: Run) -> None:
    """At every mark of the account, and at the end: cash = start − Σ side·price·size − Σ fees − funding."""
    account = any_run.summary["account"]
    fills = rows(any_run, "fills")
    cash, fees = Decimal(account["start_cash"]), Decimal(0)
    positions: dict[str, Decimal] = defaultdict(Decimal)
    seen: set[tuple[str, int]] = set()
    index = 0

    def take(fill: dict[str, Any]) -> None:
        nonlocal cash, fees
        key = fill["instrument"], fill["trade_id"]
        assert key not in seen
        seen.add(key)
        cash -= fill["side"] * fill["price"] * fill["size"] + fill["fee"]
        fees += fill["fee"]
        positions[fill["instrument"]] += fill["side"] * fill["size"]

    for point in rows(any_run, "equity"):
        while index < len(fills) and fills[index]["local_ns"] < point["local_ns"]:
            take(fills[index])
            index += 1
        assert point["cash"] == cash
        assert point["fees"] == fees
        held = {pair["instrument"]: pair["size"] for pair in point["positions"]}
        assert held == {name: positions[name] for name in held}
        mids = {pair["instrument"]: _mid(pair["mid"]) for pair in point["mids"]}
        value = sum((size * mids[name] for name, size in held.items() if size), Decimal(0))
        assert point["equity"] == cash + value, "equity is cash and the positions at their mids"
    for fill in fills[index:]:
        take(fill)
    assert Decimal(account["cash"]) == cash
    assert Decimal(account["fees"]) == fees
    assert Decimal(account["funding"]) == 0
    open_positions = {name: size for name, size in positions.items() if size}
    assert {name: Decimal(size) for name, size in account["open_positions"].items()} == open_positions
    if not open_positions:
        assert Decimal(account["equity"]) == cash
    pnl = any_run.summary["pnl"]
    net = Decimal(account["equity"]) - Decimal(account["start_cash"])
    assert pnl["net"] == float(net)
    assert pnl["gross"] == float(net + fees)
    assert pnl["fees"] == float(fees)


def _mid(value: float) -> Decimal:
    """The exact mid behind its float: a multiple of half a tick."""
    exact = Decimal(repr(value))
    assert exact * 200_000 == (exact * 200_000).to_integral_value()
    return exact


def test_every_fee_is_its_rate_rounded_once(any_run: Run) -> None:
    costs = settings(any_run)["costs"]
    for fill in rows(any_run, "fills"):
        rate = Decimal(str(costs[f"{fill['liquidity']}_fee_bps"])) / 10_000
        exact = fill["price"] * fill["size"] * rate
        assert fill["fee"] == exact.quantize(UNIT, ROUND_HALF_EVEN)


def test_every_fill_is_of_an_order_with_room_for_it(any_run: Run) -> None:
    desk = settings(any_run)["desk"]
    way_ns = round((desk["order_latency_ms"] + desk["response_latency_ms"]) * 1e6)
    placed = {row["client_id"]: row for row in rows(any_run, "orders") if row["event"] == "placed"}
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for fill in rows(any_run, "fills"):
        order = placed[fill["client_id"]]
        for name in ("instrument", "trace", "leg", "side"):
            assert fill[name] == order[name], name
        filled[fill["client_id"]] += fill["size"]
        assert fill["size"] > 0
        assert filled[fill["client_id"]] <= order["size"]
        assert fill["local_ns"] >= order["local_ns"] + way_ns, "an order and its report need their time"
        if order["price"] is not None:
            assert fill["side"] * fill["price"] <= order["side"] * order["price"], "no worse than its limit"
        if fill["liquidity"] == "taker" and fill["bid"] and fill["ask"]:
            worst = fill["ask"] if fill["side"] > 0 else -fill["bid"]
            assert fill["side"] * fill["price"] >= worst, "whoever takes pays the far touch or more"
        if fill["liquidity"] == "maker":
            assert fill["price"] == order["price"]
    said = {row["client_id"]: row["cumulative"] for row in rows(any_run, "orders")}
    assert {client_id: size for client_id, size in said.items() if size} == filled


def test_stops_cover_and_never_exceed_the_position(any_run: Run) -> None:
    """From the order log, event by event, trade by trade.

    Until something reduces the position, no stop is larger than it, and once what is due at an instant is done the
    latest is exactly as large; those before it are cancelled only after it rests. Reducing orders together never
    fill more than was entered, and when the position is flat and its entry ended none is left working that no
    cancel was sent for.
    """
    trades: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    log = rows(any_run, "orders")
    protected = 0
    for index, row in enumerate(log):
        orders = trades[row["trace"]]
        order = orders.setdefault(row["client_id"], {"leg": row["leg"], "size": row["size"], "open": True})
        assert row["cumulative"] >= order.get("filled", 0), "cumulative fills never fall"
        order["filled"] = row["cumulative"]
        order["open"] = order["open"] and row["event"] not in ENDED
        order["leaving"] = order.get("leaving", False) or row["event"] == "cancel_requested"
        assert order["filled"] <= order["size"] == row["size"]
        by_leg = {leg: [o for o in orders.values() if o["leg"] == leg] for leg in ("entry", "stop", "exit")}
        entered = sum((o["filled"] for o in by_leg["entry"]), Decimal(0))
        reduced = sum((o["filled"] for o in by_leg["stop"] + by_leg["exit"]), Decimal(0))
        assert 0 <= reduced <= entered, "a reducing order turned the position around"
        order["accepted"] = order.get("accepted", False) or row["event"] == "accepted"
        working = [o for o in by_leg["stop"] if o["open"] and not o.get("leaving", False)]
        assert all(o["size"] <= entered for o in by_leg["stop"])
        if row["leg"] == "stop" and row["event"] == "cancel_requested" and entered > reduced:
            assert working[-1]["accepted"], "a stop left before its successor rested"
        if index + 1 < len(log) and log[index + 1]["local_ns"] == row["local_ns"]:
            continue  # more is done at this very instant
        spent = [o for o in by_leg["stop"] if o["filled"] or not (o["open"] or o["leaving"])]
        if not by_leg["exit"] and not spent:
            stops = [o["size"] - o["filled"] for o in working[-1:]]
            assert sum(stops, Decimal(0)) == entered, "what is held is protected, to the lot"
            protected += entered > 0
        if entered == reduced and not any(o["open"] for o in by_leg["entry"]):
            reducing = [o for o in by_leg["stop"] + by_leg["exit"] if o["open"] and not o["leaving"]]
            assert not reducing, "flat, and something could still reduce"
    assert protected > 10
    if not any_run.summary["account"]["open_positions"]:
        unfinished = [o for orders in trades.values() for o in orders.values() if o["open"]]
        last = log[-1]["local_ns"]
        assert not unfinished or any_run.summary["end_ns"] - last < 1_000_000_000


def test_one_trade_of_an_instrument_at_a_time(any_run: Run) -> None:
    """No entry leaves while an order of an earlier trade in the instrument is open."""
    open_orders: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows(any_run, "orders"):
        mine = open_orders[row["instrument"]]
        if row["event"] == "placed":
            assert row["leg"] != "entry" or not set(mine.values()) - {row["trace"]}
            mine[row["client_id"]] = row["trace"]
        elif row["event"] in ENDED:
            mine.pop(row["client_id"], None)


def test_an_intent_is_in_the_ledger_before_its_order_leaves(any_run: Run) -> None:
    intents: dict[str, tuple[int, int]] = {}
    for expected, (sequence, local_ns, client_id, kind) in enumerate(any_run.ledger()):
        assert sequence == expected
        if kind == "intent":
            assert client_id not in intents
            intents[client_id] = sequence, local_ns
        elif kind in ("cancel", "report", "trade"):
            assert client_id in intents, f"{kind} of an order that nobody intended"
        else:
            assert kind in ("cash", "correction", "operator", "day")
            assert client_id == NO_ORDER
    placed = [row for row in rows(any_run, "orders") if row["event"] == "placed"]
    assert {row["client_id"]: row["local_ns"] for row in placed} == {
        client_id: local_ns for client_id, (_, local_ns) in intents.items()
    }
    assert len(placed) == len(intents) == any_run.summary["orders"]


def test_every_signal_ends_in_one_documented_reason(any_run: Run) -> None:
    documented = dict(reason_codes())
    assert all(len(meaning) > 10 for meaning in documented.values())
    decisions = any_run.table("decisions")
    assert set(decisions["reason"].unique()) <= set(documented)
    assert decisions["reason"].null_count() == 0
    assert decisions["trace"].is_unique().all()
    assert decisions["trace"].str.len_chars().unique().to_list() == [16]
    counts = {row["reason"]: row["count"] for row in decisions["reason"].value_counts().to_dicts()}
    assert counts == any_run.summary["reasons"]
    assert (
        sum(counts.values()) == any_run.summary["signals"] == any_run.summary["decisions"] == len(decisions)
    )
    assert int(any_run.table("slices")["votes"].sum()) == len(decisions)
    traded = decisions.filter(pl.col("reason").str.starts_with("trade."))
    assert traded["client_id"].null_count() == 0
    refused = decisions.filter(~pl.col("reason").str.starts_with("trade."))
    assert refused["client_id"].null_count() == len(refused)
    entries = any_run.table("orders").filter((pl.col("event") == "placed") & (pl.col("leg") == "entry"))
    first = entries.group_by("trace", maintain_order=True).first()
    assert sorted(first["client_id"]) == sorted(traded["client_id"])
    assert sorted(first["trace"]) == sorted(traded["trace"])
    assert set(any_run.table("fills")["trace"]) <= set(traded["trace"])


def test_an_entry_follows_another_only_for_what_that_one_left(any_run: Run) -> None:
    """One entry of a trade at a time, and together never more than was decided."""
    last: dict[str, dict[str, Any]] = {}
    for row in rows(any_run, "orders"):
        if row["leg"] != "entry":
            continue
        before = last.get(row["trace"])
        if row["event"] == "placed":
            if before is not None:
                assert before["ended"], "two entries of a trade at once"
                assert Decimal(row["size"]) <= before["left"]
            last[row["trace"]] = {"client_id": row["client_id"], "ended": False}
        elif before is not None and row["client_id"] == before["client_id"]:
            before["ended"] |= row["event"] in ENDED
            before["left"] = Decimal(row["size"]) - Decimal(row["cumulative"])


def test_every_vote_is_resolved_traded_or_not(any_run: Run) -> None:
    decisions, outcomes = any_run.table("decisions"), any_run.table("outcomes")
    assert outcomes["trace"].is_unique().all()
    due = dict(zip(outcomes["trace"], outcomes["due_ns"], strict=True))
    last = max(due.values())
    for trace, local_ns, horizon in decisions.select("trace", "local_ns", "horizon_ns").iter_rows():
        assert due.get(trace, last + 1) == local_ns + horizon or (
            trace not in due and local_ns + horizon >= last
        )


def test_both_chains_hold(any_run: Run) -> None:
    checked = any_run.journal.verify()
    assert checked.ok, checked.text()
    assert checked.complete
    assert checked.decisions.digest == any_run.summary["decisions_digest"]
    assert checked.fills.digest == any_run.summary["fills_digest"]
    assert checked.decisions.rows == any_run.summary["decisions"] > 0
    assert checked.fills.rows == any_run.summary["fills"] > 0


def test_limits_of_the_policy_hold(any_run: Run) -> None:
    """No entry is larger than the caps it was given, nor than the position and risk limits allow."""
    policy = settings(any_run)["policy"]
    share = Decimal(str(policy["position_pct"])) / 100
    checked = 0
    for row in rows(any_run, "decisions"):
        if not row["reason"].startswith("trade."):
            continue
        caps = {cap["name"]: cap["size"] for cap in row["caps"]}
        assert 0 < row["size"] <= min(caps.values())
        touch = row["ask"] if (row["side"] > 0) == (row["route"] == "taker") else row["bid"]
        assert row["size"] * touch <= share * row["equity"]
        checked += 1
    assert checked == any_run.summary["intents"]


def test_every_trade_can_be_explained(rough_run: Run) -> None:
    traces = rough_run.table("fills")["trace"].unique(maintain_order=True).to_list()
    for trace in traces[:5]:
        assert rough_run.journal.explain(trace, dict(reason_codes())) is not None
    assert json.dumps(rough_run.summary)


@pytest.mark.parametrize("seed", [0, 1])
def test_ids_hang_on_the_decision_and_the_seed_alone(
    rough_run: Run, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """The same run gives the same ids; another seed gives others, and the same trades."""
    from replays import ROUGH, market, replay

    folder = tmp_path_factory.mktemp("ids")
    config = folder / "rough.yaml"
    config.write_text(ROUGH)
    again = replay(
        market(folder / "captures", 5, 120.0).paths.values(), folder / "out", config, seed=seed, slice_ms=70
    )
    ours, theirs = (run.table("orders") for run in (rough_run, again))
    if seed == 0:
        assert theirs.equals(ours, null_equal=True)
    else:
        assert not set(theirs["client_id"]) & set(ours["client_id"])
        names = ["local_ns", "instrument", "leg", "event", "side", "price", "trigger", "size", "cumulative"]
        assert theirs.select(names).equals(ours.select(names), null_equal=True)
