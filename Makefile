# Two commands for a fresh machine: `make serve` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# How many tests run at a time: most of them wait for a server. 0: in this process, which `--pdb` needs.
WORKERS ?= 2

.PHONY: help serve servers engines test check dist bench bench-contestants docker-smoke docker-smoke-scale test-clients fuzz audit docs lock clean
help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

# The versions of requirements/, by hash, then the project itself with its build tool from there.
PIP := -m pip install --disable-pip-version-check
LOCKED := $(PIP) --require-hashes -r requirements/build.txt
ITSELF := $(PIP) --quiet --no-deps --no-build-isolation -e .

$(VENV)/.serve: pyproject.toml requirements/embedded.txt
	@echo "warmprefix: creating $(VENV) and installing (the first time downloads about 300 MB)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(LOCKED) -r requirements/embedded.txt
	@$(BIN)/python $(ITSELF)
	@touch $@

$(VENV)/.test: pyproject.toml requirements/test.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(LOCKED) --quiet -r requirements/test.txt
	@$(BIN)/python $(ITSELF)
	@touch $@ $(VENV)/.serve

serve: $(VENV)/.serve ## run the proxy on a real llama-server with a small model (ARGS="--port 9000")
	@$(BIN)/warmprefix serve --embedded $(ARGS)

test: $(VENV)/.test ## install what the tests need and run them all, those on a real llama-server included
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

servers: ## fetch the stock servers that tests run on (Debian's newest llama-server and Lemonade) into .servers
	@tests/servers/fetch.sh .servers lemonade

MLX := .venv-mlx

$(MLX)/.installed:
	@test -x $(MLX)/bin/python || $(PYTHON) -m venv $(MLX)
	@$(MLX)/bin/python $(PIP) --quiet 'mlx-lm==0.32.2' 'mlx[cpu]==0.32.4; sys_platform == "linux"'
	@touch $@

engines: $(MLX)/.installed ## install mlx-lm, on which the tests of engines without slots run (350 MB, about a minute)

CLIENTS_NPM := .clients-npm

# Without npm the tests of these clients are skipped. Claude Code's program is put in place by a script of its own.
$(CLIENTS_NPM)/.installed: tests/clients/npm/package.json tests/clients/npm/package-lock.json
	@mkdir -p $(CLIENTS_NPM) && cp $^ $(CLIENTS_NPM)
	@if command -v npm >/dev/null; then \
	  cd $(CLIENTS_NPM) && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error && \
	  node node_modules/@anthropic-ai/claude-code/install.cjs && touch .installed; \
	else echo "test-clients: no npm here, so Claude Code and Codex are left out" >&2; fi

# What cannot be had is skipped, with the reason.
test-clients: $(VENV)/.test $(CLIENTS_NPM)/.installed ## run real clients (Claude Code, Codex, OpenCode, Hermes, aider and more) through the proxy on a real KV cache
	@command -v llama-server >/dev/null || tests/servers/fetch.sh .servers || true
	@$(BIN)/python -m tests.clients.installing
	@tests/clients/loopback.sh $(BIN)/python -m pytest -m client tests/clients $(ARGS)

FUZZ := .venv-fuzz
SECONDS_EACH ?= 600

$(FUZZ)/.installed:
	@test -x $(FUZZ)/bin/python || $(PYTHON) -m venv $(FUZZ)
	@$(FUZZ)/bin/python -m pip install --disable-pip-version-check --quiet -e . 'atheris==3.0.0'
	@touch $@

fuzz: $(FUZZ)/.installed ## look for bytes that break the parsers (SECONDS_EACH=3600), keep what reaches new code
	@for target in sse body messages-sse messages-body responses-sse responses-body; do \
	  $(FUZZ)/bin/python -m tests.fuzz.run $$target --seconds $(SECONDS_EACH) || exit 1; \
	  $(FUZZ)/bin/python -m tests.fuzz.run $$target --keep || exit 1; \
	done

audit: $(VENV)/.test ## known faults: in our code (bandit), in what is installed (pip-audit)
	@$(BIN)/bandit --quiet --recursive proxy --configfile pyproject.toml
	@$(BIN)/python -m tests.security.audit

check: $(VENV)/.test ## format, lint, types, documentation, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(ARGS)
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m coverage report --include='proxy/warmprefix/core/*,proxy/warmprefix/dialects/*,proxy/warmprefix/profiles/*' --fail-under=100

DOCS := .venv-docs

$(DOCS)/.installed: requirements/docs.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python $(PIP) --quiet --require-hashes -r $<
	@touch $@

docs: $(VENV)/.test $(DOCS)/.installed ## write docs/rules.md from the rules, and all pages as a site into build/site
	@$(BIN)/python -m tests.write_docs
	@$(BIN)/python -m docs.site build/pages
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict

dist: $(VENV)/.test ## build wheel and source distribution into dist/
	@rm -rf dist && $(BIN)/python -m hatchling build -d dist

LOCKER := .venv-lock

$(LOCKER)/.installed:
	@test -x $(LOCKER)/bin/python || $(PYTHON) -m venv $(LOCKER)
	@$(LOCKER)/bin/python $(PIP) --quiet 'uv==0.13.9'
	@touch $@

# test.txt first: it holds every version, the others take theirs from it. --upgrade: the newest that pyproject.toml allows.
COMPILE := $(LOCKER)/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 \
  --generate-hashes --upgrade --custom-compile-command 'make lock'
lock: $(LOCKER)/.installed ## write requirements/*.txt anew: the newest versions that pyproject.toml allows, with hashes
	@$(COMPILE) pyproject.toml requirements/build.in --extra test --output-file requirements/test.txt
	@$(COMPILE) pyproject.toml --extra embedded -c requirements/test.txt --output-file requirements/embedded.txt
	@$(COMPILE) pyproject.toml --extra redis -c requirements/test.txt --output-file requirements/run.txt
	@$(COMPILE) pyproject.toml --extra docs -c requirements/test.txt --output-file requirements/docs.txt
	@$(COMPILE) requirements/build.in -c requirements/test.txt --output-file requirements/build.txt

bench: $(VENV)/.test ## measure and print ratios
	@$(BIN)/python -m bench $(ARGS)

CONTESTANTS := .venv-bench

$(CONTESTANTS)/.installed:
	@test -x $(CONTESTANTS)/bin/python || $(PYTHON) -m venv $(CONTESTANTS)
	@$(CONTESTANTS)/bin/python -m pip install --disable-pip-version-check --quiet \
	  'litellm[proxy]==1.108.7' 'hearth-llm==0.1.1' 'httpx-aiohttp==0.2.0' 'httpx2==2.16.2' 'py-spy==0.4.3'
	@touch $@

bench-contestants: $(CONTESTANTS)/.installed ## install what `python -m bench path` compares with

docker-smoke-scale: ## build the image, run compose.scale.yaml, play a session while a proxy and the ledger are stopped
	@docker/smoke_scale.sh

docker-smoke: ## build the image, run it against a llama-server on this host, check a log line
	@docker/smoke.sh

clean: ## remove the environments, and what was built
	rm -rf $(VENV) $(DOCS) build dist
