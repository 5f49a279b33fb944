"""From votes to calibrated signals, and what became of each vote."""

from aurora.signal.calibration import PlattCalibrator
from aurora.signal.room import SampleRows, SignalRoom
from aurora.signal.settings import SignalSettings

__all__ = ["PlattCalibrator", "SampleRows", "SignalRoom", "SignalSettings"]
