"""Messages back from stored rows, whose decimals are given as integers of 10^-scale (their physical form)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora.messages import DebateArgument, DecisionRecord, Fill, Signal, Voice

from .exact import Quanta


def decision_from_row(row: Mapping[str, Any], quanta: Quanta) -> DecisionRecord:
    """The decision that a stored row stands for. OutputError or DataError when it stands for none."""
    price = quanta.price(row["instrument"])
    size = quanta.size(row["instrument"])

    def whole(name: str, factor: int) -> int | None:
        return None if row[name] is None else quanta.quanta(row[name], factor)

    return DecisionRecord(
        signal=Signal(
            trace=int(row["trace"], 16),
            instrument=row["instrument"],
            local_ns=row["local_ns"],
            engine=row["engine"],
            side=row["side"],
            score=row["score"],
            p=row["p"],
            consensus=row["consensus"],
            gross_edge_bps=row["gross_edge_bps"],
            horizon_ns=row["horizon_ns"],
            feature_hash=int(row["feature_hash"], 16),
            bid=quanta.quanta(row["bid"], price),
            ask=quanta.quanta(row["ask"], price),
            bid_size=quanta.quanta(row["bid_size"], size),
            ask_size=quanta.quanta(row["ask_size"], size),
            regime=row["regime"],
            threshold=row["threshold"],
            p_outcomes=row["p_outcomes"],
            depth=whole("depth", size),
            voices=tuple(Voice(**voice) for voice in row["voices"]),
            arguments=tuple(DebateArgument(**said) for said in row["arguments"]),
        ),
        reason=row["reason"],
        fee_bps=row["fee_bps"],
        half_spread_bps=row["half_spread_bps"],
        cost_bps=row["cost_bps"],
        net_edge_bps=row["net_edge_bps"],
        route=row["route"],
        equity=whole("equity", quanta.money),
        scalers={pair["name"]: pair["value"] for pair in row["scalers"]},
        caps={pair["name"]: quanta.quanta(pair["size"], size) for pair in row["caps"]},
        size=whole("size", size),
        price=whole("price", price),
        client_id=row["client_id"],
        policy_hash=row["policy_hash"],
        sizing=row["sizing"],
    )


def fill_from_row(row: Mapping[str, Any], quanta: Quanta) -> Fill:
    """The fill that a stored row stands for. OutputError or DataError when it stands for none."""
    price = quanta.price(row["instrument"])
    return Fill(
        trade_id=row["trade_id"],
        client_id=row["client_id"],
        trace=int(row["trace"], 16),
        instrument=row["instrument"],
        leg=row["leg"],
        side=row["side"],
        price=quanta.quanta(row["price"], price),
        size=quanta.quanta(row["size"], quanta.size(row["instrument"])),
        fee=quanta.quanta(row["fee"], quanta.money),
        liquidity=row["liquidity"],
        exchange_ns=row["exchange_ns"],
        local_ns=row["local_ns"],
        bid=quanta.quanta(row["bid"], price),
        ask=quanta.quanta(row["ask"], price),
    )
