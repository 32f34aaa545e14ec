"""The other baseline's column: what a run with that baseline would have found, whatever reads thresholds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from backup_compliance.gathering.folder import load_facts, save_facts
from backup_compliance.judging.findings import Finding, OtherBaseline
from backup_compliance.model.recorded import RecordedSubscription
from selftests.builders.product import ROOT, Judged, judge_apart, record
from selftests.plugin.test_hooks import CLEAN
from selftests.samples import FOLDER

TAGGED = """
name = "tagged"
date = 2026-11-01
extends = "current"
[thresholds]
schedule_group_tag = "backup-group"
cpu_percent = 20
memory_percent = 20
restore_points = 1
policy_vms = 1
linux_agent_minimum = "2.15.0.1"
python_oldest = "3.10"
agent_report_minutes = 1
"""
Found = dict[tuple[str, str], Finding]


def _tagged(subscription: RecordedSubscription) -> RecordedSubscription:
    """Every machine of an availability set in a group of its own, all others in one."""
    machines = json.loads(subscription.documents["virtualMachines"])
    for machine in machines["value"]:
        alone = "availabilitySet" in machine["properties"]
        machine["tags"] = {"backup-group": machine["name"] if alone else "others"}
    documents = {**subscription.documents, "virtualMachines": json.dumps(machines).encode()}
    return replace(subscription, documents=documents)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """The samples with tags, judged by both built-in baselines and by one that draws every line elsewhere."""
    folder = tmp_path_factory.mktemp("baselines")
    facts = load_facts(FOLDER)
    save_facts(replace(facts, subscriptions=tuple(map(_tagged, facts.subscriptions))), folder / "facts")
    (folder / "tagged.toml").write_text(TAGGED)
    found = {}
    for name in ("documented", "current", "tagged"):
        chosen = str(folder / "tagged.toml") if name == "tagged" else name
        run = judge_apart(folder / name, f"--facts={folder / 'facts'}", "--fail-on=low", f"--baseline={chosen}")
        found[name] = {(f.control, f.resource): f for f in run.document.findings}
    return found


@pytest.mark.parametrize(
    ("chosen", "other"), [("documented", "current"), ("current", "documented"), ("tagged", "documented")]
)
def test_other_baseline_says_what_its_own_run_says(runs: dict[str, Found], chosen: str, other: str) -> None:
    """For every finding on the samples, outcome and severity alike."""
    told = {key: f.other_baseline for key, f in runs[chosen].items()}
    own = {key: OtherBaseline(name=other, severity=f.severity, outcome=f.outcome) for key, f in runs[other].items()}
    assert told.keys() == own.keys()
    assert {key: (told[key].text, own[key].text) for key in told if told[key] != own[key]} == {}


def test_groups_differ_both_ways(runs: dict[str, Found]) -> None:
    """Machines that one baseline alone puts into a group: nothing would be proven without them."""
    pairs = {(f.outcome, runs["documented"][key].outcome) for key, f in runs["tagged"].items() if key[0] == "AVB-412"}
    assert {("not_applicable", "non_compliant"), ("non_compliant", "not_applicable")} <= pairs


OWN = '''
"""Controls of somebody's own, whose fixtures read thresholds."""
import pytest
from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, control
from backup_compliance.guest.recording import Guest
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable

OTHER = 90.0
own = dict(cause=5, source=TROUBLESHOOTING_2016, remediation="none")

@pytest.fixture
def only_there(thresholds: Thresholds) -> float:
    """Not applicable with the chosen baseline."""
    if thresholds.cpu_percent != OTHER:
        raise NotApplicable("not here")
    return thresholds.cpu_percent

@pytest.fixture
def only_here(thresholds: Thresholds) -> float:
    """Undetermined with the other baseline."""
    if thresholds.cpu_percent == OTHER:
        raise Undetermined("not there")
    return thresholds.cpu_percent

@pytest.fixture
def lent(only_there: float):
    """Rests on the thresholds through another, and is given back."""
    yield [only_there]

@pytest.fixture
def unreadable(guest: Guest) -> None:
    """Whatever the baseline."""
    raise Unreadable("nobody can read this")

@pytest.fixture
def asserting(thresholds: Thresholds) -> None:
    """A broken fixture is no verdict."""
    assert thresholds.cpu_percent != OTHER

@control("AVB-590", **own)
def test_judged_there(guest: Guest, only_there: float) -> None:
    """A set-up verdict here, a judgement there."""
    assert only_there != OTHER, "fails there"

@control("AVB-591", **own)
def test_judged_here(guest: Guest, only_here: float) -> None:
    """A judgement here, a set-up verdict there."""
    assert guest.identity

@control("AVB-592", **own)
def test_through_another(guest: Guest, lent: list[float]) -> None:
    """A fixture that yields, resting on one that reads them."""
    assert lent == [OTHER]

@pytest.mark.usefixtures("only_here")
@control("AVB-593", **own)
def test_by_mark(guest: Guest) -> None:
    """No parameter names the fixture."""
    assert guest.identity

@control("AVB-594", **own)
def test_other_fixture_fails(only_there: float, unreadable: None) -> None:
    """The fixture behind the one that ends the set-up here."""
    assert only_there

@control("AVB-595", **own)
def test_fixture_without_thresholds(unreadable: None, thresholds: Thresholds) -> None:
    """Ends as it does here."""
    assert thresholds

@control("AVB-596", **own)
def test_broken_fixture(guest: Guest, asserting: None) -> None:
    """Passes here."""
    assert guest.identity

@control("AVB-597", **own)
def test_asks_for_more_there(guest: Guest, thresholds: Thresholds) -> None:
    """What is evidence is what was asked for here."""
    assert guest.identity
    assert thresholds.cpu_percent != OTHER or guest.agent is None, "has an agent"
'''
BASELINE = (
    'name = "own"\nextends = "documented"\ndate = 2026-01-01\n[thresholds]\ncpu_percent = 50\n[severities]\n'
    + "".join(f'"AVB-59{n}" = "high"\n' for n in range(8))
)
EXPECTED = {
    "AVB-590": ("not_applicable", "non_compliant"),
    "AVB-591": ("compliant", "undetermined"),
    "AVB-592": ("not_applicable", "compliant"),
    "AVB-593": ("compliant", "undetermined"),
    "AVB-594": ("not_applicable", "error"),
    "AVB-595": ("error", "error"),
    "AVB-596": ("compliant", "error"),
    "AVB-597": ("compliant", "non_compliant"),
}


@pytest.fixture(scope="module", params=["", "--setup-show", "-n1"])
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Those controls judged by a baseline that extends the other one, whoever runs them."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("pytest.ini", "conftest.py", "backup_compliance"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("tests_guest", "tests_platform"):
        (folder / name).mkdir()
    (folder / "tests_guest/test_own.py").write_text(OWN)
    (folder / "own.toml").write_text(BASELINE)
    record(folder / "facts", {"web01": CLEAN})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--facts=facts", "--baseline=own.toml"]
    done = subprocess.run(
        [*command, *filter(None, [request.param])], cwd=folder, capture_output=True, text=True, timeout=60
    )
    return Judged(done.returncode, done.stdout + done.stderr, folder / "reports")


def test_fixtures_are_the_other_baselines_own(own: Judged) -> None:
    """Values and set-up verdicts, in every way that a control comes by a fixture."""
    found = {f.control: (f.outcome.value, f.other_baseline.outcome.value) for f in own.document.findings}
    assert found == EXPECTED, own.text


def test_evidence_is_what_the_chosen_baseline_rests_on(own: Judged) -> None:
    """What the other baseline asks for besides is no evidence of this verdict."""
    evidence = own.finding("AVB-597", "web01").evidence
    assert "read_at" in evidence
    assert "agent" not in evidence
