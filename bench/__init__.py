"""Benchmarks: `python -m bench.run` measures time, `python -m bench.instructions` counts instructions."""
