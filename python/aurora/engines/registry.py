"""Which engines there are, by name: the built-in ones and those that installed packages offer.

A package offers one by an entry point of the group ``aurora.engines``::

    [project.entry-points."aurora.engines"]
    my_alpha = "my_package.engines:MyAlpha"

It names a class with ``Settings``, a pydantic model, and the constructor ``MyAlpha(settings, instruments,
sample_ns)``; a run that names it under ``engines`` in its config builds it from the settings given there.
`aurora.testing.check_engine` checks it. With ``sentiment`` among its settings any engine leans with sentiment
(:class:`SentimentTilt`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from aurora.engines.cross_section import (
    CrossSectionalMomentum,
    CrossSectionalReversion,
    Quality,
    TimeSeriesMomentum,
)
from aurora.engines.futures import Carry, Macro, Trend
from aurora.engines.intraday import (
    IntradayMomentum,
    OpeningRangeBreakout,
    QuickReversion,
    RelativeStrength,
    VolumeSpike,
    VwapReversion,
)
from aurora.engines.lead_lag import LeadLagEngine
from aurora.engines.port import Engine
from aurora.engines.sentiment import SentimentSettings, SentimentTilt
from aurora.errors import ConfigError

ENTRY_POINT_GROUP = "aurora.engines"


class EngineClass(Protocol):
    """What the registry holds: a class that makes an engine from its settings."""

    Settings: Any
    """A pydantic model: what the engine can be told."""

    def __call__(self, settings: Any, instruments: Sequence[str], sample_ns: int) -> Engine: ...


_CLASSES: tuple[Any, ...] = (
    LeadLagEngine,
    IntradayMomentum,
    VwapReversion,
    VolumeSpike,
    RelativeStrength,
    OpeningRangeBreakout,
    QuickReversion,
    CrossSectionalMomentum,
    TimeSeriesMomentum,
    CrossSectionalReversion,
    Quality,
    Carry,
    Trend,
    Macro,
)
BUILT_IN: Mapping[str, EngineClass] = {engine.name: engine for engine in _CLASSES}


def user_engines() -> dict[str, EngineClass]:
    """Engines that installed packages offer, by entry point name.

    Raises:
        ConfigError: an entry point cannot be loaded, is no engine, or bears the name of a built-in one.
    """
    found: dict[str, EngineClass] = {}
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        where = f"the engine {entry.name!r} ({entry.value})"
        if entry.name in BUILT_IN or entry.name in found:
            raise ConfigError(f"{where} has a name that is taken; rename its entry point")
        try:
            loaded: Any = entry.load()
        except Exception as error:
            raise ConfigError(f"{where} cannot be loaded: {error}; mend or remove the package") from error
        settings = getattr(loaded, "Settings", None)
        if not callable(loaded):
            raise ConfigError(f"{where} is no class; name one that takes settings, instruments, sample_ns")
        if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
            raise ConfigError(f"{where} has no Settings; give it a pydantic model of what it can be told")
        found[entry.name] = loaded
    return found


def engine_class(name: str) -> EngineClass:
    """The engine of that name.

    Raises:
        ConfigError: there is none, or an installed package's cannot be loaded.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    own = user_engines()
    if name not in own:
        known = ", ".join(sorted({*BUILT_IN, *own}))
        raise ConfigError(
            f"there is no engine {name!r}; there are {known}, and those of packages you install"
        )
    return own[name]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and its settings, checked."""

    name: str
    settings: BaseModel
    sentiment: SentimentSettings | None = None

    def make(self, instruments: Sequence[str], sample_ns: int) -> Engine:
        """Builds the engine.

        Raises:
            ConfigError: it refuses, or what it built is no engine.
        """
        try:
            engine = engine_class(self.name)(self.settings, instruments, sample_ns)
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(
                f"the engine {self.name!r} cannot be built: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(engine, Engine):
            wanted = ("name", "refit_ns", "vote", "refit", "findings", "snapshot", "restore")
            missing = ", ".join(part for part in wanted if not hasattr(engine, part))
            raise ConfigError(f"the engine {self.name!r} is none: it lacks {missing}")
        return engine if self.sentiment is None else SentimentTilt(engine, self.sentiment, instruments)


def choose_engine(name: str, values: Mapping[str, Any] | None = None) -> EngineChoice:
    """An engine with settings as a config gives them; None gives its defaults.

    Raises:
        ConfigError: no such engine, or wrong settings: all of them are listed.
    """
    given = dict(values or {})
    sentiment = given.pop("sentiment", None)
    problems = []
    checked: list[Any] = []
    for kind, part, within in (
        (engine_class(name).Settings, given, ""),
        (SentimentSettings, sentiment, "sentiment."),
    ):
        if kind is SentimentSettings and part is None:
            checked.append(None)
            continue
        try:
            checked.append(kind.model_validate(part))
        except ValidationError as error:
            for one in error.errors():
                place = within + ".".join(str(step) for step in one["loc"])
                problems.append(f"  engines.{name}{'.' if place else ''}{place}: {one['msg']}")
    if problems:
        raise ConfigError(f"the engine {name!r} has {len(problems)} wrong setting(s)\n" + "\n".join(problems))
    settings, leaning = checked
    return EngineChoice(name, settings, leaning)
