"""Guests to read: network namespaces on one bridge with an sshd each, on this machine's file system."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

NEAR: Final = "10.78"
"""What the guests' addresses begin with; the other two numbers tell which guest."""
FAR: Final = "10.79"
"""... behind the relay."""
BRIDGE: Final = f"{NEAR}.0.1/16"
PLATFORM: Final = "168.63.129.16"
"""Azure's host address, which the probe asks; no guest may have a way to it."""
_SSHD: Final = """\
Port 22
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/id.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
StrictModes no
MaxStartups 100:30:200
MaxSessions 64
PidFile none
LogLevel FATAL
"""
_SSH: Final = """\
Host *
  IdentityFile {folder}/id
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
"""
_SHARED: Final = "  ControlPath {folder}/control-%C\n"


@dataclass(frozen=True)
class Guests:
    """Running guests and how to reach them."""

    addresses: tuple[str, ...]
    ssh_config: Path
    shared_config: Path
    """The same with a ControlPath: one connection a guest for all commands."""
    sshd: tuple[int, ...]
    """Process ids of the servers, in the order of the addresses."""

    def cpu(self) -> float:
        """Seconds of CPU that all guests have used so far, ended commands included."""
        return sum(_cpu(pid) for pid in self.sshd)

    def first(self, count: int) -> Guests:
        """Only so many of them."""
        return replace(self, addresses=self.addresses[:count], sshd=self.sshd[:count])


def start(count: int, folder: Path) -> Guests:
    """`count` guests that answer; keys and configuration go to `folder`."""
    ssh_config, shared_config = _write_configuration(folder)
    _ip("link add bench0 type bridge", f"addr add {BRIDGE} dev bench0", "link set bench0 up")
    addresses = tuple(f"{NEAR}.{1 + n // 250}.{2 + n % 250}" for n in range(count))
    started = [_start(f"guest{n}", f"veth{n}", address, folder) for n, address in enumerate(addresses)]
    for address in addresses:
        _wait_for_banner(address)
    return Guests(addresses, ssh_config, shared_config, tuple(_child(process.pid) for process in started))


def reach(prefix: str) -> None:
    """Have all addresses that begin so be this machine's own."""
    _ip(f"route replace local {prefix}.0.0/16 dev lo")


def _write_configuration(folder: Path) -> tuple[Path, Path]:
    """The keys, the servers' configuration and the client's two, whose paths are returned."""
    folder.mkdir(mode=0o700, parents=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd's unprivileged half is locked in
    for name in ("id", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", folder / name], check=True)
    public = (folder / "host_key.pub").read_text(encoding="utf-8")
    (folder / "known_hosts").write_text(f"{NEAR}.*,{FAR}.* {public}", encoding="utf-8")
    (folder / "sshd_config").write_text(_SSHD.format(folder=folder), encoding="utf-8")
    own, shared = folder / "ssh_config", folder / "ssh_config_shared"
    own.write_text(_SSH.format(folder=folder), encoding="utf-8")
    shared.write_text((_SSH + _SHARED).format(folder=folder), encoding="utf-8")
    return own, shared


def _start(name: str, link: str, address: str, folder: Path) -> subprocess.Popen[bytes]:
    """One guest: its network with no way out, its own processes, its sshd."""
    _ip(
        f"netns add {name}",
        f"link add {link} type veth peer name eth0 netns {name}",
        f"link set {link} master bench0 up",
    )
    inside = ["ip", "netns", "exec", name]
    # no router may talk it into a way out
    subprocess.run([*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"], check=True)
    subprocess.run(["ip", "-n", name, "addr", "add", f"{address}/16", "dev", "eth0"], check=True)
    for device in ("lo", "eth0"):
        subprocess.run(["ip", "-n", name, "link", "set", device, "up"], check=True)
    if subprocess.run(["ip", "-n", name, "route", "get", PLATFORM], capture_output=True).returncode == 0:
        raise RuntimeError(f"{name} has a route to {PLATFORM}; refusing to run the probe there")
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    # bash reads ~/.bashrc for every ssh command; what this machine's owner starts there is not a guest's cost
    home = ["sh", "-c", 'mount -t tmpfs home "$0" && exec "$@"', pwd.getpwuid(0).pw_dir]
    server = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    return subprocess.Popen([*inside, *alone, *home, *server], stdin=subprocess.DEVNULL)


def _ip(*commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def _wait_for_banner(address: str) -> None:
    """Until sshd there says who it is; ten seconds at most."""
    latest = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection((address, 22), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            if time.monotonic() > latest:
                raise
        time.sleep(0.05)


def _child(pid: int) -> int:
    """The only child of `unshare --fork`: the first process of its namespace, here the server."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii"))


def _cpu(pid: int) -> float:
    """User and system seconds of a process and of its children that ended; orphans come to the first process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
