"""docs/features.md: its tables are the catalogue's, and its examples run.

The table of features is generated: `python tests/unit/features/test_features_page.py` writes it anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from entry_point_package import install

from aurora.features import CATALOGUE, UNDEFINED_REASONS, compute
from aurora.testing import SyntheticSettings, generate

PAGE = Path(__file__).resolve().parents[3] / "docs" / "features.md"
MARKED = re.compile(r"(<!-- catalogue -->\n).*?(<!-- /catalogue -->)", re.DOTALL)
OWN = re.compile(r"<!-- own-feature: (\S+) -->\n```python\n(.*?)```", re.DOTALL)


def catalogue_table() -> str:
    rows = ["| feature | unit | driven by | what it is |", "|---|---|---|---|"]
    for info in CATALOGUE.values():
        name = f"`{info.name}`" + (" (fixed)" if info.fixed else "")
        about = info.about.replace("|", "\\|").replace("*", "\\*")
        rows.append(f"| {name} | {info.unit} | {info.group} | {about} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    return MARKED.sub(lambda found: found[1] + catalogue_table() + found[2], page)


def test_the_table_is_the_catalogue() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert MARKED.search(page)
    assert page == with_table(page), f"write it anew: python {Path(__file__).name}"


def test_every_reason_is_explained() -> None:
    reasons = PAGE.read_text(encoding="utf-8").split("| reason |", 1)[1].split("\n\n", 1)[0]
    assert re.findall(r"^\| `([a-z_]+)` \| \w", reasons, re.MULTILINE) == list(UNDEFINED_REASONS.values())


def own_feature() -> dict[str, str]:
    return dict(OWN.findall(PAGE.read_text(encoding="utf-8")))


def test_the_feature_of_the_page_passes_its_own_test(tmp_path: Path) -> None:
    files = own_feature()
    assert set(files) == {"my_features.py", "test_my_features.py"}
    for name, source in files.items():
        (tmp_path / name).write_text(source, encoding="utf-8")
    search = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_features.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_feature_of_the_page_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    [(name, target)] = re.findall(r'^(\w+) = "(my_features:\w+)"$', page, re.MULTILINE)
    folder = install(tmp_path / "site", "my_features", own_feature()["my_features.py"], {name: target})
    monkeypatch.syspath_prepend(str(folder))
    made = SyntheticSettings(seed=2, duration_s=20.0, followers=(), controls=())
    frame = compute(generate(made, tmp_path).paths["SOLUSDT"], ["mid", name], "1s")
    moved = frame["mid"].diff().to_list()[1:]
    assert frame[name].to_list()[1:] == pytest.approx(moved, nan_ok=True)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
