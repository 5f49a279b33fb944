"""State as plain JSON: a kind, a version, and floats as hexadecimal text, which gives back the same bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aurora.errors import RecoveryError


def versioned(kind: str, version: int, **fields: Any) -> dict[str, Any]:
    """A state that :func:`fields_of` will take back."""
    return {"kind": kind, "version": version, **fields}


def fields_of(state: Any, kind: str, version: int, *names: str) -> list[Any]:
    """The named fields of a state.

    Raises:
        RecoveryError: another kind or version, or a field is missing.
    """
    if not isinstance(state, dict) or state.get("kind") != kind:
        found = state.get("kind") if isinstance(state, dict) else type(state).__name__
        raise RecoveryError(f"state of {found}, expected {kind}")
    if state.get("version") != version:
        raise RecoveryError(f"state of {kind} has version {state.get('version')}, expected {version}")
    missing = [name for name in names if name not in state]
    if missing:
        raise RecoveryError(f"state of {kind} has no {', '.join(missing)}")
    return [state[name] for name in names]


def to_hex(values: Iterable[float]) -> list[str]:
    return [float(value).hex() for value in values]


def from_hex(texts: Iterable[str]) -> list[float]:
    return [float.fromhex(text) for text in texts]
