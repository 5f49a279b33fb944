"""Engines by name: built-in ones, those of installed packages, and what is said of those that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from entry_point_package import install

from aurora.config import Settings, engine_factories, load_settings
from aurora.engines import BUILT_IN, Engine, SentimentTilt, choose_engine, engine_class, user_engines
from aurora.errors import ConfigError

SOURCE = """
    from pydantic import BaseModel

    class Settings(BaseModel):
        depth: int = 3

    class Mine:
        Settings = Settings
        name = "mine"
        refit_ns = 0
        def __init__(self, settings, instruments, sample_ns):
            if settings.depth > 8:
                raise ValueError("too deep")
            self.settings = settings
        def vote(self, inputs): return []
        def refit(self, now_ns): ...
        def findings(self): return {}
        def snapshot(self): return b""
        def restore(self, state): ...

    class Lame:
        Settings = Settings
        def __init__(self, *given): ...
        def vote(self, inputs): return []

    class Bare: ...
    NUMBER = 5
"""

Package = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    def offer(**names: str) -> None:
        targets = {name: f"own_engines:{target}" for name, target in names.items()}
        folder = install(tmp_path / "site", "own_engines", SOURCE, targets, "aurora.engines")
        monkeypatch.syspath_prepend(str(folder))

    return offer


def test_there_are_fourteen() -> None:
    assert len(BUILT_IN) == 14
    for name in BUILT_IN:
        engine = choose_engine(name).make(["binance_usdm:BTCUSDT", "binance_usdm:ETHUSDT"], 10**9)
        assert isinstance(engine, Engine)
        assert engine.name == name
    assert user_engines() == {}


def test_an_installed_engine_is_found_and_built(package: Package) -> None:
    package(mine="Mine")
    assert set(user_engines()) == {"mine"}
    engine = choose_engine("mine", {"depth": 7}).make([], 1)
    assert engine.settings.depth == 7  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="'mine' cannot be built: ValueError: too deep"):
        choose_engine("mine", {"depth": 9}).make([], 1)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({"gone": "Nowhere"}, r"the engine 'gone' \(own_engines:Nowhere\) cannot be loaded: .*Nowhere"),
        ({"bare": "Bare"}, "the engine 'bare' .* has no Settings"),
        ({"number": "NUMBER"}, "the engine 'number' .* is no class"),
        ({"trend": "Mine"}, "the engine 'trend' .* has a name that is taken"),
    ],
)
def test_what_is_no_engine_is_named(package: Package, names: dict[str, str], complaint: str) -> None:
    package(**names)
    with pytest.raises(ConfigError, match=complaint):
        user_engines()


def test_an_engine_that_lacks_parts_is_named(package: Package) -> None:
    package(lame="Lame")
    with pytest.raises(
        ConfigError, match="'lame' is none: it lacks name, refit_ns, refit, findings, snapshot, restore"
    ):
        choose_engine("lame").make([], 1)


def test_an_unknown_engine_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no engine 'momentom'; there are carry, .*vwap_reversion"):
        engine_class("momentom")


def test_wrong_settings_are_listed_together() -> None:
    with pytest.raises(ConfigError) as told:
        choose_engine("macro", {"calm": 2, "min_members": "x", "unknown": 1, "sentiment": {"weight": 3}})
    for place in ("calm", "min_members", "unknown", "sentiment.weight"):
        assert f"engines.macro.{place}:" in str(told.value)
    with pytest.raises(ConfigError, match="calm must be below stressed"):
        choose_engine("macro", {"calm": 0.8, "stressed": 0.5})


def test_sentiment_wraps_any_engine() -> None:
    engine = choose_engine("trend", {"sentiment": {}}).make(["x:BTC"], 1)
    assert isinstance(engine, SentimentTilt)
    assert engine.name == "trend"


def test_a_config_names_engines(tmp_path: Path, package: Package) -> None:
    package(mine="Mine")
    path = tmp_path / "config.yaml"
    engines = {"lead_lag": None, "mine": {"depth": 2}, "trend": {}, "carry": None}
    path.write_text(yaml.safe_dump({"engines": engines}))
    loaded = load_settings(path)
    made = [make(["a:BTC", "a:ETH"], 10**9) for make in engine_factories(loaded.engines)]
    assert [engine.name for engine in made] == ["mine", "trend"]
    # What the engines are told is part of the run's identity, and survives the way to other processes.
    assert loaded.hash != Settings().hash
    again = Settings.model_validate(loaded.model_dump(mode="json"))
    assert again.hash == loaded.hash
    assert [c.name for c in again.engines.choices] == ["mine", "trend"]


@pytest.mark.parametrize(
    ("engines", "complaint"),
    [
        ({"momentom": {}}, "there is no engine 'momentom'"),
        ({"momentom": None}, "there is no engine 'momentom'"),
        ({"trend": 5}, "trend: expected settings by name"),
        ({"trend": {"band": -1}}, "engines.trend.band"),
    ],
)
def test_a_config_with_a_wrong_engine_is_refused(tmp_path: Path, engines: object, complaint: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"engines": engines}))
    with pytest.raises(ConfigError, match=complaint):
        load_settings(path)
