"""Which guest is which virtual machine: by the VM id that the guest read and ARM gave, else by its private address.

An address counts only for a guest that could read no VM id, and only where one machine of the whole estate has it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from backup_compliance.guest.facts import GuestIdentity
from backup_compliance.platform.estate.facts import VmIdentity


@dataclass(frozen=True, slots=True)
class Joined:
    """Pairs of host ids and virtual machines (normal ids), and claims that cannot all be true."""

    machine_of: Mapping[str, str] = field(default_factory=dict)
    host_of: Mapping[str, str] = field(default_factory=dict)
    contradictions: tuple[str, ...] = ()


def join(
    guests: Mapping[str, GuestIdentity],
    machines: Mapping[str, VmIdentity],
    addresses_of: Callable[[str], Collection[str]] = lambda host: (),
    machines_at: Callable[[str], Collection[str]] = lambda address: (),
) -> Joined:
    """Pair every guest with the one virtual machine whose id it reads; a machine that two guests claim is paired with neither.

    Args:
        guests: by host id.
        machines: by normal id.
        addresses_of: the addresses that a guest itself has; asked only where it read no VM id.
        machines_at: the machines that have a private address.
    """
    by_vm_id: dict[str, list[str]] = {}
    for key, machine in machines.items():
        if machine.vm_id is not None:
            by_vm_id.setdefault(machine.vm_id, []).append(key)
    claims: dict[str, list[str]] = {}
    contradictions = []
    for host, guest in guests.items():
        found = sorted({key for vm_id in _spellings(guest.vm_id) for key in by_vm_id.get(vm_id, ())})
        if guest.vm_id is None:
            found = sorted({key for address in addresses_of(host) for key in machines_at(address)})
        if len(found) > 1:
            what = "has addresses" if guest.vm_id is None else "reads a VM id"
            contradictions.append(f"{host} {what} that {len(found)} virtual machines have: it belongs to none")
        elif found:
            claims.setdefault(found[0], []).append(host)
    for key, hosts in claims.items():
        if len(hosts) > 1:
            who = ", ".join(sorted(hosts)[:5])
            contradictions.append(
                f"{who} all read the VM id or have the address of {machines[key].name}: none of them counts as that machine"
            )
    host_of = {key: hosts[0] for key, hosts in claims.items() if len(hosts) == 1}
    return Joined({host: key for key, host in host_of.items()}, host_of, tuple(contradictions))


def _spellings(vm_id: str | None) -> tuple[str, ...]:
    """The id as it is, and with the bytes of its first three fields swapped, as some SMBIOS tables have it."""
    if vm_id is None:
        return ()
    try:
        return vm_id, str(UUID(bytes_le=UUID(vm_id).bytes))
    except ValueError:
        return (vm_id,)
