"""Guests: an overlay of a root file system, a network and control groups of its own, systemd or init as PID 1."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from selftests.lab import places, wire
from selftests.lab.bases import DEBIAN, Base
from selftests.lab.fabric import Fabric, ip
from selftests.lab.places import CGROUP, HIERARCHIES, RUN, SHARE

CAPABILITIES: Final = "CAP_NET_ADMIN,CAP_NET_RAW"
TWENTY: Final = 20
"""As many as a person would call a lab: told how soon they answer."""
WAITING: Final = 150.0
"""Seconds that a guest may take until it is ready, agent and extension included."""

_HANDLER: Final = "/var/lib/waagent/*VMSnapshotLinux-*"
AGENT_RUNS: Final = "pgrep -f -- -run-exthandlers"
EXTENSION_ENABLED: Final = (
    f"grep -q Enabled {_HANDLER}/config/HandlerState && grep -q '\"Ready\"' {_HANDLER}/config/HandlerStatus"
)
BACKUP_DONE: Final = f'grep -qs \'"code": "1", "taskId"\' {_HANDLER}/status/*.status'
"""Its first run has ended; until then it says code 4, under way."""


@dataclass(frozen=True)
class Guest:
    """What one guest is made of."""

    name: str
    base: Base = DEBIAN
    files: Mapping[str, str] = field(default_factory=dict)
    """Contents by path, put over the root file system; `-> TARGET` makes a symbolic link."""
    absent: tuple[str, ...] = ()
    """Globs of what is taken away."""
    option_245: str = "right"
    """What the DHCP server tells this guest: right, wrong, none, or silent for no answer at all."""
    lease: str = "12h"
    orders: wire.Orders | None = None
    memory_mib: int = 320
    disk_mib: int | None = None
    """The size of its own small disk, where it has one."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """Files of the root file system that lie elsewhere here: the new path by the old one."""
    ready: str = f"{AGENT_RUNS} && {EXTENSION_ENABLED} && {BACKUP_DONE}"
    """A command that succeeds inside once everything it should have is there."""


class Running:
    """A guest that was started."""

    def __init__(self, guest: Guest, number: int) -> None:
        self.guest = guest
        self.name = guest.name
        self.address = f"{places.PREFIX}.1.{number}"
        self.hardware = f"02:00:0a:4d:01:{number:02x}"
        self.folder = RUN / "guests" / guest.name
        self.root = self.folder / "root"
        self.link = f"guest{number}"
        self.leader = 0

    @property
    def dhcp_host(self) -> str:
        """Dnsmasq's line for it."""
        return f"{self.hardware},{self.address},set:{self.guest.option_245},{self.guest.lease}"

    def start(self) -> None:
        """Everything up to its first process."""
        self._make_root()
        ip(
            f"netns add {self.name}",
            f"link add {self.link} type veth peer name eth0 address {self.hardware} netns {self.name}",
            f"link set {self.link} master lab0 up",
        )
        self._make_groups()
        joined = "".join(f"echo $$ > {g}/cgroup.procs; " for g in self._groups())
        command = [
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", f"--directory={self.root}"),
            *(f"--machine={self.name}", f"--hostname={self.name}", f"--network-namespace-path=/run/netns/{self.name}"),
            *(
                f"--capability={CAPABILITIES}",
                "--resolv-conf=off",
                "--timezone=off",
                "--link-journal=no",
                "--console=pipe",
            ),
            "--bind=/run/lxcfs:/var/lib/lxcfs",
        ]
        with (self.folder / "console.log").open("wb") as log:
            # dhcpcd needs /proc/sys/net writable
            environment = {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
            self.process = subprocess.Popen(
                ["sh", "-c", f'{joined} exec "$@"', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def _groups(self) -> list[Path]:
        return [hierarchy / CGROUP / self.name for hierarchy in HIERARCHIES.values()]

    def _make_groups(self) -> None:
        for group in self._groups():
            group.mkdir(parents=True, exist_ok=True)
        for group in (HIERARCHIES["cpuset"] / CGROUP, HIERARCHIES["cpuset"] / CGROUP / self.name):
            for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group, which then takes no process
                (group / setting).write_text((group.parent / setting).read_text())
        self.share(SHARE)
        limit = HIERARCHIES["memory"] / CGROUP / self.name / "memory.limit_in_bytes"
        limit.write_text(str(self.guest.memory_mib << 20))

    def share(self, weight: int) -> None:
        """How much of the processor this guest, and the lab, may take from others (cgroup v1: 2 to 262,144)."""
        for group in (HIERARCHIES["cpu"] / CGROUP, HIERARCHIES["cpu"] / CGROUP / self.name):
            (group / "cpu.shares").write_text(str(weight))

    def _make_root(self) -> None:
        disk = self.folder / "disk"
        for each in (disk, self.root):
            each.mkdir(parents=True)
        if self.guest.disk_mib:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.guest.disk_mib}m", "disk", disk], check=True)
        (disk / "upper").mkdir()
        (disk / "work").mkdir()
        options = f"lowerdir={self.guest.base.folder},upperdir={disk}/upper,workdir={disk}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        for old, new in self.guest.moved.items():
            target = self.root / new
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.root / old).rename(target)
        for pattern in self.guest.absent:
            for path in self.root.glob(pattern):
                path.unlink()
        kernel = os.uname().release  # a container runs the machine's; its file is what an installed kernel looks like
        common = {
            "/etc/hostname": self.name,
            "/etc/hosts": f"127.0.0.1 localhost {self.name}",
            f"/boot/vmlinuz-{kernel}": "stand-in",
        }
        for name, content in {**common, **self.guest.files}.items():
            _put(self.root / name.lstrip("/"), content)
        self._trust()

    def _trust(self) -> None:
        ssh = self.root / "root/.ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(places.KEYS / "login.pub", ssh / "authorized_keys")
        for old in (self.root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        for suffix in ("", ".pub"):
            shutil.copy(places.KEYS / f"host{suffix}", self.root / f"etc/ssh/ssh_host_ed25519_key{suffix}")

    def wait_for_ssh(self) -> None:
        """Until sshd says who it is; then the guest sees its own processor and memory only."""
        wait_for(self._answers, f"{self.name} does not answer on port 22, see {self.folder}/console.log", 60)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.leader = int(children.split()[0])
        self.run(
            "for f in stat meminfo; do mount --bind /var/lib/lxcfs/proc/$f /proc/$f || exit 1; done; umount -l /var/lib/lxcfs"
        )

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def memory(self) -> float:
        """MiB that its processes hold, caches left out."""
        stat = (HIERARCHIES["memory"] / CGROUP / self.name / "memory.stat").read_text()
        return int(dict(line.split() for line in stat.splitlines())["total_rss"]) / (1 << 20)

    def wait_until_ready(self) -> None:
        """Until its agent and its extension are where they should be."""
        wait_for(
            lambda: self.run(self.guest.ready, check=False).returncode == 0,
            f"{self.name} is not ready: {self.guest.ready}",
            WAITING,
        )

    def run(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A script inside, as root, in the guest's own control groups."""
        joined = "".join(f"echo $$ > {g}/cgroup.procs; " for g in self._groups())
        inside = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}
        done = subprocess.run(
            ["sh", "-c", f'{joined} exec "$@"', "sh", *inside, "/bin/sh", "-c", script],
            *(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=180,
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {script!r} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done

    def sshd_log(self) -> str:
        """The last lines of sshd's log, for what nobody expected."""
        log = "journalctl -q -n 8 -o cat -t sshd -t sshd-session --no-pager || tail -n 8 /var/log/auth.log"
        return f"sshd of {self.name} said: " + self.run(log, check=False).stdout.strip().replace("\n", " | ")


def _put(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if content.startswith("-> "):
        path.symlink_to(content.removeprefix("-> "))
        return
    path.write_text(content if content.endswith("\n") else f"{content}\n")
    path.chmod(0o600 if path.suffix == ".nmconnection" else 0o755 if content.startswith("#!") else 0o644)


def wait_for(holds: Callable[[], bool], otherwise: str, seconds: float) -> None:
    """Until `holds()` is true; `otherwise` is the error after that many seconds."""
    latest = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > latest:
            raise RuntimeError(otherwise)
        time.sleep(0.2)


def start_all(guests: Sequence[Guest], say: Callable[[str], None]) -> tuple[Fabric, dict[str, Running]]:
    """The fabric and every guest, answering on port 22; agents may still be starting."""
    running = {g.name: Running(g, n) for n, g in enumerate(guests, 10)}
    fabric = Fabric(r.dhcp_host for r in running.values())
    (Path("/run") / "lxcfs").mkdir()
    with (RUN / "lxcfs.log").open("wb") as log:
        subprocess.Popen(
            ["lxcfs", "--foreground", "--enable-cfs", "--pidfile=/run/lxcfs.pid", "/run/lxcfs"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    wait_for((Path("/run/lxcfs/proc/stat")).exists, "lxcfs does not serve", 10)
    for each in running.values():
        orders = each.guest.orders or wire.Orders()
        fabric.order(each.address, replace(orders, status_blob=fabric.default.status_blob))
    everybody = list(running.values())
    with ThreadPoolExecutor(8) as pool:
        for some in filter(None, (everybody[:TWENTY], everybody[TWENTY:])):
            list(pool.map(Running.start, some))
            list(pool.map(Running.wait_for_ssh, some))
            say(f"{sum(bool(r.leader) for r in everybody)} guests answer on port 22")
    return fabric, running
