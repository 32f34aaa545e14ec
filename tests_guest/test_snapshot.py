"""Cause 4: the snapshot cannot be taken or its status read."""

from __future__ import annotations

from backup_compliance.baselines import Thresholds
from backup_compliance.controls import TROUBLESHOOTING_2016, control
from backup_compliance.guest.decisions import option_245_failure
from backup_compliance.guest.linux import LinuxGuest
from backup_compliance.verdicts import Undetermined


@control(
    "AVB-402",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Find what uses the processor (top), move the backup to a quieter time, or resize the VM.",
)
def test_processor_has_room(guest: LinuxGuest, thresholds: Thresholds) -> None:
    """Above 90 percent the snapshot task queues behind everything else and times out."""
    load = guest.load
    assert load.cpu_percent <= thresholds.cpu_percent, (
        f"processor use is {load.cpu_percent} % over {load.cpu_seconds:g} s, the limit is {thresholds.cpu_percent:g} %"
    )


@control(
    "AVB-403",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Find what uses the memory (ps aux --sort=-rss), or resize the VM.",
)
def test_memory_has_room(guest: LinuxGuest, thresholds: Thresholds) -> None:
    """Above 90 percent the snapshot task is starved and times out."""
    load = guest.load
    free = f"{load.memory_available_mib} of {load.memory_total_mib} MiB available"
    assert load.memory_percent <= thresholds.memory_percent, (
        f"memory use is {load.memory_percent} % ({free}), the limit is {thresholds.memory_percent:g} %"
    )


@control(
    "AVB-404",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Turn DHCP on in the guest; where the address must not change, set it static on the network interface in Azure.",
)
def test_primary_interface_uses_dhcp(guest: LinuxGuest) -> None:
    """The guest learns the platform's host address by DHCP; a static address in the guest cuts that off."""
    addressing = guest.addressing
    if addressing.uses_dhcp is None:
        raise Undetermined(f"whether {addressing.interface} uses DHCP cannot be told: {addressing.evidence}")
    assert addressing.uses_dhcp, (
        f"{addressing.interface} ({', '.join(addressing.addresses)}) is addressed statically: {addressing.evidence}"
    )


@control(
    "AVB-405",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Renew the lease (dhclient -r and dhclient, or restart the VM); where a relay or another DHCP server answers, let Azure's answer through.",
)
def test_lease_carries_option_245(guest: LinuxGuest) -> None:
    """Option 245 tells the agent the platform's host address; without it no extension can be downloaded or run."""
    failure = option_245_failure(guest.addressing)
    assert failure is None, failure
