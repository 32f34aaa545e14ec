"""One guest: a wine prefix with the agent's services and keys in its registry, and sshd handing command lines to cmd.exe.

The registry, reg.exe and cmd.exe are wine's own. What wine has no more than a stub of, or not at all (PowerShell, route,
vssadmin), prints nothing or an error here: a guest whose tools were taken away.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

WINE: Final = Path("/usr/lib/wine/wine64")
SERVER: Final = Path("/usr/lib/wine/wineserver64")
SSHD: Final = Path("/usr/sbin/sshd")
HKLM: Final = "HKEY_LOCAL_MACHINE"
MICROSOFT: Final = rf"{HKLM}\SOFTWARE\Microsoft"
SERVICES: Final = rf"{HKLM}\SYSTEM\CurrentControlSet\Services"
NIC: Final = rf"{SERVICES}\Tcpip\Parameters\Interfaces\{{5a11ab1e-7b1e-4a11-8a11-5a11ab1e0001}}"
RESTARTING: Final = "80510100" + "00000000" * 2 + "0300000014000000" + "0100000060ea0000" * 2 + "0000000000000000"
OPTIONS: Final = "f500000000000000" + "0400000000000000" + "ffffffff" + "a83f8110"

Value = str | int | bytes | list[str] | None
"""REG_SZ, REG_DWORD, REG_BINARY, REG_MULTI_SZ; None takes a value away."""
Keys = Mapping[str, Mapping[str, Value] | None]
"""Keys by path; None takes a key away."""


def service(start: int = 2, *, restarts: bool = True) -> dict[str, Value]:
    """A service that wine can really start: its own plug-and-play service under another name."""
    found: dict[str, Value] = {
        "Type": 16,
        "Start": start,
        "ErrorControl": 1,
        "ObjectName": "LocalSystem",
        "ImagePath": r"C:\windows\system32\plugplay.exe",
    }
    return {**found, "FailureActions": bytes.fromhex(RESTARTING)} if restarts else found


COMPLIANT: Final[Keys] = {
    r"HKEY_USERS\S-1-5-19\Environment": {"TEMP": r"C:\windows\temp"},
    r"HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings": {"ProxyEnable": 0},
    rf"{SERVICES}\RdAgent": service(),
    rf"{SERVICES}\WindowsAzureGuestAgent": service(),
    rf"{SERVICES}\IaasVmProvider": service(restarts=False),
    rf"{SERVICES}\VSS": service(3, restarts=False),
    NIC: {
        "EnableDHCP": 1,
        "DhcpServer": "168.63.129.16",
        "DhcpIPAddress": "10.20.0.41",
        "DhcpDefaultGateway": ["10.20.0.1"],
        "Lease": 0xFFFFFFFF,
        "LeaseTerminatesTime": 0x7FFFFFFF,
        "DhcpInterfaceOptions": bytes.fromhex(OPTIONS),
    },
    rf"{MICROSOFT}\Windows NT\CurrentVersion": {"ProductName": "Windows Server 2022 Datacenter"},
    rf"{MICROSOFT}\Virtual Machine\Guest": {"GuestAgentVersion": "2.7.41491.1172"},
    rf"{MICROSOFT}\Windows Azure": {"VmId": "5A11AB1E-0000-4000-8000-000000000041"},
    rf"{MICROSOFT}\Windows Azure\HandlerState\Microsoft.Azure.RecoveryServices.VMSnapshot_1.0.75.0": {
        "InstallState": "Enabled"
    },
    rf"{MICROSOFT}\Microsoft SQL Server": {"InstalledInstances": ["MSSQLSERVER", "REPORTS"]},
    rf"{MICROSOFT}\Microsoft SQL Server\Instance Names\SQL": {"MSSQLSERVER": "MSSQL16.MSSQLSERVER"},
    rf"{MICROSOFT}\BcdrAgent": {"USEVSSCOPYBACKUP": "TRUE", "IsProviderInstalled": "True"},
    rf"{MICROSOFT}\Windows\CurrentVersion\Component Based Servicing": {"LastTrustTime": 1},
}
BROKEN: Final[dict[str, Mapping[str, Value] | None]] = {
    rf"{SERVICES}\RdAgent": {"Start": 3, "FailureActions": None},
    rf"{SERVICES}\IaasVmProvider": {"Start": 4},
    NIC: {"EnableDHCP": 0, "IPAddress": ["10.20.0.41"], "DefaultGateway": ["10.20.0.1"]},
    rf"{MICROSOFT}\Virtual Machine\Guest": {"GuestAgentVersion": "2.7.41491.911"},
    rf"{MICROSOFT}\BcdrAgent": {"USEVSSCOPYBACKUP": "FALSE"},
    rf"{MICROSOFT}\Windows\CurrentVersion\Component Based Servicing\RebootPending": {"x": 1},
    r"HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings": {
        "ProxyEnable": 1,
        "ProxyServer": "10.20.0.250:3128",
    },
}


def reg_file(keys: Keys) -> str:
    """Keys in the format that `reg import` takes."""
    lines = ["Windows Registry Editor Version 5.00", ""]
    for path, values in keys.items():
        lines.append(f"[{'-' if values is None else ''}{path}]")
        lines += [f'"{name}"={_written(value)}' for name, value in (values or {}).items()]
        lines.append("")
    return "\r\n".join(lines)


def _written(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"dword:{value:08x}"
    if isinstance(value, bytes):
        return "hex:" + ",".join(f"{b:02x}" for b in value)
    if isinstance(value, list):
        data = "".join(f"{x}\0" for x in [*value, ""]).encode("utf-16-le")
        return "hex(7):" + ",".join(f"{b:02x}" for b in data)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


FORCED: Final = """#!/bin/sh
# sshd's forced command: what the client sent goes to cmd.exe as it is, quotes and all, out of a variable
export WINEPREFIX={prefix} WINEDEBUG=-all AVB_LINE="$SSH_ORIGINAL_COMMAND"
printf '%.60s\n' "$SSH_ORIGINAL_COMMAND" >> {log}
exec {wine} cmd /d /c %AVB_LINE% < /dev/null
"""
CONFIGURATION: Final = """ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/client_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
ForceCommand {folder}/forced
"""
CLIENT: Final = """Host labwin
  HostName 127.0.0.1
  Port {port}
  User root
  IdentityFile {folder}/client_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
"""


@dataclass(frozen=True)
class WineGuest:
    """A running guest, reached as `ssh://labwin` with `config`."""

    folder: Path

    @property
    def config(self) -> Path:
        """The ssh client's configuration."""
        return self.folder / "ssh_config"

    @property
    def asked(self) -> list[str]:
        """The beginnings of the commands that ssh brought."""
        return (self.folder / "log").read_text().splitlines()

    def run(self, line: str) -> bytes:
        """A command line in the guest, without ssh."""
        environment = {**self.environment, "AVB_LINE": line}
        done = subprocess.run(
            [WINE, "cmd", "/d", "/c", "%AVB_LINE%"],
            env=environment,
            capture_output=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Variables of wine's processes."""
        return {**os.environ, "WINEPREFIX": str(self.folder / "prefix"), "WINEDEBUG": "-all"}

    def write(self, keys: Keys) -> None:
        """Put keys into the registry, or take them out."""
        file = self.folder / "prefix/drive_c/keys.reg"
        file.write_bytes(reg_file(keys).encode("utf-16"))
        told = subprocess.run(
            [WINE, "reg", "import", r"C:\keys.reg"], env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert told.returncode == 0, told.stdout + told.stderr

    def boot(self, keys: Keys) -> None:
        """End and start wine with other keys: its service manager reads the services, and starts the automatic ones."""
        self.write(keys)
        subprocess.run([SERVER, "-k"], env=self.environment, check=False, timeout=30)
        subprocess.run([SERVER, "-w"], env=self.environment, check=False, timeout=30)
        quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        subprocess.run([SERVER, "-p120"], env=self.environment, check=True, timeout=30, **quiet)
        subprocess.run([WINE, "wineboot", "-r"], env=self.environment, check=False, timeout=120, **quiet)
        self.write({path: values for path, values in keys.items() if path.startswith("HKEY_USERS")})  # not kept by wine


@contextmanager
def running(folder: Path) -> Iterator[WineGuest]:
    """A guest that is compliant where wine can be, until the end of the block."""
    guest = WineGuest(folder)
    (folder / "prefix").mkdir()
    subprocess.run([WINE, "wineboot", "-i"], env=guest.environment, capture_output=True, check=True, timeout=180)
    guest.boot(COMPLIANT)
    server = _sshd(guest)
    try:
        yield guest
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)
        subprocess.run([SERVER, "-k"], env=guest.environment, check=False, timeout=30)


def _sshd(guest: WineGuest) -> subprocess.Popen[bytes]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = guest.folder
    for name in ("host_key", "client_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    forced = folder / "forced"
    forced.write_text(FORCED.format(prefix=folder / "prefix", wine=WINE, log=folder / "log"))
    forced.chmod(0o755)
    (folder / "log").touch()
    host_key = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key[0]} {host_key[1]}\n")
    (folder / "sshd_config").write_text(CONFIGURATION.format(port=port, folder=folder))
    guest.config.write_text(CLIENT.format(port=port, folder=folder))
    Path("/run/sshd").mkdir(exist_ok=True)
    command: list[str | Path] = [SSHD, "-D", "-E", folder / "sshd.log", "-f", folder / "sshd_config"]
    server = subprocess.Popen(command)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.05)
    server.kill()
    raise RuntimeError((folder / "sshd.log").read_text())


def missing() -> str:
    """What the lab lacks on this machine; empty where it can run."""
    if os.geteuid() != 0:
        return "root"
    lacking = [str(p) for p in (WINE, SERVER, SSHD) if not p.exists()]
    return ", ".join(lacking) or ("" if shutil.which("ssh") else "ssh")
