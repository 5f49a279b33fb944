"""What a mutant is called, where it is, and how a process comes to import it."""

import ast
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed source of one module."""

    file: str
    """From the root of the repository, as `python/aurora/risk/kelly.py`."""
    source: str
    name: str
    line: int
    """The first line that differs, from 1."""
    first: int
    last: int
    """The lines of the function around it, decorators included; of the whole file where there is none."""
    in_function: bool

    @classmethod
    def of(cls, file: str, original: str, source: str) -> "Mutant":
        """Finds out what differs."""
        old, new = original.splitlines(), source.splitlines()
        changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        _, low, high, new_low, new_high = next(change for change in changes if change[0] != "equal")
        line = low + 1
        around = max((f for f in functions(original) if f.first <= line <= f.last), default=None)
        place = "" if around is None else f" in {around.name}"
        was, now = (joined(lines) or "nothing" for lines in (old[low:high], new[new_low:new_high]))
        first, last = (1, len(old)) if around is None else (around.first, around.last)
        return cls(
            file, source, f"{file}:{line}: {was} -> {now}{place}", line, first, last, around is not None
        )

    @property
    def module(self) -> str:
        """The dotted name."""
        parts = Path(self.file).with_suffix("").parts[1:]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@dataclass(frozen=True, slots=True, order=True)
class Function:
    """A function's lines; of two that hold a line the later is the inner one."""

    first: int
    last: int
    name: str


def functions(source: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield Function(first, node.end_lineno or node.lineno, node.name)


def joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


class Serve(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports a mutant in the place of its module; no file is changed and no bytecode kept."""

    def __init__(self, mutant: Mutant, tree: Path):
        self._module = mutant.module
        self._path = str(tree / mutant.file)
        self._source = mutant.source.encode()

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str) -> bytes:
        return self._source
