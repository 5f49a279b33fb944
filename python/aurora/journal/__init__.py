"""Why: every decision on disk, hash-chained, with the orders, fills and outcomes that its trace links.

:class:`JournalWriter` appends, :class:`Journal` reads, verifies and explains.
"""

from __future__ import annotations

from .exact import EXACT, InstrumentInfo, plain, utc
from .explain import Explanation
from .reader import Journal, TraceNotFound
from .storage import write_atomic
from .trades import TradeResult, trade_result
from .verify import ChainCheck, Verification
from .writer import JournalWriter

__all__ = [
    "EXACT",
    "ChainCheck",
    "Explanation",
    "InstrumentInfo",
    "Journal",
    "JournalWriter",
    "TraceNotFound",
    "TradeResult",
    "Verification",
    "plain",
    "trade_result",
    "utc",
    "write_atomic",
]
