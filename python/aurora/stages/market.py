"""Stage Market, key: instrument. Events in, features out, the events passed on for the venue."""

from __future__ import annotations

from aurora._core import Instrument
from aurora.capture import QualityReport
from aurora.features import FeatureSettings
from aurora.messages import FeatureMessage, MarketMessage


class MarketStage:
    """Book and feature kernels of one instrument.

    Args:
        clock_offset_ns: what the source takes off receive times.
        unsynchronised: read the book without waiting for a snapshot.
    """

    def __init__(
        self,
        instrument: Instrument,
        settings: FeatureSettings,
        *,
        clock_offset_ns: int = 0,
        unsynchronised: bool = False,
    ):
        self._core = settings.core(instrument, clock_offset_ns=clock_offset_ns, unsynchronised=unsynchronised)

    def process(self, messages: list[MarketMessage]) -> list[FeatureMessage]:
        answers = []
        for message in messages:
            block = message.block
            features = self._core.process(block)
            quality = None
            if block.last:
                quality = QualityReport.of(self._core.quality(), *block.bad_lines).to_dict()
            answers.append(FeatureMessage(message.slice_index, message.instrument, features, block, quality))
        return answers

    def finish(self) -> list[FeatureMessage]:
        return []

    def snapshot(self) -> bytes:
        return self._core.snapshot()

    def restore(self, state: bytes) -> None:
        self._core.restore(state)
