"""Makes `tests/helpers` importable; the command called in this process, and a small capture to give it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "helpers"))

from command_line import Answer

from aurora.cli import main
from aurora.testing import SyntheticSettings, generate

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def configs() -> Path:
    return ROOT / "config"


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Captures of a linked synthetic market long enough to be traded, by symbol."""
    folder = tmp_path_factory.mktemp("market")
    return generate(SyntheticSettings(seed=5, duration_s=60.0), folder).paths


@pytest.fixture
def aurora(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """`aurora("data", "info", ...)`: the command's entry point, called in this process, in a folder of its own.

    What it does not turn into an exit code itself (a crash) is the test's failure.
    """
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["aurora", *map(str, arguments)])
        capfd.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        out, err = capfd.readouterr()
        return Answer(int(code) if isinstance(code, int) else 0 if code is None else 1, out, err)

    return call
