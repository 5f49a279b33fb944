"""Scores with their ties gathered, and pool adjacent violators (Barlow et al. 1972) in exact integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aurora.messages import FloatColumn
from aurora.signal.checks import BoolColumn


@dataclass(frozen=True, slots=True)
class TiedScores:
    """Distinct scores in rising order with how many votes had each and how many of those were right."""

    score: FloatColumn
    count: list[int]
    right: list[int]


@dataclass(slots=True)
class Block:
    """A run of distinct scores that share one mean: ``right / count``."""

    first: int
    last: int
    count: int
    right: int


def gather_ties(scores: FloatColumn, right: BoolColumn) -> TiedScores:
    distinct, place = np.unique(scores, return_inverse=True)
    count = np.bincount(place, minlength=len(distinct))
    hits = np.bincount(place[right], minlength=len(distinct))
    return TiedScores(distinct, count.tolist(), hits.tolist())


def pool(tied: TiedScores) -> list[Block]:
    """Blocks of the rising least-squares fit; their means rise strictly."""
    blocks: list[Block] = []
    for place, (count, right) in enumerate(zip(tied.count, tied.right, strict=True)):
        block = Block(place, place, count, right)
        while blocks and blocks[-1].right * block.count >= block.right * blocks[-1].count:
            before = blocks.pop()
            block = Block(before.first, place, before.count + block.count, before.right + block.right)
        blocks.append(block)
    return blocks
