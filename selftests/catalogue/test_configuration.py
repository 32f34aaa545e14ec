"""Baselines: what they decide, and how a wrong file is named by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_compliance.catalogue import baselines
from backup_compliance.catalogue.baselines import FOLDER, NO_PAGE, Thresholds, load_baseline
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import Severity, load_catalogue
from backup_compliance.guest.conditions import CONDITIONS
from selftests.builders.product import ROOT

CATALOGUE = load_catalogue(ROOT)
HEAD = 'name = "ours"\ndate = 2026-11-01\n'


@pytest.mark.parametrize("name", ["documented", "current"])
def test_built_in_baseline_has_a_severity_for_every_control(name: str) -> None:
    """No control may be without a severity, and no severity without a control."""
    baseline = load_baseline(name, CATALOGUE, CONDITIONS)
    assert set(baseline.severities) == set(CATALOGUE)


def test_own_baseline_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    """A user's file extends a built-in one: severities, overrides and thresholds alike."""
    file = tmp_path / "ours.toml"
    file.write_text(HEAD + 'extends = "current"\n[severities]\nAVB-402 = "critical"\n[thresholds]\ncpu_percent = 75\n')
    baseline = load_baseline(str(file), CATALOGUE, CONDITIONS)
    assert baseline.severity("AVB-402") is Severity.CRITICAL
    assert baseline.severity("AVB-101", ["agent-below-minimum"]) is Severity.HIGH
    assert baseline.thresholds.cpu_percent == 75
    assert baseline.thresholds.memory_percent == 90


def test_first_override_that_holds_wins() -> None:
    """Conditions are tried in the order of the file."""
    baseline = load_baseline("current")
    assert baseline.severity("AVB-405") is Severity.MEDIUM
    assert baseline.severity("AVB-405", ["host-address-reachable"]) is Severity.LOW
    assert baseline.conditions("AVB-101") == ("snapshot-starts-in-guest", "agent-below-minimum")


@pytest.mark.parametrize("name", ["documented", "current"])
def test_every_number_has_a_source(name: str) -> None:
    """Each threshold, and each severity that `current` sets otherwise: a page with its date, or no public page."""
    baseline = load_baseline(name)
    deviations = {c for c, s in baseline.severities.items() if s is not load_baseline("documented").severities[c]}
    assert {*Thresholds.__struct_fields__, *baseline.overrides, *deviations} <= set(baseline.sources)
    for source in baseline.sources.values():
        assert (source.date is None) is (source.page == NO_PAGE)


def test_threshold_of_ones_own_does_not_inherit_the_page(tmp_path: Path) -> None:
    """A number of the user's is not Microsoft's; a source of the user's own stands."""
    file = tmp_path / "ours.toml"
    numbers = "[thresholds]\ncpu_percent = 75\nmemory_percent = 75\n"
    ours = '[sources]\nmemory_percent = { page = "Our handbook", date = 2026-11-01 }\n'
    file.write_text(f'{HEAD}extends = "current"\n{numbers}{ours}')
    sources = load_baseline(str(file)).sources
    assert "cpu_percent" not in sources
    assert sources["memory_percent"].page == "Our handbook"
    assert sources["policy_vms"] == load_baseline("current").sources["policy_vms"]


def test_built_in_baseline_without_a_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds a threshold or a deviation names its page."""
    text = (FOLDER / "documented.toml").read_text()
    (tmp_path / "documented.toml").write_text(text.replace("\ncpu_percent = { page", "\n# cpu_percent = { page"))
    monkeypatch.setattr(baselines, "FOLDER", tmp_path)
    with pytest.raises(ConfigurationError, match="sources: cpu_percent: no source; name a page and its date"):
        load_baseline("documented")


BAD_BASELINES = [
    (
        HEAD + 'extends = "current"\n[sources]\ncpu_percent = { page = "x", date = 2026-11-01 }\n',
        "ours.toml:5: sources.cpu_percent: the file sets no threshold",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\ncpu_percent = 75\n[sources]\ncpu_percent = { page = "x" }\n',
        "ours.toml:7: sources.cpu_percent: a page has a date",
    ),
    (
        HEAD
        + 'extends = "current"\n[thresholds]\ncpu_percent = 75\n[sources]\n'
        + 'cpu_percent = { page = "no public page", date = 2026-11-01 }\n',
        "ours.toml:7: sources.cpu_percent: a page has a date",
    ),
    (
        HEAD
        + 'extends = "current"\n[thresholds]\ncpu_percent = 75\n[sources]\ncpu_percent = { page = " ", date = 2026-11-01 }\n',
        "ours.toml:7: sources.cpu_percent: the title of a page",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\ncpu_percent = 75\n[sources]\ncpu_percent = { pge = "x" }\n',
        "ours.toml:7: sources.cpu_percent",
    ),
    ("name = ", "Invalid value"),
    (HEAD, ": extends: a baseline of your own extends"),
    (HEAD + 'extends = "newest"\n', "ours.toml:3: extends: unknown baseline 'newest'"),
    (
        HEAD + 'extends = "current"\n[severities]\nAVB-999 = "low"\n',
        "ours.toml:5: severities.AVB-999: unknown control id",
    ),
    (
        HEAD + 'extends = "current"\n[severities]\nAVB-101 = "fatal"\n',
        "ours.toml:5: severities.AVB-101: Invalid enum value 'fatal'",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\ncpu_percnt = 90\n',
        "ours.toml:5: thresholds.cpu_percnt: Object contains unknown field",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\ncpu_percent = "high"\n',
        "ours.toml:5: thresholds.cpu_percent: Expected `float`, got `str`",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\ncpu_percent = 900\n',
        "ours.toml:5: thresholds.cpu_percent: a percentage",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\nlinux_agent_minimum = "new"\n',
        "ours.toml:5: thresholds.linux_agent_minimum: 'new' is no version",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds.storage_endpoints]\nmars = "x"\n',
        "ours.toml:5: thresholds.storage_endpoints.mars: unknown cloud",
    ),
    (
        HEAD + 'extends = "current"\n[overrides]\nAVB-101 = [{ condition = "full-moon", severity = "low" }]\n',
        "ours.toml:5: overrides.AVB-101: unknown condition 'full-moon'",
    ),
    (
        HEAD + 'extends = "current"\n[thresholds]\nexemption_days = -1\n',
        "ours.toml:5: thresholds.exemption_days: a number of days",
    ),
    (HEAD + 'extends = "current"\nseverties = 1\n', "ours.toml:4: severties: Object contains unknown field"),
]


@pytest.mark.parametrize(
    ("text", "message"), BAD_BASELINES, ids=[f"{n}-{m[:60]}" for n, (_, m) in enumerate(BAD_BASELINES)]
)
def test_wrong_baseline_is_named_by_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    """File, line and key stand in the message."""
    file = tmp_path / "ours.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load_baseline(str(file), CATALOGUE, CONDITIONS)
    assert message in str(raised.value)
    assert "ours.toml" in str(raised.value)
