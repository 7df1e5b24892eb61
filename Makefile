# `make run` serves, `make test` tests; both bring and build what they need first. See CONTRIBUTING.md.
# Debian's own build of Python before one built from source: with the defaults of its Makefile that is a third slower.
PYTHON ?= $(shell D=/usr/bin/python3.11; $$D -c 'import sqlite3, ssl' 2>&- && echo $$D || command -v python3.11 || command -v python3)
BIN := .venv/bin
SETUP := $(PYTHON) -m tools.setup
# Many an image forbids it, for containers that start once. Here hundreds of processes start, and compiling takes half their time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run test lint fmt messages bench lock clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile | awk -F': ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: ## install and build everything that running and testing need
	@$(SETUP) test

run: ## serve on this machine: web, worker, scheduler, embedded Redis, demo data
	@$(SETUP) run
	@exec $(BIN)/flask --app app dev

test: lint ## set up, lint, then the whole suite; a part of it: make test T=tests/services
	@exec $(BIN)/python -m pytest -n 3 --dist worksteal $(T)

lint: setup ## style, types, templates, translations
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@for check in $(wildcard tools/check_*.py); do $(BIN)/python $$check || exit 1; done

fmt: setup ## format, and fix what can be fixed
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

messages: setup ## collect the texts of code and templates into the catalogues, and list what needs words
	@$(BIN)/python tools/check_translations.py --update

bench: setup ## measure; one part: make bench B='runtime --json'
	@exec $(BIN)/python -m bench $(B)

lock: ## resolve the lock files again, after a change in pyproject.toml or tools/locks/*.in
	@$(PYTHON) -m tools.setup lock

clean: ## remove what set-up made; data/ stays
	rm -rf .venv .setup node_modules static/build static/monaco
	find translations -name '*.mo' -delete
