"""Holds the numbers of a settings class against a table: default, and the interval that is accepted."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

Table = dict[str, tuple[float | str | None, str]]
"""By field: its default, and an interval as `[0, 1)` or `(0, inf)`. Defaults of decimals are text."""
SMALLEST_DECIMAL = Decimal("1e-18")


def numbers_of(model: type[BaseModel]) -> dict[str, type[int | float | Decimal]]:
    """The fields that are numbers, with their type."""
    found = {}
    for name, field in model.model_fields.items():
        kinds = get_args(field.annotation) or (field.annotation,)
        for kind in kinds:
            if kind in (int, float, Decimal):
                found[name] = kind
    return found


def is_refused(model: type[BaseModel], field: str, value: Any) -> bool:
    """Whether a value is refused for itself, whatever it may contradict."""
    try:
        model(**{field: value})
    except ValidationError as errors:
        return any(e["loc"] == (field,) and e["type"] != "contradiction" for e in errors.errors())
    return False


def beside(value: Any, towards: float) -> Any:
    """The next number that a field can hold."""
    if isinstance(value, float):
        return math.nextafter(value, towards)
    step = SMALLEST_DECIMAL if isinstance(value, Decimal) else 1
    return value + step if towards > value else value - step


def check_numbers(model: type[BaseModel], table: Table) -> None:
    """Each number has the default and the interval of the table, and the table has each number."""
    kinds = numbers_of(model)
    assert set(kinds) == set(table)
    made = model()
    for field, (default, interval) in table.items():
        kind = kinds[field]
        assert getattr(made, field) == (Decimal(default) if isinstance(default, str) else default), field
        low, high = interval[1:-1].split(", ")
        for end, opened, outwards in (
            (low, interval[0] == "(", -math.inf),
            (high, interval[-1] == ")", math.inf),
        ):
            if end == "inf":
                assert not is_refused(model, field, kind(1e300)), f"{field} has no end"
                continue
            value = kind(end)
            last = beside(value, -outwards) if opened else value
            first_refused = value if opened else beside(value, outwards)
            assert not is_refused(model, field, last), f"{field} = {last}"
            assert is_refused(model, field, first_refused), f"{field} = {first_refused}"


def check_strict(model: type[BaseModel]) -> None:
    """Unknown names and numbers that are none are refused, and nothing can be changed."""
    with pytest.raises(ValidationError):
        model(surprise=1)
    made: Any = model()
    for name in model.model_fields:
        with pytest.raises(ValidationError):
            setattr(made, name, getattr(made, name))
    for name, kind in numbers_of(model).items():
        if kind is not int:
            assert is_refused(model, name, kind("nan")), name
            assert is_refused(model, name, kind("inf")), name
        if kind is Decimal:
            assert is_refused(model, name, Decimal("0.1000000000000000001")), f"{name} has 19 places"
