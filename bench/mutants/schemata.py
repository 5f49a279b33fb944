"""Many mutants in one source: each stands beside the original, and a number chosen at the start of the process says
which of the two is executed.

A build of the crate takes minutes and its tests take seconds, so a sample that is built once instead of once for each
mutant is measured many times as fast. The mutants are those of ``cargo mutants --list --json``; their places are found
in the syntax tree of tree-sitter. (Untch, Offutt, Harrold, "Mutation analysis using mutant schemata", 1993.)
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

CHOICE = """//! Which mutant this process executes.

use std::sync::OnceLock;

static CHOSEN: OnceLock<usize> = OnceLock::new();

pub fn is(number: usize) -> bool {
    let parse = || std::env::var("AURORA_MUTATION").ok()?.parse().ok();
    *CHOSEN.get_or_init(|| parse().unwrap_or(0)) == number
}
"""
"""Module ``mutation`` of a crate that bears mutants; number 0 is the original."""

_CALL = re.compile(r"crate::mutation::is\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change that cargo-mutants proposes; lines and columns count from 1, in characters."""

    number: int
    name: str
    file: str
    genre: str
    replacement: str
    start: tuple[int, int]
    end: tuple[int, int]
    function: str

    @staticmethod
    def parse(number: int, row: dict[str, Any]) -> "Mutant":
        start, end = row["span"]["start"], row["span"]["end"]
        return Mutant(
            number=number,
            name=row["name"],
            file=row["file"],
            genre=row["genre"],
            replacement=row["replacement"],
            start=(start["line"], start["column"]),
            end=(end["line"], end["column"]),
            function=(row["function"] or {}).get("function_name", ""),
        )


def position(text: str, place: tuple[int, int]) -> int:
    """Byte of a line and column."""
    lines = text.split("\n")
    before = sum(len(line.encode()) + 1 for line in lines[: place[0] - 1])
    return before + len(lines[place[0] - 1][: place[1] - 1].encode())


def replaced(text: str, mutant: Mutant) -> str:
    """The source with one mutant in the place of the original."""
    source = text.encode()
    start, end = position(text, mutant.start), position(text, mutant.end)
    return (source[:start] + mutant.replacement.encode() + source[end:]).decode()


Inner = Callable[[Node], str]
"""Text of a node with the mutants inside it."""


@dataclass(slots=True)
class _Edit:
    """What stands in the place of bytes ``start`` to ``end``; of no length where something is inserted."""

    start: int
    end: int
    write: Callable[[Inner, list[Mutant]], str]
    mutants: list[Mutant]


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _is(mutant: Mutant) -> str:
    return f"crate::mutation::is({mutant.number})"


def _otherwise(choices: Iterable[tuple[Mutant, str]], original: str) -> str:
    tests = "".join(f"if {_is(mutant)} {{ {text} }} else " for mutant, text in choices)
    return f"{tests}{{ {original} }}"


def _field(node: Node, name: str) -> Node:
    child = node.child_by_field_name(name)
    if child is None:
        raise LookupError(f"{node.type} at {node.start_point} has no {name}")
    return child


class Source:
    """One file and where its mutants go."""

    def __init__(self, text: str):
        self._text = text
        self._bytes = text.encode()
        self._nodes = list(_walk(Parser(Language(tree_sitter_rust.language())).parse(self._bytes).root_node))

    def with_all(self, mutants: list[Mutant]) -> tuple[str, list[Mutant]]:
        """The source with all mutants that find a place, and those that find none."""
        edits: dict[tuple[int, int, str], _Edit] = {}
        homeless = []
        for mutant in mutants:
            edit = self._edit(mutant)
            if edit is None:
                homeless.append(mutant)
                continue
            key = (edit.start, edit.end, mutant.genre)
            edits.setdefault(key, edit).mutants.append(mutant)
        # A guard contains the comparison that it consists of.
        ranks = {"MatchArmGuard": 0}
        ordered = sorted(edits.items(), key=lambda item: (item[0][0], -item[0][1], ranks.get(item[0][2], 1)))
        written = self._render(0, len(self._bytes), [edit for _, edit in ordered], 0)
        return written, homeless

    def _render(self, start: int, end: int, edits: list[_Edit], first: int) -> str:
        parts = []
        at = start
        for index in range(first, len(edits)):
            edit = edits[index]
            if edit.start < at or edit.end > end:
                continue

            def inner(node: Node, after: int = index + 1) -> str:
                return self._render(node.start_byte, node.end_byte, edits, after)

            parts.append(self._bytes[at : edit.start].decode())
            parts.append(edit.write(inner, edit.mutants))
            at = edit.end
        parts.append(self._bytes[at:end].decode())
        return "".join(parts)

    def _edit(self, mutant: Mutant) -> _Edit | None:
        start, end = position(self._text, mutant.start), position(self._text, mutant.end)
        match mutant.genre:
            case "FnValue":
                return self._of_function(start, end)
            case "BinaryOperator" | "UnaryOperator":
                return self._of_operator(start, end)
            case "MatchArm":
                return self._of_arm(start)
            case "MatchArmGuard":
                return self._of_guard(start, end)
            case "StructField":
                return self._of_field(start)
        return None

    def _of_function(self, start: int, end: int) -> _Edit | None:
        bodies = [
            _field(node, "body")
            for node in self._nodes
            if node.type == "function_item" and node.start_byte <= start and end <= node.end_byte
        ]
        if not bodies:
            return None
        at = max(body.start_byte for body in bodies if body.start_byte <= start) + 1

        def write(_: Inner, mutants: list[Mutant]) -> str:
            return "".join(f" if {_is(one)} {{ return {one.replacement}; }}" for one in mutants)

        return _Edit(at, at, write, [])

    def _of_operator(self, start: int, end: int) -> _Edit | None:
        tokens = (node for node in self._nodes if (node.start_byte, node.end_byte) == (start, end))
        token = next((node for node in tokens if not node.is_named), None)
        parent = None if token is None else token.parent
        if parent is None:
            return None
        kind = parent.type
        operator = self._bytes[start:end].decode()
        if kind == "unary_expression":
            operand = parent.children[1]

            def write(inner: Inner, mutants: list[Mutant]) -> str:
                text = f"({inner(operand)})"
                return f"({_otherwise(((one, text) for one in mutants), operator + text)})"

        elif kind in ("binary_expression", "compound_assignment_expr"):
            left, right = _field(parent, "left"), _field(parent, "right")

            def write(inner: Inner, mutants: list[Mutant]) -> str:
                whole = kind == "binary_expression"
                first = f"({inner(left)})" if whole else inner(left)
                second = f"({inner(right)})"
                choices = ((one, f"{first} {one.replacement} {second}") for one in mutants)
                text = _otherwise(choices, f"{first} {operator} {second}")
                return f"({text})" if whole else text

        else:
            return None
        return _Edit(parent.start_byte, parent.end_byte, write, [])

    def _of_arm(self, start: int) -> _Edit | None:
        arms = (node for node in self._nodes if node.type == "match_arm")
        arm = next((node for node in arms if node.start_byte == start), None)
        if arm is None:
            return None
        pattern = _field(arm, "pattern")

        def write(_: Inner, mutants: list[Mutant]) -> str:
            return " if " + " && ".join(f"!{_is(one)}" for one in mutants)

        return _Edit(pattern.end_byte, pattern.end_byte, write, [])

    def _of_guard(self, start: int, end: int) -> _Edit | None:
        patterns = (node for node in self._nodes if node.type == "match_pattern")
        guards = (node.child_by_field_name("condition") for node in patterns)
        same = (node for node in guards if node is not None and node.start_byte == start)
        guard = next((node for node in same if node.end_byte == end), None)
        if guard is None or guard.type in ("let_chain", "let_condition"):
            return None

        def write(inner: Inner, mutants: list[Mutant]) -> str:
            return f"({_otherwise(((one, one.replacement) for one in mutants), inner(guard))})"

        return _Edit(start, end, write, [])

    def _of_field(self, start: int) -> _Edit | None:
        kinds = ("field_initializer", "shorthand_field_initializer")
        fields = (node for node in self._nodes if node.type in kinds)
        field = next((node for node in fields if node.start_byte == start), None)
        if field is None or field.parent is None:
            return None
        rest = next(node for node in field.parent.children if node.type == "base_field_initializer")
        base = rest.named_children[0]
        if field.type == kinds[0]:
            name, value = _field(field, "field"), _field(field, "value")
        else:
            name = value = field.named_children[0]

        def write(inner: Inner, mutants: list[Mutant]) -> str:
            label = self._bytes[name.start_byte : name.end_byte].decode()
            text = f"({self._bytes[base.start_byte : base.end_byte].decode()}).{label}"
            return f"{label}: {_otherwise(((one, text) for one in mutants), inner(value))}"

        return _Edit(field.start_byte, field.end_byte, write, [])


def numbers_in(text: str) -> list[int]:
    """Mutants that stand in a piece of written source."""
    return [int(number) for number in _CALL.findall(text)]
