"""Canonical bytes of decisions and fills, and the hash chain over them.

Every record has one byte string: little-endian integers at fixed places, floats as half-even counts of
1e-9, absent values marked in a bit mask (so that None is never zero), texts as UTF-8 with their length,
mappings by sorted key. ``hash_n = sha256(hash_(n-1) + bytes_n)`` starting from 32 zero bytes: the last hash
depends on the sequence of records and on nothing else.
"""

from __future__ import annotations

import hashlib
import math
import struct
from functools import lru_cache
from typing import SupportsInt

from aurora.errors import OutputError
from aurora.messages import DecisionRecord, Fill, Voice

DECISION_VERSION = 2
FILL_VERSION = 1
ZERO_HASH = bytes(32)

_DECISION = 1
_FILL = 2
_FLOAT_UNITS = 1e9
_LOW = (1 << 64) - 1

# version, kind, trace, local_ns, side, score, p, consensus, gross_edge, horizon, feature_hash,
# bid, ask, bid_size, ask_size, mask of what is present, fee, half_spread, cost, net_edge, size, price,
# equity (128 bits)
_DECISION_HEAD = struct.Struct("<BBQqbqqqqqQqqqqHqqqqqqQq")
# version, kind, trace, trade_id, side, price, size, exchange_ns, local_ns, bid, ask, fee (128 bits)
_FILL_HEAD = struct.Struct("<BBQqbqqqqqqQq")
# mask (p, debate, approved), side, p, weight, edge, debate
_VOICE = struct.Struct("<Bbqqqq")
_COUNT = struct.Struct("<I")
_INTEGER = struct.Struct("<q")


def _float(value: float) -> int:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return round(value * _FLOAT_UNITS)


@lru_cache(maxsize=4096)
def _text(value: str) -> bytes:
    encoded = value.encode()
    return _COUNT.pack(len(encoded)) + encoded


def decision_bytes(record: DecisionRecord) -> bytes:
    """Canonical bytes of a decision. OutputError when a number is not finite or does not fit its place."""
    signal = record.signal
    try:
        optional = (
            signal.p,
            record.fee_bps,
            record.half_spread_bps,
            record.cost_bps,
            record.net_edge_bps,
            record.size,
            record.price,
            record.equity,
            record.route,
            record.client_id,
            signal.threshold,
            signal.regime,
            signal.p_outcomes,
            signal.depth,
            record.sizing,
        )
        mask = 0
        for bit, value in enumerate(optional):
            if value is not None:
                mask |= 1 << bit
        p, fee, half_spread, cost, net_edge = (
            0 if value is None else _float(value) for value in optional[:5]
        )
        equity = record.equity or 0
        head = _DECISION_HEAD.pack(
            DECISION_VERSION,
            _DECISION,
            signal.trace,
            signal.local_ns,
            signal.side,
            _float(signal.score),
            p,
            _float(signal.consensus),
            _float(signal.gross_edge_bps),
            signal.horizon_ns,
            signal.feature_hash,
            signal.bid,
            signal.ask,
            signal.bid_size,
            signal.ask_size,
            mask,
            fee,
            half_spread,
            cost,
            net_edge,
            record.size or 0,
            record.price or 0,
            equity & _LOW,
            equity >> 64,
        )
        client_id = (record.client_id or "").encode()
        parts = [
            head,
            _text(signal.instrument),
            _text(signal.engine),
            _text(record.reason),
            _text(record.route or ""),
            _text(record.policy_hash),
            _COUNT.pack(len(client_id)),
            client_id,
            _COUNT.pack(len(record.scalers)),
        ]
        for name, scaler in sorted(record.scalers.items()):
            parts += (_text(name), _INTEGER.pack(_float(scaler)))
        parts.append(_COUNT.pack(len(record.caps)))
        for name, cap in sorted(record.caps.items()):
            parts += (_text(name), _INTEGER.pack(cap))
        sizing = (record.sizing or "").encode()
        parts += (
            _INTEGER.pack(_float(signal.threshold or 0.0)),
            _text(signal.regime or ""),
            _INTEGER.pack(_float(signal.p_outcomes or 0.0)),
            _INTEGER.pack(signal.depth or 0),
            _COUNT.pack(len(sizing)),
            sizing,
            _COUNT.pack(len(signal.voices)),
        )
        for voice in signal.voices:
            parts += (_text(voice.engine), _voice_bytes(voice))
        parts.append(_COUNT.pack(len(signal.arguments)))
        for said in signal.arguments:
            text = said.text.encode()
            parts += (_text(said.engine), _text(said.stance), _text(said.rule), _COUNT.pack(len(text)), text)
    except (struct.error, ValueError, OverflowError, TypeError) as error:
        raise _unfit("decision", signal.trace, error, record) from error
    return b"".join(parts)


def _voice_bytes(voice: Voice) -> bytes:
    mask = (voice.p is not None) | (voice.debate is not None) << 1 | voice.approved << 2
    floats = (voice.p or 0.0, voice.weight, voice.edge_bps, voice.debate or 0.0)
    return _VOICE.pack(mask, voice.side, *map(_float, floats))


def fill_bytes(fill: Fill) -> bytes:
    """Canonical bytes of a fill. OutputError when a number does not fit its place."""
    try:
        head = _FILL_HEAD.pack(
            FILL_VERSION,
            _FILL,
            fill.trace,
            fill.trade_id,
            fill.side,
            fill.price,
            fill.size,
            fill.exchange_ns,
            fill.local_ns,
            fill.bid,
            fill.ask,
            fill.fee & _LOW,
            fill.fee >> 64,
        )
        client_id = fill.client_id.encode()
        return b"".join(
            (
                head,
                _COUNT.pack(len(client_id)),
                client_id,
                _text(fill.instrument),
                _text(fill.leg),
                _text(fill.liquidity),
            )
        )
    except (struct.error, ValueError, OverflowError, TypeError) as error:
        raise _unfit("fill", fill.trace, error, fill) from error


def next_hash(previous: bytes, record: bytes) -> bytes:
    """The hash after ``record`` (canonical bytes) when ``previous`` stood before it."""
    return hashlib.sha256(previous + record).digest()


def _unfit(kind: str, trace: SupportsInt, error: Exception, record: DecisionRecord | Fill) -> OutputError:
    return OutputError(
        f"{kind} of trace {int(trace):x} cannot be journalled: {error}; "
        f"floats must be finite and within ±9.2e9, integers within 64 bits: {record!r}"
    )
