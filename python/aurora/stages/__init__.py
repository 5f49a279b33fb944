"""The three stages, their graph, and the inline runner."""

from aurora.stages.bars import compute_bars
from aurora.stages.conduct import ConductSettings, MakerFirstSettings
from aurora.stages.desk import DeskSettings, DeskStage
from aurora.stages.fit import FitKind, fit_feature
from aurora.stages.inline import RunnerSettings, run_inline
from aurora.stages.market import MarketStage
from aurora.stages.plan import PARTIAL, STEPS, ReplayPlan
from aurora.stages.protocol import Plan, Reader, Sink, Stage
from aurora.stages.research import compute_features, whole_reading
from aurora.stages.series import SeriesSettings
from aurora.stages.strategy import StrategyStage

__all__ = [
    "PARTIAL",
    "STEPS",
    "ConductSettings",
    "DeskSettings",
    "DeskStage",
    "FitKind",
    "MakerFirstSettings",
    "MarketStage",
    "Plan",
    "Reader",
    "ReplayPlan",
    "RunnerSettings",
    "SeriesSettings",
    "Sink",
    "Stage",
    "StrategyStage",
    "compute_bars",
    "compute_features",
    "fit_feature",
    "run_inline",
    "whole_reading",
]
