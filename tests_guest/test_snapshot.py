"""Cause 4: the snapshot cannot be taken or its status read."""

from __future__ import annotations

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, Commands, control
from backup_compliance.guest.decisions import option_245_failure
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.decisions import copy_backup_failure
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.model.verdicts import NotApplicable, Undetermined


@control(
    "AVB-401",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation='reg add "HKLM\\SOFTWARE\\Microsoft\\BcdrAgent" /v USEVSSCOPYBACKUP /t REG_SZ /d TRUE /f /reg:64, and remove UseVssFullBackup.',
)
def test_sql_server_is_backed_up_copy_only(windows: WindowsGuest) -> None:
    """A full VSS backup waits for SQL Server's own and breaks its chain of logs; a copy-only one does neither."""
    if windows.sql_server is None:
        raise NotApplicable("no instance of SQL Server is installed")
    failure = copy_backup_failure(windows.sql_server)
    assert failure is None, failure


@control(
    "AVB-402",
    cause=4,
    source=TROUBLESHOOTING_2016,
    remediation="Find what uses the processor (top), move the backup to a quieter time, or resize the VM.",
    windows="Find what uses the processor (Get-Process | Sort-Object CPU), move the backup to a quieter time, or resize the VM.",
    because="the processor is used up",
    breaks=("AVB-415",),
    commands=Commands(
        guest=("top -b -n 1 | head -n 20",),
    ),
)
def test_processor_has_room(guest: Guest, thresholds: Thresholds) -> None:
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
    windows="Find what uses the memory (Get-Process | Sort-Object WorkingSet), or resize the VM.",
    because="the memory is used up",
    breaks=("AVB-415",),
    commands=Commands(
        guest=("free -m", "ps aux --sort=-rss | head -n 20"),
    ),
)
def test_memory_has_room(guest: Guest, thresholds: Thresholds) -> None:
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
    windows="Set-NetIPInterface -Dhcp Enabled; where the address must not change, set it static on the network interface in Azure.",
    because="the address was set inside the guest, so no DHCP answer is asked for",
    breaks=("AVB-405", "AVB-414"),
    commands=Commands(
        guest=(
            "grep -rn 'static\\|addresses\\|BOOTPROTO' /etc/network/interfaces /etc/netplan /etc/sysconfig/network-scripts /etc/sysconfig/network 2>/dev/null",
        ),
        azure=(
            "az network nic ip-config update --subscription {subscription} --resource-group {group} --nic-name NIC --name IP_CONFIGURATION --private-ip-address PRIVATE_ADDRESS",
        ),
    ),
)
def test_primary_interface_uses_dhcp(guest: Guest) -> None:
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
    windows="Renew the lease (ipconfig /release and /renew in one line, or restart the VM); where a relay or another DHCP server answers, let Azure's answer through.",
    because="no DHCP answer tells the agent where the host is",
    breaks=("AVB-103",),
    commands=Commands(
        guest=(
            "grep -rn '245' /var/lib/dhcp /run/systemd/netif/leases /var/lib/NetworkManager /var/lib/wicked 2>/dev/null",
            "sudo networkctl renew eth0 || sudo dhclient -r eth0 && sudo dhclient eth0",
        ),
    ),
)
def test_lease_carries_option_245(guest: Guest) -> None:
    """Option 245 tells the agent the platform's host address; without it no extension can be downloaded or run."""
    failure = option_245_failure(guest.addressing)
    assert failure is None, failure
