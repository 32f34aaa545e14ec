"""How controls are run: the same findings whoever runs them, and pytest's own options keep their meaning."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from selftests.builders.product import ROOT, Judged, arguments, judge, judge_apart, record
from selftests.builders.recordings import ubuntu
from selftests.plugin.test_hooks import CLEAN, NO_RESTART

SAMPLES = f"--facts={ROOT / 'samples/facts'}"
OWN = '''
"""Controls of somebody's own."""
import pytest
from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, control
from backup_compliance.guest.recording import Guest

@pytest.fixture
def lease(guest: Guest):
    """Given back with an error."""
    yield guest
    raise RuntimeError("cannot be given back")

@control("AVB-591", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_first(guest: Guest) -> None:
    """Passes, and its fixture's end does not."""
    assert guest.identity

@control("AVB-592", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_second(lease: Guest) -> None:
    """Passes, and its fixture's end does not."""
    assert lease.identity

@control("AVB-593", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_third(guest: Guest) -> None:
    """An expected failure is no verdict."""
    pytest.xfail("so what")

@control("AVB-594", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_fourth(guest: Guest) -> None:
    """A skip is not applicable."""
    pytest.skip("not here")

@control("AVB-595", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_fifth(guest_name: str) -> None:
    """Asks nobody."""
    assert guest_name == "nobody"

@pytest.fixture
def broken(guest_name: str) -> None:
    """Fails before anybody is asked."""
    raise RuntimeError("broken")

@control("AVB-596", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_sixth(broken: None, guest: Guest) -> None:
    """Never begins."""

@control("AVB-597", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_seventh(guest: Guest, caplog: pytest.LogCaptureFixture) -> None:
    """Asks for what other controls go without."""
    print("\\x1b[2J##vso[task.setvariable]seventh")
    assert caplog.records == []

@control("AVB-598", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_eighth(guest: Guest) -> None:
    """Prints a guest's words."""
    print("\\x1b[2J##vso[task.setvariable]eighth")
    assert guest.identity

@control("AVB-599", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_ninth(guest: Guest, thresholds: Thresholds) -> None:
    """Is asked twice, with two baselines' thresholds."""
    print("\\x1b[2J##vso[task.setvariable]ninth")
    pytest.skip("not here either")

@pytest.mark.xfail(strict=False)
@control("AVB-590", cause=5, source=TROUBLESHOOTING_2016, remediation="none")
def test_tenth(guest: Guest) -> None:
    """Fails, and pytest is told to expect it."""
    assert not guest.identity, "fails"

def test_no_control(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """A test beside the controls has all of pytest."""
    print("heard")
    assert capsys.readouterr().out == "heard\\n"
    assert caplog.records == []
'''
BASELINE = 'name = "own"\nextends = "documented"\ntitle = "own"\ndate = 2026-01-01\n[severities]\n' + "".join(
    f'"AVB-59{n}" = "high"\n' for n in range(10)
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The suite with controls of somebody's own, and one guest's facts."""
    for name in ("pytest.ini", "conftest.py", "backup_compliance"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("tests_guest", "tests_platform"):
        (tmp_path / name).mkdir()
        for file in (ROOT / name).glob("*.py"):
            (tmp_path / name / file.name).symlink_to(file)
    (tmp_path / "tests_guest/test_own.py").write_text(OWN)
    (tmp_path / "own.toml").write_text(BASELINE)
    record(tmp_path / "facts", {"web01": CLEAN})
    return tmp_path


def _run_own(own: Path, *options: str) -> Judged:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--facts=facts", "--baseline=own.toml"]
    done = subprocess.run(
        [*command, "tests_guest/test_own.py", *options], cwd=own, capture_output=True, text=True, timeout=60
    )
    return Judged(done.returncode, done.stdout + done.stderr, own / "reports")


@pytest.mark.parametrize("options", [["-n", "2"], ["--setup-show"]], ids=" ".join)
def test_findings_are_the_same_whoever_runs_the_controls(
    pytester: pytest.Pytester, tmp_path: Path, options: list[str]
) -> None:
    """One process, xdist's workers with what the controller read, pytest's own protocol: both sides, every outcome."""
    alone = judge(pytester, SAMPLES).document
    other = judge_apart(tmp_path / "other", SAMPLES, *options)
    assert other.document.findings == alone.findings, other.text
    assert other.document.verdicts == alone.verdicts
    assert other.document.run.exit_status == alone.run.exit_status


@pytest.mark.parametrize("options", [[], ["--setup-show"], ["-n", "1"]], ids=" ".join)
def test_what_pytest_knows_besides_passing_never_turns_green(own: Path, options: list[str]) -> None:
    """A failed teardown and an expected failure are errors, a skip is not applicable."""
    run = _run_own(own, *options)
    told = {f.control: f.outcome.value for f in run.document.findings}
    assert told == {
        "AVB-591": "compliant",
        "AVB-592": "error",
        "AVB-593": "error",
        "AVB-594": "not_applicable",
        "AVB-595": "non_compliant",
        "AVB-596": "error",
        "AVB-597": "compliant",
        "AVB-598": "compliant",
        "AVB-599": "not_applicable",
        "AVB-590": "non_compliant",
    }, run.text
    assert "##vso[" not in run.text
    assert "cannot be given back" in run.finding("AVB-592", "web01").message


@pytest.mark.parametrize(("name", "status"), [("third", 1), ("tenth", 1), ("eighth", 0)])
def test_expected_failure_gates_like_any_other(own: Path, name: str, status: int) -> None:
    """Alone beside a control that passes, so that nothing else fails the run."""
    run = _run_own(own, "-k", f"test_first or test_{name}")
    assert run.status == status, run.text


def test_evidence_is_of_the_test_itself(own: Path) -> None:
    """A test that asked nobody has nothing of the one before it."""
    run = _run_own(own)
    assert run.finding("AVB-591", "web01").evidence
    assert run.finding("AVB-595", "web01").evidence == {}
    assert run.finding("AVB-596", "web01").evidence == {}


def test_tests_that_are_no_control_have_all_of_pytest(own: Path) -> None:
    """Capturing and logging are left out for controls alone."""
    assert "test_no_control PASSED" in _run_own(own, "-v", "-k", "no_control").text


def test_junit_file_of_pytest_has_a_case_for_each_control(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """`--junitxml` is pytest's own, and still counts every control once."""
    facts = record(tmp_path / "facts", {"web01": NO_RESTART})
    run = judge(pytester, f"--facts={facts}", f"--junitxml={tmp_path / 'own.xml'}")
    names = [case.get("name") for case in ET.parse(tmp_path / "own.xml").iter("testcase")]
    assert len(names) == len(set(names)) == len(run.document.findings)


def test_first_failure_ends_the_run_when_asked_to(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """`-x` as ever: no control is judged after it."""
    facts = record(tmp_path / "facts", {"web01": ubuntu().edit("units", ("Restart=always", "Restart=no"))})
    whole = judge(pytester, f"--facts={facts}").document
    part = judge(pytester, f"--facts={facts}", "-x").document
    assert sum(f.gates for f in part.findings) == 1
    assert len(part.findings) < len(whole.findings)


REPEATED = """
import contextlib, gc, io, pytest, sys
counts = []
for _ in range(4):
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(sys.argv[1:])
    frozen = gc.get_freeze_count()
    gc.collect()
    counts.append(len(gc.get_objects()))
print(frozen, counts[-1] - counts[1])
"""


def test_runs_in_one_process_leave_nothing_behind(tmp_path: Path) -> None:
    """What a run kept from the collector is given back: whoever calls `pytest.main()` again and again does not grow."""
    command = [sys.executable, "-c", REPEATED, *arguments(tmp_path, SAMPLES, "-p", "no:cov")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    frozen, more = map(int, done.stdout.split())
    assert (frozen, more < 1000) == (0, True), more
