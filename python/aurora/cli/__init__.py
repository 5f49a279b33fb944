"""The command line. Results go to stdout, everything else to stderr; exit codes: 0 done, 1 refused or failed,
2 wrong usage, 3 data unusable."""

from __future__ import annotations

import sys

from aurora.cli.app import app
from aurora.errors import AuroraError

__all__ = ["main"]


def main() -> None:
    """Entry point of the ``aurora`` command."""
    try:
        app()
    except AuroraError as error:
        print(f"aurora: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("aurora: interrupted", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
