"""The sink at the end of a run: appends records, chains their hashes, survives a crash at any point."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from aurora.errors import OutputError, RecoveryError, UsageError
from aurora.messages import DeskRecords

from . import storage
from .canonical import decision_bytes, fill_bytes, next_hash
from .exact import InstrumentInfo, Quanta
from .tables import Chained, frame
from .tally import Tally

SCHEMA_VERSION = 2
BUFFERED_ROWS = 1_000
"""A table with this many rows in memory is written without waiting for a snapshot."""


class JournalWriter:
    """Writes the records of one run under ``directory``; implements :class:`aurora.stages.protocol.Sink`.

    directory: made if missing. One that already holds a run is refused unless ``overwrite`` (our own files
        are replaced, others stay) or, for the same run id, ``resume`` (a crash before the first snapshot).
    instruments: quanta of every instrument the records may name.
    run: what ``run.json`` will hold, JSON values with at least ``run_id``.
    ledger_sink: takes the ledger rows of each write, in order.
    state: bytes of :meth:`snapshot`; everything written after it is deleted before the run continues.

    Raises OutputError when the directory cannot be written or holds another run, RecoveryError when ``state``
    does not fit what is there, UsageError when ``run`` is no JSON or has no run id - all before any record.
    """

    def __init__(
        self,
        directory: Path,
        instruments: Mapping[str, InstrumentInfo],
        run: dict[str, Any],
        *,
        ledger_sink: Callable[[list[bytes]], None] | None = None,
        state: bytes | None = None,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        run_id = run.get("run_id")
        if not isinstance(run_id, str) or not run_id:
            raise UsageError("run has no run_id: a journal belongs to one run, give it the run's id")
        self._directory = Path(directory)
        self._quanta = Quanta(instruments)
        self._run_id = run_id
        self._ledger_sink = ledger_sink
        self._buffers: dict[str, list[Any]] = {table: [] for table in storage.TABLES}
        self._tally = Tally()
        self._closed = False
        if state is None:
            self._start(run, overwrite=overwrite, resume=resume)
        else:
            self._continue(state)

    def _start(self, run: dict[str, Any], *, overwrite: bool, resume: bool) -> None:
        directory = self._directory
        description = storage.json_bytes(
            storage.JOURNAL, {"schema_version": SCHEMA_VERSION, **self._quanta.to_dict()}
        )
        content = storage.json_bytes(storage.RUN, run)
        earlier = storage.holds_run(directory)
        if earlier and not overwrite:
            found = _run_id_in(directory)
            if not resume:
                raise OutputError(
                    f"{directory} already holds run {found or '(unknown)'}: "
                    "choose another directory, or overwrite it"
                )
            if found is not None and found != self._run_id:
                raise OutputError(
                    f"{directory} holds run {found}, not {self._run_id}: "
                    "resume that one, or choose another directory"
                )
        storage.prepare(directory)
        if earlier:
            storage.truncate(directory, {})
        storage.write_atomic(directory / storage.JOURNAL, description)
        storage.write_atomic(directory / storage.RUN, content)

    def _continue(self, state: bytes) -> None:
        directory = self._directory
        try:
            content = json.loads(state)
            version, run_id = content["version"], content["run_id"]
            if version != SCHEMA_VERSION:
                raise RecoveryError(
                    f"the journal's state is of version {version}, this program reads {SCHEMA_VERSION}: "
                    "resume with the version that wrote it, or start afresh"
                )
            tally = Tally.from_dict(content["tally"])
        except (ValueError, KeyError, TypeError) as error:
            raise RecoveryError(
                f"the journal's state cannot be read: {error!r}; start the run afresh"
            ) from error
        found = _run_id_in(directory)
        if run_id != self._run_id or found != self._run_id:
            raise RecoveryError(
                f"{directory} holds run {found or '(none)'} and the state is of run {run_id}, "
                f"but run {self._run_id} wants to resume: give it its own directories, or start afresh"
            )
        for table, count in tally.parts.items():
            there = {number for number, _ in storage.parts(directory, table)}
            missing = sorted(set(range(count)) - there)
            if missing:
                path = storage.part_path(directory, table, missing[0])
                raise RecoveryError(
                    f"{path} is missing, written before the state to resume from: start afresh"
                )
        storage.prepare(directory)
        storage.truncate(directory, tally.parts)
        self._tally = tally

    def write(self, records: Sequence[DeskRecords]) -> None:
        """Appends the records of any number of slices, in order.

        Raises OutputError when a number cannot be stored, an instrument is unknown or the disk refuses.
        """
        if self._closed:
            raise OutputError("the journal is closed: open another writer to write on")
        tally = self._tally
        buffers = self._buffers
        for record in records:
            self._check_instruments(record)
            for decision in record.decisions:
                previous = tally.decisions_hash
                tally.decisions_hash = next_hash(previous, decision_bytes(decision))
                buffers["decisions"].append(Chained(decision, previous, tally.decisions_hash))
                tally.count_decision(decision)
            for fill in record.fills:
                previous = tally.fills_hash
                tally.fills_hash = next_hash(previous, fill_bytes(fill))
                buffers["fills"].append(Chained(fill, previous, tally.fills_hash))
            buffers["orders"] += record.orders
            buffers["outcomes"] += record.outcomes
            buffers["equity"] += record.equity
            # A slice without a sample says nothing; there is one per millisecond at worst.
            buffers["slices"] += [row for row in record.slices if row.samples or row.votes or row.abstained]
            tally.count_rest(record)
            if record.end is not None:
                tally.end = storage.json_ready(record.end)
            if self._ledger_sink is not None and record.ledger:
                self._ledger_sink(record.ledger)
            for table, rows in buffers.items():
                if len(rows) >= BUFFERED_ROWS:
                    self._flush(table)

    def _check_instruments(self, record: DeskRecords) -> None:
        """Refuses what could not be written later, before any of it is taken."""
        named = {decision.signal.instrument for decision in record.decisions}
        for rows in (record.orders, record.fills):
            named.update(row.instrument for row in rows)
        for point in record.equity:
            named.update(point.positions, point.mids)
        for instrument in named:
            self._quanta.price(instrument)

    def _flush(self, table: str) -> None:
        rows = self._buffers[table]
        if not rows:
            return
        tally = self._tally
        number, first = tally.parts.get(table, 0), tally.rows.get(table, 0)
        part = frame(table, rows, first, self._quanta)
        storage.write_part(self._directory, table, number, part)
        tally.parts[table] = number + 1
        tally.rows[table] = first + len(rows)
        rows.clear()

    def snapshot(self) -> bytes:
        """Writes what is buffered, durably, and answers with the state to resume from (versioned JSON)."""
        for table in storage.TABLES:
            self._flush(table)
        state = {"version": SCHEMA_VERSION, "run_id": self._run_id, "tally": self._tally.to_dict()}
        return json.dumps(state, separators=(",", ":")).encode()

    def close(self) -> None:
        """Writes what is buffered and, when the run's end was seen, ``summary.json``. Twice is as once."""
        if self._closed:
            return
        self.snapshot()
        if self._tally.end is not None:
            content = storage.json_bytes(storage.SUMMARY, self.summary())
            storage.write_atomic(self._directory / storage.SUMMARY, content)
        self._closed = True

    def summary(self) -> dict[str, Any]:
        """Totals so far: what the run's end reported, then the journal's own counts (which win)."""
        tally = self._tally
        decisions = sum(tally.reasons.values())
        return {
            "run_id": self._run_id,
            "events": tally.events,
            **(tally.end or {}),
            "signals": decisions,
            "decisions": decisions,
            "intents": tally.intents,
            "orders": self._orders_sent(),
            "fills": tally.rows.get("fills", 0) + len(self._buffers["fills"]),
            "reasons": dict(sorted(tally.reasons.items())),
            "samples": tally.samples,
            "abstained": dict(sorted(tally.abstained.items())),
            "faults": list(tally.faults),
            "fault_count": tally.fault_count,
            "decisions_digest": tally.decisions_hash.hex(),
            "fills_digest": tally.fills_hash.hex(),
        }

    def _orders_sent(self) -> int:
        """Distinct client ids sent, counted on disk: remembering them would grow with the run."""
        sent = {row.client_id for row in self._buffers["orders"] if row.event == "placed"}
        paths = [path for _, path in storage.parts(self._directory, "orders")]
        if paths:
            stored = (
                pl.scan_parquet(paths)
                .filter(pl.col("event") == "placed")
                .select("client_id")
                .unique()
                .collect()
            )
            sent.update(stored["client_id"])
        return len(sent)


def _run_id_in(directory: Path) -> str | None:
    try:
        run = json.loads((directory / storage.RUN).read_bytes())
        return str(run["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
