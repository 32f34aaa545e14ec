"""Reading guests: host specs, bounds, and how each way of failing is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.linux.probe import probe_command
from backup_compliance.guest.recording import judge_output, mask_output
from backup_compliance.guest.transport import read
from backup_compliance.guest.transport.hosts import (
    Target,
    check_reachable_apart,
    has_password,
    parse_hosts,
    parse_hosts_file,
)
from backup_compliance.guest.transport.problems import explain
from backup_compliance.guest.transport.read import ReadLimits, read_guest, read_guests
from backup_compliance.model.recorded import RecordedGuest
from selftests.builders.programs import each_of, is_installed
from selftests.builders.recordings import ubuntu

SSH = """#!/bin/sh
# stands in for ssh: the host's name says how it behaves
for word; do host=$prev; prev=$word; done
case $host in
  good*) cat "$RECORDING" ;;
  banner*) echo 'Welcome!'; cat "$RECORDING"; echo 'Bye' ;;
  denied*) echo "root@$host: Permission denied (publickey,password)." >&2; exit 255 ;;
  changed*) echo '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @' >&2; exit 255 ;;
  hang*) sleep 300 & echo $! > "$RECORDING.pid"; wait ;;
  cut*) head -c 900 "$RECORDING"; echo "Connection to $host closed by remote host." >&2; exit 255 ;;
  flood*) exec cat /dev/zero ;;
  sudo*) echo 'sudo: a password is required' >&2; exit 1 ;;
  nosh*) echo 'This account is currently not available.'; exit 1 ;;
  silent*) exit 0 ;;
esac
"""


def _is_running(pid: int) -> bool:
    """Whether a process is there and no zombie waiting for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` on the PATH that plays hosts; the recording that good hosts print."""
    tool = tmp_path / "bin/ssh"
    tool.parent.mkdir()
    tool.write_text(SSH)
    tool.chmod(0o755)
    recording = tmp_path / "recording"
    recording.write_bytes(ubuntu().output())
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("RECORDING", str(recording))
    return recording


def _read(*hosts: str, timeout: float = 20, connections: int = 32) -> dict[str, RecordedGuest]:
    targets = parse_hosts(",".join(hosts))
    guests = read_guests(targets, {}, "the probe", ReadLimits(connections, timeout))
    return {guest.name: guest for guest in guests}


def test_good_host_is_read(ssh: Path) -> None:
    """Its output is kept byte for byte, with the time of reading."""
    guest = _read("ssh://good1")["good1"]
    assert guest.problem is None
    assert guest.output == ssh.read_bytes()
    assert guest.read_at is not None


def test_secrets_around_the_output_are_not_kept(ssh: Path) -> None:
    """What a login shell prints besides the probe is masked before it is saved."""
    ssh.write_bytes(b"export DB_PASSWORD=hunter2 URL=https://a/b?sig=hunter2\n" + ubuntu().output())
    guest = _read("ssh://good1")["good1"]
    assert guest.problem is None
    assert b"hunter2" not in guest.output


@pytest.mark.parametrize(
    ("host", "missing"),
    [
        ("denied", "it refused the login"),
        ("changed", "its host key has changed"),
        ("sudo", "sudo asks for a password"),
        ("nosh", "this is no probe output, it begins 'This account is currently not available.'"),
        ("silent", "there is no output at all"),
        ("cut", "the connection was closed"),
    ],
)
def test_failing_host_says_why_and_what_to_do(ssh: Path, host: str, missing: str) -> None:
    """Each way of failing is told in words, with a remedy."""
    problem = _read(f"ssh://{host}")[host].problem
    assert problem is not None
    assert problem.reason == missing
    assert problem.remedy


def test_banner_around_the_output_does_no_harm(ssh: Path) -> None:
    """A login banner is noise."""
    assert _read("ssh://banner")["banner"].problem is None


def test_hanging_host_delays_and_spoils_nobody(ssh: Path) -> None:
    """Two hanging hosts and one connection slot each: good ones are read, hanging ones end in time."""
    began = time.monotonic()
    guests = _read("ssh://hang1", "ssh://good1", "ssh://hang2", "ssh://good2", timeout=2, connections=3)
    assert time.monotonic() - began < 8
    assert {n: g.problem is None for n, g in guests.items()} == {
        "good1": True,
        "good2": True,
        "hang1": False,
        "hang2": False,
    }
    problem = guests["hang1"].problem
    assert problem is not None
    assert "did not finish within 2 seconds" in problem.reason


def test_hanging_command_is_killed_with_its_children(ssh: Path) -> None:
    """The whole process group goes, so nothing is left on the collector."""
    _read("ssh://hang", timeout=1)
    child = int(ssh.with_name("recording.pid").read_text())
    deadline = time.monotonic() + 5
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_running(child)


def test_flood_of_output_is_capped(ssh: Path) -> None:
    """A host that prints without end costs neither memory nor more than its own time."""
    guest = _read("ssh://flood", timeout=2)["flood"]
    assert guest.problem is not None
    assert len(guest.output) <= 1 << 20


def test_progress_is_told_of_every_host(ssh: Path) -> None:
    """Once per host, in the caller's thread, failures included."""
    told: list[str] = []
    read_guests(
        parse_hosts("ssh://good1,ssh://denied,ssh://good2"), {}, "x", ReadLimits(), lambda g: told.append(g.name)
    )
    assert sorted(told) == ["denied", "good1", "good2"]


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ansible-inventory` that knows one group with one host."""
    tool = tmp_path / "bin/ansible-inventory"
    tool.parent.mkdir(exist_ok=True)
    hosts = '{"_meta": {"hostvars": {}}, "all": {"children": ["web"]}, "web": {"hosts": ["good1"]}}'
    tool.write_text(f"#!/bin/sh\nif [ -n \"$HANGS\" ]; then sleep 60; fi\necho '{hosts}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tool


def _ansible(inventory: Path, *patterns: str, timeout: float = 20) -> dict[str, RecordedGuest]:
    targets = parse_hosts(",".join(f"ansible://{p}" for p in patterns))
    options = {"ansible_inventory": f"{inventory}-{os.getpid()}-{time.monotonic_ns()}"}
    return {g.name: g for g in read_guests(targets, options, "x", ReadLimits(4, timeout))}


def test_inventory_pattern_is_expanded(ssh: Path, inventory: Path) -> None:
    """A group becomes its hosts, read over the connection that the inventory names."""
    assert _ansible(inventory, "web")["good1"].problem is None


def test_inventory_pattern_without_hosts_is_an_error(ssh: Path, inventory: Path) -> None:
    """A misspelt group must not shrink the fleet silently."""
    problem = _ansible(inventory, "db-servers")["ansible:db-servers"].problem
    assert problem is not None
    assert "no host of this name or group" in problem.reason


def test_hanging_inventory_is_given_up(inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing hosts is bounded like reading them."""
    monkeypatch.setenv("HANGS", "yes")
    began = time.monotonic()
    guests = _ansible(inventory, "web", timeout=1)
    assert time.monotonic() - began < 8
    assert all(g.problem for g in guests.values())


def test_unexpected_errors_stay_the_hosts_own() -> None:
    """A backend that cannot be made is this host's problem."""
    guest = read_guest(Target("x", "kubectl://x?container=", "kubectl"), {"nonsense": object()}, "x", 5)
    assert guest.problem is not None


def test_not_root_is_a_problem_of_the_whole_host() -> None:
    """The agent's files and the host address are closed to other users: nothing would be judged rightly."""
    problem = judge_output(ubuntu().edit("meta", ("uid=0", "uid=1000")).output())
    assert problem is not None
    assert "not as root" in problem.reason
    assert "--sudo" in problem.remedy


def test_probe_runs_locally_over_testinfra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line that wraps the probe survives testinfra's quoting and a real shell."""
    monkeypatch.setenv("AVB_TOOL", "none")  # no tool, no request: nothing leaves the machine
    guest = read_guest(Target("local", "local://", "local"), {}, probe_command("localhost"), 30)
    assert parse_output(guest.output).one("meta").pairs()["uid"] == str(os.getuid())
    assert (guest.problem is None) == (os.getuid() == 0)


def test_connection_that_never_comes_back_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that cannot be killed (paramiko's) costs its own host only, even with one connection for all."""
    stuck = threading.Event()

    def play(target: Target, *_: object) -> RecordedGuest:
        if target.name == "stuck":
            stuck.wait(30)
        return RecordedGuest(target.name)

    monkeypatch.setattr(read, "read_guest", play)
    monkeypatch.setattr(read, "GRACE", 0.1)
    guests = {g.name: g for g in read_guests(parse_hosts("stuck,good1,good2"), {}, "x", ReadLimits(1, 0.3))}
    stuck.set()
    assert guests["stuck"].problem is not None
    assert guests["good1"].problem is None
    assert guests["good2"].problem is None


def test_probe_command_takes_host_names_only() -> None:
    """What goes into the command line is checked, wherever it comes from."""
    with pytest.raises(ValueError, match="no host name"):
        probe_command("x; rm -rf /")


def test_recordings_are_masked_before_they_are_kept() -> None:
    """What the probe already leaves out is left out a second time."""
    kept = mask_output(b"https://a/b?sv=1&sig=abc%2Bdef&x=1 http://user:pw@host \xff")
    assert kept == b"https://a/b?sv=1&sig=***&x=1 http://***@host \xff"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("web01", "web01"),
        ("ssh://root@web01:2222", "web01:2222"),
        ("ssh://root:secret@web01?ssh_config=/x", "web01"),
        ("ssh://[2001:db8::1]:22", "2001-db8--1:22"),
        ("docker://box", "docker:box"),
        ("kubectl://pod?namespace=ns", "kubectl:pod"),
        ("paramiko://web01", "web01"),
        ("local://", "local"),
    ],
)
def test_host_is_named_without_user_and_password(spec: str, name: str) -> None:
    """Names are for test ids and reports: port in, user and password out."""
    (target,) = parse_hosts(spec)
    assert target.name == name
    assert "secret" not in repr(target)


@pytest.mark.parametrize(
    ("spec", "reached"),
    [
        ("winrm://u:p@win01", "winrm://u:p@win01:5986"),
        ("winrm://u:p@win01/?no_ssl=true", "winrm://u:p@win01:5985?no_ssl=true"),
        ("winrm://u:p@win01:443", "winrm://u:p@win01:443"),
    ],
)
def test_winrm_has_a_port_of_its_own(spec: str, reached: str) -> None:
    """Testinfra takes https's where none is given, and WinRM listens on another; the name is without it."""
    (target,) = parse_hosts(spec)
    assert target.spec == reached
    assert target.name == ("win01:443" if spec.endswith("443") else "win01")


def test_hosts_are_told_apart() -> None:
    """One spec twice is one host; two specs of one name get numbers."""
    assert [t.name for t in parse_hosts("a,a,ssh://b@a,paramiko://a")] == ["a", "a~2", "a~3"]


def _named(folder: Path, *lines: str) -> list[tuple[str, str]]:
    """Ids and segments of a hosts file with these lines."""
    (folder / "hosts").write_text("\n".join(lines))
    return [(t.name, t.segment) for t in parse_hosts_file(folder / "hosts")]


def test_one_address_in_two_segments_is_two_hosts(tmp_path: Path) -> None:
    """Networks overlap; the segment is in the id where it tells hosts apart, and nowhere else."""
    lines = (
        "10.0.0.4 segment=west",
        "10.0.0.4 segment=east # other",
        "10.0.0.4 segment=west",
        "10.0.0.4",
        "b segment=west",
    )
    assert _named(tmp_path, *lines) == [
        ("10.0.0.4~west", "west"),
        ("10.0.0.4~east", "east"),
        ("10.0.0.4", ""),
        ("b", "west"),
    ]


def test_several_hosts_of_one_name_in_a_segment_are_numbered(tmp_path: Path) -> None:
    """A number never gives a host the name of another one."""
    lines = ("a segment=2", "a", "ssh://x@a", "ssh://y@a segment=2")
    assert [name for name, _ in _named(tmp_path, *lines)] == ["a~2", "a", "a~3", "a~2~2"]
    assert [t.name for t in parse_hosts("a,ssh://x@a,a~2")] == ["a", "a~3", "a~2"]


@pytest.mark.parametrize(
    "other",
    ["ssh://good1", "ssh://admin@good1", "ssh://good1:22", "ssh://GOOD1/", "paramiko://good1", "ssh://good1?x=y"],
)
def test_one_machine_is_not_two_hosts(ssh: Path, other: str) -> None:
    """However its address is spelt: from here both segments' hosts would be whichever of them answers."""
    here, there = (
        Target("good~east", "ssh://root@good1", "ssh", "east"),
        Target("good~west", other, other[:8].split(":")[0], "west"),
    )
    with pytest.raises(ConfigurationError, match="good~east and good~west have one address in two segments"):
        read_guests([here, there], {}, "x", ReadLimits())


def test_other_ports_and_names_are_other_hosts(ssh: Path) -> None:
    """A bastion forwards a port to each segment."""
    check_reachable_apart(
        [
            Target("a", "ssh://bastion:2201", "ssh", "east"),
            Target("b", "ssh://bastion:2202", "ssh", "west"),
            Target("c", "docker://bastion", "docker", "west"),
            Target("d", "ssh://bastion", "ssh"),
            Target("e", "ssh://root@bastion", "ssh"),
        ]
    )


def test_inventory_pattern_in_two_segments_is_told_apart(ssh: Path, inventory: Path, tmp_path: Path) -> None:
    """Its hosts carry the segment even when one of the two is read alone."""
    (tmp_path / "hosts").write_text("ansible://web segment=east\nansible://web segment=west\n")
    targets = parse_hosts_file(tmp_path / "hosts")
    options = {"ansible_inventory": f"{inventory}-{time.monotonic_ns()}"}
    read = [[g.name for g in read_guests([each], options, "x", ReadLimits())] for each in targets]
    assert read == [["good1~east"], ["good1~west"]]
    with pytest.raises(ConfigurationError, match="good1~east and good1~west have one address in two segments"):
        read_guests(targets, options, "x", ReadLimits())


@pytest.mark.parametrize(
    ("spec", "holds"),
    [
        ("ssh://root@a", False),
        ("ssh://root:pw@a:22", True),
        ("winrm://D%5Cu:pw@a/?x=:", True),
        ("ssh://a:22?x=u:p@b", False),
    ],
)
def test_password_in_a_spec_is_noticed(spec: str, *, holds: bool) -> None:
    """It may not travel where it can be read."""
    assert has_password(spec) is holds


def test_hosts_file_takes_comments_and_blank_lines(tmp_path: Path) -> None:
    """A spec a line."""
    file = tmp_path / "hosts"
    file.write_text("\ufeff# fleet\nweb01\n\nssh://root@web02:22  # second\n")
    assert [t.name for t in parse_hosts_file(file)] == ["web01", "web02:22"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web01\nweb 02\n", ":2: a host spec holds no white space and no comma"),
        ("# nothing\n", "names no host"),
        ("web01\n\nftp://root:pw@x\n", ":3: ftp://x: unknown connection 'ftp'"),
        ("ssh://x:0\n", ":1: ssh://x:0: '0' is no port"),
        ("ssh://\n", ":1: ssh://: no host name"),
        ("ssh://[::1\n", ":1: ssh://[::1: not a host spec"),
        ("web01 zone=1\n", ":1: zone= is unknown; segment=NAME may follow a host spec"),
        ("web01 segment=a/b\n", ":1: 'a/b' is no segment"),
        ("web01 segment=\n", ":1: '' is no segment"),
        ("web01 segment=a segment=b\n", ":1: a host is in one segment"),
    ],
)
def test_wrong_hosts_file_is_named_by_line(tmp_path: Path, text: str, message: str) -> None:
    """File and line, and never a password."""
    file = tmp_path / "hosts"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        parse_hosts_file(file)
    assert message in str(raised.value)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\x1b[31mred\x1b[0m", "x" * 100_000])
def test_unknown_errors_are_shown_short_and_printable(text: str) -> None:
    """The last line of what was said, without colours and megabytes."""
    problem = explain(text, "the connection failed")
    assert problem.reason.startswith("the connection failed")
    assert problem.reason.isprintable()
    assert len(problem.reason) < 250


LOGIN_SHELLS = ("sh", "bash", "dash", "tcsh", "fish", "zsh", "busybox sh")


@pytest.fixture(scope="module")
def answers() -> dict[str, bytes]:
    """What the probe's command printed under each login shell, all side by side, with an empty PATH."""
    command = probe_command("localhost")
    environment = {"AVB_TOOL": "none", "PATH": ""}  # no tool, no request: nothing leaves the machine
    running = {}
    for shell in filter(is_installed, LOGIN_SHELLS):
        words = [shutil.which(shell.split()[0]) or "", *shell.split()[1:], "-c", command]
        running[shell] = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return {shell: process.communicate(timeout=40)[0] for shell, process in running.items()}


@pytest.mark.parametrize("shell", each_of(*LOGIN_SHELLS))
def test_probe_command_survives_every_login_shell(answers: dict[str, bytes], shell: str) -> None:
    """Csh and fish included, and an empty PATH: nothing in the command means anything to a shell."""
    assert parse_output(answers[shell]).one("meta").pairs()["tool"] == "none"
