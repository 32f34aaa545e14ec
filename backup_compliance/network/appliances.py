"""Whether the next hop of a route is anywhere: an appliance is reached by its private address, or not at all.

A next hop needs direct connectivity: an address in the virtual network itself or in a connected peer. A route to any
other one is invalid, and what it matches is dropped: Network Watcher answers next hop None for it.
Source: Virtual network traffic routing (virtual-networks-udr-overview, 2023-05-27), "Virtual appliance".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from backup_compliance.network.addresses import AddressSet
from backup_compliance.network.routes import ADDRESSED, DROPPED, UNPLACED, Route

NO_PLACE: Final = "which lies in neither the virtual network nor a connected peer: Azure drops what is sent there"


def place_appliances(routes: Iterable[Route], reachable: AddressSet, unread: str) -> tuple[Route, ...]:
    """The routes, each to an appliance with what it really does.

    Args:
        routes: user-defined ones or those of an effective table; others stay as they are.
        reachable: the addresses of the virtual network and of its connected peers.
        unread: what of these is not known, in words; "" where all of it was read.
    """
    return tuple(_placed(r, reachable, unread) if r.hop in ADDRESSED else r for r in routes)


def _placed(route: Route, reachable: AddressSet, unread: str) -> Route:
    addresses = route.addresses or ()
    if not addresses or not all(map(_is_address, addresses)):
        return replace(route, effect=UNPLACED, reason="whose address is missing or unreadable")
    lost = [a for a in addresses if not reachable.contains(AddressSet.of(a))]
    if not lost:
        return route
    if unread:
        return replace(route, effect=UNPLACED, reason=f"of which is not known whether it can be reached: {unread}")
    if len(lost) < len(addresses):
        return replace(route, effect=UNPLACED, reason=f"of which {lost[0]} lies in no network that is reached")
    return replace(route, effect=DROPPED, reason=NO_PLACE)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text
