"""What is asked of a Windows guest: three commands, each short enough for cmd.exe, in plain `reg query` and `sc query`.

Nothing is encoded or compressed: what looks like malware is treated like it. Only what nothing else can tell is
asked of PowerShell (probe.ps1). `probe.cmd` is the same by hand.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).with_name("probe.ps1")
BY_HAND: Final = Path(__file__).with_name("probe.cmd")
COMMAND_LIMIT: Final = 8191
"""Characters of a command line that cmd.exe takes."""

_SERVICES: Final = r"HKLM\SYSTEM\CurrentControlSet\Services"
_CONTROL: Final = r"HKLM\SYSTEM\CurrentControlSet\Control"
_SOFTWARE: Final = r"HKLM\SOFTWARE\Microsoft"
_INTERNET: Final = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_WINDOWS: Final = rf"{_SOFTWARE}\Windows\CurrentVersion"


def _key(name: str, path: str, *more: str, view: int = 64) -> tuple[str, str]:
    quoted = f'"{path}"' if " " in path else path
    return f"reg {name}", " ".join(["reg query", quoted, *more, f"/reg:{view} 2>&1"])


# Heading and command. Those of the first list hold no space within a word, so that they need no quotes: they come
# first and tell which shell takes the others. One key is surely not there: see windows_output.registry.
PLAIN: Final = (
    ("code-page", "chcp"),
    ("version", "ver"),
    _key("avb-no-such-key", rf"{_SOFTWARE}\avb-no-such-key"),
    # LocalService's hive opens for administrators only
    ("reg administrator", r"reg query HKU\S-1-5-19 2>&1"),
    _key("computer-name", rf"{_CONTROL}\ComputerName\ComputerName"),
    _key("active-name", rf"{_CONTROL}\ComputerName\ActiveComputerName"),
    *(_key(name, rf"{_SERVICES}\{name}") for name in ("RdAgent", "WindowsAzureGuestAgent", "IaasVmProvider", "VSS")),
    *((f"service {name}", f"sc query {name} 2>&1") for name in ("RdAgent", "WindowsAzureGuestAgent")),
    _key("interfaces", rf"{_SERVICES}\Tcpip\Parameters\Interfaces", "/s"),
    _key("persistent-routes", rf"{_SERVICES}\Tcpip\Parameters\PersistentRoutes"),
    ("route-table", "route print -4 2>&1"),
    _key("bcdr", rf"{_SOFTWARE}\BcdrAgent"),
    _key("bcdr-32", rf"{_SOFTWARE}\BcdrAgent", view=32),
    _key("bcdr-persistent", rf"{_SOFTWARE}\BcdrAgentPersistentKeys"),
)
QUOTED: Final = (
    # one value only: beside it lies the product key
    _key("product", rf"{_SOFTWARE}\Windows NT\CurrentVersion", "/v ProductName"),
    _key("guest", rf"{_SOFTWARE}\Virtual Machine\Guest"),
    _key("azure", rf"{_SOFTWARE}\Windows Azure"),
    _key("handlers", rf"{_SOFTWARE}\Windows Azure\HandlerState", "/s"),
    _key("internet-policy", r"HKLM\Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings"),
    _key("internet-machine", rf"HKLM\{_INTERNET}"),
    _key("internet-system", rf"HKU\S-1-5-18\{_INTERNET}"),
    _key("winhttp", rf"HKLM\{_INTERNET}\Connections", "/v WinHttpSettings"),
    *(
        pair
        for view, suffix in ((64, ""), (32, "-32"))
        for pair in (
            _key(f"sql{suffix}", rf"{_SOFTWARE}\Microsoft SQL Server", view=view),
            _key(f"sql-instances{suffix}", rf"{_SOFTWARE}\Microsoft SQL Server\Instance Names\SQL", view=view),
        )
    ),
    # the keys above those that say so, for of an empty key reg.exe prints nothing
    _key("servicing", rf"{_WINDOWS}\Component Based Servicing"),
    _key("update", rf"{_WINDOWS}\WindowsUpdate\Auto Update"),
    _key("session-manager", rf"{_CONTROL}\Session Manager"),
)


class Shell(Enum):
    """Who takes a command line there: cmd.exe (WinRM, and OpenSSH unless it was told otherwise), or PowerShell."""

    CMD = "cmd"
    POWERSHELL = "powershell"


@dataclass(frozen=True, slots=True)
class WindowsProbe:
    """The commands for one guest, told apart from everything else that it may print by `word`."""

    word: str
    storage_endpoint: str = ""
    """Asked where the VM's goal state names none; empty for none."""

    def first(self, now: datetime) -> str:
        """For either shell, which its output tells; `now` stands in where the guest's clock cannot be read."""
        collected = f"clock={now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
        asked = [("collected", f"echo {collected}&echo revision=2"), ("shell", "echo home=$PSHOME"), *PLAIN]
        return f'cmd /d /c "{self._framed(asked)}"'

    def second(self, shell: Shell) -> str:
        """The keys whose names hold spaces."""
        framed = self._framed(QUOTED)
        # Windows PowerShell puts the double quotes around it that cmd.exe takes off again
        return f'cmd /d /c "{framed}"' if shell is Shell.CMD else f"cmd /d /c '{framed}'"

    def third(self, shell: Shell) -> str:
        """What only PowerShell can tell."""
        text = f"$w='{self.word}';$f='{self.storage_endpoint}';{script()}"
        quoted = f'"{text}"' if shell is Shell.CMD else "'" + text.replace("'", "''") + "'"
        return f"powershell -NoProfile -NonInteractive -Command {quoted}"

    def _framed(self, asked: Iterable[tuple[str, str]]) -> str:
        lines = [f"avb-windows 1 begin {self.word}"]
        commands = ["echo.", f"echo {lines[0]}"]
        for heading, command in asked:
            commands += ["echo.", f"echo {self.word} {heading}", command]
        return "&".join([*commands, "echo.", f"echo avb-windows 1 end {self.word}"])


def new_probe(storage_endpoint: str) -> WindowsProbe:
    """A probe with a word of its own."""
    if not re.fullmatch(r"[A-Za-z0-9.:-]*", storage_endpoint):
        raise ValueError(f"{storage_endpoint!r} is no host name")
    return WindowsProbe(f"avb-{secrets.token_hex(4)}", storage_endpoint)


def script() -> str:
    """probe.ps1 as one line."""
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    return "".join(line for line in lines if not line.startswith("#"))


def by_hand(storage_endpoint: str) -> str:
    """probe.cmd: the same commands as a file to run there, whose output is a recording."""
    lines = [
        "@echo off",
        "rem Reads everything the guest controls need from a Windows VM and prints it. Run it as an administrator:",
        "rem   cmd /c probe.cmd > NAME.txt       (NAME.txt is a valid recorded guest)",
        "rem It changes nothing, writes no file and sends no secret. Written by `make readme` out of guest/windows/probe.py.",
        "setlocal",
        "set W=avb-%RANDOM%-%RANDOM%-cmd",
        "echo.",
        "echo avb-windows 1 begin %W%",
    ]
    for heading, command in (*PLAIN, *QUOTED):
        lines += ["echo.", f"echo %W% {heading}", command]
    lines += ["echo.", "echo avb-windows 1 end %W%"]
    text = f"$w='%W%';$f='{storage_endpoint}';{script()}"
    lines.append(f'powershell -NoProfile -NonInteractive -Command "{text}"')
    return "\r\n".join([*lines, ""])
