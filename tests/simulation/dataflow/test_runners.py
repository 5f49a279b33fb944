"""One plan, three runners, one result: also after errors, kills and graceful stops."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bytewax")

from aurora.dataflow import RunOutcome, run_bytewax
from aurora.dataflow.recovery import RecoveryFolder
from aurora.errors import AbortRequested, RecoveryError, UsageError

HERE = Path(__file__).parent
PROCESSES = pytest.mark.parametrize("processes", [1, 2])

Runner = Callable[[Any], None]


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the toy plan, importable by its name here and in worker processes."""
    monkeypatch.syspath_prepend(HERE)
    import toy

    return toy


@pytest.fixture
def small(toy: Any, tmp_path: Path) -> Any:
    return toy.Toy(str(tmp_path))


def run_inline(plan: Any) -> None:
    """The oracle: a plain loop, stream after stream in one slice, every stage to the end before the sink."""
    readers = [plan.open(stream, None) for stream in plan.streams]
    stages: dict[tuple[str, str], Any] = {}
    sink = plan.sink(None)

    def push(messages: list[Any], steps: tuple[str, ...]) -> None:
        if not steps:
            sink.write(messages)
            return
        for message in messages:
            key = plan.key(steps[0], message)
            stage = stages.setdefault((steps[0], key), plan.stage(steps[0], key))
            push(stage.process([message]), steps[1:])

    while any([(push(messages, plan.steps), True)[1] for r in readers if (messages := r.next()) is not None]):
        pass
    for position, step in enumerate(plan.steps):
        for (at, _key), stage in sorted(stages.items()):
            if at == step:
                push(stage.finish(), plan.steps[position + 1 :])
    sink.close()


def records(arguments: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(arguments.folder) / "records.jsonl").read_text().splitlines()]


def seen(arguments: Any) -> Counter[str]:
    """How often each slice of each stream was given to its stage, over all processes and resumed runs."""
    files = Path(arguments.folder).glob("seen-*")
    return Counter(line for file in files for line in file.read_text().splitlines())


def expected(toy: Any, arguments: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    clean = replace(arguments, folder=str(tmp_path_factory.mktemp("oracle")), fail=None, work=0)
    run_inline(toy.ToyPlan(clean))
    return records(clean)


@pytest.fixture
def oracle(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], list[dict[str, Any]]]:
    return lambda arguments: expected(toy, arguments, tmp_path_factory)


def run(arguments: Any, processes: int, recovery: Path | None = None, **options: Any) -> RunOutcome:
    options = {"identity": "toy", "epoch_interval_s": 0.02, **options}
    return run_bytewax("toy:plan", arguments.arguments(), processes=processes, recovery=recovery, **options)


@pytest.fixture(params=["inline", "one worker", "two processes"])
def runner(request: pytest.FixtureRequest, toy: Any) -> Runner:
    if request.param == "inline":
        return lambda arguments: run_inline(toy.ToyPlan(arguments))
    processes = 1 if request.param == "one worker" else 2

    def through_bytewax(arguments: Any) -> None:
        assert run(arguments, processes) == RunOutcome(stopped=False)

    return through_bytewax


def test_every_runner_gives_the_records_of_the_oracle(runner: Runner, small: Any, oracle: Any) -> None:
    runner(small)
    assert records(small) == oracle(small)
    assert records(small)[-1] == {"kind": "end", "slices": 60, "chain": records(small)[-2]["chain"]}


def test_one_stream_on_two_processes_leaves_one_without_work(small: Any, oracle: Any) -> None:
    one = replace(small, streams=1)
    run(one, 2)
    assert records(one) == oracle(one)


@PROCESSES
def test_a_run_with_recovery_is_the_same_run(small: Any, oracle: Any, tmp_path: Path, processes: int) -> None:
    run(small, processes, tmp_path / "recovery", epoch_interval_s=0.0)
    assert records(small) == oracle(small)


@PROCESSES
def test_progress_counts_the_slices_of_every_stream(small: Any, processes: int) -> None:
    told: dict[str, int] = {}
    run(small, processes, progress=told.__setitem__)
    assert told == {"s0": 60, "s1": 60, "s2": 60}


@pytest.mark.parametrize("processes", [1, 2, (1, 2), (2, 1)])
def test_aborts_at_drawn_points_lose_and_double_nothing(
    small: Any, oracle: Any, tmp_path: Path, processes: int | tuple[int, int]
) -> None:
    before, after = (processes, processes) if isinstance(processes, int) else processes
    draw = random.Random(f"aborts {processes}")
    for attempt in range(5 if processes == 1 else 1):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        arguments = replace(small, folder=str(folder))
        points = sorted(draw.sample(range(arguments.slices), 2))
        for number, point in enumerate(points):
            failing = replace(arguments, fail=(draw.choice(["sum", "join", "desk"]), point, "abort"))
            with pytest.raises(AbortRequested, match=f"at {point}"):
                run(failing, before, folder / "recovery", resume=number > 0)
        assert run(arguments, after, folder / "recovery", resume=True) == RunOutcome(stopped=False)
        assert records(arguments) == oracle(arguments)


def test_a_finished_run_does_not_end_twice(small: Any, tmp_path: Path) -> None:
    run(small, 1, tmp_path / "recovery")
    once, work = records(small), seen(small)
    assert run(small, 1, tmp_path / "recovery", resume=True) == RunOutcome(stopped=False)
    assert records(small) == once
    assert seen(small) == work


@PROCESSES
@pytest.mark.parametrize(
    ("kind", "name"), [("toy", "ToyError"), ("value", "ValueError"), ("abort", "AbortRequested")]
)
def test_an_error_of_a_stage_keeps_its_type(
    small: Any, toy: Any, processes: int, kind: str, name: str
) -> None:
    with pytest.raises(Exception, match="in desk at 5") as caught:
        run(replace(small, fail=("desk", 5, kind)), processes)
    assert type(caught.value).__name__ == name
    assert str(caught.value) == f"{kind} in desk at 5"
    if kind == "toy":
        assert isinstance(caught.value, toy.ToyError)
        assert caught.value.exit_code == 17
    if processes == 1:
        assert [record["slice"] for record in records(small)] == list(range(5)), "what came before is kept"


def test_a_stop_iteration_out_of_a_stage_is_an_error_too(small: Any) -> None:
    with pytest.raises(StopIteration, match="stop in sum at 5"):
        run(replace(small, fail=("sum", 5, "stop")), 1)


def test_an_error_is_told_once_and_not_by_the_runtime(small: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AbortRequested):
        run(replace(small, fail=("desk", 5, "abort")), 1)
    print("still there", file=sys.stderr)
    assert capfd.readouterr().err == "still there\n"


@PROCESSES
def test_a_plan_that_cannot_be_built_says_why(toy: Any, small: Any, processes: int) -> None:
    with pytest.raises(toy.ToyError, match="cannot be built"):
        run_bytewax("toy:broken_plan", {}, processes=processes)


def test_a_recovery_directory_is_for_one_run(small: Any, tmp_path: Path) -> None:
    recovery = tmp_path / "recovery"
    with pytest.raises(UsageError, match="recovery directory"):
        run(small, 1, resume=True)
    with pytest.raises(RecoveryError, match="holds no run to resume"):
        run(small, 1, recovery, resume=True)
    assert not recovery.exists()
    with pytest.raises(AbortRequested):
        run(replace(small, fail=("desk", 30, "abort")), 1, recovery)
    with pytest.raises(RecoveryError, match="unfinished run"):
        run(small, 1, recovery)
    with pytest.raises(RecoveryError, match="another run"):
        run(small, 1, recovery, resume=True, identity="other")
    (recovery / "run.json").write_text("{")
    with pytest.raises(RecoveryError, match="cannot be read"):
        run(small, 1, recovery, resume=True)
    (recovery / "run.json").unlink()
    with pytest.raises(RecoveryError, match=r"without run\.json"):
        run(small, 1, recovery)


def test_a_recovery_directory_is_for_one_process_at_a_time(small: Any, tmp_path: Path) -> None:
    with (
        RecoveryFolder(tmp_path / "recovery", "toy", resume=False),
        pytest.raises(RecoveryError, match="another process runs"),
    ):
        run(small, 1, tmp_path / "recovery")


def test_a_finished_run_makes_room_for_the_next(small: Any, oracle: Any, tmp_path: Path) -> None:
    run(small, 1, tmp_path / "recovery", identity="first")
    run(small, 1, tmp_path / "recovery", identity="second")
    assert records(small) == oracle(small)


class Driven:
    """A run in a process of its own."""

    def __init__(self, arguments: Any, processes: int, *, resume: bool = False) -> None:
        self.arguments = arguments
        given = {
            "plan": arguments.arguments(),
            "processes": processes,
            "recovery": str(Path(arguments.folder) / "recovery"),
            "resume": resume,
            "epoch_interval_s": 0.05,
        }
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "drive.py"), json.dumps(given)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def wait_for_records(self, count: int) -> None:
        path = Path(self.arguments.folder) / "records.jsonl"
        patience = time.monotonic() + 20
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            assert self.process.poll() is None, "the run was over before its time"
            assert time.monotonic() < patience, "the run makes no progress"
            time.sleep(0.002)

    def outcome(self) -> Any:
        out, _ = self.process.communicate(timeout=30)
        return json.loads(out) if out else None

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@pytest.fixture
def drive() -> Iterator[Callable[..., Driven]]:
    started: list[Driven] = []

    def start(*given: Any, **named: Any) -> Driven:
        started.append(Driven(*given, **named))
        return started[-1]

    yield start
    for driven in started:
        if driven.process.poll() is None:
            driven.process.kill()
            driven.process.wait()


@pytest.fixture
def long(toy: Any, tmp_path: Path) -> Any:
    """Long enough to be caught in the middle: about half a second of work."""
    return toy.Toy(str(tmp_path), slices=300, work=1000)


@PROCESSES
def test_killed_in_the_middle_and_resumed(drive: Any, long: Any, oracle: Any, processes: int) -> None:
    first = drive(long, processes)
    first.wait_for_records(50)
    first.process.kill()
    first.outcome()
    assert len(records(long)) < long.slices
    second = drive(long, processes, resume=True)
    second.wait_for_records(120)
    second.process.kill()
    second.outcome()
    assert run(long, processes, Path(long.folder) / "recovery", resume=True) == RunOutcome(stopped=False)
    assert records(long) == oracle(long)
    assert seen(long).keys() == {f"s{stream} {index}" for stream in range(3) for index in range(long.slices)}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds worker processes through /proc")
def test_a_killed_worker_ends_the_cluster_and_the_run_can_go_on(drive: Any, long: Any, oracle: Any) -> None:
    driven = drive(long, 2)
    driven.wait_for_records(60)
    workers = driven.workers()
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    broken = "the cluster broke: worker process 1 was killed by SIGKILL; the run can be resumed"
    assert driven.outcome() == {"error": broken}
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    run(long, 1, Path(long.folder) / "recovery", resume=True)
    assert records(long) == oracle(long)


@pytest.mark.parametrize(
    ("processes", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)]
)
def test_a_graceful_stop_replays_nothing(
    drive: Any, long: Any, oracle: Any, processes: int, number: signal.Signals
) -> None:
    driven = drive(long, processes)
    driven.wait_for_records(60)
    driven.process.send_signal(number)
    assert driven.outcome() == {"stopped": True}
    kept = records(long)
    assert 60 <= len(kept) < long.slices
    assert {record["kind"] for record in kept} == {"joined"}, "nothing of the end of a run"
    with pytest.raises(RecoveryError, match="unfinished run"):
        run(long, processes, Path(long.folder) / "recovery")
    assert run(long, processes, Path(long.folder) / "recovery", resume=True) == RunOutcome(stopped=False)
    assert records(long) == oracle(long)
    assert records(long)[: len(kept)] == kept
    every = {f"s{stream} {index}": 1 for stream in range(3) for index in range(long.slices)}
    assert seen(long) == every, "every slice was processed, and none twice"


def test_handlers_are_put_back(small: Any) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    run(small, 1)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_flows_replay_runs_under_the_command_line_of_bytewax(small: Any, oracle: Any, tmp_path: Path) -> None:
    root = HERE.parents[2]
    spec = tmp_path / "plan.json"
    spec.write_text(json.dumps({"factory": "toy:plan", "arguments": small.arguments()}))
    subprocess.run(
        [sys.executable, "-m", "bytewax.run", "flows.replay:flow"],
        cwd=root,
        check=True,
        env={**os.environ, "AURORA_PLAN": str(spec), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert records(small) == oracle(small)
