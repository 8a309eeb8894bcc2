# Each target works on a fresh machine that has Python 3.11 and make; `make` alone lists them.
PYTHON ?= python3.11
BOOK_SEED ?= 0
PORT ?= 8000
export BOOK_SEED
export OMP_NUM_THREADS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BIN := .venv/bin
# The book under another seed is built beside the one under seed 0.
OUT := $(if $(filter 0,$(BOOK_SEED)),.,_build/seed-$(BOOK_SEED))
SITE := $(OUT)/_build/html

.PHONY: help book serve lab test lint bench course pairs pdf clean
.DEFAULT_GOAL := help

help:
	@echo "make book    build the book into $(SITE)"
	@echo "make serve   build it and serve it on http://127.0.0.1:$(PORT)"
	@echo "make lab     open the chapters in JupyterLab, sliders live"
	@echo "make test    run every notebook, build the book, move every slider in a browser"
	@echo "make bench   time the chapters' methods beside the packages a user would pick"
	@echo "make course  write the learner's notebooks, exercises as stubs"
	@echo "make pairs   write each chapter's .ipynb from its .md"
	@echo "make clean   remove the environment and all that was built"

# One stamp an extra: installing twice is no work.
.venv/pyvenv.cfg:
	$(PYTHON) -m venv .venv || { echo "Python 3.11 or newer is needed; name it with PYTHON=..."; exit 1; }

.venv/installed-%: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	@echo "installing what '$*' needs into .venv (a few minutes the first time)"
	@$(BIN)/pip install --quiet --constraint constraints.txt $$(grep '^torch==' constraints.txt)
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[$*]"
	@touch $@

book: .venv/installed-book
	@$(BIN)/python -m book.build $(OUT)

serve: book
	@echo "The book is on http://127.0.0.1:$(PORT) (Ctrl+C ends it)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory $(SITE)

lab: .venv/installed-lab
	$(BIN)/jupyter lab --notebook-dir=. chapters

test: .venv/installed-book .venv/installed-lab .venv/installed-test
	@$(BIN)/python -m tests.install_chromium
	@$(BIN)/python -m tests.run $(OUT)

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv/installed-book .venv/installed-peers
	$(BIN)/python -m tests.benchmarks.run

course: .venv/installed-course
	$(BIN)/python -m book.course

pairs: .venv/installed-book
	$(BIN)/python -m book.pairs

pdf: .venv/installed-book
	@$(BIN)/python -m book.build $(OUT) latex

clean:
	rm -rf .venv _build
