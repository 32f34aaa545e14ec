"""What ARM knows of a virtual machine: small frozen records in ARM's own terms.

`None` says that ARM gave no value. What could not be read never becomes a record: its parser raises `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backup_compliance.guest.extension_status.reading import ExtensionStatus


@dataclass(frozen=True, slots=True)
class VmIdentity:
    """Which virtual machine this is; ids as ARM spells them."""

    id: str
    name: str
    resource_group: str
    subscription_id: str
    location: str
    """Normalized as in service tags: lower case without blanks; "" when ARM gave none."""
    vm_id: str | None
    """The unique id that the guest can read too, lower case."""


@dataclass(frozen=True, slots=True)
class StoredExtension:
    """An extension among the `resources` of a stored virtual machine."""

    name: str
    state: str | None
    """Its provisioningState as ARM spells it; "" where none is told (lists give ids only), None: unreadable."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The model of a virtual machine: what was asked for, not how it runs."""

    operating_system: str | None
    """`Linux` or `Windows`."""
    provisioning_state: str | None
    provision_vm_agent: bool | None
    allow_extension_operations: bool | None
    interface_ids: tuple[str, ...] | None
    primary_interface_id: str | None
    """Where the model itself says which of several is primary."""
    extension_names: tuple[str, ...]
    availability_set: str | None
    """References as in `platform.references`: None, unreadable, or an id."""
    scale_set: str | None
    classic_domain: str | None
    tags: Mapping[str, str] | None
    """None where they could not be read."""
    stored_extensions: tuple[StoredExtension, ...] | None = ()
    """None where `resources` is no list of objects."""


@dataclass(frozen=True, slots=True)
class Status:
    """One instance view status."""

    code: str
    """As ARM spells it: `ProvisioningState/failed/SomeCode`."""
    display: str
    message: str
    time: datetime | None
    """UTC."""
    level: str = ""
    """`Info`, `Warning` or `Error`; "" when ARM gave none."""

    @property
    def state(self) -> str:
        """The second part of the code, lower case: `succeeded`, `failed`, `running`."""
        return [*self.code.split("/"), ""][1].lower()


KNOWN_STATES: Final = ("running", "starting", "stopping", "stopped", "deallocating", "deallocated")


@dataclass(frozen=True, slots=True)
class Power:
    """How a virtual machine runs, as ARM reports it; None: no such status."""

    state: str | None
    """`running`, `stopped`, `deallocated`, `starting` ..., lower case."""
    provisioning: Status | None
    generalized: bool
    source: str
    """The recorded list that says so."""

    @property
    def is_running(self) -> bool:
        """Whether ARM says so for certain."""
        return self.state == "running"

    @property
    def is_known(self) -> bool:
        """Whether the state is one that says whether the machine runs."""
        return self.state in KNOWN_STATES


@dataclass(frozen=True, slots=True)
class HandlerView:
    """An extension's handler, as the agent reports it."""

    type: str
    version: str
    status: Status | None


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """An extension of the virtual machine, as ARM reports it."""

    name: str
    type: str
    version: str
    statuses: tuple[Status, ...]
    reports: tuple[ExtensionStatus, ...] = ()
    """What the backup extension told of its runs; empty for others, and where ARM holds none."""
    damaged_report: str = ""
    """Why a report that is there could not be read."""


@dataclass(frozen=True, slots=True)
class AgentView:
    """The agent, as it last reported itself."""

    version: str
    statuses: tuple[Status, ...]
    handlers: tuple[HandlerView, ...]
    lists_handlers: bool = True
    """Whether there is a list of them at all: one that is absent or null is not an empty one."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    """The run-time view of one virtual machine."""

    agent: AgentView | None
    """None: nothing was reported, which does not say that it is dead."""
    extensions: tuple[ExtensionView, ...]
    stored_extensions: tuple[StoredExtension, ...] | None = ()
    """Those of the stored body that came with the view; None where it holds something else than a list of objects."""
