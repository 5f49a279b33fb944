"""A package with an entry point, as an installer leaves it: modules beside a `.dist-info` folder."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent


def install(
    folder: Path, module: str, source: str, entry_points: dict[str, str], group: str = "aurora.features"
) -> Path:
    """Writes the module and the metadata of a distribution of that name; puts nothing on `sys.path`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    rows = "".join(f"{name} = {target}\n" for name, target in entry_points.items())
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{rows}")
    return folder
