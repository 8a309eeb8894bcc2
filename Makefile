# Each target works on a fresh machine that has Python 3.11 or newer and make; `make` lists them.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)) python3)
BOOK_SEED ?= 0
PORT ?= 8000
SEEDS ?= 0-19
export BOOK_SEED PAGES SHARD KEEP COURSE PRIVATE
export OMP_NUM_THREADS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BIN := .venv/bin
# The book under another seed is built beside the one under seed 0.
OUT := $(if $(filter 0,$(BOOK_SEED)),.,_build/seed-$(BOOK_SEED))
SITE := $(OUT)/_build/html

.PHONY: help book serve lab test lint bench seeds mutants course grade slides page pairs tidy gather pdf clean
.DEFAULT_GOAL := help

# What is wrong with the request is said at once, before anything is installed or built.
matches = $(shell printf '%s' '$(1)' | grep -xE '$(2)')
ifneq (,$(filter-out help clean,$(MAKECMDGOALS)))
  ifeq (,$(call matches,$(BOOK_SEED),[0-9]+))
    $(error BOOK_SEED must be a whole number such as 7; it is '$(BOOK_SEED)')
  endif
  ifeq (,$(call matches,$(PORT),[0-9]+))
    $(error PORT must be a number such as 8001; it is '$(PORT)')
  endif
  ifneq (,$(SHARD))
    ifeq (,$(call matches,$(SHARD),[0-9]+/[1-9][0-9]*))
      $(error SHARD is I/N, such as 1/4; it is '$(SHARD)')
    endif
  endif
  ifneq (yes,$(shell $(PYTHON) -c 'import sys; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null))
    $(error Python 3.11 or newer is needed, and $(PYTHON) is not: name one, PYTHON=/path/to/python3.11)
  endif
  # An environment that does not work (a removed Python) or is another folder's is made anew.
  ifneq (,$(wildcard .venv))
    ifneq (yes,$(shell grep -qsF '$(CURDIR)/.venv/' $(BIN)/pip && $(BIN)/python -c 'import sys, pip; print("yes" if sys.version_info >= (3, 11) else "")' 2>/dev/null))
      $(info the environment in .venv does not work here; it is made anew)
      $(shell rm -rf .venv)
    endif
  endif
endif

help:
	@echo "make book    build the book into $(SITE)"
	@echo "make serve   build it and serve it on http://127.0.0.1:$(PORT)"
	@echo "make lab     open the chapters in JupyterLab, sliders live"
	@echo "make test    run every notebook, build the book, move every slider in a browser"
	@echo "make bench   time the chapters' methods beside the packages a user would pick"
	@echo "make seeds   measure the claims under other seeds, SEEDS=0-19 (minutes a page; resumes)"
	@echo "make mutants break the sources on purpose; each edit must turn a test red (resumes)"
	@echo "make course  write an nbgrader course: assignments, hidden tests, what learners install"
	@echo "make grade   grade what learners handed in: feedback and grades.csv"
	@echo "make slides  the book, and a deck of slides of each core page"
	@echo "make page    begin a page: NAME=activations/curves PAPER=gelu"
	@echo "make pairs   bring each chapter's .md and .ipynb into step (KEEP=md or KEEP=ipynb)"
	@echo "make tidy    write the code of the chapters to 80 columns"
	@echo "make pdf     the book as one PDF, every figure at its first setting (PAGES=kan: one family)"
	@echo "make clean   remove the environment and all that was built"
	@echo
	@echo "PAGES=\"ntk kan/bases\" with book, serve, test, seeds, mutants or course: these pages only"
	@echo "SHARD=1/4 with test: the first of four parts; BOOK_SEED=7: other random numbers"

.venv/pyvenv.cfg:
	@$(PYTHON) -m venv .venv

# One stamp an extra: installing twice is no work.
.venv/installed-%: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	@echo "installing what '$*' needs into .venv (a few minutes the first time)"
	@$(BIN)/pip install --quiet --constraint constraints.txt $$(grep '^torch==' constraints.txt)
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[$*]"
	@touch $@

book: .venv/installed-book
	@$(BIN)/python -m book.build $(OUT)

serve: .venv/installed-book
	@$(BIN)/python -m book.serve $(OUT) $(PORT)

lab: .venv/installed-lab
	@$(BIN)/python -m book.pairs
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/chapters \
	  --ServerApp.contents_manager_class=book.lab.Contents

test: .venv/installed-book .venv/installed-lab .venv/installed-test .venv/installed-course
	@$(BIN)/python -m tests.install_chromium
	@$(BIN)/python -m tests.run $(OUT)

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv/installed-book .venv/installed-test .venv/installed-peers
	$(BIN)/python -m tests.benchmarks.run

seeds: .venv/installed-book
	@$(BIN)/python -m book.seeds $(SEEDS)

mutants: .venv/installed-book .venv/installed-test
	@$(BIN)/python -m tests.mutants

course: .venv/installed-book .venv/installed-course
	@$(BIN)/python -m book.course

grade: .venv/installed-book .venv/installed-course
	@$(BIN)/python -m book.grade

slides: book
	@echo "The slides are $(abspath $(SITE))/slides/NAME.html; the key s opens the speaker's notes"

page: .venv/installed-book
	@$(BIN)/python -m book.begin "$(NAME)" "$(PAPER)"

pairs: .venv/installed-book
	@$(BIN)/python -m book.pairs

tidy: .venv/installed-book .venv/installed-test
	@$(BIN)/python -m book.tidy

# Executions that other machines made, each in a folder that holds a copy of its cache.
gather: .venv/installed-book
	@$(BIN)/python -m book.execute $(OUT)/_build --gather $(FROM)

pdf: .venv/installed-book
	@$(BIN)/python -m book.pdf $(OUT)

clean:
	rm -rf .venv _build
