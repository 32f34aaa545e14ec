"""Private endpoints for blob storage, by the virtual network they are in; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, name_of, text_at, texts_at
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Unreadable
from backup_compliance.platform.estate.lookup import Estate, Resource, normalize_id, subscription_of
from backup_compliance.platform.estate.references import reference_at
from backup_compliance.platform.estate.virtual_networks import Network, connected_peerings, network_of

_DAMAGED: Final = "damaged"
_NOT_IN_FORCE: Final = frozenset({"pending", "rejected", "disconnected", "removed"})
"""What a connection's owner may say of it, other than Approved."""
_STORAGE: Final = "/providers/microsoft.storage/"


def find_blob_endpoint(estate: Estate, network: Network) -> str | None:
    """The name of an approved private endpoint for blobs in a virtual network or a connected peer of it.

    None only when every list in question was read; otherwise `Unreadable`, unless one was found.
    """
    unread: Unreadable | None = None
    try:
        peers = [p.network_id or "" for p in connected_peerings(network)]
    except Unreadable as error:
        peers, unread = [], error
    for reference in (network.id, *peers):
        try:
            found = _in_network(estate, reference)
        except Unreadable as error:
            unread = unread or error
            continue
        if found:
            return found
    if unread is not None:
        raise unread.again()
    return None


def _in_network(estate: Estate, network_id: str) -> str | None:
    """A private endpoint is always in its virtual network's subscription."""
    subscription = subscription_of(network_id)
    known = estate.cached(("private endpoints", subscription), lambda: _by_network(estate, subscription))
    found = known.get(normalize_id(network_id))
    if found is None and _DAMAGED in known:
        raise Unreadable(f"privateEndpoints of subscription {subscription}: {known[_DAMAGED]}", RECOLLECT_OR_LOOK)
    return found


def _by_network(estate: Estate, subscription: str) -> dict[str, str]:
    listing = estate.listing(subscription, "privateEndpoints")
    found: dict[str, str] = {}
    damaged = [*listing.damaged, *(p.reason for p in listing.problems.values())]
    for record in listing.resources.values():
        name = name_of(record, "without a name")
        properties = as_record(record.get("properties")) or NOTHING
        serves = _serves_blobs(properties)
        place = network_of(reference_at(properties, "subnet") or "")
        if serves is None or not place:
            damaged.append(f"private endpoint {name} cannot be read")
        elif serves:
            found.setdefault(normalize_id(place), name)
    return found | ({_DAMAGED: damaged[0]} if damaged else {})


def _serves_blobs(properties: Mapping[str, Any]) -> bool | None:
    """Whether an approved connection is to blobs; None when that cannot be read."""
    answers = [_is_blob(c) for c in _connections(properties)]
    if True in answers:
        return True
    return None if None in answers or not answers else False


def _connections(properties: Mapping[str, Any]) -> Iterator[Resource]:
    for key in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
        entries = properties.get(key, [])
        for entry in entries if isinstance(entries, list) else [None]:
            yield as_record((as_record(entry) or NOTHING).get("properties")) or NOTHING


def _is_blob(connection: Resource) -> bool | None:
    status = text_at(as_record(connection.get("privateLinkServiceConnectionState")) or NOTHING, "status").lower()
    if status in _NOT_IN_FORCE:
        return False
    groups = texts_at(connection, "groupIds")
    if groups is None or status != "approved":
        return None
    target = text_at(connection, "privateLinkServiceId").lower()
    if not groups and (not target or _STORAGE in target):
        return None
    return any(g.lower() in ("blob", "blob_secondary") for g in groups)
