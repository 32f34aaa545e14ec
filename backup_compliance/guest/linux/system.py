"""The guest as a whole: who it is, how loaded it is, whether it waits for a restart."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from backup_compliance.guest.facts import GuestIdentity, GuestLoad, Reboot
from backup_compliance.guest.linux.files import parse_configuration, parse_files
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

FLAGS = ("/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed")
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
# Counters are 64-bit numbers; anything longer is no counter, and int() would refuse it.
_CPU_LINE = re.compile(r"cpu +[0-9]{1,20}(?: +[0-9]{1,20}){3,15}")
_MEMORY_LINE = re.compile(r"(\w{1,40}): ([0-9]{1,20})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_identity(output: ProbeOutput) -> GuestIdentity:
    """Who answered; a guest that was not read as root is `Unreadable` as a whole."""
    meta = output.one("meta").pairs()
    if meta.get("uid") != "0":
        raise Unreadable(
            f"the probe ran as user id {printable(meta.get('uid', 'unknown'), 20)}, not as root",
            "add --sudo, or connect as root: the agent's files and the host address are closed to others by design",
        )
    try:
        collected_at = datetime.fromtimestamp(int(meta["epoch"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise Unreadable("the guest's clock was not read", "check that `date +%s` works on the guest") from error
    # The first of a key counts: a marketplace plan brings another `name`, after the VM's own.
    told = re.findall(r'"(\w+)":"([^"]*)"', "\n".join(p.text for p in output.all("imds")))
    imds = dict(reversed(told))
    vm_id = next(
        (v.lower() for v in (imds.get("vmId"), meta.get("product-uuid")) if v and _UUID.fullmatch(v.lower())), None
    )
    uptime = meta.get("uptime", "")
    return GuestIdentity(
        hostname=printable(meta.get("hostname", ""), 80),
        collected_at=collected_at,
        operating_system=_operating_system(output),
        kernel=printable(meta.get("kernel", ""), 80),
        uptime_seconds=float(uptime) if _SECONDS.fullmatch(uptime) else 0.0,
        vm_id=vm_id,
        vm_name=_text(imds.get("name")),
        resource_group=_text(imds.get("resourceGroupName")),
        subscription_id=_text(imds.get("subscriptionId")),
        location=_text(imds.get("location")),
    )


def _operating_system(output: ProbeOutput) -> str:
    try:
        lines = parse_configuration(output).get("/etc/os-release", [])
    except Unreadable:  # some other file was too large; that is no reason to leave the whole guest unread
        return "Linux"
    release = [x.partition("=") for x in lines]
    return printable(next((v.strip("\"'") for k, _, v in release if k == "PRETTY_NAME"), "Linux"), 80)


def _text(value: str | None) -> str | None:
    return printable(value, 100) if value else None


def parse_load(output: ProbeOutput) -> GuestLoad:
    """Processor use between two readings of /proc/stat, memory as 1 - MemAvailable/MemTotal."""
    cpu = output.one("cpu")
    samples = [[int(x) for x in line.split()[1:9]] for line in cpu.lines() if _CPU_LINE.fullmatch(line.strip())]
    if len(samples) != 2 or len(samples[0]) != len(samples[1]):
        raise Unreadable("/proc/stat was not read twice", "check /proc on the guest")
    spent = [b - a for a, b in zip(*samples, strict=True)]
    total = sum(spent)
    idle = spent[3] + (spent[4] if len(spent) > 4 else 0)
    if not 0 <= idle <= total or total == 0:
        raise Unreadable("/proc/stat did not move between two readings", RECOLLECT)
    total_memory, available = parse_memory(output)
    seconds = cpu.pairs().get("seconds", "")
    return GuestLoad(
        cpu_percent=round(100 * (1 - idle / total), 1),
        cpu_seconds=float(seconds) if _SECONDS.fullmatch(seconds) else 0.0,
        memory_percent=round(100 * (1 - available / total_memory), 1),
        memory_total_mib=total_memory // 1024,
        memory_available_mib=available // 1024,
    )


def parse_memory(output: ProbeOutput) -> tuple[int, int]:
    """Total and available memory in KiB.

    Kernels before 3.14 have no MemAvailable (proc_meminfo.5); there, free, buffers and cache stand in for it. On a newer
    one it is there, and where it is missing the reading is damaged.
    """
    part = output.one("memory")
    memory: dict[str, int] = {}
    for line in (x for x in part.lines() if x.strip()):
        found = _MEMORY_LINE.fullmatch(line)
        if found is None or memory.setdefault(found.group(1), int(found.group(2))) != int(found.group(2)):
            raise part.damaged(line)
    total, available = memory.get("MemTotal"), memory.get("MemAvailable")
    if available is None and _is_older(output.one("meta").pairs().get("kernel", ""), (3, 14)):
        parts = [memory.get(k) for k in ("MemFree", "Buffers", "Cached")]
        available = None if None in parts else sum(filter(None, parts))
    if not total or available is None or "MemFree" not in memory or available > total:
        raise Unreadable("/proc/meminfo was not read", "check /proc on the guest")
    return total, available


def _is_older(kernel: str, version: tuple[int, int]) -> bool:
    """Whether a kernel's release is known, and below `version`."""
    found = re.match(r"([0-9]{1,4})\.([0-9]{1,4})", kernel)
    return found is not None and (int(found[1]), int(found[2])) < version


def parse_reboot(output: ProbeOutput) -> Reboot:
    """Restart flags, the installed kernels of the running one's flavour, and those newer than it, oldest first."""
    files = parse_files(output)
    running = output.one("meta").pairs().get("kernel", "")
    if not running:
        raise Unreadable("the running kernel's release was not read", "run `uname -r` on the guest")
    installed = tuple(
        k for path in files.kernels if _flavour(k := printable(_kernel_name(path), 80)) == _flavour(running)
    )
    return Reboot(
        flags=tuple(f for f in FLAGS if files.exists(f)),
        running_kernel=printable(running, 80),
        installed_kernels=installed,
        newer_kernels=tuple(sorted((k for k in installed if _order(k) > _order(running)), key=_order)),
    )


def _kernel_name(path: str) -> str:
    name = path.rsplit("/", 1)[-1].removeprefix("vmlinuz-")
    return path.rsplit("/", 2)[-2] if name == "vmlinuz" else name


def _flavour(release: str) -> str:
    """The words of a release that are no numbers, without a distribution's own: `azure`, `cloud-amd`, `el-x`."""
    words = (w.rstrip("0123456789_") for w in re.split(r"[-.+~]", release))
    return "-".join(w for w in words if w)


def _order(release: str) -> list[int]:
    return [int(w) for w in re.split(r"[-.+~]", release) if re.fullmatch("[0-9]{1,20}", w)]
