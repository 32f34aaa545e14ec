"""probe.sh run for real, under the shells that are there, on a made-up file tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.probe_output import OUTPUT_LIMIT
from backup_compliance.model.lazy_facts import fact
from backup_compliance.model.verdicts import Unreadable
from selftests.builders import fake_guest
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
    """The guest as one shell told it; root's own eyes are taken for granted where the tests have none."""
    text = outputs[request.param].replace(f"uid={os.getuid()}\n".encode(), b"uid=0\n")
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
    assert [str(i.version) for i in guest.interpreters] == ["3.12.3"]


@needs("ip")
def test_probe_reads_leases(guest: LinuxGuest) -> None:
    """Text leases and dhcpcd's raw reply both tell option 245."""
    assert guest.addressing.lease is not None
    assert guest.addressing.lease.option_245 in ("a8:3f:81:10", "a83f8110")
    assert guest.addressing.agent_endpoint == "168.63.129.16"


def test_probe_asks_the_endpoint_of_the_goal_state(guest: LinuxGuest) -> None:
    """The status blob's host is tried before any endpoint of ours."""
    told = guest.output.one("endpoints").text
    assert told == "origin=goal-state\nmd-real0001.z1.blob.storage.azure.net"


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
    with pytest.raises(Unreadable, match="64 KiB"):
        output.one("config")
    assert [p.words for p in output.parts].count(("meta",)) == 1


def test_empty_guest_is_told_as_empty(tmp_path: Path) -> None:
    """A tree without any of the files still ends with its frame: absence is evidence."""
    printed = fake_guest.finish(fake_guest.start(tmp_path))
    files = parse_output(printed).one("files").text
    assert "absent /etc/waagent.conf" in files
    assert "absent /var/lib/waagent" in files
