"""Execution's step, the router's check and the simulated venue, each alone; the loops are in Rust."""

import functools

from bench.python._captures import BTC, capture
from bench.python._programs import REPEATS, run_example
from bench.registry import benchmark


@functools.cache
def _step() -> dict[str, float]:
    return run_example("measure_execution", str(capture(BTC)), str(REPEATS))


@functools.cache
def _router() -> dict[str, float]:
    capture(
        BTC
    )  # The captured filters lie beside it; a few of them, which the program falls back to, are no figure.
    return run_example("measure_router", str(REPEATS))


@functools.cache
def _venue() -> dict[str, float]:
    return run_example("measure_venue", "orders", str(capture(BTC)), str(REPEATS))


@benchmark(name="step", unit="ns/event", better="lower")
def step() -> float:
    """What execution hears of the capture, a proposal every 100 ms: nearly all of it changes of the touch."""
    return _step()["ns_per_event"]


@benchmark(name="step-orders", unit="ns/event", better="lower")
def step_orders() -> float:
    """The rest of it: proposals, reports and timers, each timed on its own, clock included."""
    return _step()["ns_per_event_beside_quotes"]


@benchmark(name="router", unit="ns/order", better="lower")
def router() -> float:
    """`check_payload` on payloads made at random, on the filters of a captured `exchangeInfo`."""
    return _router()["ns_per_order"]


@benchmark(name="venue", unit="M events/s", better="higher")
def venue() -> float:
    """Market events with one order a side at the touch, placed anew every second."""
    return _venue()["touch_million_events_per_s"]


@benchmark(name="venue-far", unit="M events/s", better="higher")
def venue_far() -> float:
    """The same with one order a side that never fills."""
    return _venue()["resting_million_events_per_s"]
