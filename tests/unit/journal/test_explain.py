"""The story of a trace, by hand numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aurora.errors import DataError
from aurora.journal import Journal, JournalWriter, TraceNotFound, plain, trade_result, utc

DOCS = {"deny.net_edge": "edge after costs is below the margin", "trade.maker": "sent as a resting order"}


@pytest.fixture
def journal(tmp_path: Path, make: Any) -> Journal:
    writer = JournalWriter(tmp_path, make.instruments, make.run)
    writer.write(make.story())
    writer.close()
    return Journal.open(tmp_path)


def test_a_traded_trace(journal: Journal) -> None:
    story = journal.explain("0000000000001001", DOCS)
    text = story.text()
    for line in (
        "0000000000001001  binance_usdm:ETHUSDT  2025-01-02 03:04:06.123456789Z",
        "Signal    buy, engine lead_lag, horizon 2 s",
        "book 1.5 @ 3000.01 | 2.1 @ 3000.02",
        "features fedcba9876543210",
        "Costs     4.02 bps for the round trip as maker (fees 4.00, half-spread 0.02); net edge 2.18 bps",
        "limits: exposure 1.2, leverage 5, risk 0.9",
        "binding: risk",
        "scaled by calibration 1 × regime 0.5; most by regime",
        "size 0.45 @ 3000.01",
        "Decision  trade.maker: sent as a resting order",
        "Orders    +0.000000 s entry placed: buy 0.45 @ 3000.01 limit_post_only [a-0001-e]",
        "+2.000000 s exit filled: sell 0.45 market filled 0.45 [a-0001-x]",
        "Fills     +0.500000 s entry: buy 0.45 @ 3000.01 maker, fee 0.2700009, touch 3000.01 | 3000.02",
        "Result    flat: gross +0.675, fees 0.67500045, net -0.00000045",
        "Outcome   2025-01-02 03:04:08.123456789Z the mid had moved +5.00 bps: lead_lag was right",
    ):
        assert line in text, line
    assert story.trade is not None
    assert (story.trade.gross, story.trade.net) == (Decimal("0.675"), Decimal("-4.5E-7"))
    assert story.trade.entry_price == Decimal("3000.01")


def test_a_denied_trace(journal: Journal) -> None:
    story = journal.explain(0x1002, DOCS)
    text = story.text()
    for line in (
        "Signal    sell, engine lead_lag",
        "no calibrated p yet",
        "Size      not sized: the decision fell before",
        "Decision  deny.net_edge: edge after costs is below the margin",
        "Orders    none",
        "Fills     none",
        "Result    nothing filled, no P&L",
        "the book was unusable: nobody can tell",
    ):
        assert line in text, line
    assert story.trade is None
    assert story.binding_caps == ()


def test_a_trace_whose_horizon_the_run_did_not_see(journal: Journal) -> None:
    text = journal.explain(0x1004).text()
    assert "Outcome   not known yet" in text
    assert "Decision  trade.taker\n" in text


def test_the_data_is_json(journal: Journal) -> None:
    told = json.loads(json.dumps(journal.explain(0x1001, DOCS).to_dict()))
    assert told["trace"] == "0000000000001001"
    assert told["utc"] == "2025-01-02 03:04:06.123456789Z"
    assert told["decision"]["caps"] == {"exposure": "1.2", "leverage": "5", "risk": "0.9"}
    assert told["decision"]["scalers"] == {"calibration": 1.0, "regime": 0.5}
    assert told["binding_caps"] == ["risk"]
    assert told["reason_doc"] == DOCS["trade.maker"]
    assert told["trade"]["net"] == "-0.00000045"
    assert told["outcomes"][0]["verdict"] == "right"
    assert [row["event"] for row in told["orders"]] == ["placed", "filled", "placed", "filled"]
    assert journal.explain(0x1002).to_dict()["trade"] is None


def test_a_prefix_is_enough_when_it_is_unique(tmp_path: Path, make: Any) -> None:
    writer = JournalWriter(tmp_path, make.instruments, make.run)
    traces = (0xAAAA << 48, 0xAABB << 48, 0xCCCC << 48)
    writer.write([make.desk(decisions=[make.decision(1, signal={"trace": trace}) for trace in traces])])
    writer.close()
    journal = Journal.open(tmp_path)
    assert journal.explain("C").trace == "cccc000000000000"
    assert journal.explain("0xaab").trace == "aabb000000000000"
    with pytest.raises(TraceNotFound, match="fits 2 decisions: aaaa000000000000, aabb000000000000"):
        journal.explain("aa")
    with pytest.raises(TraceNotFound, match="did you mean cccc000000000000"):
        journal.explain("ccdc000000000000")
    with pytest.raises(TraceNotFound, match="traded were aaaa000000000000, aabb"):
        journal.explain("f")
    with pytest.raises(TraceNotFound, match="traded were"):
        journal.explain("")


def test_a_journal_without_decisions_says_so(tmp_path: Path, make: Any) -> None:
    JournalWriter(tmp_path, make.instruments, make.run).close()
    with pytest.raises(TraceNotFound, match="holds no decisions"):
        Journal.open(tmp_path).explain(1)


def test_what_is_no_journal_is_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(DataError, match=r"run.json cannot be read .*give the output directory of a run"):
        Journal.open(tmp_path)
    JournalWriter(tmp_path, make.instruments, make.run).close()
    (tmp_path / "journal.json").write_text('{"schema_version": 9}')
    with pytest.raises(DataError, match="version 9"):
        Journal.open(tmp_path)
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        Journal.open(tmp_path)


def rows(*fills: tuple[str, int, str, str, str]) -> list[dict[str, Any]]:
    return [
        {
            "leg": leg,
            "side": side,
            "price": Decimal(price),
            "size": Decimal(size),
            "fee": Decimal(fee),
            "local_ns": index,
        }
        for index, (leg, side, price, size, fee) in enumerate(fills)
    ]


def test_a_short_in_pieces() -> None:
    trade = trade_result(
        rows(
            ("entry", -1, "100", "1", "0.02"),
            ("entry", -1, "103", "2", "0.04"),
            ("stop", 1, "101", "2.5", "0.1"),
            ("exit", 1, "99", "0.5", "-0.01"),
        )
    )
    assert trade.side == -1
    assert trade.flat
    assert trade.entered == 3
    assert trade.entry_price == 102
    assert trade.exit_price == (Decimal("252.5") + Decimal("49.5")) / 3
    assert (trade.gross, trade.fees, trade.net) == (4, Decimal("0.15"), Decimal("3.85"))
    assert (trade.opened_ns, trade.closed_ns) == (0, 3)


def test_an_open_trade_has_no_realised_result() -> None:
    trade = trade_result(rows(("entry", 1, "100", "1", "0.02"), ("exit", -1, "101", "0.4", "0")))
    assert (trade.gross, trade.net, trade.closed_ns) == (None, None, None)
    assert trade.position == Decimal("0.6")
    assert trade_result([]).gross is None


def test_no_digit_is_lost() -> None:
    price = "12345678901234567890.12345678"
    trade = trade_result(rows(("entry", 1, price, price, "0"), ("exit", -1, price, price, "0.00000001")))
    assert trade.net == Decimal("-0.00000001")


def test_readable_numbers_and_times() -> None:
    assert [plain(Decimal(text)) for text in ("1.50", "1E+3", "-0.00", "0", "100", "1E-8")] == [
        *("1.5", "1000", "0", "0", "100", "0.00000001"),
    ]
    assert utc(0) == "1970-01-01 00:00:00.000000000Z"
    assert utc(-1) == "1969-12-31 23:59:59.999999999Z"
