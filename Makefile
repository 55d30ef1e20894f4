# make demo   train, summarize and score a small cross-lingual summarizer, from nothing
# make serve  the demo's model over HTTP, with a page to try it (make demo first where it was not)
# make test   lint, type check and test (make quick: the tests that take under a second)
# All create .venv on their first call and install nothing on later ones.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
STEP := @bash requirements/progress.sh

.PHONY: setup demo serve client test test-browser test-client test-clusters quick lint clean
.DEFAULT_GOAL := help

help:
	@sed -n '1,4s/^# //p' Makefile

setup: $(VENV)/.ready

$(VENV)/.ready: setup.py requirements/build.txt requirements/fairseq.txt requirements/pins.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or 3.12 is needed; give it with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "set-up: creating $(VENV) with $(PYTHON) (about three minutes and 1.5 GB; once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(STEP) "1/3 torch, and what fairseq is compiled with" \
		$(PIP) -c requirements/pins.txt -r requirements/build.txt
	$(STEP) "2/3 this package and what it needs" \
		$(PIP) -c requirements/pins.txt --no-build-isolation -e '.[dev]'
	@# Last and without dependencies: it declares torchaudio, which text does not need.
	$(STEP) "3/3 fairseq, on Python 3.11 compiled for two minutes" \
		$(PIP) --no-build-isolation --no-deps -r requirements/fairseq.txt
	@touch $@

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tests start a thousand programs: Python keeps what it compiles for the next one.
test quick test-browser test-client test-clusters: export PYTHONDONTWRITEBYTECODE :=

# One thread each: two processes that use both cores slow each other down many times.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

quick: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# The page of mclas serve in headless Chromium; skipped, aloud, where there is none.
test-browser: $(VENV)/.ready build/axe/axe.min.js
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/serve/browser_page.py

# What looks for barriers on the page; without npm that test is skipped, aloud.
AXE := 4.14.1
build/axe/axe.min.js:
	@mkdir -p build/axe
	-cd build/axe && npm pack --silent axe-core@$(AXE) \
		&& tar -xzf axe-core-$(AXE).tgz --strip-components=1 package/axe.min.js

# A Python client, generated from the description of the interface, in build/mclas_client. The generator
# has a venv of its own: it needs other versions than this package.
GENERATOR := 0.29.1
client: $(VENV)/.ready build/generator/.ready
	$(BIN)/mclas serve --openapi build/openapi.json
	build/generator/bin/openapi-python-client generate --path build/openapi.json --meta none \
		--output-path build/mclas_client --overwrite

build/generator/.ready:
	@mkdir -p build
	@$(BIN)/python -m venv build/generator
	@build/generator/bin/pip install --quiet --disable-pip-version-check \
		openapi-python-client==$(GENERATOR) ruff
	@touch $@

# The generated client against a server.
test-client: client
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/serve/generated_client.py

# mclas roundtrip and prepare-text on a Slurm and a Ray of this machine, killed in many ways; what is not installed
# (docs/corpora.md says how) is skipped, aloud. A quarter of an hour.
test-clusters: $(VENV)/.ready
	PATH="$(CURDIR)/$(BIN):$$PATH" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/clusters/on_clusters.py

demo: $(VENV)/.ready
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo/run.sh

demo/mclas/checkpoint_best.pt: | $(VENV)/.ready
	@$(MAKE) --no-print-directory demo

demo/bundle/bundle.json: demo/mclas/checkpoint_best.pt
	$(BIN)/mclas export --checkpoint $< --data demo/data-bin --out demo/bundle --overwrite

serve: demo/bundle/bundle.json
	$(BIN)/mclas serve demo/bundle

clean:
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
