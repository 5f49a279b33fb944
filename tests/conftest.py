"""What every test may ask for: the captures, and one clear sentence when there are none."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NO_CAPTURES = "no captures"


def captures_folder() -> Path:
    """The folder of real captures: `AURORA_CAPTURES`, else `../shared/data` beside the repository."""
    named = os.environ.get("AURORA_CAPTURES")
    return Path(named).expanduser().resolve() if named else ROOT.parent / "shared" / "data"


def in_ci() -> bool:
    return os.environ.get("CI", "").strip().lower() in {"1", "true", "yes"}


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real captures. Without it a test skips; in CI it fails instead."""
    folder = captures_folder()
    if folder.is_dir():
        return folder
    if in_ci():
        pytest.fail(f"{NO_CAPTURES} in {folder}: CI may not skip the tests that need them", pytrace=False)
    pytest.skip(f"{NO_CAPTURES} in {folder}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "captures: needs real captures (set on every user of the fixture)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "captures" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.captures)


def skip_reasons(reports: list[object]) -> Iterator[str]:
    for report in reports:
        where = getattr(report, "longrepr", None)
        if isinstance(where, tuple) and len(where) == 3:
            yield str(where[2])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in skip_reasons(terminalreporter.stats.get("skipped", [])) if NO_CAPTURES in r]
    if skipped:
        terminalreporter.write_line(
            f"skipped {len(skipped)}: {NO_CAPTURES} in {captures_folder()} (AURORA_CAPTURES names another)",
            yellow=True,
        )
