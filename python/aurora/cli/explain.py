"""``aurora explain``: the story of one decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora._core import reason_codes
from aurora.cli.output import print_json
from aurora.errors import UsageError
from aurora.journal import Journal


def newest_run() -> Path:
    """The run directory written last under ``out`` or ``demo-out``.

    Raises:
        UsageError: there is none.
    """
    candidates = [path.parent for top in ("out", "demo-out") for path in Path(top).glob("**/journal.json")]
    if not candidates:
        raise UsageError("no run found under out/ or demo-out/; name one with --run DIR")
    return max(candidates, key=lambda path: (path / "journal.json").stat().st_mtime)


def explain(
    trace: Annotated[str, typer.Argument(help="Trace id, or a unique beginning of one")],
    run: Annotated[Path | None, typer.Option(help="Run directory; the newest where nothing is said")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Tell why a signal was traded or not, and what became of it."""
    explanation = Journal.open(run or newest_run()).explain(trace, dict(reason_codes()))
    if json:
        print_json(explanation.to_dict())
    else:
        typer.echo(explanation.text())
