"""What state the market is in, which engine may vote in it, and how much of a size it allows.

Streaming change detectors, hidden Markov models (fitted offline, filtered online), the classifier of five regimes, the
universe's volatility index, trading modes, the approval matrix and its weekly leaderboard. Time is an argument.
"""

from aurora._core import BayesianChangePoint, Cusum, HiddenMarkovFilter, LikelihoodRatio, PageHinkley
from aurora.regime.approval import DEFAULT_ROWS, Approval, ApprovalMatrix
from aurora.regime.classifier import (
    PROTECTIVE,
    Regime,
    RegimeClassifier,
    RegimeReading,
    classify,
    is_regime,
    regime_scaler,
)
from aurora.regime.directional_index import AverageDirectionalIndex
from aurora.regime.hidden_markov import HiddenMarkovFit, HiddenMarkovModel
from aurora.regime.hidden_markov import fit as fit_hidden_markov
from aurora.regime.leaderboard import Leaderboard, Standing, Verdict, week_begin_ns
from aurora.regime.market_state import MarketState, MarketStateTracker, RegimeBar
from aurora.regime.mode import Mode, ModeReading, ModeSwitch
from aurora.regime.room import MarketReading, RegimeRoom, RegimeSettings
from aurora.regime.run_length import (
    cusum_run_length,
    cusum_threshold,
    siegmund_run_length,
    simulated_threshold,
)
from aurora.regime.settings import (
    ChangePointSettings,
    ClassifierSettings,
    CusumSettings,
    LeaderboardSettings,
    LikelihoodRatioSettings,
    MarketStateSettings,
    ModeSettings,
    PageHinkleySettings,
    ScalerSettings,
    VolatilityIndexSettings,
)
from aurora.regime.volatility_index import VolatilityIndex, level_of

__all__ = [
    "DEFAULT_ROWS",
    "PROTECTIVE",
    "Approval",
    "ApprovalMatrix",
    "AverageDirectionalIndex",
    "BayesianChangePoint",
    "ChangePointSettings",
    "ClassifierSettings",
    "Cusum",
    "CusumSettings",
    "HiddenMarkovFilter",
    "HiddenMarkovFit",
    "HiddenMarkovModel",
    "Leaderboard",
    "LeaderboardSettings",
    "LikelihoodRatio",
    "LikelihoodRatioSettings",
    "MarketReading",
    "MarketState",
    "MarketStateSettings",
    "MarketStateTracker",
    "Mode",
    "ModeReading",
    "ModeSettings",
    "ModeSwitch",
    "PageHinkley",
    "PageHinkleySettings",
    "Regime",
    "RegimeBar",
    "RegimeClassifier",
    "RegimeReading",
    "RegimeRoom",
    "RegimeSettings",
    "ScalerSettings",
    "Standing",
    "Verdict",
    "VolatilityIndex",
    "VolatilityIndexSettings",
    "classify",
    "cusum_run_length",
    "cusum_threshold",
    "fit_hidden_markov",
    "is_regime",
    "level_of",
    "regime_scaler",
    "siegmund_run_length",
    "simulated_threshold",
    "week_begin_ns",
]
