"""Replay of captures: ``AURORA_PLAN=plan.json python -m bytewax.run flows.replay:flow``.

``AURORA_PLAN`` names a JSON file ``{"factory": "package.module:function", "arguments": {...}}``. SIGTERM and
SIGINT stop the run between two slices; in a cluster, send them to every process.
"""

import json
import os
import signal
from pathlib import Path

from aurora.dataflow import StopFlag, build_flow, build_plan

plan_file = Path(os.environ["AURORA_PLAN"])
plan = json.loads(plan_file.read_text())
stop = StopFlag()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda _number, _frame: stop.request())
flow = build_flow(build_plan(plan.get("factory", "aurora.config:replay_plan"), plan["arguments"]), stop=stop)
