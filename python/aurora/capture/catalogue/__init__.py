"""Decoded captures kept as Parquet: where things lie, how they are written, read, queried and verified."""
