"""Any small market, any width of a slice, any runner, any checkpoint: one result."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("bytewax")

from replays import PROBE, ROUGH, Run, assert_same_records, market, replay

# The same examples each time: a new one that fails belongs to whoever changed something.
few = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # markets do not get simpler by shrinking, only slower to find
    suppress_health_check=[HealthCheck.too_slow],
)

markets = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31),
        "duration_s": st.integers(40, 60).map(float),
        "impulse_every_s": st.sampled_from([2.0, 2.5, 4.0]),
        "noise_bps": st.sampled_from([0.2, 1.0, 3.0]),
        "clock_offset_ms": st.sampled_from([None, -1270, 0, 800]),
        "linked": st.booleans(),
    }
)
widths = st.one_of(st.sampled_from([0, 10, 1000]), st.integers(20, 20_000))
configs = st.sampled_from(["probe", "rough"])


def _config(name: str, folder: Path) -> Path:
    if name == "probe":
        return PROBE
    path = folder / "rough.yaml"
    path.write_text(ROUGH)
    return path


def _compare(run: Run, oracle: Run) -> None:
    assert run.digests == oracle.digests
    assert run.ledger() == oracle.ledger()
    for name in ("orders", "outcomes", "equity"):
        assert run.table(name).equals(oracle.table(name), null_equal=True), name
    assert run.summary["abstained"] == oracle.summary["abstained"]
    assert run.summary["account"] == oracle.summary["account"]


@few
@given(made=markets, config=configs, first=widths, second=widths)
def test_cuts_and_runners_carry_no_meaning(made: dict, config: str, first: int, second: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = list(market(folder / "captures", **made).paths.values())
        given_config = _config(config, folder)
        oracle = replay(paths, folder / "oracle", given_config, slice_ms=first)
        inline = replay(paths, folder / "inline", given_config, slice_ms=second)
        _compare(inline, oracle)
        dataflow = replay(paths, folder / "dataflow", given_config, slice_ms=second, runner="bytewax")
        _compare(dataflow, oracle)
        assert_same_records(dataflow, inline)


@settings(few, max_examples=5)
@given(made=markets, order=st.permutations(range(4)), width=st.integers(50, 2000))
def test_recovery_and_the_order_of_files_carry_no_meaning(made: dict, order: list[int], width: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = list(market(folder / "captures", **made).paths.values())
        oracle = replay(paths, folder / "oracle", slice_ms=width)
        for runner in ("inline", "bytewax"):
            run = replay(
                [paths[index] for index in order],
                folder / runner,
                slice_ms=width,
                runner=runner,
                recovery=folder / f"{runner}-recovery",
            )
            _compare(run, oracle)
