"""A replay in a process of its own that gets a signal at a slice: ``drive.py ARGUMENTS_AS_JSON``.

Prints the summary, and how many slices of each stream this run has read.
"""

import json
import os
import signal
import sys
from pathlib import Path

from aurora.cli.run import ReplayOptions, run_replay
from aurora.errors import AuroraError

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    signal_at = given.pop("signal_at", None)
    signal_number = given.pop("signal_number", signal.SIGTERM)
    read: dict[str, int] = {}
    sent = False

    def progress(stream: str, slices: int) -> None:
        global sent
        read[stream] = slices
        if signal_at is not None and slices >= signal_at and not sent:
            sent = True
            os.kill(os.getpid(), signal_number)

    for name in ("config", "out", "recovery"):
        given[name] = None if given.get(name) is None else Path(given[name])
    try:
        summary = run_replay(ReplayOptions(**given), progress)
    except AuroraError as error:
        print(json.dumps({"error": str(error), "kind": type(error).__name__}))
        sys.exit(error.exit_code)
    print(json.dumps({"summary": summary, "slices": read}))
