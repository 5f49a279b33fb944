"""Faults of the recording, planted into finished messages, each with an entry in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aurora.testing.market.messages import DIFF, TRADE, Book, Messages, snapshot_within
from aurora.testing.market.plants import FaultPlant
from aurora.testing.market.settings import MarketSettings
from aurora.testing.market.units import NS_PER_MS, NS_PER_S, Ints
from aurora.testing.settings import generator

__all__ = ["Ledger", "plant_faults", "step_clocks"]

Ledger = list[dict[str, Any]]

_BEHIND = 3
"""A late line comes so many lines later."""
_QUIET_SHARE = (0.15, 0.9)
"""Faults lie in this part of a capture: a reader has a book, and time to recover."""


@dataclass(slots=True)
class _Edit:
    """Lines to come: rows of new messages with the row that they follow, and old rows that move or go."""

    messages: Messages
    position: Ints
    """Twice the row; one more is behind it."""
    kept: Any
    entries: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Row of the extended messages, and its entry in the ledger."""

    def add(self, like: int, behind: int, **changes: int) -> int:
        """A copy of a row, changed, behind another row."""
        row = len(self.messages.kind)
        grown = self.messages.taken(np.append(np.arange(row), like))
        for name, value in changes.items():
            getattr(grown, name)[row] = value
        self.messages = grown
        self.position = np.append(self.position, 2 * behind + 1)
        self.kept = np.append(self.kept, True)
        return row

    def levels(self, price: Ints, size: Ints) -> int:
        """Adds levels; answers where they begin."""
        start = len(self.messages.price)
        self.messages = replace(
            self.messages,
            price=np.concatenate([self.messages.price, price]),
            size=np.concatenate([self.messages.size, size]),
        )
        return start


def step_clocks(settings: MarketSettings, captures: Mapping[str, Messages]) -> Ledger:
    """Applies the clock steps to all captures at the same receive time."""
    ledger: Ledger = []
    for number, plant in enumerate(settings.faults):
        if plant.kind != "clock_step":
            continue
        first = min(int(messages.local_ns[0]) for messages in captures.values())
        last = max(int(messages.local_ns[-1]) for messages in captures.values())
        rng = generator(settings.seed, "fault", plant.kind, str(number))
        for moment in np.sort(_moments(rng, plant.count, first, last)).tolist():
            for messages in captures.values():
                messages.local_ns[messages.local_ns >= moment] += plant.step_ms * NS_PER_MS
            ledger.append(
                {"kind": "clock_step", "symbol": None, "local_ns": moment, "step_ms": plant.step_ms}
            )
    return ledger


def plant_faults(
    settings: MarketSettings, symbol: str, messages: Messages, book: Book
) -> tuple[Messages, Ledger]:
    """The messages of one symbol with its faults, and what was done; ``line`` counts the capture's header as 1."""
    edit = _Edit(messages, 2 * np.arange(len(messages)), np.ones(len(messages), np.bool_))
    used: set[int] = set()
    for number, plant in enumerate(settings.faults):
        if plant.symbol == symbol:
            rng = generator(settings.seed, "fault", plant.kind, symbol, str(number))
            _PLANTERS[plant.kind](edit, messages, book, plant, rng, used)
    if not edit.entries:
        return messages, []
    rows = np.flatnonzero(edit.kept)
    rows = rows[np.argsort(edit.position[rows], kind="stable")]
    line_of = np.zeros(len(edit.kept), np.int64)
    line_of[rows] = np.arange(len(rows)) + 2
    finished = edit.messages.taken(rows)
    ledger = []
    for row, entry in edit.entries:
        where = {"line": int(line_of[row])} if edit.kept[row] else {}
        ledger.append({"kind": entry.pop("kind"), "symbol": symbol, **where, **entry})
    return finished, sorted(ledger, key=lambda entry: int(entry["local_ns"]))


def _moments(rng: np.random.Generator, count: int, first: int, last: int) -> Ints:
    span = last - first
    low, high = int(first + _QUIET_SHARE[0] * span), int(first + _QUIET_SHARE[1] * span)
    return rng.integers(low, high, size=count)


def _rows(
    messages: Messages, kind: int, plant: FaultPlant, rng: np.random.Generator, used: set[int]
) -> list[int]:
    """Rows of a kind at drawn moments, apart from one another and from other faults."""
    of_kind = np.flatnonzero(messages.kind == kind)
    first, last = int(messages.local_ns[0]), int(messages.local_ns[-1])
    found: list[int] = []
    for moment in _moments(rng, plant.count, first, last).tolist():
        place = int(np.searchsorted(messages.local_ns[of_kind], moment))
        # Later ones of the kind until one is free: neighbours of a fault would blur it.
        while place < len(of_kind) - 2:
            near = {int(row) for row in of_kind[max(place - 1, 0) : place + 2]}
            row = int(of_kind[place])
            if not near & used and row + _BEHIND + 1 < len(messages):
                used |= {row}
                found.append(row)
                break
            place += 1
        else:
            raise ValueError(f"no room for {plant.count} faults {plant.kind!r} of {plant.symbol}")
    return found


def _gap(
    edit: _Edit, messages: Messages, book: Book, plant: FaultPlant, rng: np.random.Generator, used: set[int]
) -> None:
    for row in _rows(messages, DIFF, plant, rng, used):
        edit.kept[row] = False
        entry: dict[str, Any] = {
            "kind": "gap",
            "local_ns": int(messages.local_ns[row]),
            "lost_update_id": int(messages.last_id[row]),
        }
        if plant.recover_s is not None:
            entry |= _recover(edit, messages, book, row, plant.recover_s)
        edit.entries.append((row, entry))


def _recover(edit: _Edit, messages: Messages, book: Book, row: int, recover_s: float) -> dict[str, Any]:
    """A new snapshot, asked for a while after the diff was missed."""
    lost = int(np.searchsorted(book.diffs.last_id, messages.last_id[row]))
    wanted = int(book.diffs.sent_ns[lost]) + int(recover_s * NS_PER_S)
    place = max(int(np.searchsorted(book.diffs.sent_ns, wanted)), lost + 2)
    if place >= len(book.diffs.last_id) - 1:
        return {"recovered_ns": None}
    shown = snapshot_within(book.log, book.diffs, place)
    meeting = int(
        np.flatnonzero((messages.kind == DIFF) & (messages.last_id == book.diffs.last_id[place]))[0]
    )
    # The answer comes with the diff that it meets: a reader then applies it at once.
    local_ns = int(messages.local_ns[meeting])
    start = edit.levels(shown.price, shown.size)
    moment_ms = (shown.time_ns // NS_PER_MS) + book.start_ms
    snapshot = int(np.flatnonzero(messages.kind == 1)[0])
    edit.add(
        snapshot,
        meeting,
        local_ns=local_ns,
        event_ms=moment_ms,
        transaction_ms=moment_ms,
        last_id=shown.update_id,
        level_start=start,
        bids=shown.bids,
        asks=shown.asks,
    )
    return {"recovered_ns": local_ns, "snapshot_id": shown.update_id}


def _duplicate(
    edit: _Edit, messages: Messages, book: Book, plant: FaultPlant, rng: np.random.Generator, used: set[int]
) -> None:
    for row in _rows(messages, DIFF, plant, rng, used):
        behind = row + 1
        again = edit.add(row, behind, local_ns=int(messages.local_ns[behind]))
        entry = {
            "kind": "duplicate",
            "local_ns": int(messages.local_ns[behind]),
            "update_id": int(messages.last_id[row]),
        }
        edit.entries.append((again, entry))


def _late(
    edit: _Edit, messages: Messages, book: Book, plant: FaultPlant, rng: np.random.Generator, used: set[int]
) -> None:
    for row in _rows(messages, TRADE, plant, rng, used):
        behind = row + _BEHIND
        while messages.local_ns[behind] <= messages.local_ns[row]:
            behind += 1
        edit.position[row] = 2 * behind + 1
        entry = {
            "kind": "late",
            "local_ns": int(messages.local_ns[row]),
            "held_ns": int(messages.local_ns[behind]),
            "trade_id": int(messages.last_id[row]),
        }
        edit.entries.append((row, entry))


def _outlier(
    edit: _Edit, messages: Messages, book: Book, plant: FaultPlant, rng: np.random.Generator, used: set[int]
) -> None:
    for row in _rows(messages, TRADE, plant, rng, used):
        away = plant.size_bps if rng.random() < 0.5 else -plant.size_bps
        price = int(messages.price[messages.level_start[row]])
        shown = max(round(price * (1.0 + away * 1e-4)), 1)
        start = edit.levels(np.array([shown]), np.array([1]))
        trade_id = int(messages.last_id[row]) + 1
        # Ids stay without a hole: the trades behind move up by one.
        later = (edit.messages.kind == TRADE) & (edit.messages.last_id >= trade_id)
        edit.messages.first_id[later] += 1
        edit.messages.last_id[later] += 1
        for _, other in edit.entries:
            if other.get("trade_id", -1) >= trade_id:
                other["trade_id"] += 1
        printed = edit.add(row, row, first_id=trade_id, last_id=trade_id, level_start=start)
        entry = {
            "kind": "outlier",
            "local_ns": int(messages.local_ns[row]),
            "trade_id": trade_id,
            "size_bps": away,
        }
        edit.entries.append((printed, entry))


_PLANTERS = {"gap": _gap, "duplicate": _duplicate, "late": _late, "outlier": _outlier}
