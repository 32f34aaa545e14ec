"""Root file systems of guests, from Debian's packages; kept, and made again when their definition changes."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selftests.lab import keys
from selftests.lab.places import AGENT_VERSION, CACHE, KEYS

EGG_VERSION: Final = "2.15.0.1"
"""What the upstream-shaped agent's own update says it is; its code is Debian's package."""
_EVERYWHERE: Final = (
    *("dbus", "openssh-server", "ifupdown", "curl", "ca-certificates", "openssl", "python3", "iproute2", "procps"),
    *("nftables", "dmidecode", "sudo"),
)
_COMMON: Final = (
    *(*_EVERYWHERE, "isc-dhcp-client", "wget", "python3-distro", "python3-pkg-resources"),
    *("strace", "stress-ng", "tcsh", "fish", "faketime", "busybox", "mksh"),
)
_SYSTEMD: Final = ("systemd", "systemd-sysv", "waagent")
# They only cost time in a container.
_MASKED: Final = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("e2scrub_reap.service", "getty.target", "console-getty.service", "systemd-timesyncd.service"),
)
_WAAGENT: Final = {
    "Provisioning.Agent": "disabled",
    "Provisioning.MonitorHostName": "n",
    "ResourceDisk.Format": "n",
}


# Off Azure, and not before there is a route: it would otherwise look for a DHCP server for minutes.
_DROP_IN: Final = """\
[Unit]
ConditionVirtualization=
[Service]
ExecStartPre=/bin/sh -c 'for i in $(seq 200); do grep -q "^eth0.00000000" /proc/net/route && exit 0; sleep 0.1; done'
"""
_UPSTREAM_UNIT: Final = """\
[Unit]
Description=Azure Linux Agent
Wants=network-online.target sshd.service
After=network-online.target
ConditionFileIsExecutable=/usr/sbin/waagent
ConditionPathExists=/etc/waagent.conf

[Service]
Type=simple
ExecStart=/usr/bin/python3 -u /usr/sbin/waagent -daemon
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Base:
    """One root file system: its packages and what is done to it afterwards."""

    name: str
    packages: tuple[str, ...]
    finish: Callable[[Path], None]
    suite: str = "bookworm"

    @property
    def folder(self) -> Path:
        """Where it is kept; the name holds the hash of everything that defines it."""
        steps = (self.finish, _settle, _set, _upstream_agent, _egg)
        definition = [
            self.suite,
            self.packages,
            _MASKED,
            _WAAGENT,
            EGG_VERSION,
            _DROP_IN,
            _UPSTREAM_UNIT,
            keys.certificate().decode(),
        ]
        text = json.dumps(definition) + "".join(inspect.getsource(step) for step in steps)
        return CACHE / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def make(self, say: Callable[[str], None]) -> Path:
        """The root file system's folder, made where it is missing; older ones of its name are removed."""
        if self.folder.exists():
            return self.folder
        say(f"making the root file system {self.name!r} (kept for later runs)")
        for old in CACHE.glob(f"{self.name}-*"):
            shutil.rmtree(old)
        root = CACHE / f"{self.name}-unfinished"
        _bootstrap(self.suite, self.packages, root)
        self.finish(root)
        root.rename(self.folder)
        return self.folder


def _bootstrap(suite: str, packages: tuple[str, ...], root: Path) -> None:
    """Mmdebstrap's minimal Debian with `packages` and the lab's CA in the system's trust store."""
    trusted = "/usr/local/share/ca-certificates/lab.crt"
    command = [
        *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={','.join(packages)}"),
        *(
            f"--customize-hook=upload {KEYS}/ca.pem {trusted}",
            '--customize-hook=chroot "$1" update-ca-certificates',
        ),
        *(suite, str(root)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(root, ignore_errors=True)
        raise RuntimeError(f"mmdebstrap failed: {done.stderr[-2000:]}")


def _settle(root: Path) -> None:
    """A server's network, sshd and quiet, whatever starts it."""
    (root / "etc/ssh/sshd_config.d/lab.conf").write_text("UseDNS no\nMaxStartups 100:30:200\n")
    (root / "etc/network/interfaces").write_text("auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n")
    (root / "etc/machine-id").write_text("")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    for unit in _MASKED:
        place = root / "etc/systemd/system" / unit
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to("/dev/null")


def _set(configuration: Path, values: dict[str, str]) -> None:
    """`key=value` lines of waagent.conf exchanged, or added where there is no such key."""
    kept = [x for x in configuration.read_text().splitlines() if x.partition("=")[0] not in values]
    configuration.write_text("\n".join([*kept, *(f"{k}={v}" for k, v in values.items())]) + "\n")


def _drop_in(root: Path, unit: str) -> None:
    drop_in = root / f"etc/systemd/system/{unit}.service.d/00-lab.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(_DROP_IN)


def _debian(root: Path) -> None:
    """Debian's own agent, which its unit would only start on Azure; the VM counts as provisioned."""
    _settle(root)
    (root / "etc/systemd/system/multi-user.target.wants/dhcpcd.service").unlink(missing_ok=True)
    _drop_in(root, "walinuxagent")
    _set(root / "etc/waagent.conf", _WAAGENT)
    (root / "var/lib/waagent").mkdir(exist_ok=True)
    (root / "var/lib/waagent/provisioned").touch()


def _red_hat(root: Path) -> None:
    """NetworkManager, and an agent as upstream's installer leaves it: no package, unit waagent, its own update."""
    _settle(root)
    (root / "etc/network/interfaces").write_text("auto lo\niface lo inet loopback\n")
    _upstream_agent(DEBIAN.folder, root)


def _upstream_agent(source: Path, root: Path) -> None:
    """Debian's agent laid out as upstream does: started by python3, restarted always, updated to a later egg."""
    for line in (source / "var/lib/dpkg/info/waagent.list").read_text().split():
        old, new = source / line[1:], root / line[1:]
        if old.is_file() and "python3/dist-packages" in line:
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old, new)
    shutil.copy2(source / "etc/waagent.conf", root / "etc/waagent.conf")
    _set(root / "etc/waagent.conf", {**_WAAGENT, "AutoUpdate.UpdateToLatestVersion": "y", "AutoUpdate.Enabled": "y"})
    program = root / "usr/sbin/waagent"
    program.write_text("#!/usr/bin/env python3\nimport azurelinuxagent.agent as agent\nagent.main()\n")
    program.chmod(0o755)
    unit = root / "etc/systemd/system/waagent.service"
    unit.write_text(_UPSTREAM_UNIT)
    _drop_in(root, "waagent")
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir(parents=True, exist_ok=True)
    (wanted / "waagent.service").symlink_to("/etc/systemd/system/waagent.service")
    _egg(root / "usr/lib/python3/dist-packages", root / f"var/lib/waagent/WALinuxAgent-{EGG_VERSION}")
    (root / "var/lib/waagent/provisioned").touch()


def _egg(packages: Path, update: Path) -> None:
    """The same agent in the form of an update that it fetched itself, under a later version."""
    name = f"bin/WALinuxAgent-{EGG_VERSION}-py3.11.egg"
    started = {"enableCommand": f"python -u {name} -run-exthandlers", "rebootAfterInstall": False}
    none = dict.fromkeys(("installCommand", "uninstallCommand", "updateCommand", "disableCommand"), "")
    manifest = {
        "name": "WALinuxAgent",
        "version": 1.0,
        "handlerManifest": {**none, **started, "reportHeartbeat": False},
    }
    (update / "bin").mkdir(parents=True)
    (update / "HandlerManifest.json").write_text(json.dumps([manifest]))
    with zipfile.ZipFile(update / name, "w", zipfile.ZIP_DEFLATED) as egg:
        egg.writestr("__main__.py", "import azurelinuxagent.agent as agent\nagent.main()\n")
        for file in sorted((packages / "azurelinuxagent").rglob("*.py")):
            text = file.read_text()
            if file.name == "version.py":
                text = text.replace(f"AGENT_VERSION = '{AGENT_VERSION}'", f"AGENT_VERSION = '{EGG_VERSION}'")
            egg.writestr(str(file.relative_to(packages)), text)


def _sysv(root: Path) -> None:
    """Debian's agent under sysvinit; the terminals of a container are nobody's."""
    _settle(root)
    table = root / "etc/inittab"
    table.write_text("".join(x for x in table.read_text().splitlines(keepends=True) if "getty" not in x))
    _set(root / "etc/waagent.conf", _WAAGENT)
    (root / "var/lib/waagent").mkdir(exist_ok=True)
    (root / "var/lib/waagent/provisioned").touch()


DEBIAN: Final = Base("debian", (*_COMMON, *_SYSTEMD, "dhcpcd5"), _debian)
BULLSEYE: Final = Base("bullseye", (*_EVERYWHERE, *_SYSTEMD, "isc-dhcp-client"), _debian, "bullseye")
TRIXIE: Final = Base("trixie", (*_EVERYWHERE, *_SYSTEMD, "dhcpcd-base"), _debian, "trixie")
RED_HAT: Final = Base("networkmanager", (*_COMMON, "systemd", "systemd-sysv", "network-manager"), _red_hat)
SYSV: Final = Base("sysvinit", (*_COMMON, "sysvinit-core", "waagent"), _sysv)
BASES: Final = (DEBIAN, RED_HAT, SYSV, BULLSEYE, TRIXIE)


def make_azurite(say: Callable[[str], None]) -> Path:
    """Azurite's folder, installed from its lock file where it is missing."""
    source = Path(__file__).with_name("azurite")
    lock = (source / "package-lock.json").read_bytes()
    folder = CACHE / f"azurite-{hashlib.sha256(lock).hexdigest()[:12]}"
    if folder.exists():
        return folder
    say("installing azurite (kept for later runs)")
    for old in CACHE.glob("azurite-*"):
        shutil.rmtree(old)
    unfinished = CACHE / "azurite-unfinished"
    shutil.copytree(source, unfinished)
    command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, env={**os.environ, "CI": "true"})
    if done.returncode:
        raise RuntimeError(f"npm ci failed: {done.stderr[-2000:]}")
    return unfinished.rename(folder)


def make_all(say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> None:
    """Everything that comes from package registries, made before the lab closes itself off."""
    keys.make()
    for base in BASES:
        base.make(say)
    make_azurite(say)
