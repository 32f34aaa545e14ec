"""Reading Windows guests: over ssh with either shell, over WinRM, through ansible, and in one list with Linux hosts."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path

import pytest

from backup_compliance.gathering.folder import Facts, save_facts
from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.linux.probe import probe_command
from backup_compliance.guest.recording import parse_guest
from backup_compliance.guest.transport.hosts import parse_hosts
from backup_compliance.guest.transport.read import ReadLimits, read_guests
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.fake_windows import FakeWindows
from selftests.builders.product import ROOT, judge
from selftests.builders.recordings import ubuntu
from selftests.builders.windows_recordings import korean, windows
from selftests.builders.wsman_responder import PASSWORD, responding

SSH = """#!/bin/sh
# stands in for ssh: hosts called linux* print a Linux recording, others are Windows guests
for word; do host=$prev; prev=$word; done
echo "$host" >> "$LOG"
case $host in
  linux*) cat "$RECORDING" ;;
  nosudo*) echo 'sudo: a password is required' >&2; exit 1 ;;
  *) cd "$ROOT" && exec "$PYTHON" -m selftests.builders.fake_windows "$host" "$prev" ;;
esac
"""
ENDPOINT = "sample.blob.core.windows.net"


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` on the PATH that plays hosts; the log of the hosts that it was asked to run a command on."""
    tool = tmp_path / "bin/ssh"
    tool.parent.mkdir()
    tool.write_text(SSH)
    tool.chmod(0o755)
    (tmp_path / "recording").write_bytes(ubuntu().output())
    (tmp_path / "log").touch()
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    for name, value in {"RECORDING": tmp_path / "recording", "LOG": tmp_path / "log", "ROOT": ROOT}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PYTHON", sys.executable)
    return tmp_path / "log"


def _read(*hosts: str, timeout: float = 30, **options: object) -> dict[str, RecordedGuest]:
    targets = parse_hosts(",".join(hosts))
    found = read_guests(targets, options, probe_command(ENDPOINT), ReadLimits(4, timeout))
    return {guest.name: guest for guest in found}


@pytest.mark.parametrize("host", ["cmd", "ps", "ko-cmd", "de-ps", "ja-cmd", "de-banner-ps"])
def test_windows_guest_is_read_over_ssh(ssh: Path, host: str) -> None:
    """Cmd.exe or PowerShell as the login shell, in any language: four commands, the first of them the Linux probe."""
    guest = _read(f"ssh://{host}")[host]
    assert guest.problem is None
    found = parse_guest(guest.output)
    assert isinstance(found, WindowsGuest)
    assert found.agent is not None
    assert found.writers.writers
    assert found.storage.checks[0].is_azure_storage
    assert ssh.read_text().split() == [host] * 4


def test_linux_hosts_stay_one_command_in_a_mixed_list(ssh: Path) -> None:
    """Finding Windows costs a Linux host nothing, `--sudo` included, which Windows knows nothing of."""
    found = _read("ssh://linux1", "ssh://cmd", "ssh://linux2", "ssh://ps", sudo=True)
    assert not any(g.problem for g in found.values())
    kinds = {name: type(parse_guest(g.output)) for name, g in found.items()}
    assert kinds == {"linux1": LinuxGuest, "linux2": LinuxGuest, "cmd": WindowsGuest, "ps": WindowsGuest}
    assert sorted(ssh.read_text().split()) == ["cmd"] * 4 + ["linux1", "linux2"] + ["ps"] * 4


def test_linux_host_that_fails_is_not_tried_as_windows(ssh: Path) -> None:
    """What sudo says is said by no Windows; its reason stands."""
    problem = _read("ssh://nosudo", sudo=True)["nosudo"].problem
    assert problem is not None
    assert problem.reason == "sudo asks for a password"
    assert ssh.read_text().split() == ["nosudo"]


def test_command_that_hangs_costs_only_what_it_alone_tells(ssh: Path) -> None:
    """Vssadmin hangs: everything before it is kept, and the rest says that it is missing."""
    guest = _read("ssh://cmd-hang", timeout=4)["cmd-hang"]
    assert guest.problem is None
    found = parse_guest(guest.output)
    assert isinstance(found, WindowsGuest)
    assert found.load.memory_total_mib == 8191
    with pytest.raises(Unreadable, match="PowerShell ended before it told vss"):
        _ = found.writers


def test_powershell_that_is_stubbed_out_passes_nothing(ssh: Path) -> None:
    """Exit status 0 and no output is no evidence."""
    found = parse_guest(_read("ssh://cmd-stubbed")["cmd-stubbed"].output)
    assert isinstance(found, WindowsGuest)
    assert found.service is not None
    for name in ("storage", "host_address", "load", "writers"):
        with pytest.raises(Unreadable, match="PowerShell printed nothing"):
            getattr(found, name)


def _answer(command: str) -> bytes:
    return FakeWindows(korean()).answer(command)[0]


def test_windows_guest_is_read_over_winrm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Testinfra's backend and pywinrm, NTLM and TLS for real: three commands, each shell closed again."""
    with responding(_answer, tmp_path, monkeypatch) as server:
        (guest,) = _read(server.spec()).values()
        assert guest.problem is None
        assert len(server.commands) == 3
        assert not server.open_shells
    found = parse_guest(guest.output)
    assert isinstance(found, WindowsGuest)
    assert found.identity.hostname == "sample-ko"
    assert guest.name == f"localhost:{server.port}"


def test_winrm_command_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was printed before the deadline is kept, and the shell is closed all the same."""

    def answer(command: str) -> bytes | None:
        return None if command.startswith("powershell") else _answer(command)

    began = time.monotonic()
    with responding(answer, tmp_path, monkeypatch) as server:
        (guest,) = _read(server.spec(), timeout=3).values()
        assert time.monotonic() - began < 10
        assert not server.open_shells
    assert guest.problem is None
    assert b"it began" in guest.output
    found = parse_guest(guest.output)
    assert found.agent is not None


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ("winrm://Administrator:wrong@localhost:{port}", "it refused the login"),
        ("winrm://Administrator@localhost:{port}", "no password is given for it"),
        ("winrm://Administrator:hunter2-do-not-show@127.0.0.1:1", "it refused the connection"),
    ],
)
def test_winrm_failure_says_why_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each way of failing is told in words, with a remedy, and nothing that is secret."""
    monkeypatch.delenv("WINRM_PASSWORD", raising=False)
    caplog.set_level(logging.DEBUG)
    with responding(_answer, tmp_path, monkeypatch) as server:
        (guest,) = _read(spec.format(port=server.port)).values()
    assert guest.problem is not None
    assert guest.problem.reason == missing
    assert guest.problem.remedy
    told = f"{guest} {caplog.text}"
    assert PASSWORD not in told
    assert "wrong" not in told


def test_winrm_password_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command line is seen by everyone on the machine, a variable is not."""
    monkeypatch.setenv("WINRM_PASSWORD", PASSWORD)
    with responding(_answer, tmp_path, monkeypatch) as server:
        (guest,) = _read(f"winrm://Administrator@localhost:{server.port}").values()
    assert guest.problem is None


def test_winrm_user_without_rights_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WinRM itself refuses shells to users who are no administrators."""
    with responding(_answer, tmp_path, monkeypatch) as server:
        server.refuses = "Access is denied."
        (guest,) = _read(server.spec()).values()
    assert guest.problem is not None
    assert guest.problem.reason == "the user may not use WinRM there"


def test_certificate_of_a_stranger_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the host spec says otherwise, which is then the user's own word."""
    with responding(_answer, tmp_path, monkeypatch) as server:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        (guest,) = _read(server.spec()).values()
        assert guest.problem is not None
        assert guest.problem.reason == "its certificate is not believed here"
        (guest,) = _read(server.spec("?no_verify_ssl=true")).values()
        assert guest.problem is None


def test_password_is_in_no_report(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in saved facts, nor in reports, nor on the terminal, failures included."""
    with responding(_answer, pytester.path, monkeypatch) as server:
        hosts = f"{server.spec()},{server.spec().replace('localhost', '127.0.0.1').replace('://Admin', '://Nobody')}"
        judged = judge(pytester, f"--hosts={hosts}", f"--save-facts={pytester.path / 'kept'}")
    told = judged.text + "".join(
        p.read_text(errors="replace")
        for d in (judged.folder, pytester.path / "kept")
        for p in d.rglob("*")
        if p.is_file()
    )
    assert "sample-ko" in told
    assert PASSWORD not in told


ANSIBLE = """#!{python}
import json, pathlib, sys
sys.path.insert(0, {root!r})
from selftests.builders.fake_windows import FakeWindows
from selftests.builders.windows_recordings import german
a = sys.argv
assert a[a.index("-m") + 1] == "raw", a
output, error, status = FakeWindows(german(), powershell=True).answer(a[a.index("--args") + 1])
found = {{"rc": status, "stdout": output.decode("cp850"), "stderr": error.decode("cp850"), "changed": True}}
(pathlib.Path(a[a.index("--tree") + 1]) / a[-1]).write_text(json.dumps(found))
"""


def test_windows_guest_is_read_through_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Testinfra leaves winrm and psrp to ansible, whose module `raw` needs no Python on the other side."""
    folder = tmp_path / "bin"
    folder.mkdir()
    hosts = {
        "_meta": {"hostvars": {"win1": {"ansible_connection": "winrm", "ansible_password": PASSWORD}}},
        "all": {"children": ["windows"]},
        "windows": {"hosts": ["win1"]},
    }
    (folder / "ansible-inventory").write_text(f"#!/bin/sh\necho '{json.dumps(hosts)}'\n")
    (folder / "ansible").write_text(ANSIBLE.format(python=sys.executable, root=str(ROOT)))
    for tool in folder.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    guest = _read("ansible://windows", ansible_inventory=str(tmp_path / "inventory"))["win1"]
    assert guest.problem is None
    assert parse_guest(guest.output).identity.hostname == "sample-de"
    assert PASSWORD not in repr(guest)


def test_mixed_facts_are_judged_in_one_run(pytester: pytest.Pytester) -> None:
    """Linux and Windows recordings side by side in one folder, told apart by their frames."""
    guests = (RecordedGuest("lin", ubuntu().output()), RecordedGuest("win", windows("sample", 27).output()))
    save_facts(Facts(guests), pytester.path / "facts")
    judged = judge(pytester, f"--facts={pytester.path / 'facts'}")
    assert judged.status == 0
    assert {v.name: str(v.verdict) for v in judged.document.verdicts} == {"lin": "ready", "win": "ready"}
