"""One tree of errors under :class:`AuroraError`; every message says what to do about it."""

from __future__ import annotations


class AuroraError(Exception):
    """Base of everything Aurora raises on purpose. ``exit_code`` is what the command line answers with."""

    exit_code = 1


class UsageError(AuroraError):
    """The call itself is wrong: arguments that do not fit together."""

    exit_code = 2


class DataError(AuroraError):
    """Input data cannot be used: missing, unreadable, malformed, or without a snapshot."""

    exit_code = 3


class ConfigError(AuroraError):
    """A config or policy file is wrong; the message lists all its errors at once."""


class OutputError(AuroraError):
    """Results cannot be written."""


class RecoveryError(AuroraError):
    """A recovery directory does not fit the run that wants to resume from it."""


class LedgerError(AuroraError):
    """A durable ledger is damaged, or another process has it open."""


class AbortRequested(AuroraError):
    """The run was cut short on request (``--abort-after-events``), as a crash would."""
