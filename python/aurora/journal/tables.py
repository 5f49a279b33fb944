"""Columns of the journal's tables: schemas, and rows from messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from aurora.messages import DecisionRecord, EquityPoint, Fill, OrderEvent, Outcome, SliceCount

from .exact import Quanta

VOICE: dict[str, pl.DataType] = {
    "engine": pl.String(),
    "side": pl.Int8(),
    "p": pl.Float64(),
    "weight": pl.Float64(),
    "edge_bps": pl.Float64(),
    "approved": pl.Boolean(),
    "debate": pl.Float64(),
}
ARGUMENT: dict[str, pl.DataType] = {
    "engine": pl.String(),
    "stance": pl.String(),
    "rule": pl.String(),
    "text": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Chained:
    """A record with its place in the hash chain."""

    record: Any
    previous: bytes
    hash: bytes


def schema(table: str, quanta: Quanta) -> dict[str, pl.DataType]:
    """Column names and types of a table."""
    i64, f64, side, text = pl.Int64(), pl.Float64(), pl.Int8(), pl.String()
    exact = quanta.dtype
    chain = {"previous_hash": text, "hash": text}

    def pairs(key: str, name: str, value: pl.DataType) -> pl.DataType:
        return pl.List(pl.Struct({key: text, name: value}))

    columns: dict[str, dict[str, pl.DataType]] = {
        "decisions": {
            "trace": text,
            "instrument": text,
            "local_ns": i64,
            "engine": text,
            "side": side,
            "score": f64,
            "p": f64,
            "consensus": f64,
            "gross_edge_bps": f64,
            "horizon_ns": i64,
            "feature_hash": text,
            "bid": exact,
            "ask": exact,
            "bid_size": exact,
            "ask_size": exact,
            "reason": text,
            "fee_bps": f64,
            "half_spread_bps": f64,
            "cost_bps": f64,
            "net_edge_bps": f64,
            "route": text,
            "equity": exact,
            "scalers": pairs("name", "value", f64),
            "caps": pairs("name", "size", exact),
            "size": exact,
            "price": exact,
            "client_id": text,
            "policy_hash": text,
            "regime": text,
            "threshold": f64,
            "p_outcomes": f64,
            "depth": exact,
            "sizing": text,
            "voices": pl.List(pl.Struct(VOICE)),
            "arguments": pl.List(pl.Struct(ARGUMENT)),
            **chain,
        },
        "orders": {
            "local_ns": i64,
            "client_id": text,
            "trace": text,
            "instrument": text,
            "leg": text,
            "event": text,
            "side": side,
            "order_type": text,
            "price": exact,
            "trigger": exact,
            "size": exact,
            "cumulative": exact,
            "detail": text,
        },
        "fills": {
            "trade_id": i64,
            "client_id": text,
            "trace": text,
            "instrument": text,
            "leg": text,
            "side": side,
            "price": exact,
            "size": exact,
            "fee": exact,
            "liquidity": text,
            "exchange_ns": i64,
            "local_ns": i64,
            "bid": exact,
            "ask": exact,
            **chain,
        },
        "outcomes": {
            "trace": text,
            "engine": text,
            "instrument": text,
            "due_ns": i64,
            "side": side,
            "return_bps": f64,
        },
        "equity": {
            "local_ns": i64,
            "equity": exact,
            "cash": exact,
            "fees": exact,
            "positions": pairs("instrument", "size", exact),
            "mids": pairs("instrument", "mid", f64),
        },
        "slices": {
            "slice_index": i64,
            "local_ns": i64,
            "instrument": text,
            "samples": i64,
            "votes": i64,
            "abstained": pairs("reason", "samples", i64),
        },
    }
    return {"sequence": i64, **columns[table]}


def frame(table: str, rows: Sequence[Any], first: int, quanta: Quanta) -> pl.DataFrame:
    """One part of a table.

    ``rows`` are messages (decisions and fills: :class:`Chained`), ``first`` the sequence number of the first.
    Raises OutputError for an unknown instrument or a number that does not fit its column.
    """
    types = schema(table, quanta)
    columns = _COLUMNS[table](rows, quanta)
    columns["sequence"] = range(first, first + len(rows))
    series = []
    for name, dtype in types.items():
        values = columns[name]
        if isinstance(values, pl.Series):
            series.append(values.alias(name))
        elif isinstance(dtype, pl.Decimal):
            series.append(quanta.column(name, values))
        else:
            series.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(series, schema=types)


def _pairs(
    mappings: Sequence[Mapping[str, Any]], key: str, value: str, make: Callable[[list[Any]], pl.Series]
) -> pl.Series:
    """A list column of {key, value} structs in key order, built flat: ten times faster than by dicts."""
    row: list[int] = []
    names: list[str] = []
    values: list[Any] = []
    for index, mapping in enumerate(mappings):
        for name in sorted(mapping):
            row.append(index)
            names.append(name)
            values.append(mapping[name])
    flat = pl.DataFrame({"row": pl.Series(row, dtype=pl.Int64), key: pl.Series(names, dtype=pl.String)})
    flat = flat.with_columns(make(values).alias(value))
    lists = (
        flat.select("row", pl.struct(key, value).alias("pairs"))
        .group_by("row", maintain_order=True)
        .agg("pairs")
    )
    every = pl.DataFrame({"row": pl.Series(range(len(mappings)), dtype=pl.Int64)})
    joined = every.join(lists, on="row", how="left", maintain_order="left")["pairs"]
    if joined.null_count() == 0:
        return joined
    return joined.to_frame().select(pl.col("pairs").fill_null(pl.lit([], dtype=joined.dtype)))["pairs"]


def _lists(rows: Sequence[Sequence[Any]], fields: Mapping[str, pl.DataType]) -> pl.Series:
    """A list column of structs, in the order given."""
    flat = pl.DataFrame(
        {
            "row": pl.Series([n for n, row in enumerate(rows) for _ in row], dtype=pl.Int64),
            **{
                name: pl.Series([getattr(one, name) for row in rows for one in row], dtype=kind)
                for name, kind in fields.items()
            },
        }
    )
    lists = (
        flat.select("row", pl.struct(*fields).alias("one")).group_by("row", maintain_order=True).agg("one")
    )
    every = pl.DataFrame({"row": pl.Series(range(len(rows)), dtype=pl.Int64)})
    joined = every.join(lists, on="row", how="left", maintain_order="left")["one"]
    if joined.null_count() == 0:
        return joined
    return joined.to_frame().select(pl.col("one").fill_null(pl.lit([], dtype=joined.dtype)))["one"]


def _floats(values: list[Any]) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64)


def _counts(values: list[Any]) -> pl.Series:
    return pl.Series(values, dtype=pl.Int64)


def _scaled(values: Iterable[int | None], factors: Iterable[int]) -> list[int | None]:
    return [
        None if value is None else int(value) * factor for value, factor in zip(values, factors, strict=True)
    ]


def _hex(values: Iterable[int]) -> list[str]:
    return [f"{value:016x}" for value in values]


def _decisions(rows: Sequence[Chained], quanta: Quanta) -> dict[str, Any]:
    records: list[DecisionRecord] = [row.record for row in rows]
    signals = [record.signal for record in records]
    price = [quanta.price(signal.instrument) for signal in signals]
    size = [quanta.size(signal.instrument) for signal in signals]
    money = [quanta.money] * len(records)
    caps = [
        {name: int(cap) * factor for name, cap in record.caps.items()}
        for record, factor in zip(records, size, strict=True)
    ]
    same = (
        "instrument",
        "local_ns",
        "engine",
        "side",
        "score",
        "p",
        "consensus",
        "gross_edge_bps",
        "horizon_ns",
        "regime",
        "threshold",
        "p_outcomes",
    )
    own = (
        "reason",
        "fee_bps",
        "half_spread_bps",
        "cost_bps",
        "net_edge_bps",
        "route",
        "client_id",
        "policy_hash",
        "sizing",
    )
    return {
        **{name: [getattr(signal, name) for signal in signals] for name in same},
        **{name: [getattr(record, name) for record in records] for name in own},
        "trace": _hex(signal.trace for signal in signals),
        "feature_hash": _hex(signal.feature_hash for signal in signals),
        "bid": _scaled((signal.bid for signal in signals), price),
        "ask": _scaled((signal.ask for signal in signals), price),
        "bid_size": _scaled((signal.bid_size for signal in signals), size),
        "ask_size": _scaled((signal.ask_size for signal in signals), size),
        "equity": _scaled((record.equity for record in records), money),
        "size": _scaled((record.size for record in records), size),
        "price": _scaled((record.price for record in records), price),
        "depth": _scaled((signal.depth for signal in signals), size),
        "voices": _lists([signal.voices for signal in signals], VOICE),
        "arguments": _lists([signal.arguments for signal in signals], ARGUMENT),
        "scalers": _pairs([record.scalers for record in records], "name", "value", _floats),
        "caps": _pairs(caps, "name", "size", lambda units: quanta.column("size", units)),
        **_chain(rows),
    }


def _fills(rows: Sequence[Chained], quanta: Quanta) -> dict[str, Any]:
    fills: list[Fill] = [row.record for row in rows]
    price = [quanta.price(fill.instrument) for fill in fills]
    same = (
        *("trade_id", "client_id", "instrument", "leg", "side", "liquidity"),
        *("exchange_ns", "local_ns"),
    )
    return {
        **{name: [getattr(fill, name) for fill in fills] for name in same},
        "trace": _hex(fill.trace for fill in fills),
        "price": _scaled((fill.price for fill in fills), price),
        "size": _scaled((fill.size for fill in fills), [quanta.size(fill.instrument) for fill in fills]),
        "fee": _scaled((fill.fee for fill in fills), [quanta.money] * len(fills)),
        "bid": _scaled((fill.bid for fill in fills), price),
        "ask": _scaled((fill.ask for fill in fills), price),
        **_chain(rows),
    }


def _chain(rows: Sequence[Chained]) -> dict[str, list[str]]:
    return {"previous_hash": [row.previous.hex() for row in rows], "hash": [row.hash.hex() for row in rows]}


def _orders(rows: Sequence[OrderEvent], quanta: Quanta) -> dict[str, Any]:
    price = [quanta.price(row.instrument) for row in rows]
    size = [quanta.size(row.instrument) for row in rows]
    same = ("local_ns", "client_id", "instrument", "leg", "event", "side", "order_type", "detail")
    return {
        **{name: [getattr(row, name) for row in rows] for name in same},
        "trace": _hex(row.trace for row in rows),
        "price": _scaled((row.price for row in rows), price),
        "trigger": _scaled((row.trigger for row in rows), price),
        "size": _scaled((row.size for row in rows), size),
        "cumulative": _scaled((row.cumulative for row in rows), size),
    }


def _outcomes(rows: Sequence[Outcome], quanta: Quanta) -> dict[str, Any]:
    same = ("engine", "instrument", "due_ns", "side", "return_bps")
    return {
        **{name: [getattr(row, name) for row in rows] for name in same},
        "trace": _hex(row.trace for row in rows),
    }


def _equity(rows: Sequence[EquityPoint], quanta: Quanta) -> dict[str, Any]:
    money = [quanta.money] * len(rows)
    positions = [
        {name: int(size) * quanta.size(name) for name, size in row.positions.items()} for row in rows
    ]
    # Float quanta to quote currency; mids are statistics, the exact touch is in decisions and fills.
    mids = [
        {
            name: mid / 10 ** quanta.instruments[name].price_exponent
            for name, mid in row.mids.items()
            if math.isfinite(mid)
        }
        for row in rows
    ]
    return {
        "local_ns": [row.local_ns for row in rows],
        "equity": _scaled((row.equity for row in rows), money),
        "cash": _scaled((row.cash for row in rows), money),
        "fees": _scaled((row.fees for row in rows), money),
        "positions": _pairs(positions, "instrument", "size", lambda units: quanta.column("size", units)),
        "mids": _pairs(mids, "instrument", "mid", _floats),
    }


def _slices(rows: Sequence[SliceCount], quanta: Quanta) -> dict[str, Any]:
    same = ("slice_index", "local_ns", "instrument", "samples", "votes")
    return {
        **{name: [getattr(row, name) for row in rows] for name in same},
        "abstained": _pairs([row.abstained for row in rows], "reason", "samples", _counts),
    }


_COLUMNS: dict[str, Callable[[Sequence[Any], Quanta], dict[str, Any]]] = {
    "decisions": _decisions,
    "orders": _orders,
    "fills": _fills,
    "outcomes": _outcomes,
    "equity": _equity,
    "slices": _slices,
}
