"""The probe's commands, quoting and parsers against a real registry: over real ssh, and over WinRM in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.linux.probe import probe_command
from backup_compliance.guest.recording import parse_guest
from backup_compliance.guest.transport.hosts import parse_hosts
from backup_compliance.guest.transport.read import ReadLimits, read_guests
from backup_compliance.guest.windows.agent import RUNNING, parse_service, parse_state
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.guest.windows.output import is_windows_output, parse_windows_output
from backup_compliance.guest.windows.probe import BY_HAND, PLAIN, QUOTED
from backup_compliance.guest.windows.registry import parse_keys
from selftests.builders.product import Judged, judge_apart
from selftests.builders.wsman_responder import responding
from selftests.lab_windows.guest import BROKEN, COMPLIANT, MICROSOFT, Value, WineGuest, missing, running

# What of a control wine can show; the rest is an error here, for nothing was read, and never a pass.
HOLDS = ("AVB-201", "AVB-202", "AVB-203", "AVB-204", "AVB-303", "AVB-401", "AVB-404", "AVB-405")
ONLY_POWERSHELL = ("AVB-101", "AVB-103", "AVB-302", "AVB-402", "AVB-403")
NO_ROUTE_COMMAND = ("AVB-104",)
FAILS = {
    "AVB-102": "LocalSystem uses 10.20.0.250:3128 and WinHTTP uses none",
    "AVB-202": "Start=3",
    "AVB-203": "FailureActions of RdAgent=unset",
    "AVB-204": "2.7.41491.911",
    "AVB-303": "disabled",
    "AVB-401": "not TRUE",
    "AVB-404": "EnableDHCP=0",
    "AVB-405": "no DHCP lease",
}


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WineGuest]:
    """One guest for all tests: making its prefix takes a quarter of a minute."""
    assert not missing(), f"the lab needs {missing()}; as root: apt-get install wine64 openssh-server"
    with running(tmp_path_factory.mktemp("wine")) as found:
        yield found


def _judge(guest: WineGuest, folder: Path, *more: str) -> Judged:
    return judge_apart(folder, "--hosts=ssh://labwin", f"--ssh-config={guest.config}", *more)


@pytest.fixture(scope="module")
def compliant(guest: WineGuest, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The product's verdicts on the guest as it should be."""
    return _judge(guest, tmp_path_factory.mktemp("compliant"))


def test_guest_is_read_with_four_commands(guest: WineGuest, compliant: Judged) -> None:
    """The Linux probe, which no Windows understands, then the three of Windows."""
    assert "1 of them could not be read" not in compliant.text
    assert [line.split(" ")[0] for line in guest.asked[:4]] == ["/usr/bin/env", "cmd", "cmd", "powershell"]


@pytest.mark.parametrize("control", HOLDS)
def test_control_holds(compliant: Judged, control: str) -> None:
    """What the registry and the service manager tell is read as it was written."""
    finding = compliant.finding(control, "labwin")
    assert finding.outcome == "compliant", finding.message


def test_proxy_that_is_set_nowhere_is_none(compliant: Judged) -> None:
    """ProxyEnable is 0 in LocalSystem's hive, and there are no settings of WinHTTP."""
    assert compliant.finding("AVB-102", "labwin").outcome == "not_applicable"


@pytest.mark.parametrize("control", ONLY_POWERSHELL)
def test_stub_of_powershell_is_no_evidence(compliant: Judged, control: str) -> None:
    """Wine's PowerShell prints nothing and exits with 0."""
    finding = compliant.finding(control, "labwin")
    assert (finding.outcome, "PowerShell printed nothing" in finding.message) == ("error", True), finding.message


@pytest.mark.parametrize("control", NO_ROUTE_COMMAND)
def test_missing_command_is_no_evidence(compliant: Judged, control: str) -> None:
    """Wine has no route.exe: its complaint is no routing table."""
    assert compliant.finding(control, "labwin").outcome == "error"


def test_identity_is_read(compliant: Judged) -> None:
    """The VM's id comes from the registry where the instance metadata service was not asked."""
    evidence = compliant.finding("AVB-204", "labwin").evidence
    assert evidence["agent"]["goal_state"] == "2.7.41491.1172"


def test_winrm_comes_to_the_same_verdicts(
    guest: WineGuest, compliant: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same guest behind a WS-Management responder: pywinrm, NTLM, and cmd.exe's own output."""
    with responding(guest.run, tmp_path, monkeypatch) as server:
        judged = judge_apart(tmp_path / "reports", f"--hosts={server.spec()}")
    name = f"localhost:{server.port}"
    seen = {f.control: f.outcome for f in judged.document.findings if f.resource == name}
    assert seen == {f.control: f.outcome for f in compliant.document.findings if f.resource == "labwin"}
    assert len(server.commands) == 3


def test_formats_of_reg_are_as_the_recordings_have_them(guest: WineGuest) -> None:
    """Every type as this reg.exe prints it, bare names of keys below, nothing about a key that only holds keys."""
    values: dict[str, Value] = {"Text": "a  b", "Number": 42, "Bytes": b"\xf5\x00", "Many": ["a", "", "b"], "None": ""}
    guest.write({rf"{MICROSOFT}\AvbLab": values, rf"{MICROSOFT}\AvbLab\Below\Deeper": {"x": 1}})
    text = guest.run(r'cmd /d /c "reg query HKLM\SOFTWARE\Microsoft\AvbLab /reg:64"').decode()
    assert "\r\n" in text
    found = parse_keys(text)[rf"{MICROSOFT}\AvbLab".casefold()]
    assert (found.text("text"), found.number("number"), found.data("bytes")) == ("a  b", 42, b"\xf5\x00")
    assert found.text("none") == ""
    assert found.children == ("Below",)
    below = parse_keys(guest.run(r'cmd /d /c "reg query HKLM\SOFTWARE\Microsoft\AvbLab\Below"').decode())
    assert list(below) == [rf"{MICROSOFT}\AvbLab\Below\Deeper".casefold()]


def test_controls_fail_where_the_guest_was_broken(guest: WineGuest, compliant: Judged, tmp_path: Path) -> None:
    """The same guest after somebody was at it: every control that held fails now, and names why."""
    guest.boot(BROKEN | {r"HKEY_USERS\S-1-5-19\Environment": {"TEMP": "x"}})
    try:
        judged = _judge(guest, tmp_path)
    finally:
        guest.write(dict.fromkeys(BROKEN))
        guest.boot(COMPLIANT)
    told = {c: judged.finding(c, "labwin") for c in FAILS}
    assert {c: (f.outcome, FAILS[c] in f.message) for c, f in told.items()} == dict.fromkeys(
        FAILS, ("non_compliant", True)
    ), told
    stopped = judged.finding("AVB-201", "labwin")
    assert stopped.outcome == "non_compliant", stopped.message


def test_user_without_rights_is_told_so(guest: WineGuest, compliant: Judged, tmp_path: Path) -> None:
    """LocalService's hive cannot be opened: the whole guest counts as unread."""
    guest.write({r"HKEY_USERS\S-1-5-19": None})
    try:
        judged = _judge(guest, tmp_path)
    finally:
        guest.write(COMPLIANT)
    outcomes = {f.outcome for f in judged.document.findings if f.resource == "labwin"}
    assert outcomes == {"error"}
    assert "not run as an administrator" in judged.finding("AVB-201", "labwin").message


def test_linux_and_windows_are_read_in_one_list(guest: WineGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine it runs on and the guest, side by side; without a tool the Linux probe makes no request."""
    monkeypatch.setenv("AVB_TOOL", "none")
    options = {"ssh_config": str(guest.config), "controlpersist": 0}
    found = read_guests(parse_hosts("local://,ssh://labwin"), options, probe_command("localhost"), ReadLimits(2, 60))
    assert [g.problem for g in found] == [None, None]
    assert {g.name: type(parse_guest(g.output)) for g in found} == {"labwin": WindowsGuest, "local": LinuxGuest}


def test_probe_by_hand_asks_the_same(guest: WineGuest) -> None:
    """probe.cmd as a batch file of cmd.exe: one frame with a word of its own around every part."""
    (guest.folder / "prefix/drive_c/probe.cmd").write_bytes(BY_HAND.read_bytes())
    output = guest.run(r"cmd /d /c C:\probe.cmd")
    assert is_windows_output(output)
    found = parse_windows_output(output)
    assert [" ".join(p.words) for p in found.parts] == [heading for heading, _ in (*PLAIN, *QUOTED)]
    assert parse_state(found, "RdAgent") == RUNNING
    assert parse_service(found, "RdAgent") is not None
