"""The Windows guest as a whole: who it is, how loaded it is, whether it waits for a restart, its VSS writers."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.guest.facts import GuestIdentity, GuestLoad, Reboot
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.windows.output import RECOLLECT_AS_ADMINISTRATOR, key, names, powershell
from backup_compliance.guest.windows.registry import parse_keys
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

PENDING: Final = {
    "servicing": "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\",
    "update": "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BUILD = re.compile(r"[0-9]+\.[0-9]+\.[0-9.]+")
_SAMPLE = re.compile(r"sample=([0-9]{1,20}) ([0-9]{1,20})")


def parse_identity(output: ProbeOutput) -> GuestIdentity:
    """Who answered; a guest that was not read as an administrator is `Unreadable` as a whole."""
    name = key(output, "computer-name")
    if name is None:
        raise Unreadable("reg.exe found no ComputerName, which every Windows has", RECOLLECT_AS_ADMINISTRATOR)
    _check_administrator(output)
    windows = key(output, "product")
    build = _BUILD.search(output.one("version").text)
    imds = _imds(output)
    ids = (imds.get("vmId"), _azure_vm_id(output))
    return GuestIdentity(
        hostname=printable(name.text("ComputerName") or "", 80),
        collected_at=_clock(output),
        operating_system=printable((windows.text("ProductName") if windows else None) or "Windows", 80),
        kernel=build.group() if build else "",
        uptime_seconds=0.0,
        vm_id=next((v.lower() for v in ids if v and _UUID.fullmatch(v.lower())), None),
        vm_name=_text(imds.get("name")),
        resource_group=_text(imds.get("resourceGroupName")),
        subscription_id=_text(imds.get("subscriptionId")),
        location=_text(imds.get("location")),
    )


def _check_administrator(output: ProbeOutput) -> None:
    """The hive of LocalService opens for administrators only; reg.exe's refusal is in the guest's language."""
    if not parse_keys(output.one("reg", "administrator").text):
        raise Unreadable(
            "the probe did not run as an administrator",
            "connect as a member of Administrators with full rights (by WinRM: a domain account, or LocalAccountTokenFilterPolicy)",
        )


def _clock(output: ProbeOutput) -> datetime:
    """The guest's clock as PowerShell tells it, else the collector's as it stands in the command it sent."""
    for heading in ("powershell", "collected"):
        # what cannot be read here is told where it is needed; a clock may stand in the other one
        with suppress(Unreadable, ValueError):
            parts = output.all(heading)
            return datetime.fromisoformat(parts[0].pairs().get("clock", "") if parts else "").replace(tzinfo=UTC)
    raise Unreadable("the guest's clock was not read", "check that PowerShell runs there")


def _azure_vm_id(output: ProbeOutput) -> str | None:
    azure = key(output, "azure")
    return azure.text("VmId") if azure else None


def _imds(output: ProbeOutput) -> dict[str, str]:
    """The instance metadata that the guest could read; nothing where it could not."""
    parts = output.all("imds")
    try:
        found: Any = json.loads(parts[0].pairs().get("compute", "")) if parts else {}
    except (ValueError, RecursionError):
        found = {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _text(value: str | None) -> str | None:
    return printable(value, 100) if value else None


def parse_load(output: ProbeOutput) -> GuestLoad:
    """Processor use between two raw readings of its counters, memory as free of total physical memory (KiB)."""
    part = powershell(output, "cpu")
    samples = [(int(idle), int(clock)) for idle, clock in _SAMPLE.findall(part.text)]
    if len(samples) != 2:
        raise Unreadable("the processor's counters were not read twice", RECOLLECT_AS_ADMINISTRATOR)
    idle, spent = (after - before for before, after in zip(*samples, strict=True))
    if not spent > 0 or not -spent * 0.05 <= idle <= spent * 1.05:
        raise Unreadable("the processor's counters did not move between two readings", RECOLLECT)
    memory = powershell(output, "memory").pairs()
    try:
        total, free = int(memory["total"]), int(memory["free"])
    except (KeyError, ValueError) as error:
        raise Unreadable("the memory's size was not read", "mend WMI there (winmgmt /verifyrepository)") from error
    if not 0 <= free <= total or not total:
        raise Unreadable(f"{free} of {total} KiB of memory free is not possible", RECOLLECT_AS_ADMINISTRATOR)
    return GuestLoad(
        cpu_percent=round(min(100.0, max(0.0, 100 * (1 - idle / spent))), 1),
        cpu_seconds=round(spent / 1e7, 1),
        memory_percent=round(100 * (1 - free / total), 1),
        memory_total_mib=total // 1024,
        memory_available_mib=free // 1024,
    )


def parse_reboot(output: ProbeOutput) -> Reboot:
    """Whether Windows says that it waits for a restart: servicing, updates, a new name, files to be replaced."""
    flags = []
    for name, below in (
        ("servicing", "RebootPending"),
        ("servicing", "RebootInProgress"),
        ("update", "RebootRequired"),
    ):
        if below.casefold() in names(output, name):
            flags.append(PENDING[name] + below)
    manager = key(output, "session-manager")
    if manager is None:
        raise Unreadable("reg.exe found no Session Manager, which every Windows has", RECOLLECT_AS_ADMINISTRATOR)
    renames = manager.strings("PendingFileRenameOperations")
    # pairs of a file and its new name; an empty one only deletes it, which troubles nobody
    replaced = [source for source, target in zip(renames[::2], renames[1::2], strict=False) if target]
    if replaced:
        flags.append(printable(f"{manager.path} PendingFileRenameOperations ({replaced[0]})", 200))
    called = [k.text("ComputerName") if (k := key(output, n)) else None for n in ("computer-name", "active-name")]
    if all(called) and called[0] != called[1]:
        flags.append(f"the new computer name {printable(called[0] or '', 40)}")
    build = _BUILD.search(output.one("version").text)
    running = build.group() if build else "unknown"
    # Windows has one kernel, the one that runs
    return Reboot(flags=tuple(flags), running_kernel=running, installed_kernels=(running,))
