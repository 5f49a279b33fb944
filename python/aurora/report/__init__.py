"""What happened: a self-contained tearsheet of a run, and its numbers as pure functions."""

from __future__ import annotations

from .metrics import (
    CostSplit,
    Drawdown,
    ReliabilityBin,
    Trade,
    TradeTotals,
    cost_split,
    drawdown,
    reliability,
    resolved,
    trade_totals,
    trades,
)
from .tearsheet import render_tearsheet

__all__ = [
    "CostSplit",
    "Drawdown",
    "ReliabilityBin",
    "Trade",
    "TradeTotals",
    "cost_split",
    "drawdown",
    "reliability",
    "render_tearsheet",
    "resolved",
    "trade_totals",
    "trades",
]
