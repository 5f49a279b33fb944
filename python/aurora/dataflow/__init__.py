"""Bytewax, kept behind one door: the graph of a plan as a dataflow, its recovery, its processes.

Nobody else imports bytewax. It has wheels for Python 3.11 and 3.12 only, so a later Python is told here.
"""

from aurora.errors import UsageError

try:
    from aurora.dataflow.board import StopFlag, catching_signals
    from aurora.dataflow.flow import build_flow
    from aurora.dataflow.run import RunOutcome, build_plan, run_bytewax
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "bytewax":
        raise
    raise UsageError(
        "the bytewax runner needs the package bytewax (Python 3.11 or 3.12); use the inline runner instead"
    ) from missing

__all__ = ["RunOutcome", "StopFlag", "build_flow", "build_plan", "catching_signals", "run_bytewax"]
