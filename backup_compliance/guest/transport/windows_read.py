"""Reads a Windows guest: the probe's three commands, one after the other, over any connection that takes a command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.guest.transport.connection import TimedOut
from backup_compliance.guest.windows.output import FRAME
from backup_compliance.guest.windows.probe import Shell, WindowsProbe

Run = Callable[[str], tuple[bytes, bytes]]
"""A command line to what it printed and what it complained about."""

WINDOWS_CONNECTIONS: Final = frozenset({"winrm", "psrp", "ansible.builtin.winrm", "ansible.builtin.psrp"})
"""Ansible's connections that only Windows has; testinfra leaves them to ansible itself."""

# What a Linux host says where the probe itself never began: no reason to try Windows' commands on it.
_LINUX = re.compile(rb"sudo|/bin/sh: |base64|account is currently not available")
_HOME = re.compile(rb"^home=(.*?)[ \t\r]*$", re.MULTILINE)


def may_be_windows(output: bytes, stderr: bytes, status: int) -> bool:
    """Whether a host that took the Linux probe's command line and answered nothing of it may be a Windows guest.

    cmd.exe finds the line too long and PowerShell knows no /usr/bin/env; both say so in the guest's language.
    """
    return status != 0 and b"avb-probe" not in output and not _LINUX.search(output + stderr)


def read_windows(run: Run, probe: WindowsProbe) -> tuple[bytes, bytes]:
    """The recording and what was complained about; a command that takes too long costs what only it and later ones tell."""
    output, stderr = run(probe.first(datetime.now(UTC)))
    if FRAME.encode() not in output:
        return output, stderr
    home = _HOME.search(output)
    shell = Shell.CMD if home is not None and home.group(1) == b"$PSHOME" else Shell.POWERSHELL
    for command in (probe.second(shell), probe.third(shell)):
        try:
            more, complaint = run(command)
        except TimedOut as late:
            return output + late.output, stderr
        output += more
        stderr += complaint
    return output, stderr


def runner(backend: Any) -> Run:
    """Command lines over testinfra's backend, or over ansible where testinfra leaves the connection to it."""
    backend.sudo = False  # meant for the Linux hosts of the same list

    def run(command: str) -> tuple[bytes, bytes]:
        result = backend.run(command)  # its public properties may run a second command on the host
        return as_bytes(result._stdout), as_bytes(result._stderr)

    def ask_ansible(command: str) -> tuple[bytes, bytes]:
        # testinfra's own choice, the module `shell`, needs Python on the other side
        found = backend.run_ansible("raw", module_args=command, check=False)
        if "stdout" not in found:
            raise RuntimeError(str(found.get("msg", "ansible gave no output")))
        return as_bytes(found["stdout"]), as_bytes(found.get("stderr", ""))

    return ask_ansible if is_left_to_ansible(backend) else run


def is_left_to_ansible(backend: Any) -> bool:
    """Whether ansible itself has to reach this host, by a connection that only Windows has."""
    if backend.NAME != "ansible":
        return False
    return str(backend.get_variables().get("ansible_connection", "")) in WINDOWS_CONNECTIONS


def as_bytes(text: str | bytes) -> bytes:
    """What testinfra kept, as bytes: some of its backends decode, others do not."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
