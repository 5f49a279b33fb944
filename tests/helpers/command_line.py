"""The `aurora` command as its users meet it: in a process of its own, or its entry point called in this one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("aurora")


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as one JSON document; fails when there is anything beside it."""
        return json.loads(self.out)

    def refused(self, code: int) -> Answer:
        """Checks that this is a clear refusal with that exit code, and no crash."""
        assert self.code == code, f"exit code {self.code}\n{self.err}"
        assert "Traceback" not in self.err + self.out, self.err
        assert self.err.strip(), "refused without a word"
        return self

    def done(self) -> Answer:
        assert self.code == 0, self.err
        return self


def run_command(*arguments: object, cwd: Path, timeout: float = 60.0) -> Answer:
    """Runs the installed `aurora` script in a process of its own."""
    done = subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
