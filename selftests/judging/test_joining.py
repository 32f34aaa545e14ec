"""Guests and virtual machines become one by the VM id, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from backup_compliance.guest.facts import GuestIdentity
from backup_compliance.guest.linux.guest import parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.judging.joining import join
from backup_compliance.platform.estate.compute import parse_identity
from backup_compliance.platform.estate.facts import VmIdentity
from selftests.builders.arm import machine, uuid
from selftests.builders.recordings import ubuntu

GUEST: GuestIdentity = parse_linux_guest(parse_output(ubuntu("web", 4).output())).identity
MACHINE: VmIdentity = parse_identity(machine("web", 4))


def test_same_id_joins_whatever_the_names_are() -> None:
    """Host names are the user's business."""
    joined = join({"10.0.0.4:2222": GUEST}, {"vm": replace(MACHINE, name="other")})
    assert joined.machine_of == {"10.0.0.4:2222": "vm"}
    assert joined.host_of == {"vm": "10.0.0.4:2222"}


def test_swapped_bytes_of_smbios_join_too() -> None:
    """Some SMBIOS tables give the first three fields in the other byte order."""
    swapped = str(UUID(bytes_le=UUID(uuid(4)).bytes))
    assert swapped != uuid(4)
    assert join({"web": replace(GUEST, vm_id=swapped)}, {"vm": MACHINE}).host_of == {"vm": "web"}


@pytest.mark.parametrize("vm_id", [None, uuid(5), "no uuid"])
def test_another_id_or_none_joins_nothing(vm_id: str | None) -> None:
    """Equal names alone prove nothing."""
    assert join({"web": replace(GUEST, vm_id=vm_id)}, {"vm": MACHINE}).host_of == {}


def test_machine_without_id_joins_nothing() -> None:
    """Two that know no id are not equal for that."""
    joined = join({"web": replace(GUEST, vm_id=None)}, {"vm": replace(MACHINE, vm_id=None)})
    assert joined.host_of == {}


def test_two_claims_join_nobody() -> None:
    """A clone, or a guest that lies: neither is believed, and the report says so."""
    joined = join({"a": GUEST, "b": GUEST}, {"vm": MACHINE})
    assert joined.host_of == {}
    assert "a, b all read the VM id or have the address of web" in joined.contradictions[0]


def test_one_claim_on_two_machines_joins_nobody() -> None:
    """ARM gives an id once; two of them are no ground to choose."""
    joined = join({"a": GUEST}, {"one": MACHINE, "two": MACHINE})
    assert joined.host_of == {}
    assert "belongs to none" in joined.contradictions[0]


def test_address_joins_a_guest_that_read_no_id() -> None:
    """Neither IMDS nor SMBIOS answered; the address is the one thing left."""
    joined = join(
        {"web": replace(GUEST, vm_id=None)},
        {"vm": MACHINE},
        lambda host: ["10.0.0.4"],
        {"10.0.0.4": ["vm"]}.__getitem__,
    )
    assert joined.host_of == {"vm": "web"}


def test_address_joins_nobody_who_reads_another_id() -> None:
    """A VM of another subscription may have that address, too."""
    guest = replace(GUEST, vm_id=uuid(77))
    assert join({"web": guest}, {"vm": MACHINE}, lambda host: ["10.0.0.4"], lambda address: ["vm"]).host_of == {}


def test_address_of_two_machines_joins_nobody() -> None:
    """Networks that are not peered use the same addresses."""
    guest = replace(GUEST, vm_id=None)
    joined = join({"web": guest}, {"a": MACHINE, "b": MACHINE}, lambda host: ["10.0.0.4"], lambda address: ["a", "b"])
    assert joined.host_of == {}
    assert "has addresses that 2 virtual machines have" in joined.contradictions[0]
