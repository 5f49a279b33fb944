"""Stage Market, key: instrument. Events in, features out, the events passed on for the venue."""

from __future__ import annotations

from aurora._core import Instrument
from aurora.capture import grade
from aurora.features import FeatureSettings
from aurora.messages import FeatureMessage, MarketMessage


class MarketStage:
    """Book and feature kernels of one instrument."""

    def __init__(self, instrument: Instrument, settings: FeatureSettings):
        self._core = settings.core(instrument)

    def process(self, messages: list[MarketMessage]) -> list[FeatureMessage]:
        answers = []
        for message in messages:
            block = message.block
            features = self._core.process(block)
            quality = None
            if block.last:
                quality = self._core.quality()
                quality["grade"] = grade(quality)
            answers.append(FeatureMessage(message.slice_index, message.instrument, features, block, quality))
        return answers

    def finish(self) -> list[FeatureMessage]:
        return []

    def snapshot(self) -> bytes:
        return self._core.snapshot()

    def restore(self, state: bytes) -> None:
        self._core.restore(state)
