"""The plugin as users meet it: options, verdicts in pytest's words, exit statuses, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from selftests.builders.extension_reports import GOOD
from selftests.builders.product import ROOT, Judged, judge, judge_apart, record
from selftests.builders.recordings import Recording, debian, ubuntu

CLEAN = ubuntu().put("python", "searched=/usr/bin\npath=/usr/bin/python3\nPython 3.10.12")
NO_RESTART = CLEAN.edit("units", ("Restart=always", "Restart=no"))  # AVB-203, medium
REBOOT = CLEAN.state("/run/reboot-required", "readable")  # AVB-504, low in documented, medium in current
EXEMPTION = '[[exemption]]\ncontrol = "AVB-203"\nresource = "web*"\nreason = "vendor image"\nowner = "ops"\nexpires_on = {day}\n'


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """Where a test's facts go."""
    return tmp_path / "facts"


def _judged(pytester: pytest.Pytester, facts: Path, guests: dict[str, Recording | bytes], *options: str) -> Judged:
    return judge(pytester, f"--facts={record(facts, guests)}", *options)


def _line(run: Judged, start: str) -> str:
    return next(line for line in run.text.splitlines() if line.startswith(start))


def test_clean_guest_passes_the_gate(pytester: pytest.Pytester, facts: Path) -> None:
    """All compliant: exit status 0, and the VM is ready as far as its guest side goes."""
    run = _judged(pytester, facts, {"web01": CLEAN})
    assert run.status == 0, run.text
    assert "ready (guest only)" in run.text
    assert "gate: passed, 1 of 1 VMs are ready" in run.text


def test_failure_fails_the_gate_and_names_the_reason(pytester: pytest.Pytester, facts: Path) -> None:
    """A finding at or above --fail-on: exit status 1, named with its control."""
    run = _judged(pytester, facts, {"web01": NO_RESTART})
    assert run.status == 1
    assert "not ready (guest only)" in run.text
    assert "AVB-203 medium" in run.text
    assert run.finding("AVB-203", "web01").gates


@pytest.mark.parametrize(
    ("level", "status", "outcome"),
    [("medium", 1, "non_compliant"), ("high", 0, "advisory"), ("low", 1, "non_compliant")],
)
def test_fail_on_decides_what_gates(
    pytester: pytest.Pytester, facts: Path, level: str, status: int, outcome: str
) -> None:
    """Below --fail-on a failure is advisory and does not gate."""
    run = _judged(pytester, facts, {"web01": NO_RESTART}, f"--fail-on={level}")
    assert run.status == status
    assert run.finding("AVB-203", "web01").outcome == outcome


def test_baseline_decides_severity_and_the_other_is_told(pytester: pytest.Pytester, facts: Path) -> None:
    """A pending restart is advice in the article's terms and medium in today's."""
    run = _judged(pytester, facts, {"web01": REBOOT}, "--baseline=current")
    finding = run.finding("AVB-504", "web01")
    assert (run.status, finding.outcome, finding.severity) == (1, "non_compliant", "medium")
    assert finding.other_baseline.text == "documented: non-compliant, low"


def test_other_baseline_is_asked_with_its_own_thresholds(pytester: pytest.Pytester, facts: Path) -> None:
    """An extension that the documentation finds new enough is too old for a baseline of one's own."""
    own = facts.with_name("own.toml")
    own.write_text(
        'name = "own"\ndate = 2026-01-01\nextends = "documented"\n[thresholds]\nlinux_extension_minimum = "1.0.9300.0"\n'
    )
    finding = _judged(pytester, facts, {"web01": ubuntu()}, f"--baseline={own}").finding("AVB-301", "web01")
    assert finding.outcome == "non_compliant"
    assert finding.other_baseline.text.endswith(": compliant")


@pytest.mark.parametrize(
    ("recording", "control", "severity"),
    [
        (ubuntu().without("goal-state"), "AVB-101", "low"),
        (ubuntu().reported(replace(GOOD, creator="guestExtension", host=404)), "AVB-101", "high"),
        (
            ubuntu().config("/etc/azure/vmbackup.conf", "SnapshotMethod=firstGuestThenHost").reported(),
            "AVB-101",
            "high",
        ),
        (ubuntu().put("version", "WALinuxAgent-2.2.45 running on x\nexit=0"), "AVB-101", "high"),
        (debian().put("leases", ""), "AVB-405", "low"),
        (debian().put("leases", "").without("http host 80", "http host 32526"), "AVB-405", "medium"),
    ],
)
def test_severity_depends_on_facts(
    pytester: pytest.Pytester, facts: Path, recording: Recording, control: str, severity: str
) -> None:
    """Conditions of the baseline raise or lower a severity; an unreadable one leaves it as it is."""
    run = _judged(pytester, facts, {"web01": recording}, "--baseline=current")
    assert run.finding(control, "web01").severity == severity


def test_live_exemption_excuses_and_is_told(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """An exemption that still runs turns the failure into `exempt`, with its reason and day."""
    file = tmp_path / "exemptions.toml"
    file.write_text(EXEMPTION.format(day="2999-01-31"))
    run = _judged(pytester, facts, {"web01": NO_RESTART}, f"--exemptions={file}")
    finding = run.finding("AVB-203", "web01")
    assert (run.status, finding.outcome) == (0, "exempt")
    assert "exempt until 2999-01-31: vendor image" in finding.message


def test_expired_exemption_excuses_nothing(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """One that has run out lets the failure stand and is named."""
    file = tmp_path / "exemptions.toml"
    file.write_text(EXEMPTION.format(day="2020-01-31"))
    run = _judged(pytester, facts, {"web01": NO_RESTART}, f"--exemptions={file}")
    assert run.status == 1
    assert "its exemption expired on 2020-01-31" in run.finding("AVB-203", "web01").message
    assert "expired on 2020-01-31" in run.text


def test_exemption_never_excuses_missing_facts(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """What could not be read stays an error, and whether the exemption is needed cannot be told."""
    file = tmp_path / "exemptions.toml"
    file.write_text(EXEMPTION.format(day="2999-01-31"))
    run = _judged(pytester, facts, {"web01": CLEAN.put("units", "")}, f"--exemptions={file}")
    assert (run.status, run.finding("AVB-203", "web01").outcome) == (1, "error")
    assert "remove it" not in run.text


def test_unreadable_guest_is_explained_once(pytester: pytest.Pytester, facts: Path) -> None:
    """Its controls are all errors; the terminal says once why and what to do, and other guests stand."""
    run = _judged(pytester, facts, {"web01": CLEAN, "web02": b"Welcome to web02\n"})
    assert run.status == 1
    assert run.text.count("this is no probe output, it begins 'Welcome to web02'") == 1
    assert {f.outcome for f in run.document.findings if f.resource == "web02"} == {"error"}
    assert {f.outcome for f in run.document.findings if f.resource == "web01"} == {"compliant", "not_applicable"}
    verdicts = {v.vm: v.verdict for v in run.document.verdicts}
    assert verdicts == {"web01": "ready", "web02": "not assessed"}


def test_pytest_shows_verdicts_in_its_own_words(pytester: pytest.Pytester, facts: Path) -> None:
    """Failed, advisory as xfailed, undetermined and unreadable as errors, not applicable as skipped."""
    guests: dict[str, Recording | bytes] = {
        "web01": NO_RESTART,
        "web02": REBOOT,
        "web03": CLEAN.without("goal-state", "cpu"),
    }
    run = _judged(pytester, facts, guests, "--tb=short", "-rfEsx")
    assert "tests_guest/test_agent.py::test_agent_restarts_after_a_crash[web01]" in _line(run, "FAILED ")
    assert "tests_guest/test_snapshot.py::test_processor_has_room[web03]" in _line(run, "ERROR ")
    assert "tests_guest/test_beyond_the_article.py::test_no_restart_is_pending[web02]" in _line(run, "XFAIL ")
    assert "1 failed" in run.text
    assert "1 xfailed, 2 errors" in run.text


def test_run_that_judged_nothing_never_passes(pytester: pytest.Pytester, facts: Path) -> None:
    """Selecting only controls that do not apply is no green light."""
    run = _judged(pytester, facts, {"web01": CLEAN}, "-k", "proxy_settings")
    assert run.status == 5
    assert "an empty result does not pass" in run.text


def test_nothing_named_says_what_to_type(pytester: pytest.Pytester) -> None:
    """`pytest` alone is a usage error that shows the ways to use it."""
    run = judge(pytester)
    assert run.status == 4
    for line in ("pytest --hosts=ssh://", "pytest --hosts-file=FILE", "pytest --facts=DIR", "pytest --controls"):
        assert line in run.text


def test_controls_prints_the_catalogue(pytester: pytest.Pytester) -> None:
    """Every control with severity, reason, fix and source; no host is needed."""
    run = judge(pytester, "--controls")
    assert run.status == 0
    assert "AVB-405  high" in run.text
    assert "Cause 2: The VM agent is missing, stopped or old" in run.text
    assert "fix: systemctl enable walinuxagent" in run.text


def test_collect_only_lists_without_reading(pytester: pytest.Pytester, facts: Path) -> None:
    """`--collect-only` works offline on recorded facts and contacts no live host."""
    run = judge(pytester, f"--facts={record(facts, {'web01': CLEAN})}", "--collect-only")
    assert run.status == 0
    assert "test_agent_processes_run[web01]" in run.text
    live = judge(pytester, "--hosts=ssh://192.0.2.1:2222", "--collect-only")
    assert "test_agent_processes_run[192.0.2.1:2222]" in live.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--facts={tmp}/nowhere"], "is no folder"),
        (["--facts={tmp}"], "holds no facts"),
        (["--hosts-file={tmp}/none"], "No such file"),
        (["--hosts=ftp://x"], "unknown connection 'ftp'"),
        (["--hosts=ssh://x:99999"], "is no port"),
        (["--hosts=winrm://x"], "names no user"),
        (["--hosts=safe-ssh://x"], "use ssh://"),
        (["--hosts=safe-ssh://x"], "writes temporary files"),
        (["--hosts=x", "--ssh-extra-args=-v"], "never uses it"),
        (["--hosts=x", "--timeout=0"], "must be more than 0"),
        (["--hosts=x", "--baseline=newest"], "neither a file nor one of"),
        (["--hosts=x", "--exemptions={tmp}/none.toml"], "none.toml"),
    ],
)
def test_bad_options_are_named(pytester: pytest.Pytester, tmp_path: Path, options: list[str], message: str) -> None:
    """A wrong option is a usage error that says what is wrong with it."""
    run = judge(pytester, *(o.format(tmp=tmp_path) for o in options))
    assert run.status == 4, run.text
    assert message in run.text


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "No such file"), ("# nobody\n", "names no host"), ("ansible://all\n", "list the hosts themselves")],
)
def test_expected_hosts_that_cannot_be_known_are_named(
    pytester: pytest.Pytester, facts: Path, tmp_path: Path, text: str | None, told: str
) -> None:
    """A list that is not there, holds nothing or means an inventory is no list."""
    hosts = tmp_path / "hosts.txt"
    if text is not None:
        hosts.write_text(text)
    run = _judged(pytester, facts, {"web01": CLEAN}, f"--expect-hosts={hosts}")
    assert run.status == 4
    assert told in run.text


def test_password_in_a_wrong_host_spec_is_not_shown(pytester: pytest.Pytester) -> None:
    """Specs may hold passwords; messages about them may not."""
    run = judge(pytester, "--hosts=ssh://root:hunter2@web01:port")
    assert run.status == 4
    assert "hunter2" not in run.text


def test_duplicate_control_ids_stop_the_run(tmp_path: Path) -> None:
    """Two tests that claim one control are a defect of the catalogue, found before anything is read."""
    for name in ("pytest.ini", "conftest.py", "tests_guest", "backup_compliance"):
        (tmp_path / name).symlink_to(ROOT / name) if name != "tests_guest" else (tmp_path / name).mkdir()
    source = (ROOT / "tests_guest/test_beyond_the_article.py").read_text()
    (tmp_path / "tests_guest/test_one.py").write_text(source)
    (tmp_path / "tests_guest/test_two.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--controls"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "AVB-504 is claimed by tests_guest/test_one.py" in done.stdout + done.stderr


def test_guest_cannot_exempt_itself(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """A guest that calls itself by an exempt name is still judged by the name it was asked for under."""
    file = tmp_path / "exemptions.toml"
    file.write_text(EXEMPTION.format(day="2999-01-31").replace("web*", "lab*"))
    liar = NO_RESTART.edit("meta", ("hostname=sample", "hostname=lab01")).edit(
        "imds", ('"name":"sample"', '"name":"lab01"')
    )
    run = _judged(pytester, facts, {"prod-db": liar}, f"--exemptions={file}")
    assert (run.status, run.finding("AVB-203", "prod-db").outcome) == (1, "non_compliant")


@pytest.mark.parametrize("given", [[], ["--max-facts-age=24"]], ids=str)
def test_facts_from_the_future_are_errors(pytester: pytest.Pytester, facts: Path, given: list[str]) -> None:
    """A clock that runs ahead must not make old facts look young."""
    ahead = CLEAN.edit("meta", ("epoch=1795420800", "epoch=4765132800"))
    run = _judged(pytester, facts, {"web01": ahead}, *given)
    assert run.status == 1
    assert "dated in the future" in run.text


def test_severity_of_ones_own_is_not_undercut(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """A condition of the edition that is extended does not lower what the user's file sets."""
    file = tmp_path / "ours.toml"
    file.write_text('name = "ours"\ndate = 2026-11-01\nextends = "documented"\n[severities]\nAVB-404 = "critical"\n')
    static = debian().edit("config", ("iface eth0 inet dhcp", "iface eth0 inet static")).put("leases", "")
    two = static.edit(
        "interface",
        ("valid_lft forever", "valid_lft forever\n2: eth0    inet 10.20.0.60/24 scope global secondary eth0"),
    )
    run = _judged(pytester, facts, {"web01": two}, f"--baseline={file}")
    assert (run.status, run.finding("AVB-404", "web01").severity) == (1, "critical")


def test_old_facts_are_errors(pytester: pytest.Pytester, facts: Path) -> None:
    """--max-facts-age turns stale facts into errors instead of verdicts."""
    old = CLEAN.edit("meta", ("epoch=1795420800", "epoch=1700000000"))
    run = _judged(pytester, facts, {"web01": old}, "--max-facts-age=24")
    assert run.status == 1
    assert "hours old, the limit is 24" in run.text
    assert {f.outcome for f in run.document.findings} == {"error"}


def test_facts_are_saved_and_judge_the_same(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """--save-facts keeps what was read, and judging that again gives the same findings."""
    first = _judged(pytester, facts, {"web01": NO_RESTART, "web02": b"junk"}, f"--save-facts={tmp_path / 'kept'}")
    before = first.document.findings
    second = judge(pytester, f"--facts={tmp_path / 'kept'}")
    assert second.document.findings == before
    third = judge(pytester, f"--facts={facts}", f"--save-facts={tmp_path / 'kept'}")
    assert third.status == 4
    assert "is not empty" in third.text


def test_host_that_is_expected_and_missing_is_an_error(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """A runner whose facts were lost leaves no gap that passes."""
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("ssh://root@web01 segment=a\nssh://root@web02 segment=b\n")
    run = _judged(pytester, facts, {"WEB01": CLEAN}, f"--expect-hosts={hosts}")
    assert run.status == 1
    assert "web02: listed in --expect-hosts, but no facts were collected for it" in run.text
    assert {f.outcome for f in run.document.findings if f.resource == "web02"} == {"error"}
    assert {f.outcome for f in run.document.findings if f.resource == "WEB01"} <= {"compliant", "not_applicable"}


def test_hosts_that_are_all_there_pass(pytester: pytest.Pytester, facts: Path, tmp_path: Path) -> None:
    """The same address in two segments is two hosts here as well."""
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("ssh://root@10.0.0.4 segment=a\nssh://root@10.0.0.4 segment=b\n")
    run = _judged(pytester, facts, {"10.0.0.4~a": CLEAN, "10.0.0.4~b": CLEAN}, f"--expect-hosts={hosts}")
    assert run.status == 0, run.text


def test_paths_outside_the_repository_work_with_an_equals_sign(facts: Path, tmp_path: Path) -> None:
    """`--facts=DIR` may point anywhere; pytest would take a separate word for a test path."""
    record(facts, {"web01": CLEAN})
    command = [
        sys.executable,
        "-m",
        "pytest",
        f"--facts={facts}",
        f"--report-dir={tmp_path / 'r'}",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_report_files_are_written_into_the_report_folder(pytester: pytest.Pytester, facts: Path) -> None:
    """HTML, JSON, SARIF, JUnit and the summary, and no other."""
    run = _judged(pytester, facts, {"web01": CLEAN})
    assert {p.name for p in run.folder.iterdir()} == {
        "compliance.html",
        "compliance.json",
        "compliance.sarif",
        "junit.xml",
        "summary.md",
    }
    assert json.loads((run.folder / "compliance.json").read_text())["schema"] == 1


@pytest.mark.parametrize("narrowed", [["-k", "agent"], ["--maxfail=1", "-p", "no:randomly"]])
def test_vm_judged_in_part_is_never_ready(pytester: pytest.Pytester, facts: Path, narrowed: list[str]) -> None:
    """Selecting some controls, or stopping early, leaves VMs not assessed, and every report says so."""
    run = _judged(pytester, facts, {"web01": NO_RESTART, "web02": CLEAN}, *narrowed)
    verdicts = {v.vm: v.verdict for v in run.document.verdicts}
    assert "ready" not in verdicts.values()
    assert "were judged in part only" in run.text


def test_hosts_given_twice_are_refused(pytester: pytest.Pytester) -> None:
    """The option of testinfra takes the last; judging half of what was asked for would look like all of it."""
    run = judge(pytester, "--hosts=ssh://a", "--hosts=ssh://b")
    assert run.status == 4
    assert "given twice" in run.text


def test_report_folder_that_cannot_be_written_is_a_usage_error(
    pytester: pytest.Pytester, facts: Path, tmp_path: Path
) -> None:
    """Before anything is read: an audit that cannot be written down is better not begun."""
    (tmp_path / "file").write_text("x")
    facts = record(facts, {"web01": CLEAN})
    command = [sys.executable, "-m", "pytest", f"--facts={facts}", f"--report-dir={tmp_path / 'file'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4
    assert "--report-dir" in done.stderr


def test_reports_of_an_earlier_run_do_not_survive(pytester: pytest.Pytester, facts: Path) -> None:
    """A run that selects nothing writes empty reports instead of leaving the last ones to be believed."""
    first = _judged(pytester, facts, {"web01": CLEAN})
    assert first.document.findings
    second = judge(pytester, f"--facts={facts}", "-k", "no_such_test")
    assert second.status == 5
    assert second.document.findings == []


def test_exemption_of_nothing_is_told_apart_from_an_idle_one(
    pytester: pytest.Pytester, facts: Path, tmp_path: Path
) -> None:
    """A misspelt resource is a mistake; one whose VM could not be read may still be needed."""
    file = tmp_path / "exemptions.toml"
    entries = [("wbe01", "matches nothing"), ("web02", None), ("web01", "met no failure")]
    file.write_text("".join(EXEMPTION.format(day="2999-01-31").replace("web*", name) for name, _ in entries))
    run = _judged(pytester, facts, {"web01": CLEAN, "web02": b"junk"}, f"--exemptions={file}")
    notes = {name: next((n for n in run.document.run.notes if f" {name} " in n), None) for name, _ in entries}
    for name, expected in entries:
        assert (expected is None) == (notes[name] is None)
        assert expected is None or expected in str(notes[name])


def test_summary_is_handed_to_the_ci_system(
    pytester: pytest.Pytester, facts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub's file is appended to; Azure Pipelines' command stands at the beginning of a line."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    monkeypatch.setenv("TF_BUILD", "True")
    run = _judged(pytester, facts, {"web01": CLEAN})
    assert (tmp_path / "step.md").read_text() == (run.folder / "summary.md").read_text()
    assert f"##vso[task.uploadsummary]{run.folder / 'summary.md'}" in run.text.splitlines()


@pytest.mark.parametrize(
    ("day", "name", "status", "standing"),
    [
        ("2020-01-31", "web*", 1, "expired"),
        ("2999-01-31", "wbe*", 1, "matches nothing"),
        ("2999-01-31", "web*", 1, "met no failure"),
        ("2999-01-31", "other*", 0, "in use"),
    ],
)
def test_stale_exemption_fails_a_strict_run(
    pytester: pytest.Pytester, facts: Path, tmp_path: Path, day: str, name: str, status: int, standing: str
) -> None:
    """Expired, misspelt or done with: a note by default, exit status 1 with --strict-exemptions."""
    file = tmp_path / "exemptions.toml"
    file.write_text(EXEMPTION.format(day=day).replace("web*", name))
    guests: dict[str, Recording | bytes] = {"web01": CLEAN}
    if status == 0:
        guests["other01"] = NO_RESTART
    lenient = _judged(pytester, facts, guests, f"--exemptions={file}")
    strict = judge(pytester, f"--facts={facts}", f"--exemptions={file}", "--strict-exemptions")
    assert (lenient.status, strict.status) == (0, status)
    assert [use.standing for use in strict.document.exemptions] == [standing]
    assert ("--strict-exemptions" in strict.text) == bool(status)


def test_refresh_that_fails_is_noted_and_the_dated_value_serves(
    facts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, the run goes on with what is known, and every report says of what date that is."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = judge_apart(tmp_path / "reports", f"--facts={record(facts, {'web01': CLEAN})}", "--refresh")
    assert run.status == 0
    assert any("--refresh failed" in note and "ProxyError" in note for note in run.document.run.notes)
    assert run.document.run.newest_agent == "2.15.0.1, known on 2025-11-19"
