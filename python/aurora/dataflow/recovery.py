"""The directory a run can be resumed from: Bytewax's store, whose it is, and that nobody else is in it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from bytewax.recovery import RecoveryConfig, init_db_dir

from aurora.errors import RecoveryError

IDENTITY_FILE = "run.json"
LOCK_FILE = "run.lock"
STORE_FILES = "part-*.sqlite3*"
VERSION = 1
RESUME_PATIENCE_S = 10.0

STARTING, RUNNING, STOPPED, FINISHED = "starting", "running", "stopped", "finished"


class RecoveryFolder:
    """A locked recovery directory, checked against the run that wants it; a context manager.

    One store partition serves any number of processes, so a run may be resumed with more or fewer of them.
    """

    def __init__(self, directory: Path, identity: str, *, resume: bool) -> None:
        self.directory = directory
        self.lock = -1
        self._identity = identity
        self._resume = resume

    def __enter__(self) -> RecoveryFolder:
        if self._resume and not (self.directory / IDENTITY_FILE).is_file():
            raise self._nothing_to_resume()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RecoveryError(f"recovery directory {self.directory} cannot be used: {error}") from error
        try:
            self._take()
            self._prepare()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlock()

    def _take(self) -> None:
        """Takes the lock; a resumed run waits a little, as workers of a killed parent need a moment to go."""
        patience = time.monotonic() + (RESUME_PATIENCE_S if self._resume else 0.0)
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() > patience:
                    raise RecoveryError(
                        f"another process runs in {self.directory}; wait for it or name another directory"
                    ) from error
            time.sleep(0.02)

    def _unlock(self) -> None:
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def _prepare(self) -> None:
        found = self._read()
        state = found["state"] if found else None
        if self._resume:
            if found is None:
                raise self._nothing_to_resume()
            if found["identity"] != self._identity:
                raise RecoveryError(
                    f"{self.directory} belongs to another run ({found['identity']}, this one is "
                    f"{self._identity}): resume with the inputs, config, slices and seed it was started with"
                )
            if state != STARTING:
                if not any(self.directory.glob("part-*.sqlite3")):
                    raise RecoveryError(f"{self.directory} has lost its store; start the run anew elsewhere")
                return
        elif state in (RUNNING, STOPPED):
            raise RecoveryError(
                f"{self.directory} holds an unfinished run ({found['identity'] if found else ''}); "
                "resume it, or name another directory"
            )
        elif found is None and any(self.directory.glob("part-*.sqlite3")):
            raise RecoveryError(
                f"{self.directory} holds a recovery store without {IDENTITY_FILE}; name another directory"
            )
        self.mark(STARTING)
        for file in self.directory.glob(STORE_FILES):
            file.unlink()
        init_db_dir(self.directory, 1)  # type: ignore[no-untyped-call]
        self.mark(RUNNING)

    def _nothing_to_resume(self) -> RecoveryError:
        return RecoveryError(f"{self.directory} holds no run to resume; start it first, without resume")

    def _read(self) -> dict[str, Any] | None:
        path = self.directory / IDENTITY_FILE
        try:
            found = json.loads(path.read_text())
            if found["version"] != VERSION or not isinstance(found["identity"], str):
                raise ValueError(f"version {found['version']}")
            if found["state"] not in (STARTING, RUNNING, STOPPED, FINISHED):
                raise ValueError(f"state {found['state']}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecoveryError(f"{path} cannot be read ({error}); name another directory") from error
        return dict(found)

    def mark(self, state: str) -> None:
        """Writes whose run it is and how far, whole or not at all."""
        content = {"version": VERSION, "identity": self._identity, "state": state}
        unfinished = self.directory / f"{IDENTITY_FILE}.unfinished"
        unfinished.write_text(json.dumps(content) + "\n")
        unfinished.replace(self.directory / IDENTITY_FILE)


def store_of(directory: Path | None) -> RecoveryConfig | None:
    """Bytewax's handle on the store. Nothing older than the last epoch is kept: we make no backups of it."""
    if directory is None:
        return None
    return RecoveryConfig(directory, timedelta(0))  # type: ignore[no-untyped-call]
