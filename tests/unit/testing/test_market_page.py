"""docs/synthetic-market.md: its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "synthetic-market.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_of_the_page_run(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(EXAMPLES[number], f"{PAGE.name}, example {number}", "exec"), names)
    if number == 0:
        assert len(list(tmp_path.glob("captures/synthetic_*"))) == 4
    if number == 1:
        assert len(capsys.readouterr().out.splitlines()) == 3


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
