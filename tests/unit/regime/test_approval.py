"""The approval matrix: complete, typed, and held against the engines there are."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from aurora.errors import ConfigError
from aurora.regime import DEFAULT_ROWS, Approval, ApprovalMatrix, Regime

# Trend, range, neutral: a is allowed, t on trial, f forbidden.
CELLS = {
    "lead_lag": "aaa",
    "intraday_momentum": "aft",
    "opening_range_breakout": "afa",
    "volume_spike": "ata",
    "relative_strength": "ata",
    "vwap_reversion": "faa",
    "quick_reversion": "fat",
    "cross_sectional_momentum": "ata",
    "time_series_momentum": "afa",
    "cross_sectional_reversion": "faa",
    "quality": "aaa",
    "carry": "aaa",
    "trend": "aft",
    "macro": "aaa",
}
ROW = {regime: Approval.TRIAL for regime in Regime}


def test_defaults() -> None:
    matrix = ApprovalMatrix()
    assert set(matrix.rows) == set(DEFAULT_ROWS)
    for engine in [*DEFAULT_ROWS, "mine"]:
        for regime in (Regime.PANIC, Regime.ILLIQUID):
            assert matrix.approval(engine, regime) is Approval.FORBIDDEN
    for regime in (Regime.TREND, Regime.RANGE, Regime.NEUTRAL):
        assert matrix.approval("lead_lag", regime) is Approval.ALLOWED
        assert matrix.approval("mine", regime) is Approval.ALLOWED
        allowed = [engine for engine in DEFAULT_ROWS if matrix.approval(engine, regime) is Approval.ALLOWED]
        assert len(allowed) >= 5, "every regime that trades has engines to vote"
    # Faders do not vote in a trend, followers not in a range.
    assert matrix.approval("vwap_reversion", Regime.TREND) is Approval.FORBIDDEN
    assert matrix.approval("trend", Regime.RANGE) is Approval.FORBIDDEN


def test_the_default_matrix_cell_by_cell() -> None:
    regimes = (Regime.TREND, Regime.RANGE, Regime.NEUTRAL)
    words = {"a": "allowed", "t": "trial", "f": "forbidden"}
    for name, cells in {**CELLS, "anything else": "aaa"}.items():
        assert [ApprovalMatrix().approval(name, regime) for regime in regimes] == [words[c] for c in cells]
    assert set(DEFAULT_ROWS) == set(CELLS)


def test_rows_are_read_from_plain_values() -> None:
    text = json.dumps({"rows": {"mine": {regime.value: "trial" for regime in Regime}}})
    matrix = ApprovalMatrix.model_validate_json(text)
    assert matrix.approval("mine", Regime.TREND) is Approval.TRIAL
    assert matrix.approval("lead_lag", Regime.TREND) is Approval.ALLOWED, "the row of others"
    again = ApprovalMatrix.model_validate_json(matrix.model_dump_json())
    assert again == matrix
    assert matrix.table() == [{"engine": "mine", **{regime.value: "trial" for regime in Regime}}]
    assert [row["engine"] for row in ApprovalMatrix().table()] == sorted(DEFAULT_ROWS)


def test_what_is_wrong_is_refused_all_at_once() -> None:
    lacking = {regime: Approval.ALLOWED for regime in (Regime.TREND, Regime.PANIC)}
    with pytest.raises(ValidationError) as error:
        ApprovalMatrix(rows={"a": lacking, "": ROW}, others={})
    for text in ("a lacks illiquid, range, neutral", "name is empty", "others lacks illiquid, panic"):
        assert text in str(error.value)
    for bad in ({"mine": {**ROW, "storm": "allowed"}}, {"mine": {**ROW, "trend": "maybe"}}):
        with pytest.raises(ValidationError):
            ApprovalMatrix.model_validate({"rows": bad})
    with pytest.raises(ValidationError):
        ApprovalMatrix.model_validate({"row": {}})


def test_names_of_engines_are_checked() -> None:
    matrix = ApprovalMatrix(rows={"mine": ROW, "zeta": ROW, "lead_lag": ROW})
    matrix.check_names(["mine", "zeta"])
    with pytest.raises(ConfigError, match="called mine, zeta"):
        matrix.check_names(["lead_lag"])
    ApprovalMatrix().check_names([])
