"""Who the guest is, how loaded it is, and whether it waits for a restart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.guest.facts import GuestLoad, Reboot
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.linux.system import parse_identity, parse_load, parse_reboot
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import EPOCH, Recording, red_hat, ubuntu

FAST = settings(deadline=None, database=None, max_examples=200)
GUEST = ubuntu("sample", 4)
VM_ID = "5a11ab1e-0000-4000-8000-000000000004"


def read(guest: Recording) -> ProbeOutput:
    """The recording as the parsers get it."""
    return parse_output(guest.output())


def test_identity_tells_who_answered() -> None:
    """The guest's own names, and the VM's from the instance metadata."""
    found = parse_identity(read(GUEST))
    assert (found.hostname, found.vm_name, found.vm_id) == ("sample", "sample", VM_ID)
    assert (found.resource_group, found.location) == ("rg-sample", "westeurope")
    assert (found.operating_system, found.kernel) == ("Ubuntu 24.04.3 LTS", "6.8.0-1021-azure")
    assert (found.collected_at, found.uptime_seconds) == (datetime.fromtimestamp(EPOCH, UTC), 86400.12)


@pytest.mark.parametrize(
    ("imds", "uuid", "vm_id"),
    [
        (f'"vmId":"{VM_ID}"', "x", VM_ID),
        (f'"vmId":"{VM_ID.upper()}"', "x", VM_ID),
        ('"vmId":""', VM_ID.upper(), VM_ID),
        ('"vmId":"not-an-id"', VM_ID, VM_ID),
        ("", VM_ID, VM_ID),
        ("", "Not Settable", None),
        ("", "", None),
        ("<html>", f"{VM_ID}0", None),
    ],
)
def test_vm_id_is_the_metadata_services_else_the_smbioss(imds: str, uuid: str, vm_id: str | None) -> None:
    """Lower case, and nothing that is no id."""
    guest = GUEST.put("imds", imds).edit("meta", (VM_ID, uuid))
    assert parse_identity(read(guest)).vm_id == vm_id


def test_vm_name_is_the_first_that_the_metadata_names() -> None:
    """A marketplace plan has a name too, and comes later."""
    guest = GUEST.put("imds", '"name":"vm-1"\n"resourceGroupName":"rg"\n"name":"plan"\n"name":""')
    assert parse_identity(read(guest)).vm_name == "vm-1"


def test_identity_without_metadata_has_no_names() -> None:
    """Not every guest may ask for them."""
    found = parse_identity(read(GUEST.without("imds")))
    assert (found.vm_name, found.resource_group, found.subscription_id, found.location) == (None, None, None, None)


@pytest.mark.parametrize(
    ("config", "system"),
    [
        ("/etc/os-release:PRETTY_NAME='SLES 15'", "SLES 15"),
        ("/etc/os-release:PRETTY_NAME=\x1b[31mEvil\x1b[0m", "Evil"),
        ("/etc/os-release:NAME=x", "Linux"),
        ("", "Linux"),
        ("x" * 70_000, "Linux"),
    ],
)
def test_operating_system_is_told_where_it_can_be_read(config: str, system: str) -> None:
    """A file that is too large is no reason to leave the whole guest unread."""
    assert parse_identity(read(GUEST.put("config", config))).operating_system == system


@pytest.mark.parametrize(
    ("uptime", "seconds"), [("12.5", 12.5), ("", 0.0), ("nan", 0.0), ("inf", 0.0), ("1e9", 0.0), ("9" * 400, 0.0)]
)
def test_uptime_is_seconds_or_zero(uptime: str, seconds: float) -> None:
    """It goes into JSON, which knows no infinity."""
    assert parse_identity(read(GUEST.edit("meta", ("86400.12", uptime)))).uptime_seconds == seconds


@pytest.mark.parametrize("uid", ["uid=1000", "uid=", "uid=00", "uid=0 0", "", "uid=²"])
def test_guest_that_was_not_read_as_root_is_unreadable(uid: str) -> None:
    """The agent's files and the host address are closed to others by design."""
    with pytest.raises(Unreadable, match="not as root"):
        parse_identity(read(GUEST.edit("meta", ("uid=0", uid))))


@pytest.mark.parametrize(
    "epoch", ["epoch=", "epoch=x", "", f"epoch={'9' * 30}", f"epoch={'9' * 5000}", "epoch=1.5", "epoch=²"]
)
def test_guest_without_a_clock_is_unreadable(epoch: str) -> None:
    """Leases are judged by it."""
    with pytest.raises(Unreadable, match="clock"):
        parse_identity(read(GUEST.edit("meta", (f"epoch={EPOCH}", epoch))))


def test_identity_without_its_part_is_unreadable() -> None:
    """Nobody answered."""
    with pytest.raises(Unreadable):
        parse_identity(read(GUEST.without("meta")))


def load(first: str, second: str, memory: str = "MemTotal: 1000\nMemFree: 100\nMemAvailable: 400") -> GuestLoad:
    """The load between two lines of /proc/stat."""
    return parse_load(read(GUEST.put("cpu", f"seconds=2\n{first}\n{second}").put("memory", memory)))


@pytest.mark.parametrize(
    ("first", "second", "percent"),
    [
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  10 0 0 90 0 0 0 0 0 0", 10.0),
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  10 0 0 80 10 0 0 0 0 0", 10.0),
        ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  10 10 10 0 0 10 10 50 0 0", 100.0),
        ("cpu  0 0 0 0", "cpu  0 0 0 5", 0.0),
        ("cpu  5 0 0 5 0 0 0 0 9999 0", "cpu  6 0 0 6 0 0 0 0 19999 0", 50.0),
        ("cpu  0 0 0 100 8 0 0 0", "cpu  50 0 0 152 6 0 0 0", 50.0),
        (f"cpu  {2**64 - 100} 0 0 {2**63} 0 0 0 0", f"cpu  {2**64 - 10} 0 0 {2**63 + 10} 0 0 0 0", 90.0),
    ],
)
def test_processor_use_is_what_was_not_idle(first: str, second: str, percent: float) -> None:
    """Waiting for disks is idle; guests' time is in user time already; iowait may shrink a little."""
    assert load(first, second).cpu_percent == percent


@FAST
@given(
    st.lists(st.integers(0, 10**6), min_size=4, max_size=10), st.lists(st.integers(0, 1000), min_size=10, max_size=10)
)
def test_processor_use_is_a_percentage(first: list[int], spent: list[int]) -> None:
    """Of any counters that only grow."""
    second = [a + b for a, b in zip(first, spent, strict=False)]
    lines = [f"cpu  {' '.join(map(str, x))}" for x in (first, second)]
    try:
        assert 0 <= load(*lines).cpu_percent <= 100
    except Unreadable:
        assert first[:8] == second[:8]


STAT = ("cpu  0 0 0 0 0 0 0 0 0 0", "cpu  10 0 0 90 0 0 0 0 0 0")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("", ""),
        (STAT[0], ""),
        (STAT[0], STAT[0]),
        (STAT[1], STAT[0]),
        (STAT[0], "cpu  10 0 0 90"),
        (STAT[0], "cpu  10 0 0"),
        (STAT[0], f"{STAT[1]}\n{STAT[1]}"),
        (STAT[0], "cpu0 10 0 0 90 0 0 0 0"),
        (STAT[0], "cpu  10 0 0 x 0 0 0 0"),
        (STAT[0], "cpu  -10 0 0 90 0 0 0 0"),
        (STAT[0], "cpu  ² 0 0 90 0 0 0 0 0 0"),
        (STAT[0], f"cpu  {'9' * 5000} 0 0 90 0 0 0 0 0 0"),
        ("cpu  0 0 0 100 0 0 0 0", "cpu  500 0 0 0 0 0 0 0"),
    ],
)
def test_processor_use_that_was_not_measured_is_unreadable(first: str, second: str) -> None:
    """It is not zero percent."""
    with pytest.raises(Unreadable):
        load(first, second)


@pytest.mark.parametrize("seconds", ["seconds=", "seconds=x", "seconds=nan", "", f"seconds={'9' * 5000}"])
def test_length_of_the_sample_may_be_missing(seconds: str) -> None:
    """It only explains the figure."""
    assert parse_load(read(GUEST.put("cpu", "\n".join([seconds, *STAT])))).cpu_seconds == 0.0


@pytest.mark.parametrize(
    ("memory", "percent"),
    [
        ("MemTotal: 1000\nMemFree: 1\nMemAvailable: 400", 60.0),
        ("MemTotal: 1000\nMemFree: 1\nMemAvailable: 0", 100.0),
        ("MemTotal: 1000\nMemFree: 1\nMemAvailable: 400\nMemAvailable: 400\nMemNew: 5", 60.0),
    ],
)
def test_memory_use_is_what_is_not_available(memory: str, percent: float) -> None:
    """A key that nobody knows is no damage."""
    assert load(*STAT, memory).memory_percent == percent


@pytest.mark.parametrize(
    ("kernel", "memory", "percent"),
    [
        ("3.10.0-514.el7.x86_64", "MemTotal: 1000\nMemFree: 100\nBuffers: 50\nCached: 250", 60.0),
        ("3.13.0-24-generic", "MemTotal: 1000\nMemFree: 100\nBuffers: 50\nCached: 250", 60.0),
        ("3.10.0-1160.el7.x86_64", "MemTotal: 1000\nMemFree: 1\nMemAvailable: 400\nBuffers: 0\nCached: 0", 60.0),
        ("3.14.0", "MemTotal: 1000\nMemFree: 100\nBuffers: 50\nCached: 250", None),
        ("4.4.0-1-azure", "MemTotal: 1000\nMemFree: 100\nBuffers: 50\nCached: 250", None),
        ("31.0", "MemTotal: 1000\nMemFree: 100\nBuffers: 50\nCached: 250", None),
        ("unknown", "MemTotal: 1000\nMemFree: 100\nBuffers: 50\nCached: 250", None),
        ("3.13.0-24-generic", "MemTotal: 1000\nMemFree: 100\nCached: 250", None),
    ],
)
def test_available_memory_is_estimated_for_old_kernels_alone(kernel: str, memory: str, percent: float | None) -> None:
    """Those before 3.14 do not estimate it themselves, unless a distribution taught them; a newer one always does."""
    output = read(GUEST.put("memory", memory).edit("meta", ("6.8.0-1021-azure", kernel)))
    if percent is None:
        with pytest.raises(Unreadable):
            parse_load(output)
    else:
        assert parse_load(output).memory_percent == percent


@pytest.mark.parametrize(
    "memory",
    [
        "",
        "MemTotal: 1000",
        "MemFree: 100",
        "MemTotal: 0\nMemFree: 0\nMemAvailable: 0",
        "MemTotal: 1000\nMemFree: 1\nMemAvailable: 2000",
        "MemTotal: x\nMemFree: 1\nMemAvailable: 2000",
        f"MemTotal: {'9' * 5000}\nMemFree: 1\nMemAvailable: 1",
        "MemTotal: ²\nMemFree: 1",
        "MemTotal: 1000\nMemFree: 1\nMemAvailable: 400\nMemAvailable: 500",
        "MemTotal: 1000\nMemFree: 1\nMemAvailable: 4o0",
        "MemTotal: 1000\nMemFree: 1\nMemAvailable: 400\nMemA",
        "MemAvailable: 400\nMemFree: 4",
    ],
)
def test_memory_use_that_was_not_measured_is_unreadable(memory: str) -> None:
    """It is not zero percent."""
    with pytest.raises(Unreadable):
        load(*STAT, memory)


@pytest.mark.parametrize("part", ["cpu", "memory"])
def test_load_without_a_part_is_unreadable(part: str) -> None:
    """Nothing measured is nothing known."""
    with pytest.raises(Unreadable):
        parse_load(read(GUEST.without(part)))


def reboot(running: str, *kernels: str) -> Reboot:
    """The restart facts of a guest with these kernels."""
    files = [x for x in GUEST.parts["files"].split("\n") if not x.startswith("kernel")]
    guest = GUEST.put("files", "\n".join([*files, *(f"kernel {k}" for k in kernels)]))
    return parse_reboot(read(guest.edit("meta", ("6.8.0-1021-azure", running))))


@pytest.mark.parametrize(
    ("running", "kernels", "newer"),
    [
        ("6.8.0-1021-azure", ["/boot/vmlinuz-6.8.0-1021-azure", "/boot/vmlinuz-6.8.0-1020-azure"], []),
        ("6.8.0-1021-azure", ["/boot/vmlinuz-6.8.0-1030-azure"], ["6.8.0-1030-azure"]),
        ("6.8.0-999-azure", ["/boot/vmlinuz-6.8.0-1021-azure", "/boot/vmlinuz-6.8.0-998-azure"], ["6.8.0-1021-azure"]),
        ("6.8.0-7-azure", ["/boot/vmlinuz-6.8.0-1000-azure", "/boot/vmlinuz-6.8.0-999-azure"], ["6.8.0-999-azure", "6.8.0-1000-azure"]),
        ("6.8.0-1021-azure", ["/boot/vmlinuz-6.8.0-90-generic", "/boot/vmlinuz-6.8.0-1021-azure"], []),
        ("6.8.0-1021-azure", ["/boot/vmlinuz-6.11.0-1001-azure"], ["6.11.0-1001-azure"]),
        ("5.14.0-570.12.1.el9_6.x86_64", ["/boot/vmlinuz-5.14.0-570.12.1.el9_6.x86_64", "/boot/vmlinuz-0-rescue-5fb06bd00bb07ffb"], []),
        ("5.14.0-570.12.1.el9_6.x86_64", ["/boot/vmlinuz-5.14.0-611.5.1.el9_7.x86_64"], ["5.14.0-611.5.1.el9_7.x86_64"]),
        ("5.14.0-570.12.1.el9_6.x86_64", ["/boot/vmlinuz-5.14.0-611.5.1.el9_7.x86_64+debug", "/boot/vmlinuz-5.14.0-570.12.1.el9_6.x86_64"], []),
        ("6.4.0-150600.23.47-default", ["/boot/vmlinuz-6.4.0-150600.23.50-default"], ["6.4.0-150600.23.50-default"]),
        ("6.1.0-37-cloud-amd64", ["/boot/vmlinuz-6.1.0-41-cloud-amd64", "/boot/vmlinuz-6.1.0-42-amd64"], ["6.1.0-41-cloud-amd64"]),
        ("6.6.96.2-2.azl3", ["/boot/vmlinuz-6.6.104.2-1.azl3"], ["6.6.104.2-1.azl3"]),
        ("6.6.96", ["/usr/lib/modules/6.6.97/vmlinuz"], ["6.6.97"]),
        ("6.8.0-1021-azure", [f"/boot/vmlinuz-6.8.0-{'9' * 5000}-azure", "/boot/vmlinuz-6.8.0-²-azure", "/boot/vmlinuz-"], []),
        ("6.8.0-1021-azure", ["/vmlinuz", "/", "/boot/vmlinuz"], []),
    ],
)  # fmt: skip
def test_newer_kernel_is_of_the_running_flavour(running: str, kernels: list[str], newer: list[str]) -> None:
    """Numbers are compared as numbers; another flavour's kernel waits for nothing. The newest comes last."""
    assert list(reboot(running, *kernels).newer_kernels) == newer


@pytest.mark.parametrize("kernels", [[], ["/boot/vmlinuz-6.8.0-90-generic"], ["/boot/vmlinuz-0-rescue-abc"]])
def test_kernel_of_another_flavour_is_not_compared(kernels: list[str]) -> None:
    """Without one of its own flavour nothing is known about the running one."""
    assert reboot("6.8.0-1021-azure", *kernels).installed_kernels == ()


@pytest.mark.parametrize("flag", ["/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"])
def test_restart_flag_is_told(flag: str) -> None:
    """Debian's and SUSE's."""
    assert parse_reboot(read(GUEST.state(flag, "readable"))).flags == (flag,)


@pytest.mark.parametrize(
    "guest",
    [
        GUEST.without("files"),
        GUEST.without("meta"),
        GUEST.put("files", "kernel /boot/vmlinuz-6.8.0-1021-azure"),
        GUEST.edit("meta", ("kernel=6.8.0-1021-azure", "")),
        red_hat().edit("meta", ("kernel=5.14.0-570.12.1.el9_6.x86_64", "kernel=")),
    ],
)
def test_restart_facts_that_were_not_read_are_unreadable(guest: Recording) -> None:
    """A flag that was not looked for is not absent, and a kernel that is not known is not the newest."""
    with pytest.raises(Unreadable):
        parse_reboot(read(guest))
