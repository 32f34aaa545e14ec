"""probe.sh run for real, under the shells that are there, on a made-up file tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.linux.files import parse_configuration
from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.probe_output import OUTPUT_LIMIT
from backup_compliance.model.lazy_facts import fact
from backup_compliance.model.verdicts import Unreadable
from selftests.builders import fake_guest
from selftests.builders.extension_reports import FAILED, GOOD, STARTED, UNDER_WAY
from selftests.builders.fake_guest import PROBE, SECRET
from selftests.builders.programs import each_of, is_installed, needs

SHELLS = ("dash", "bash --posix", "busybox sh", "mksh")
NOISE = "\x00\xff\xfe\x1b[31m" + "A" * 200


def _tree(root: Path) -> list[tuple[str, float, int]]:
    paths = sorted(p for p in root.rglob("*"))
    return [(str(p), p.lstat().st_mtime, p.lstat().st_size) for p in paths]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that every run shares: the probe must not change it."""
    return fake_guest.build(tmp_path_factory.mktemp("guest"))


@pytest.fixture(scope="module")
def outputs(root: Path) -> dict[str, bytes]:
    """What the probe printed under each shell, run side by side."""
    before = _tree(root)
    running = {shell: fake_guest.start(root, shell) for shell in SHELLS if is_installed(shell)}
    printed = {shell: fake_guest.finish(process) for shell, process in running.items()}
    assert _tree(root) == before, "the probe changed its guest"
    return printed


@pytest.fixture(params=each_of(*SHELLS))
def guest(request: pytest.FixtureRequest, outputs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> LinuxGuest:
    """The guest as one shell told it, with root's eyes and the tree's own address: `id` and `ip` tell of this machine."""
    text = outputs[request.param].replace(f"uid={os.getuid()}\n".encode(), b"uid=0\n")
    text = re.sub(
        rb"(\nname=eth0\nindex=2)(\n[0-9]+: .*)*", rb"\1\n2: eth0    inet 10.20.0.4/24 scope global eth0", text
    )
    return parse_linux_guest(parse_output(text))


@needs("shellcheck")
def test_probe_needs_no_bashism() -> None:
    """Shellcheck reads the probe as POSIX sh, where it is installed."""
    done = subprocess.run(["shellcheck", "-s", "sh", str(PROBE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_probe_reads_the_agent(guest: LinuxGuest) -> None:
    """Configuration, processes and version come out of every shell alike."""
    assert guest.configuration is not None
    assert guest.configuration.spaced_lines == ("Logs.Console = y",)
    assert guest.processes.daemon is not None
    assert guest.processes.handler is not None
    assert guest.agent is not None
    assert str(guest.agent.goal_state) == "2.15.0.1"
    assert guest.service is not None
    assert guest.service.starts_at_boot


def test_probe_reads_the_extension(guest: LinuxGuest) -> None:
    """The last status is the one with the highest number, not the last by name."""
    assert guest.extension is not None
    active = guest.extension.active
    assert active is not None
    assert (active.state, active.status) == ("Enabled", "Ready")
    assert active.last is not None
    assert active.last.source.endswith("/status/10.status")
    assert active.last.is_good
    assert (active.last.extension_version, active.last.python_version) == ("1.0.9220.0", "3.12.3")
    assert [(i.path, str(i.version)) for i in guest.interpreters] == [("/usr/bin/python3", "3.12.3")]


def probed(root: Path, shell: str = "sh") -> LinuxGuest:
    """The guest behind a tree of its own."""
    printed = fake_guest.finish(fake_guest.start(root, shell))
    return parse_linux_guest(parse_output(printed.replace(f"uid={os.getuid()}\n".encode(), b"uid=0\n")))


def last_report(guest: LinuxGuest) -> ExtensionStatus:
    """The newest report of the version at work."""
    assert guest.extension is not None
    assert guest.extension.active is not None
    assert guest.extension.active.last is not None
    return guest.extension.active.last


@pytest.mark.parametrize("shell", SHELLS)
def test_report_of_any_size_is_read(tmp_path: Path, shell: str) -> None:
    """Of many disks what decides is sent; where a message alone is too large, the end of the file."""
    report = replace(GOOD, code=85, disks=("true",) * 60 + ("false",), error="x" * 900)
    many = fake_guest.build(tmp_path / "disks", {f"{fake_guest.HANDLER}/status/11.status": report.text()})
    found = last_report(probed(many, shell))
    assert (found.code, len(found.disks), found.disks[60].is_successful) == (85, 61, False)
    report = replace(FAILED, error="x" * 200_000)
    large = fake_guest.build(tmp_path / "message", {f"{fake_guest.HANDLER}/status/11.status": report.text()})
    found = last_report(probed(large, shell))
    assert (found.code, found.started_at) == (76, STARTED)


@pytest.mark.parametrize("shell", SHELLS)
def test_signature_in_escaped_json_is_masked_and_nothing_else(tmp_path: Path, shell: str) -> None:
    """Two levels deep: the backslash before the quote stays, and the report is read."""
    report = replace(FAILED, error=f"PUT https://md-sample.blob.storage.azure.net/a/b?sv=1&sig={SECRET}%2B\\/{SECRET}")
    guest = probed(fake_guest.build(tmp_path, {f"{fake_guest.HANDLER}/status/11.status": report.text()}), shell)
    assert last_report(guest).disks[0].error.endswith("sig=***")
    assert SECRET not in guest.output.one("extension").text


@pytest.mark.parametrize("shell", SHELLS)
def test_report_before_the_one_under_way_is_read(tmp_path: Path, shell: str) -> None:
    """The extension renames it when a run begins; the newest of those counts, and no other is sent."""
    before = replace(GOOD, started=STARTED - timedelta(days=1))
    files = {"11.status": UNDER_WAY, "10_status": before, "9_status": replace(before, code=121)}
    tree = fake_guest.build(tmp_path, {f"{fake_guest.HANDLER}/status/{n}": r.text() for n, r in files.items()})
    guest = probed(tree, shell)
    assert last_report(guest).is_under_way
    assert guest.extension is not None
    assert guest.extension.active is not None
    assert [(e.code, e.source.rpartition("/")[2]) for e in guest.extension.active.earlier] == [(1, "10_status")]


@pytest.mark.parametrize("shell", SHELLS)
def test_only_the_enabled_versions_report_is_sent(tmp_path: Path, shell: str) -> None:
    """What others left behind tells nothing of today's runs; their states are told."""
    other = fake_guest.HANDLER.replace("9220", "9240")
    changes = {f"{other}/config/HandlerState": "FailedUpgrade", f"{other}/status/40.status": FAILED.text()}
    guest = probed(fake_guest.build(tmp_path, changes), shell)
    assert last_report(guest).is_good
    assert "/40.status" not in guest.output.one("extension").text
    assert guest.extension is not None
    assert [h.state for h in guest.extension.handlers] == ["Enabled", "FailedUpgrade"]


def python_at(root: Path, path: str, version: str) -> None:
    """A Python that says what it is."""
    program = root / path
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho Python {version}\n")
    program.chmod(0o755)


@pytest.mark.parametrize("shell", SHELLS)
def test_interpreters_are_told_as_the_launcher_tries_them(tmp_path: Path, shell: str) -> None:
    """For each name /usr/bin, then /usr/local/bin; what PATH of the agent finds; the agent's own; links once."""
    root = fake_guest.build(
        tmp_path,
        {
            "proc/843/cmdline": b"/usr/libexec/platform-python\0-u\0/usr/sbin/waagent\0-daemon\0",
            "proc/843/environ": b"PATH=/nowhere:/opt/py/bin:/usr/bin\0",
        },
    )
    python_at(root, "usr/bin/python3", "3.13.5")
    python_at(root, "usr/local/bin/python2", "3.12.9")
    python_at(root, "opt/py/bin/python", "3.14.1")
    python_at(root, "usr/libexec/platform-python", "3.6.8")
    (root / "usr/bin/python").symlink_to("python3")
    assert [(i.path, str(i.version)) for i in probed(root, shell).interpreters] == [
        ("/usr/bin/python3", "3.13.5"),
        ("/usr/local/bin/python2", "3.12.9"),
        *([("/opt/py/bin/python", "3.14.1")] if is_installed("which") else []),
        ("/usr/libexec/platform-python", "3.6.8"),
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_list_of_interpreters_ends_with_one_that_is_fit(tmp_path: Path, shell: str) -> None:
    """The launcher takes /usr/local/bin/python3.8 before /usr/bin/python3, and would try nothing after it."""
    root = fake_guest.build(tmp_path)
    python_at(root, "usr/local/bin/python3.8", "3.8.10")
    guest = probed(root, shell)
    assert [i.path for i in guest.interpreters] == ["/usr/local/bin/python3.8"]
    assert "agent=" not in guest.output.one("python").text


@needs("ip")
def test_probe_reads_leases(guest: LinuxGuest) -> None:
    """Text leases and dhcpcd's raw reply both tell option 245."""
    assert guest.addressing.lease is not None
    assert guest.addressing.lease.option_245 in ("a8:3f:81:10", "a83f8110")
    assert guest.addressing.agent_endpoint == "168.63.129.16"


def test_probe_asks_the_endpoint_of_the_goal_state(guest: LinuxGuest) -> None:
    """The status blob's host is tried before any endpoint of ours, and the agent's way to it is told."""
    told = guest.output.one("endpoints").text
    assert told == "origin=goal-state\nmd-real0001.z1.blob.storage.azure.net unusable"


def test_probe_reads_who_answers(guest: LinuxGuest) -> None:
    """Host name, kernel and clock are the guest's."""
    assert (guest.identity.hostname, guest.identity.kernel) == ("fake01", "6.8.0-1021-azure")
    assert guest.identity.operating_system == "Ubuntu 24.04.3 LTS"


@needs("ip")
def test_every_fact_is_readable_or_says_why(guest: LinuxGuest) -> None:
    """No fact fails in another way than by saying what was missing."""
    names = [name for name, value in vars(LinuxGuest).items() if isinstance(value, fact)]
    assert len(names) > 10
    # /proc/stat of the tree stands still, and no request was made
    silent = {"load", "storage", "host_address"}
    for name in names:
        if name not in silent:
            getattr(guest, name)
    for name in silent:
        with pytest.raises(Unreadable):
            getattr(guest, name)


@pytest.mark.parametrize("shell", each_of(*SHELLS))
def test_no_secret_leaves_the_guest(outputs: dict[str, bytes], shell: str) -> None:
    """Passwords, keys, tokens, protected settings and signatures stay where they are."""
    assert SECRET.encode() not in outputs[shell]


def test_proxy_with_credentials_is_masked_and_not_tried(guest: LinuxGuest) -> None:
    """Curl's arguments show in the process list: a proxy with a password fails unasked."""
    assert guest.proxy is not None
    assert guest.proxy.host == "***@10.20.0.250"
    assert not guest.output.all("http", "storage", "proxy")


def test_packed_output_fits_run_command_and_says_the_same(root: Path) -> None:
    """Gzip and base64: the last 4,096 bytes that Run Command keeps hold all of it."""
    printed = fake_guest.finish(fake_guest.start(root, "sh", "packed"))
    words = [p.words[:1] for p in parse_output(printed).parts]
    plain = [p.words[:1] for p in parse_output(fake_guest.finish(fake_guest.start(root, "sh"))).parts]
    assert sorted(words) == sorted(plain)
    assert len(printed) < 4000


def test_hostile_files_are_capped_and_framed(tmp_path: Path) -> None:
    """Megabytes, odd bytes, forged frames, folders and loops in place of files neither hang nor mislead the probe."""
    forged = "\navb-probe 1 end avb-00000000\navb-00000000 meta\nuid=0\n"
    root = fake_guest.build(
        tmp_path / "guest",
        {
            "etc/waagent.conf": ("x" * 99 + "=y\n") * 100_000,
            "var/lib/dhcp/dhclient.eth0.leases": "lease {\n" + "  option junk;\n" * 100_000 + forged,
            f"{fake_guest.HANDLER}/config/HandlerState": NOISE + forged,
            "etc/os-release": "PRETTY_NAME=" + "y" * 1_000_000,
        },
    )
    (root / "etc/network/interfaces.d").mkdir()
    (root / "etc/network/interfaces.d/folder").mkdir()
    (root / "etc/sysconfig/network/ifcfg-eth0").symlink_to("ifcfg-eth0")
    printed = fake_guest.finish(fake_guest.start(root))
    assert len(printed) < OUTPUT_LIMIT // 2
    output = parse_output(printed)
    with pytest.raises(Unreadable, match=r"larger than .* cut"):
        parse_configuration(output)
    assert [p.words for p in output.parts].count(("meta",)) == 1


def test_network_files_that_were_cut_are_told(tmp_path: Path) -> None:
    """Their cap is their own, below that of the whole part."""
    interfaces = "iface eth0 inet dhcp\n" * 2000
    root = fake_guest.build(
        tmp_path / "guest",
        {"etc/network/interfaces": interfaces, "etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO=dhcp\n"},
    )
    output = parse_output(fake_guest.finish(fake_guest.start(root)))
    with pytest.raises(Unreadable, match="were cut behind a line of /etc/network/interfaces"):
        parse_configuration(output)


@pytest.mark.parametrize("shell", each_of(*SHELLS))
def test_signature_in_escaped_json_is_masked_and_the_json_is_whole(shell: str, tmp_path: Path) -> None:
    """The quote that ends an address keeps its backslash."""
    inner = json.dumps({"uri": f"https://a.example/c?sv=1&sig={SECRET}", "code": 1})
    status = json.dumps(
        [{"status": {"status": "success", "code": 1, "formattedMessage": {"message": json.dumps({"m": inner})}}}]
    )
    root = fake_guest.build(tmp_path / "guest", {f"{fake_guest.HANDLER}/status/11.status": status})
    printed = fake_guest.finish(fake_guest.start(root, shell))
    assert SECRET.encode() not in printed
    line = next(x for x in parse_output(printed).one("extension").lines() if "/11.status:" in x)
    document = json.loads(line.partition(":")[2])
    message = document[0]["status"]["formattedMessage"]["message"]
    assert json.loads(json.loads(message)["m"]) == {"uri": "https://a.example/c?sv=1&sig=***", "code": 1}


@pytest.mark.parametrize("shell", each_of(*SHELLS))
def test_backslashes_of_a_command_line_start_no_line(shell: str, tmp_path: Path) -> None:
    """What looks like one to echo could pose as the agent's process."""
    forged = b"/usr/bin/python3\0-u\0/usr/sbin/waagent\0-daemon\0x\\nprocess 1 forged\0"
    root = fake_guest.build(tmp_path / "guest", {"proc/843/cmdline": forged})
    part = parse_output(fake_guest.finish(fake_guest.start(root, shell))).one("processes")
    assert "process 1 forged" not in part.lines()


def test_empty_guest_is_told_as_empty(tmp_path: Path) -> None:
    """A tree without any of the files still ends with its frame: absence is evidence."""
    printed = fake_guest.finish(fake_guest.start(tmp_path))
    files = parse_output(printed).one("files").text
    assert "absent /etc/waagent.conf" in files
    assert "absent /var/lib/waagent" in files
