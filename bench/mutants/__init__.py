"""Mutation testing of execution, venue and ledger: cargo-mutants proposes, one build carries all of a sample."""
