"""Runs a toy plan in a process of its own, for tests that stop or kill it: ``drive.py ARGUMENTS_AS_JSON``."""

import json
import sys
from pathlib import Path

from aurora.dataflow import run_bytewax
from aurora.errors import AuroraError

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    try:
        outcome = run_bytewax(
            "toy:plan",
            given["plan"],
            processes=given["processes"],
            recovery=Path(given["recovery"]),
            resume=given["resume"],
            identity="toy",
            epoch_interval_s=given["epoch_interval_s"],
        )
    except AuroraError as error:
        print(json.dumps({"error": str(error)}))
        sys.exit(error.exit_code)
    print(json.dumps({"stopped": outcome.stopped}))
