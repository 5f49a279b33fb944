"""Numbers as the page shows them; what is undefined is a dash."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from aurora.journal import plain

NONE = "\N{EM DASH}"
"""What an undefined number looks like."""


def whole(value: Any) -> str:
    """A whole number with thousands separators."""
    return f"{value:,}" if isinstance(value, int) else NONE


def percent(value: float | None, digits: int = 1) -> str:
    """A share as per cent."""
    return NONE if value is None else f"{value:.{digits}%}"


def two(value: float | None) -> str:
    """A number to two decimals."""
    return NONE if value is None else f"{value:,.2f}"


def price(value: Decimal | None) -> str:
    """A price to eight decimals, without trailing zeros."""
    return NONE if value is None else plain(round(value, 8))


def money(value: Any) -> tuple[str, str]:
    """Text and style of money given as a number or as decimal text."""
    try:
        number = Decimal(str(value))
        text = f"{number:,.2f}"
    except ArithmeticError:
        return NONE, ""
    return text, "good" if number > 0 else "bad" if number < 0 else ""


def fact(value: Any) -> str:
    """Whatever a data grade holds, as one cell."""
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value, default=str)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def sentences(value: Any) -> str:
    """A list of sentences as one cell."""
    return "; ".join(map(str, value)) if isinstance(value, list) and value else NONE
