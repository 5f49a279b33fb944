"""The page of reason codes, the Rust table and the Python that produces codes say the same."""

import re
from pathlib import Path

import aurora
from aurora._core import reason_codes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reason-codes.md"


def test_the_page_lists_every_code_with_its_meaning() -> None:
    listed = re.findall(r"^\| `([a-z._]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert listed == reason_codes()


def test_python_produces_no_code_that_the_table_does_not_know() -> None:
    known = {code for code, _ in reason_codes()}
    package = Path(aurora.__file__).parent
    used = {
        code
        for path in package.rglob("*.py")
        for code in re.findall(r'"((?:deny|trade)\.[a-z_]+)"', path.read_text())
    }
    assert used, "the desk names codes"
    assert used <= known
