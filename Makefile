# Firmlight's daily commands. `make` alone lists them.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
FITS := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c "$(FITS)" 2>/dev/null && echo $$name && break; done)
REQUIREMENTS := requirements.txt client/pyproject.toml benchmarks/echo/pyproject.toml
LOCK := --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-header --allow-unsafe \
	--generate-hashes
SERVER := core accounts groups tasks firmlight embedded benchmarks

# With it set, each process of a system or a test would compile the whole program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev run demo check fix sync-client test test-postgres test-mongo test-bare test-newest bare chaos bench bench-beside bench-load bench-pages bench-attacks bench-under-attack bench-liars screenshots lock clean
.DEFAULT_GOAL := help

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.installed  ## make .venv and install what Firmlight needs

setup-dev: $(VENV)/.installed-dev  ## as setup, and what tests and checks need

run: setup  ## start a server that stays up until Ctrl-C (PORT=8000 HOST=127.0.0.1 VAR=var)
	@$(BIN)/python -m embedded run

demo: setup  ## show everything in a minute: register, submit, lose a worker, get the result
	@$(BIN)/python -m embedded demo

TEST_PROCESSES := 4
TEST = $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder $(ONLY) $(PYTEST)

# Some tests need Debian packages. They are installed where that is allowed; without them those tests are
# skipped, and the last lines of a run say so.
install-for-%: setup-dev
	@.ci/apt-install $$($(BIN)/python -m tests.support.needed $*)

# Half of a test's time goes into waiting for leases to end and processes to start, so four tests at a time
# keep two cores busy.
test: install-for-test  ## run the tests (PYTEST="-k lease" chooses some; INSTALL=1 installs what they need with sudo)
	@$(TEST)

# Both: see tests/conftest.py. The rest does the same whichever database there is.
STORAGE := storage or transactions

test-postgres: ONLY = -m "$(STORAGE)"
test-postgres: install-for-postgres  ## run the tests that depend on storage on PostgreSQL, on a server started for them
	@$(BIN)/python -m tests.support.databases postgres $(TEST)

test-mongo: TEST_PROCESSES = 3  # the database needs a share of the cores
test-mongo: ONLY = -m storage
test-mongo: install-for-mongo  ## run the tests that depend on storage on a MongoDB-compatible server (as root on Debian, or with a mongod)
	@$(BIN)/python -m tests.support.databases mongo $(TEST)

test-bare:  ## run the tests as on a machine that has only the newest Python
	@$(MAKE) --no-print-directory bare VENV=.venv-newest PYTHON="$$(.ci/python newest)"

test-newest:  ## run each test on the newest Python: those that depend on storage on PostgreSQL, the others as test-bare
	@$(MAKE) --no-print-directory test-postgres VENV=.venv-newest PYTHON="$$(.ci/python newest)"
	@$(MAKE) --no-print-directory test-bare ONLY='-m "not ($(STORAGE))"'

bare: setup-dev
	@$(BIN)/python -m tests.support.bare $(TEST)

chaos: setup-dev  ## break parts at random while tasks run (CHAOS_MINUTES=3 CHAOS_SEED=n CHAOS_FLUSH=1; CHAOS_COPIES=1: one of each process)
	@CHAOS_MINUTES=$${CHAOS_MINUTES:-3} CHAOS_COPIES=$${CHAOS_COPIES:-2} $(BIN)/python -m pytest -s --durations=0 tests/chaos $(PYTEST)

bench: setup-dev  ## measure, print the table and write docs/reference/benchmarks.md
	@$(BIN)/python -m benchmarks.run

bench-beside: setup-dev  ## compare the throughput with another checkout that has its .venv (OTHER=path)
	@$(BIN)/python -m benchmarks.beside $(OTHER)

bench-load: setup-dev  ## measure thousands of workers on one web process, and write docs/reference/benchmarks-load.md
	@$(BIN)/python -m benchmarks.load

bench-pages: setup-dev  ## measure pages and lists with a million tasks, and write docs/reference/benchmarks-pages.md
	@$(BIN)/python -m tests.support.databases postgres $(BIN)/python -m benchmarks.pages

bench-attacks: setup-dev  ## attack a system of its own, and print how long others wait meanwhile (ATTACK_SECONDS=15 ATTACK=part of a name)
	@$(BIN)/python -m benchmarks.attacks

bench-under-attack: setup-dev  ## measure honest throughput while all attackers are at the system (ATTACK=failer,hoarder: only these)
	@$(BIN)/python -m benchmarks.under_attack

bench-liars: setup-dev  ## let one of five owners lie over 1,000 tasks, and write docs/reference/benchmarks-liars.md (LIAR_TASKS=1000 LIARS=always wrong,…: only these)
	@$(BIN)/python -m benchmarks.liars

screenshots: setup-dev  ## take the pictures in docs/images again
	@$(BIN)/python -m tests.e2e.screenshots

lock: setup-dev  ## write the locked requirements again (UPGRADE=--upgrade: with the newest versions)
	$(BIN)/pip-compile $(LOCK) $(UPGRADE) -o requirements.txt pyproject.toml client/pyproject.toml
	$(BIN)/pip-compile $(LOCK) $(UPGRADE) --extra postgres --extra mongodb -c requirements.txt \
	  -o requirements/databases.txt pyproject.toml client/pyproject.toml
	$(BIN)/pip-compile $(LOCK) $(UPGRADE) --extra postgres --extra mongodb --extra s3 -c requirements/databases.txt \
	  -o requirements/s3.txt pyproject.toml client/pyproject.toml
	$(BIN)/pip-compile $(LOCK) $(UPGRADE) --extra postgres --extra mongodb --extra sentry --extra opentelemetry \
	  -c requirements/databases.txt -o requirements/observers.txt pyproject.toml client/pyproject.toml
	$(BIN)/pip-compile $(LOCK) $(UPGRADE) --all-extras -c requirements/observers.txt -o requirements/dev.txt \
	  pyproject.toml client/pyproject.toml

sync-client: setup-dev  ## make the blocking Python client of the one for asyncio (sdk/client.py of sdk/aio.py)
	@$(BIN)/python client/unasync.py

clean:  ## remove what was installed and cached; var/ stays
	rm -rf $(VENV) .venv-newest .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# make check: everything that can be checked without running the product, two checks at a time.

CHECKS := check-types check-linux check-darwin check-win32 check-style check-client check-imports check-deploy check-migrations check-schema check-vulnerabilities
.PHONY: $(CHECKS)

check: setup-dev  ## style, types, imports, deployment settings, migrations, API schema
	@$(MAKE) -k -j2 --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) $(CHECKS)
	@echo "All checks passed."

fix: setup-dev  ## repair what the linters can repair, and format code and templates
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format --quiet
	@$(BIN)/djangofmt check --fix templates || true
	@$(BIN)/djangofmt templates

check-%: export SECRET_KEY := only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz-never-in-use
check-%: export DATABASE_URL := sqlite://:memory:
check-%: export REDIS_URL := redis://127.0.0.1:6379
check-%: export PUBLIC_URL := https://firmlight.example
check-%: export ALLOWED_HOSTS := firmlight.example
check-%: export DJANGO_SETTINGS_MODULE := firmlight.settings

check-style:
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "ruff format would change files: run make fix"; exit 1; }
	@$(BIN)/djangofmt --check templates >/dev/null 2>&1 || { echo "djangofmt would change templates: run make fix"; exit 1; }
	@$(BIN)/djangofmt check templates >/dev/null 2>&1 || { $(BIN)/djangofmt check templates; exit 1; }

check-client:
	@$(BIN)/python client/unasync.py --check

check-imports:
	@$(BIN)/lint-imports --no-logo

check-types:
	@$(BIN)/mypy --no-error-summary --cache-dir .mypy_cache/server $(SERVER)

check-linux check-darwin check-win32: check-%:
	@$(BIN)/mypy --no-error-summary --cache-dir .mypy_cache/$* --platform $* client/firmlight_client

check-deploy:
	@$(BIN)/python manage.py check --deploy --fail-level WARNING

check-migrations:
	@$(BIN)/python manage.py makemigrations --check --dry-run

check-schema:
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

# Known vulnerabilities in our pinned dependencies. If the package index does not answer, the check passes.
check-vulnerabilities:
	@$(BIN)/python .ci/vulnerabilities.py

# A stamp file says that everything is installed. A changed requirement file makes it stale.

$(VENV)/.installed: $(REQUIREMENTS)
	@$(or $(PYTHON),false) -c "$(FITS)" 2>/dev/null || { \
	  echo "Firmlight needs Python 3.11 or newer; name it with PYTHON=/path/to/python3 if it is not on PATH." >&2; exit 1; }
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || .ci/apt-install python3-venv
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { \
	  echo "Firmlight needs Python's venv module; on Debian and Ubuntu: apt install python3-venv, or make INSTALL=1 …" >&2; exit 1; }
	@echo "Installing Firmlight into $(VENV) (once, about a minute) …"
	@$(BIN)/python -c "import pip" 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install -r requirements.txt
	@$(PIP) install --no-deps -e client -e benchmarks/echo
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements/dev.txt
	@echo "Installing what the tests need …"
	@$(PIP) install -r requirements/dev.txt
	@touch $@
