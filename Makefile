# A verb per habit; each sets up what it needs. Python 3.11 or newer with venv is all that has to be there.
PYTHON ?= python3
BIN := .venv/bin
SELFTESTS := $(BIN)/python -m pytest -c selftests/pytest.ini

.PHONY: help demo test lint bench bench-egress lab samples lock readme clean

help:
	@echo "make demo      judge the made-up samples and write the reports"
	@echo "make test      the project's own tests: offline, no root"
	@echo "make lint      ruff, mypy strict, shellcheck"
	@echo "make bench     guest reading against its floor (root, Linux, openssh-server)"
	@echo "make bench-egress   10,000 network interfaces against prefix by rule"
	@echo "make lab       the guest controls against real guests (root, Debian 12)"
	@echo "make samples   write samples/facts again"
	@echo "make lock      pin every dependency again"
	@echo "make readme    write the README's control table again"

# Stamps say which lock file the environment was made from; pip's hash mode refuses anything else.
.venv/run.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/dev.stamp: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ .venv/run.stamp

demo: .venv/run.stamp
	@$(BIN)/python -m backup_compliance.demo

test: .venv/dev.stamp
	@$(SELFTESTS) -n 2 --dist loadscope selftests

lint: .venv/dev.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@command -v shellcheck >/dev/null || { echo "shellcheck is missing: apt-get install shellcheck"; exit 2; }
	shellcheck -s sh backup_compliance/guest/probe.sh
	shellcheck .ci/run

bench: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench

bench-egress: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench.egress

lab: .venv/dev.stamp
	@$(BIN)/python -m selftests.lab

samples: .venv/run.stamp
	@$(BIN)/python -m selftests.samples

readme: .venv/run.stamp
	@$(BIN)/python -m selftests.readme

lock: .venv/dev.stamp
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras pyproject.toml --group dev --all-extras -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
