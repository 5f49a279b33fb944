"""Reads ``risk_policy.yaml``, and tells everything that is wrong with it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aurora.errors import ConfigError
from aurora.risk.policy import Policy


def describe_errors(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """All of a validation's errors, one a line: the field, the value, what is wrong, what is allowed.

    Args:
        model: where the fields' ranges are looked up; without it they are left out.
    """
    lines = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "(whole file)"
        line = f"  {place}: {item['msg']}"
        if item["type"] != "missing":
            line += f" (got {_short(item['input'])})"
        allowed = _allowed(model, item["loc"]) if model is not None else None
        lines.append(f"{line}; allowed: {allowed}" if allowed else line)
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = str(value) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _allowed(model: type[BaseModel], place: Sequence[int | str]) -> str | None:
    """What the field at ``place`` may be; for an unknown name, the names there are."""
    field: FieldInfo | None = None
    for part in place:
        if model is None:
            return None
        field = model.model_fields.get(str(part))
        if field is None:
            near = difflib.get_close_matches(str(part), model.model_fields, 3)
            return f"one of {', '.join(near or model.model_fields)}"
        inner = [a for a in (field.annotation, *get_args(field.annotation)) if isinstance(a, type)]
        model = next((a for a in inner if issubclass(a, BaseModel)), None)  # type: ignore[assignment]
    if field is None:
        return None
    if get_origin(field.annotation) is Literal:
        return " | ".join(str(value) for value in get_args(field.annotation))
    if model is not None:
        return f"names among {', '.join(model.model_fields)}"
    return _range(field)


def _range(field: FieldInfo) -> str:
    kind = "whole number" if field.annotation is int else "number"
    bounds = []
    for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
        for constraint in field.metadata:
            bound = getattr(constraint, name, None)
            if bound is not None:
                bounds.append(f"{sign} {bound}")
    return " ".join([kind, " and ".join(bounds)]).strip()


def duplicate_names(node: yaml.Node | None, place: tuple[str, ...] = ()) -> Iterator[tuple[str, int, int]]:
    """Names given twice in one mapping, with the lines of both: YAML would keep the last in silence."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            yield ".".join([*place, name]), seen[name], line
        seen.setdefault(name, line)
        yield from duplicate_names(value, (*place, name))


def load_policy(path: Path | None) -> Policy:
    """Reads a policy file; None gives the balanced preset.

    Numbers reach the limits as they are written, never through a float.

    Raises:
        ConfigError: unreadable, not YAML, or with wrong limits: all of them are listed.
    """
    if path is None:
        return Policy()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"policy {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"policy {path}: not YAML: {error}") from error
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        values = yaml.load(text, Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"policy {path}: not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"policy {path}: expected limits by name, got {type(values).__name__}")
    lines = [
        f"  {name}: given on line {first} and again on line {again}; give each limit once"
        for name, first, again in duplicate_names(node)
    ]
    policy = None
    try:
        policy = Policy.model_validate(values)
    except ValidationError as error:
        lines += describe_errors(error, Policy).splitlines()
    if lines or policy is None:
        raise ConfigError("\n".join([f"policy {path}: {len(lines)} error(s)", *lines]))
    return policy
