"""Runs that several tests look at, made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from replays import ROUGH, SECONDS, Run, market, replay, usdm


@pytest.fixture(scope="session")
def real_paths(captures: Path) -> list[Path]:
    return usdm(captures)


@pytest.fixture(scope="session")
def probe_run(real_paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The real capture under config/probe.yaml, inline, slices of one second."""
    return replay(real_paths, tmp_path_factory.mktemp("probe") / "out")


@pytest.fixture(scope="session")
def planted_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Ten minutes of a synthetic market under the defaults but for turnover: real fees, gates on."""
    folder = tmp_path_factory.mktemp("planted")
    paths = market(folder / "captures", 11, 600.0, impulse_every_s=5.0).paths.values()
    return replay(paths, folder / "out", config=SECONDS)


@pytest.fixture(scope="session")
def rough_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A synthetic market where entries rest and expire and stops are hit; odd cash, fees and latencies."""
    folder = tmp_path_factory.mktemp("rough")
    config = folder / "rough.yaml"
    config.write_text(ROUGH)
    return replay(market(folder / "captures", 5, 120.0).paths.values(), folder / "out", config)


@pytest.fixture(scope="session", params=["real", "planted", "rough"])
def any_run(request: pytest.FixtureRequest) -> Run:
    name = {"real": "probe_run", "planted": "planted_run", "rough": "rough_run"}[request.param]
    return request.getfixturevalue(name)
