# make demo: install once, then run the embedded demo.  make test: lint, and the workflow as it should run.
# make test-faults: as it should fail.  make test-slurm: on a real one-node Slurm; as root on Debian or Ubuntu.
# make test-browser: the report as its reader sees it, in Chromium; as root on Debian, if there is none yet.
# make report: the demo's page for a browser, results/report.html, which make demo makes too.
# make validate: do verdicts fit a known truth? A longer demo.
# make native: does another language find other neurons?
# make transfer: do masks matter on new pictures, and damage what has no culture?
# make components: heads, vision tower, projector: where are a culture's neurons?
# make steering: can steering mend what a demo model lacks?
# make bench: timings of the engine and the tables, into benchmarks/results.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: install demo report native transfer components steering validate test test-faults test-slurm test-browser lint bench clean
.DELETE_ON_ERROR:

install: .venv/installed

# The interpreter path inside .venv is absolute: a moved checkout makes its environment anew.
ifneq "$(shell cat .venv/installed 2> /dev/null)" "$(CURDIR)"
.PHONY: .venv/installed
endif
.venv/installed: requirements.txt requirements-dev.txt requirements-lock.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, found {sys.version.split()[0]}; set PYTHON=..."'
	$(PYTHON) -m venv --clear .venv
	"$(BIN)/python" -m pip install --quiet -r requirements.txt -r requirements-dev.txt -c requirements-lock.txt
	pwd -P > .venv/installed

# flock: jobs of a killed run inherit the lock, so a new run starts when the last of them is gone,
# and only then is Snakemake's stale lock removed. --quiet leaves jobs' own lines, how many jobs of all
# are done, and errors on the terminal; each job's files, of which its code is many, are left out.
run_study = mkdir -p .snakemake && flock .snakemake/demo.flock sh -c \
	'snakemake $(1) --unlock --quiet all; exec snakemake $(1) --cores all --resources gpu=1 --quiet rules reason host'

demo: install
	$(call run_study)
	@"$(BIN)/python" workflow/scripts/show_study.py
	@"$(BIN)/python" workflow/scripts/check_demo.py
	@echo "for a browser: results/report.html"

report: install
	$(call run_study,results/report.html)
	@echo results/report.html

components: install
	$(call run_study,--configfile config/components.yaml)
	@"$(BIN)/python" workflow/scripts/show_study.py
	@"$(BIN)/python" workflow/scripts/check_demo.py components
	@echo "for a browser: results/report.html"

# Of another dataset than the other demos, so in a folder of its own.
native: install
	$(call run_study,--directory native_demo --configfile config/native_demo.yaml)
	@cd native_demo && "../$(BIN)/python" ../workflow/scripts/show_study.py
	@cd native_demo && "../$(BIN)/python" ../workflow/scripts/check_demo.py native
	@echo "for a browser: native_demo/results/report.html"

transfer: install
	$(call run_study,--configfile config/other_datasets.yaml)
	@"$(BIN)/python" workflow/scripts/show_study.py
	@"$(BIN)/python" workflow/scripts/check_demo.py transfer
	@echo "for a browser: results/report.html"

steering: install
	$(call run_study,--configfile config/steering.yaml)
	@"$(BIN)/python" workflow/scripts/show_study.py
	@"$(BIN)/python" workflow/scripts/check_demo.py steering
	@echo "for a browser: results/report.html"

# The demo against all four controls; then models of five training seeds, negative controls, and null.
validate: install
	$(call run_study,--configfile config/validate.yaml)
	@"$(BIN)/python" workflow/scripts/show_study.py
	$(call run_study,results/tables/ground_truth.csv --configfile config/ground_truth.yaml)
	@"$(BIN)/python" workflow/scripts/show_study.py ground_truth

# Two threads on each of two busy cores are many times slower than one.
test: export OMP_NUM_THREADS := 1
test: lint
	"$(BIN)/python" -m pytest --numprocesses 2 --dist loadfile tests/unit tests/dag
	"$(BIN)/python" -m pytest tests/integration

# Beside the environment and not in it: with the plugin installed, every snakemake call asks Slurm.
.slurm-plugin/installed: .venv/installed requirements-slurm.txt
	rm -rf .slurm-plugin
	"$(BIN)/python" -m pip install --quiet --no-deps --target .slurm-plugin -r requirements-slurm.txt
	touch .slurm-plugin/installed

# 101: the packages must start no daemon of theirs; the tests start their own.
test-slurm: install .slurm-plugin/installed
	which munged slurmctld slurmd srun > /dev/null || { set -e; policy=/usr/sbin/policy-rc.d; \
	    test -e $$policy || { trap "rm $$policy" EXIT; printf '#!/bin/sh\nexit 101\n' > $$policy; chmod +x $$policy; }; \
	    apt-get update --quiet; \
	    apt-get install --quiet --yes --no-install-recommends munge slurmctld slurmd slurm-client; }
	PYTHONPATH="$(CURDIR)/.slurm-plugin" "$(BIN)/python" -m pytest tests/slurm

test-browser: install
	which chromium > /dev/null || which google-chrome > /dev/null || { set -e; apt-get update --quiet; \
	    apt-get install --quiet --yes --no-install-recommends -o DPkg::Lock::Timeout=600 chromium; }
	"$(BIN)/python" -m pytest tests/browser

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
	"$(BIN)/python" benchmarks/tokens.py
	"$(BIN)/python" benchmarks/extract.py
	"$(BIN)/python" benchmarks/memory.py
	"$(BIN)/python" benchmarks/tables.py
	"$(BIN)/python" benchmarks/effects.py
	"$(BIN)/python" benchmarks/other_questions.py
	"$(BIN)/python" benchmarks/architectures.py

clean:
	rm -rf results .snakemake native_demo
