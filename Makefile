# Everything stays inside this folder: the virtual environment in .venv, Rust in target, wheels in dist.
PYTHON ?= python3
SEED ?= 7
ONLY ?=
SECONDS ?= 600
CASES ?= 1000000
MARKETS ?= 200
CAPTURES ?=
DAYS ?= 100
SEEDS ?= 20000
FROM ?= 0
MUTANT ?=
REPLAY ?=
KILLS ?= 1000
SAMPLE ?= 200

VENV := $(CURDIR)/.venv
BIN := .venv/bin
DEPS := .venv/.deps
BUILT := .venv/.built
RUST := $(shell find rust -type f \( -name '*.rs' -o -name Cargo.toml \) -not -path '*/examples/*') Cargo.toml Cargo.lock

# Maturin must see this environment and no other; clippy must ask the same interpreter.
export VIRTUAL_ENV := $(VENV)
export PYO3_PYTHON := $(VENV)/bin/python
unexport CONDA_PREFIX PYTHONHOME PYTHONPATH

.PHONY: help demo test test-rust soak kills mutants mutants-python check bench bench-peers fuzz planted markout thin-days wheel docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: $(BUILT)  ## Trade a synthetic market with a planted truth, write demo.json and a tearsheet [SEED=7]
	$(BIN)/aurora demo --seed $(SEED) --out demo-out

test: $(BUILT) test-rust  ## Run every test, Rust first
	$(BIN)/pytest -n 2

test-rust:  # aurora-py has no tests of its own: a Python extension does not link outside Python
	cargo test --release -p aurora-core -p aurora-io --lib --tests

soak:  ## Simulate seeds of trouble, write soak.json [SEEDS=n FROM=k MUTANT=name], or replay one [REPLAY=seed]
	@cargo run --quiet --release -p aurora-io --example soak $(if $(MUTANT),--features mutants) -- --seeds $(SEEDS) \
		--from $(FROM) $(if $(MUTANT),--mutant $(MUTANT)) $(if $(REPLAY),--replay $(REPLAY))

kills:  ## Kill a real process at random ledger writes and reconcile, counting loss and doubles [KILLS=1000 SEED=7]
	@cargo test --quiet --release -p aurora-io --test ledger_process -- --kills $(KILLS) --seed $(SEED)

mutants:  ## Draw mutants of execution, venue and ledger and see which the Rust tests catch [SAMPLE=200 SEED=7]
	@test -d bench/mutants/.venv || $(PYTHON) -m venv bench/mutants/.venv
	@bench/mutants/.venv/bin/python -m pip install --quiet --requirement bench/mutants/requirements.txt
	bench/mutants/.venv/bin/python -m bench.mutants.run --sample $(SAMPLE) --seed $(SEED)

mutants-python: $(BUILT)  ## Draw mutants of risk, signal and regime and see which the Python tests catch [SAMPLE=200 SEED=7]
	@test -d bench/mutants/python/.venv || $(PYTHON) -m venv bench/mutants/python/.venv
	@bench/mutants/python/.venv/bin/python -m pip install --quiet --requirement bench/mutants/python/requirements.txt
	$(BIN)/python -m bench.mutants.python.run --sample $(SAMPLE) --seed $(SEED)

check: $(BUILT)  ## Formatting, lints and types of both languages; changes nothing
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --release -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest aurora._core

bench: $(BUILT)  ## Measure, print a table, write bench/results.json [ONLY=name]
	$(BIN)/python -m bench.run $(if $(ONLY),--only $(ONLY))

bench-peers: $(BUILT)  ## Measure beside hftbacktest and numba, which get an environment of their own
	$(BIN)/python -m bench.peers.run

fuzz:  ## Fuzz everything that reads files and frames [SEED=7 SECONDS=600 CASES=1000000 ONLY=decoder]
	cargo run --profile fuzz -p aurora-io --example fuzz_decoders -- \
		--seed $(SEED) --seconds $(SECONDS) --cases $(CASES) $(if $(ONLY),--decoder $(ONLY))

planted: $(BUILT)  ## Score the brain on markets whose truth is known, into docs/ [MARKETS=200 CAPTURES=dir]
	$(BIN)/python -m bench.planted --markets $(MARKETS) $(if $(CAPTURES),--captures $(CAPTURES))

markout: $(BUILT)  ## Measure markouts of quotes at the touch of real captures, into docs/ [CAPTURES=dir]
	$(BIN)/python -m bench.markout $(if $(CAPTURES),--captures $(CAPTURES))

thin-days: $(BUILT)  ## Trade thin synthetic days with jumps and check the policy from fills alone [DAYS=100]
	$(BIN)/python -m bench.thin_days --days $(DAYS)

wheel: $(DEPS)  ## Build the wheel into dist/
	rm -f dist/aurora-*.whl
	$(BIN)/maturin build --release --interpreter $(BIN)/python --out dist

docs: $(DEPS)  ## Build the Rust API pages into target/doc; the guides in docs/ are plain Markdown
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps -p aurora-core -p aurora-io

clean:  ## Remove everything that was built or written by the targets above
	rm -rf target .venv bench/peers/.venv bench/mutants/.venv bench/mutants/python/.venv .cache dist out demo-out demo.json soak.json python/aurora/_core*.so
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find python tests bench flows -type d -name __pycache__ -prune -exec rm -rf {} +

# Packages follow pyproject.toml: its dependencies and its development group, resolved together.
$(DEPS): pyproject.toml
	@command -v cargo >/dev/null || { echo "Aurora needs a Rust toolchain (cargo) on the PATH" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Aurora needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > .venv/requirements.txt
	$(BIN)/python -m pip install --quiet --group dev --requirement .venv/requirements.txt
	@touch $@

# Python sources are used in place, so only Rust and the packaging ask for a rebuild.
$(BUILT): $(DEPS) $(RUST)
	$(BIN)/maturin develop --release
	@touch $@
