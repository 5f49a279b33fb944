"""The floors of the house (docs/architecture.md): who may import whom, in Python and in Rust.

Each check takes sources as a mapping from path to text, so that a planted violation can prove that it bites.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

GROUND = frozenset({"_core", "errors", "messages"})
ROOMS = frozenset(
    {"capture", "features", "engines", "regime", "signal", "tca", "risk", "gateways", "journal"}
)
UPPER = frozenset({"stages", "venue", "report", "governance"})
ABOVE_CONFIG = frozenset({"dataflow", "ops", "testing"})
EVERYTHING = GROUND | ROOMS | UPPER | ABOVE_CONFIG | {"config", "cli", "__main__"}

# From a module or package directly under `aurora` to those it may import; itself always.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "": GROUND,  # aurora/__init__.py
    **dict.fromkeys(GROUND | ROOMS, GROUND),
    **dict.fromkeys(UPPER, GROUND | ROOMS),
    "report": GROUND | {"journal", "tca"},
    "config": GROUND | ROOMS | UPPER,
    **dict.fromkeys(ABOVE_CONFIG, GROUND | ROOMS | UPPER | {"config"}),
    "cli": EVERYTHING,
    "__main__": frozenset({"cli"}),
}
# The research face drives the Market stage, from within a function (decision 0010).
RESEARCH_FACE = {"aurora/features/research.py": frozenset({"stages"})}
# Used from outside through their `__init__` alone.
CLOSED = ROOMS | {"report", "venue", "governance"}
# A third party, and the paths that may know it.
PRIVATE_LIBRARIES = {"bytewax": "aurora/dataflow/", "ccxt": "aurora/gateways/ccxt"}

CORE = "rust/aurora-core/src/"
FORBIDDEN_IN_CORE = re.compile(
    r"\b(pyo3|rand|std::(?:fs|time|net|env))\b"
    r"|\bstd::\{[^;]*\b(fs|time|net|env)\b"  # use std::{fmt, fs};
)
FORBIDDEN_CRATES = {
    "aurora-core": {"pyo3", "numpy", "rand", "redb", "flate2", "aurora-io", "aurora-py"},
    "aurora-io": {"pyo3", "numpy", "rand", "aurora-py"},
}


def imports_of(path: str, source: str) -> Iterator[tuple[int, str, str | None]]:
    """Every import as (line, module, name taken from it): relative resolved, literal dynamic ones too."""
    package = path.split("/")[:-1]
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, module, alias.name
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value, None


def names_bound(source: str) -> set[str]:
    """The names a module binds at its top level: what its `__init__` offers by intention."""
    bound: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            bound |= targets
            if "__all__" in targets and isinstance(node.value, ast.List | ast.Tuple):
                bound |= {str(item.value) for item in node.value.elts if isinstance(item, ast.Constant)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            bound.add(node.target.id)
    return bound


def floor_of(path: str) -> str:
    """`aurora/risk/policy.py` -> `risk`, `aurora/config.py` -> `config`, `aurora/__init__.py` -> ``."""
    top = path.split("/")[1].removesuffix(".pyi").removesuffix(".py")
    return "" if top == "__init__" else top


def python_violations(sources: Mapping[str, str]) -> list[str]:
    """Each import in `aurora/**` that goes where it may not, as one sentence with file and line."""
    found: list[str] = []
    for path, source in sources.items():
        floor = floor_of(path)
        if floor not in MAY_IMPORT:
            found.append(f"{path}: `aurora.{floor}` stands on no floor; give it one in MAY_IMPORT")
            continue
        for line, module, name in imports_of(path, source):
            parts = module.split(".")
            where = f"{path}:{line}"
            owner = PRIVATE_LIBRARIES.get(parts[0])
            if owner and not path.startswith(owner):
                found.append(f"{where}: only {owner}* may import {parts[0]}")
            if parts[0] != "aurora":
                continue
            if len(parts) == 1:
                if name is None or name == "*":
                    found.append(f"{where}: `aurora` as a whole hides what is used of it")
                    continue
                if name.startswith("__"):
                    continue
                parts, name = ["aurora", name], None
            target = parts[1]
            if target == floor:
                continue
            if target not in MAY_IMPORT[floor] | RESEARCH_FACE.get(path, frozenset()):
                found.append(f"{where}: `{floor or 'aurora'}` may not import `{target}`")
            if target in CLOSED:
                room = f"aurora/{target}/"
                beyond = len(parts) > 2 or (
                    name is not None
                    and (f"{room}{name}.py" in sources or f"{room}{name}/__init__.py" in sources)
                    and name not in names_bound(sources.get(f"{room}__init__.py", ""))
                )
                if beyond:
                    found.append(f"{where}: `{target}` is used through its `__init__` alone")
    return found


def rust_violations(sources: Mapping[str, str]) -> list[str]:
    """Each line of the core that knows Python, files, clocks, the network or ambient randomness."""
    found: list[str] = []
    for path, source in sources.items():
        if not path.startswith(CORE):
            continue
        # Comments may name what the code may not; blanking keeps the line numbers.
        code = re.sub(r"//[^\n]*", "", source)
        for match in FORBIDDEN_IN_CORE.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: the core may not know {match.group(1) or 'std::' + match.group(2)}")
    if "#![forbid(unsafe_code)]" not in sources.get(f"{CORE}lib.rs", ""):
        found.append(f"{CORE}lib.rs: forbid(unsafe_code) is missing")
    return found


def crate_violations(manifests: Mapping[str, str]) -> list[str]:
    """Each dependency of a crate on what its floor may not know; development dependencies are free."""
    found: list[str] = []
    for path, text in manifests.items():
        manifest = tomllib.loads(text)
        name = manifest["package"]["name"]
        for crate in sorted(FORBIDDEN_CRATES.get(name, set()) & set(manifest.get("dependencies", {}))):
            found.append(f"{path}: `{name}` may not depend on `{crate}`")
    return found


def read_tree(base: Path, *patterns: str) -> dict[str, str]:
    files = sorted(path for pattern in patterns for path in base.rglob(pattern) if "target" not in path.parts)
    return {path.relative_to(base).as_posix(): path.read_text(encoding="utf-8") for path in files}


# The house as it stands.


def test_python_keeps_its_floors() -> None:
    package = read_tree(ROOT / "python" / "aurora", "*.py", "*.pyi")
    assert "__init__.py" in package
    assert python_violations({f"aurora/{path}": source for path, source in package.items()}) == []


def test_the_core_is_pure() -> None:
    sources = {f"rust/{path}": source for path, source in read_tree(ROOT / "rust", "*.rs").items()}
    assert f"{CORE}lib.rs" in sources
    assert rust_violations(sources) == []


def test_crates_keep_their_floors() -> None:
    manifests = read_tree(ROOT / "rust", "Cargo.toml")
    assert {"aurora-core/Cargo.toml", "aurora-io/Cargo.toml"} <= manifests.keys()
    assert crate_violations(manifests) == []


# Each rule bites: a planted violation is named, and what is allowed passes.

HOUSE = {
    "aurora/__init__.py": "from aurora.errors import AuroraError\n",
    "aurora/capture/__init__.py": "from .reader import Reader\n",
    "aurora/capture/reader.py": "class Reader: ...\n",
    "aurora/features/__init__.py": "from .compute import compute\n",
    "aurora/features/compute.py": "def compute(): ...\n",
}


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        # third parties
        ("aurora/stages/graph.py", "import bytewax", "only aurora/dataflow/* may import bytewax"),
        ("aurora/cli/replay.py", "from bytewax.dataflow import Dataflow", "may import bytewax"),
        (
            "aurora/cli/replay.py",
            "import importlib\nimportlib.import_module('bytewax.run')",
            "may import bytewax",
        ),
        ("aurora/ops/doctor.py", "import ccxt.pro", "only aurora/gateways/ccxt* may import ccxt"),
        ("aurora/gateways/recorded.py", "import ccxt", "may import ccxt"),
        # rooms are strangers
        (
            "aurora/engines/lead_lag.py",
            "from aurora.features import compute",
            "`engines` may not import `features`",
        ),
        ("aurora/risk/sizing.py", "from ..tca import ExAnte", "`risk` may not import `tca`"),
        ("aurora/risk/sizing.py", "from .. import journal", "`risk` may not import `journal`"),
        (
            "aurora/signal/score.py",
            "def late():\n    import aurora.engines",
            "`signal` may not import `engines`",
        ),
        ("aurora/journal/chain.py", "from aurora import report", "`journal` may not import `report`"),
        # settings come by constructor
        ("aurora/risk/policy.py", "from aurora.config import Config", "`risk` may not import `config`"),
        ("aurora/stages/desk.py", "from aurora.config import Config", "`stages` may not import `config`"),
        # nothing below looks up
        ("aurora/messages.py", "from aurora.capture import Reader", "`messages` may not import `capture`"),
        ("aurora/__init__.py", "from aurora.features import compute", "`aurora` may not import `features`"),
        ("aurora/capture/files.py", "from aurora.stages import Market", "`capture` may not import `stages`"),
        ("aurora/report/html.py", "from aurora.risk import Policy", "`report` may not import `risk`"),
        ("aurora/stages/graph.py", "from aurora.report import tearsheet", "`stages` may not import `report`"),
        (
            "aurora/stages/graph.py",
            "from aurora.dataflow import replay",
            "`stages` may not import `dataflow`",
        ),
        ("aurora/config.py", "from aurora.dataflow import replay", "`config` may not import `dataflow`"),
        ("aurora/dataflow/flow.py", "from aurora.ops import doctor", "`dataflow` may not import `ops`"),
        ("aurora/dataflow/flow.py", "from aurora.cli import main", "`dataflow` may not import `cli`"),
        (
            "aurora/features/kernel.py",
            "from aurora.testing import market",
            "`features` may not import `testing`",
        ),
        (
            "aurora/dataflow/flow.py",
            "from aurora.testing import market",
            "`dataflow` may not import `testing`",
        ),
        # the front door
        ("aurora/stages/market.py", "from aurora.capture.reader import Reader", "`capture` is used through"),
        ("aurora/stages/market.py", "import aurora.capture.reader", "`capture` is used through"),
        ("aurora/cli/data.py", "from aurora.capture import reader", "`capture` is used through"),
        ("aurora/cli/data.py", "import aurora", "`aurora` as a whole"),
        ("aurora/cli/data.py", "from aurora import *", "`aurora` as a whole"),
        # a newcomer is placed by decision
        ("aurora/helpers.py", "", "`aurora.helpers` stands on no floor"),
    ],
)
def test_a_planted_import_is_named(path: str, source: str, complaint: str) -> None:
    found = python_violations({**HOUSE, path: source})
    assert len(found) == 1, found
    assert complaint in found[0]
    assert found[0].startswith(path)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "aurora/dataflow/flow.py",
            "from bytewax.dataflow import Dataflow\nfrom aurora.config import Config",
        ),
        ("aurora/gateways/ccxt.py", "import ccxt"),
        ("aurora/gateways/ccxt/venue.py", "import ccxt.async_support"),
        (
            "aurora/capture/files.py",
            "import polars\nfrom aurora import _core, __version__\nfrom .reader import Reader",
        ),
        (
            "aurora/capture/files.py",
            "from aurora.capture.reader import Reader\nfrom aurora.messages import Slice",
        ),
        ("aurora/report/html.py", "from aurora.tca import split\nfrom aurora.journal import read"),
        ("aurora/stages/market.py", "from aurora.capture import Reader\nfrom aurora.features import compute"),
        ("aurora/config.py", "from aurora.risk import Policy\nfrom aurora.stages import Settings"),
        ("aurora/testing/market.py", "from aurora.stages import GRAPH\nfrom aurora.config import Config"),
        ("aurora/engines/__init__.py", "__all__ = ['lead_lag']\ndef __getattr__(name): ..."),
        ("aurora/cli/demo.py", "from aurora.testing.market import write\nfrom aurora.dataflow import run"),
        ("aurora/__main__.py", "from aurora.cli import main"),
    ],
)
def test_an_allowed_import_passes(path: str, source: str) -> None:
    assert python_violations({**HOUSE, path: source}) == []


PURE = {f"{CORE}lib.rs": "#![forbid(unsafe_code)]\n"}


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("use pyo3::prelude::*;", "pyo3"),
        ("\n\nlet now = std::time::Instant::now();", "std::time"),
        ("use std::fs::File;", "std::fs"),
        ("use std::net::TcpStream;", "std::net"),
        ('let home = std::env::var("HOME");', "std::env"),
        ("use rand::Rng;", "rand"),
        ("use std::{\n    fmt,\n    time::Duration,\n};", "std::time"),
    ],
)
def test_a_planted_impurity_is_named(source: str, complaint: str) -> None:
    found = rust_violations({**PURE, f"{CORE}book/mod.rs": source})
    assert len(found) == 1, found
    assert found[0].startswith(f"{CORE}book/mod.rs:")
    assert found[0].endswith(complaint)


def test_a_pure_core_passes() -> None:
    source = "//! Never std::time: time is an argument.\nuse std::{fmt, iter};\nlet operand = random(seed);\n"
    assert rust_violations({**PURE, f"{CORE}a.rs": source, "rust/aurora-io/src/lib.rs": "use std::fs;"}) == []


def test_unsafe_code_must_be_forbidden() -> None:
    assert rust_violations({f"{CORE}lib.rs": "#![deny(unsafe_code)]"}) == [
        f"{CORE}lib.rs: forbid(unsafe_code) is missing"
    ]


def test_a_planted_dependency_is_named() -> None:
    manifest = '[package]\nname = "aurora-core"\n[dependencies]\nrand = "1"\n[dev-dependencies]\nredb = "4"\n'
    assert crate_violations({"aurora-core/Cargo.toml": manifest}) == [
        "aurora-core/Cargo.toml: `aurora-core` may not depend on `rand`"
    ]
