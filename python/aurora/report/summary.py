"""The totals of a run, and the sentence for a run in which nothing happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from aurora.journal import Journal


def run_summary(journal: Journal) -> dict[str, Any]:
    """The run's summary, or what the tables tell of a run that has not ended."""
    if journal.summary is not None:
        return journal.summary
    reasons = Counter(journal.decisions().select("reason").collect()["reason"])
    slices = journal.slices().select("samples", "abstained").collect()
    abstained: Counter[str] = Counter()
    for row in slices["abstained"].to_list():
        abstained.update({pair["reason"]: pair["samples"] for pair in row})
    sent = journal.orders().filter(pl.col("event") == "placed").select(pl.col("client_id").n_unique())
    return {
        "decisions": sum(reasons.values()),
        "intents": sum(count for reason, count in reasons.items() if reason.startswith("trade.")),
        "orders": sent.collect().item(),
        "fills": journal.fills().select(pl.len()).collect().item(),
        "reasons": dict(sorted(reasons.items())),
        "samples": int(slices["samples"].sum()),
        "abstained": dict(sorted(abstained.items())),
    }


def nothing_happened(summary: Mapping[str, Any], docs: Mapping[str, str]) -> str:
    """Why a run has no fills, in a sentence or two; empty when it has some."""
    if summary.get("fills"):
        return ""
    if summary.get("orders"):
        return f"Nothing was filled: the market came to none of the orders sent ({summary['orders']:,})."
    if summary.get("decisions"):
        why = _leading(summary.get("reasons") or {}, docs)
        return (
            f"Nothing was traded: all {summary['decisions']:,} signals ended before an order, because {why}."
        )
    samples = summary.get("samples") or 0
    if not samples:
        return (
            "Nothing happened, because there was not one sample: "
            "the input was empty, or no book was ever synchronised."
        )
    why = _leading(summary.get("abstained") or {}, docs)
    return f"Nothing happened, because no engine voted on any of {samples:,} samples: {why}."


def _leading(counts: Mapping[str, int], docs: Mapping[str, str]) -> str:
    """The three most frequent codes with their meaning."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = [
        f"{name}{f' ({docs[name]})' if docs.get(name) else ''} {count:,} times" for name, count in ordered[:3]
    ]
    rest = sum(count for _, count in ordered[3:])
    if rest:
        told.append(f"others {rest:,} times")
    return ", ".join(told) or "no reason was recorded"
