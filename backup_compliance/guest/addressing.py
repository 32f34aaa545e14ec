"""How a guest comes by its address: leases, and what the primary interface makes of them. The shapes that both systems share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """One DHCP lease; option 245 is the address of the platform's host as the server gave it."""

    source: str
    client: str
    interface: str | None
    address: str
    option_245: str | None
    expires_at: datetime | None
    """UTC; None for a lease that does not expire or is only kept while it holds."""


@dataclass(frozen=True, slots=True)
class Addressing:
    """How the primary interface comes by its IPv4 address."""

    interface: str
    addresses: tuple[str, ...]
    uses_dhcp: bool | None
    """None where neither a lease nor a configuration file tells."""
    evidence: str
    lease: Lease | None
    """The current lease of this interface."""
    expired: Lease | None
    """The newest one that has run out, where there is no current one."""
    agent_endpoint: str | None
    """The host address that the agent found and uses."""
    foreign: Lease | None = None
    """A lease that names this interface, holds, and is for an address that it does not have; where no other is current."""
