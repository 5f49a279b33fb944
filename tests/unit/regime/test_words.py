"""Words that reach records and files: another release must read what this one wrote."""

from __future__ import annotations

from aurora.regime import Approval, Mode, Regime, Verdict


def test_words_of_the_records() -> None:
    assert [one.value for one in Regime] == ["illiquid", "panic", "trend", "range", "neutral"]
    assert [one.value for one in Mode] == ["intraday", "position", "hybrid"]
    assert [one.value for one in Approval] == ["allowed", "trial", "forbidden"]
    assert [one.value for one in Verdict] == ["base", "kept", "earned", "suspended", "forbidden"]
