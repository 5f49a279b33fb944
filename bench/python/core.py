"""Book, kernels and desk on the events of a real capture, decoded before the clock starts."""

from bench.python._programs import measured
from bench.registry import Figure, against, benchmark


@benchmark(name="book", unit="ns/level", better="lower")
def book() -> Figure:
    """Sequence rules, ladder, touch after each message; the peer is given the applied diffs and nothing else."""
    figures = measured("book")
    return against(
        "two BTreeMaps, no sequence rules",
        ours=figures["ns_per_level"],
        theirs=figures["sorted_ladder_ns_per_level"],
    )


@benchmark(name="book-ladder", unit="ns/level", better="lower")
def book_ladder() -> Figure:
    """The ladder alone, told the same as its peer."""
    figures = measured("book")
    return against(
        "two BTreeMaps", ours=figures["ladder_ns_per_level"], theirs=figures["sorted_ladder_ns_per_level"]
    )


@benchmark(name="book-top-20", unit="ns", better="lower")
def book_top_20() -> float:
    """The best 20 levels of a side into a new vector."""
    return measured("book")["top_20_ns"]


@benchmark(name="market", unit="ns/event", better="lower")
def market() -> float:
    """Book, all kernels, running hash, a row every 50 ms."""
    return measured("market")["ns_per_event"]


@benchmark(name="desk", unit="ns/event", better="lower")
def desk() -> float:
    """Execution and simulated venue without an order: its own book, merged by both clocks."""
    return measured("desk")["idle_ns_per_event"]


@benchmark(name="desk-trading", unit="ns/event", better="lower")
def desk_trading() -> float:
    """The same with an entry proposed every second."""
    return measured("desk")["trading_ns_per_event"]
