"""What the room hands out cannot be changed by who receives it."""

from __future__ import annotations

import dataclasses

import pytest

import aurora.signal as room

LEDGERS = {"Performance"}
HANDED_OUT = [
    value
    for name, value in vars(room).items()
    if isinstance(value, type) and dataclasses.is_dataclass(value) and name not in LEDGERS
]


@pytest.mark.parametrize("kind", HANDED_OUT, ids=lambda kind: kind.__name__)
def test_messages_are_frozen_and_slotted(kind: type) -> None:
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)


def test_everything_public_has_a_docstring() -> None:
    for name in room.__all__:
        value = getattr(room, name)
        if callable(value) and getattr(value, "__module__", "").startswith("aurora"):
            assert (value.__doc__ or "").strip(), name
