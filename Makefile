# make demo: install once, then run the embedded demo.  make test, make test-faults: what CI runs.
# make bench: timings of the engine and the tables, into benchmarks/results.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install demo test test-faults lint bench clean
.DELETE_ON_ERROR:

install: .venv/installed

# The interpreter path inside .venv is absolute: a moved checkout makes its environment anew.
.venv/installed: requirements.txt requirements-dev.txt requirements-lock.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, found {sys.version.split()[0]}; set PYTHON=..."'
	$(PYTHON) -m venv --clear .venv
	"$(BIN)/python" -m pip install --quiet -r requirements.txt -r requirements-dev.txt -c requirements-lock.txt
	touch .venv/installed

# flock: jobs of a killed run inherit the lock, so a new run starts when the last of them is gone,
# and only then is Snakemake's stale lock removed.
demo: install
	@mkdir -p .snakemake
	flock .snakemake/demo.flock sh -c 'snakemake --unlock --quiet all; exec snakemake --cores all --resources gpu=1'
	@"$(BIN)/python" workflow/scripts/show_study.py

test: lint
	"$(BIN)/python" -m pytest

# Kills, full disks, damaged files, and what else docs/reliability.md lists.
test-faults: install
	"$(BIN)/python" -m pytest tests/faults

lint: install
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	codespell
	snakemake --lint

# Never part of the tests: timings depend on the machine. On a GPU, add --shape (see each script).
bench: install
	"$(BIN)/python" benchmarks/intervene.py
	"$(BIN)/python" benchmarks/extract.py
	"$(BIN)/python" benchmarks/memory.py
	"$(BIN)/python" benchmarks/tables.py

clean:
	rm -rf results .snakemake
