"""Running totals of a journal: what the summary says and what a resume continues from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aurora.messages import DecisionRecord, DeskRecords

from .canonical import ZERO_HASH

FAULTS_KEPT = 100
INTENT = "trade."
"""Reasons of decisions that became an order start so."""


@dataclass(slots=True)
class Tally:
    """Counts since the start of the run; :meth:`to_dict` and :meth:`from_dict` are JSON-ready inverses."""

    parts: dict[str, int] = field(default_factory=dict)
    """Parts written, by table."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows taken, by table: the next sequence number."""
    decisions_hash: bytes = ZERO_HASH
    fills_hash: bytes = ZERO_HASH
    reasons: Counter[str] = field(default_factory=Counter)
    abstained: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    intents: int = 0
    events: int = 0
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0
    end: dict[str, Any] | None = None

    def count_decision(self, record: DecisionRecord) -> None:
        self.reasons[record.reason] += 1
        self.intents += record.reason.startswith(INTENT)

    def count_rest(self, records: DeskRecords) -> None:
        """Everything of ``records`` that is counted without being a chained row."""
        self.events = max(self.events, records.events)
        for count in records.slices:
            self.samples += count.samples
            self.abstained.update(count.abstained)
        self.fault_count += len(records.faults)
        self.faults += records.faults[: max(0, FAULTS_KEPT - len(self.faults))]

    def to_dict(self) -> dict[str, Any]:
        return {
            "parts": dict(self.parts),
            "rows": dict(self.rows),
            "decisions_hash": self.decisions_hash.hex(),
            "fills_hash": self.fills_hash.hex(),
            "reasons": dict(self.reasons),
            "abstained": dict(self.abstained),
            "samples": self.samples,
            "intents": self.intents,
            "events": self.events,
            "faults": list(self.faults),
            "fault_count": self.fault_count,
            "end": self.end,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Tally:
        return cls(
            **{
                **state,
                "decisions_hash": bytes.fromhex(state["decisions_hash"]),
                "fills_hash": bytes.fromhex(state["fills_hash"]),
                "reasons": Counter(state["reasons"]),
                "abstained": Counter(state["abstained"]),
            }
        )
