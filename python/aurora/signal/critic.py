"""An optional outside critic (a language model, say) that may add arguments, in time or not at all.

It changes no score: a decision is the same with and without it, so a replay needs none. What it said is recorded, and
a replay shows the record instead of asking again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from aurora.signal.debate import Argument, Stance, Standing
from aurora.signal.settings import DebateSettings

LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Remark:
    """What a critic says about one engine's vote."""

    engine: str
    stance: Stance
    text: str


class Critic(Protocol):
    """Looks at a debate and adds what the rules did not see. May be slow, may fail; is called off the event path."""

    def review(self, trace: int, standings: Mapping[str, Standing]) -> Sequence[Remark]: ...


@dataclass(frozen=True, slots=True)
class Review:
    """What came of asking: the critic's arguments, or why there are none."""

    trace: int
    status: Literal["answered", "timed_out", "failed", "absent"]
    arguments: tuple[Argument, ...] = ()
    detail: str = ""


def ask(
    critic: Critic | None, trace: int, standings: Mapping[str, Standing], settings: DebateSettings
) -> Review:
    """Asks a critic, and waits no longer than ``critic_timeout_s``; never raises what the critic raises.

    Remarks on engines that did not vote, with no stance, or beyond ``critic_arguments`` are left out; texts are cut at
    500 characters. A critic that does not answer keeps a thread of its own, which dies with the process.
    """
    if critic is None:
        return Review(trace, "absent")
    answer: queue.SimpleQueue[Sequence[Remark] | Exception] = queue.SimpleQueue()
    seen = dict(standings)

    def work() -> None:
        try:
            answer.put(tuple(critic.review(trace, dict(seen))))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=work, name="aurora-critic", daemon=True).start()
    try:
        said = answer.get(timeout=settings.critic_timeout_s)
    except queue.Empty:
        return Review(trace, "timed_out", detail=f"no answer within {settings.critic_timeout_s:g} s")
    if isinstance(said, Exception):
        return Review(trace, "failed", detail=f"{type(said).__name__}: {said}"[:LONGEST_TEXT])
    kept = [
        Argument(remark.engine, remark.stance, "critic", remark.text[:LONGEST_TEXT])
        for remark in said
        if isinstance(remark, Remark) and remark.engine in seen and remark.stance in ("for", "against")
    ]
    return Review(trace, "answered", tuple(kept[: settings.critic_arguments]))


class RecordedCritic:
    """Says again what a critic once said: what a replay asks in its place."""

    def __init__(self, reviews: Sequence[Review]) -> None:
        self._said = {
            review.trace: [Remark(a.engine, a.stance, a.text) for a in review.arguments] for review in reviews
        }

    def review(self, trace: int, standings: Mapping[str, Standing]) -> Sequence[Remark]:
        return self._said.get(trace, [])
