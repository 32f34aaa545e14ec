# A verb per habit; each sets up what it needs. Python 3.11 or newer with venv is all that has to be there.
PYTHON ?= python3
BIN := .venv/bin
SELFTESTS := $(BIN)/python -m pytest -c selftests/pytest.ini

.PHONY: help demo test lint bench bench-arm bench-egress bench-guests bench-report bench-run lab lab-fleet lab-windows proof samples lock readme clean

help:
	@echo "make demo      judge the made-up samples and write the reports"
	@echo "make test      the project's own tests: offline, no root"
	@echo "make lint      ruff, mypy strict, shellcheck, the example pipelines"
	@echo "make proof     no damage makes a failure pass, 300 mutants are noticed, brute force agrees; an hour, goes on where it was ended"
	@echo "make bench     every figure below, one after the other, and reports/bench.json"
	@echo "make bench-run      1,000 recorded VMs against as many empty tests, on one core and on several"
	@echo "make bench-arm      virtual machines read through ARM against its rate limit"
	@echo "make bench-egress   10,000 network interfaces against prefix by rule"
	@echo "make bench-report   the page of 1,000 VMs against stock pytest-html, in chromium"
	@echo "make bench-guests   20, 50 and 100 guests against ssh itself and testinfra (root, Linux, openssh-server)"
	@echo "make lab       the guest controls against real guests (root, Debian 12)"
	@echo "make lab-fleet      guests in three closed networks, read by workers in each, some of which are killed (root, Linux)"
	@echo "make lab-windows    Windows guests out of wine, over real ssh and WinRM (root, Debian)"
	@echo "make samples   write samples/facts again"
	@echo "make lock      pin every dependency again"
	@echo "make readme    write the README's control table, probe.cmd and the tables in probe.sh again"

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

# What it found out stays in .proof; other seeds and parts: make proof PROOF="--seed=7 mutants"
proof: .venv/dev.stamp
	@$(BIN)/python -m selftests.proof $(PROOF)

lint: .venv/dev.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@command -v shellcheck >/dev/null || { echo "shellcheck is missing: apt-get install shellcheck"; exit 2; }
	shellcheck -s sh backup_compliance/guest/linux/probe.sh backup_compliance/gathering/support_logs.sh
	shellcheck .ci/run examples/systemd/publish.sh
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows examples/github/*.yml
	@$(BIN)/check-jsonschema --quiet --regex-variant python --builtin-schema vendor.azure-pipelines examples/azure-pipelines/*.yml
	@$(BIN)/zizmor --offline --no-progress --quiet examples/github/*.yml
	@if test -x $(BIN)/actionlint; then $(BIN)/actionlint -config-file examples/github/actionlint.yaml examples/github/backup-compliance.yml; else echo "actionlint: no package for this machine, left out"; fi
	@$(BIN)/python -m selftests.units

bench: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench

bench-arm: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench.arm_reading

bench-guests: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench.guests

bench-egress: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench.egress

bench-report: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench.report

bench-run: .venv/dev.stamp
	@$(BIN)/python -m selftests.bench.run

lab: .venv/dev.stamp
	@$(BIN)/python -m selftests.lab

lab-fleet: .venv/dev.stamp
	@$(BIN)/python -m selftests.lab_fleet

samples: .venv/run.stamp
	@$(BIN)/python -m selftests.samples

# Debian's wine64 stands in for Windows: its registry, reg.exe and cmd.exe, behind a real sshd on loopback.
lab-windows: .venv/dev.stamp
	@test "$$(id -u)" = 0 || { echo "lab-windows needs root: sudo make lab-windows"; exit 2; }
	@test -x /usr/lib/wine/wine64 -a -x /usr/sbin/sshd || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends wine64 openssh-server openssh-client > /dev/null; }
	@$(SELFTESTS) selftests/lab_windows/lab.py

readme: .venv/run.stamp
	@$(BIN)/python -m selftests.readme

lock: .venv/dev.stamp
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras pyproject.toml --group dev --all-extras -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
