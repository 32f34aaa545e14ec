"""The kernel's routes from inside the guest: its decision for each address that was asked."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from backup_compliance.guest.facts import RouteDecision
from backup_compliance.guest.probe_output import RECOLLECT_WITH_THIS_PROBE, Part, ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

# A lookup that ends on such a route is answered with an error only (rtnetlink.7, fib_semantics.c), or with its kind.
# `local` leads back to the VM itself: neither storage nor the host is there.
UNUSABLE: Final = frozenset({"unreachable", "prohibit", "blackhole", "throw", "local"})
_KINDS: Final = UNUSABLE | {"unicast", "broadcast", "multicast", "anycast"}
# What the kernel answers where a route leads nowhere, or none leads anywhere; any other error is none of the route's.
_REFUSALS: Final = {
    "Invalid argument": "blackhole",
    "Permission denied": "prohibit",
    "No route to host": "unreachable",
    "Network is unreachable": "",
    "Network unreachable": "",
}
_REFUSED = re.compile(r"(?:ip: )?RTNETLINK answers: (.{1,60})")
_DESTINATION = re.compile(r"host|[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_ROW = re.compile(
    r"(\S{1,15})\t([0-9A-F]{8})\t([0-9A-F]{8})\t([0-9A-F]{4})\t[0-9]{1,10}\t[0-9]{1,10}\t([0-9]{1,10})\t([0-9A-F]{8})(?:\t[0-9]{1,10}){3} *"
)
_REJECT: Final = 0x200
"""RTF_REJECT: the route is unreachable."""


def parse_routes(output: ProbeOutput) -> tuple[RouteDecision, ...]:
    """The kernel's decisions, from `ip route get`, or from /proc/net/route on guests without `ip`.

    Raises:
        Unreadable: an answer that is none, or one about another address than the one that was asked.
    """
    found = []
    for part in output.all("route"):
        destination, address = (*part.words[1:], "", "")[:2]
        if not _DESTINATION.fullmatch(destination) or not _is_address(address):
            raise part.damaged(" ".join(part.words))
        if part.pairs().get("exit") == "127":
            found.append(_table_decision(destination, address, output.one("routes").text))
        else:
            found.append(_decision(destination, address, part))
    if not found:
        raise Unreadable("the probe's output has no routing decision", RECOLLECT_WITH_THIS_PROBE)
    return tuple(found)


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _decision(destination: str, address: str, part: Part) -> RouteDecision:
    """From iproute2's or busybox's `ip route get ADDRESS`: one line, and indented ones about the cache below it."""
    first, *rest = [x for x in part.lines()[1:] if x.strip()] or [""]
    answered = next((found for x in (first, *rest) if (found := _REFUSED.fullmatch(x.strip()))), None)
    if answered:
        kind = _REFUSALS.get(answered.group(1))
        if kind is not None:
            told = f" ({kind} route)" if kind else ""
            return RouteDecision(destination, address, f"{printable(answered.group())}{told}", usable=False)
    words = first.split()
    kind = words.pop(0) if words and words[0] in _KINDS else "unicast"
    is_answer = part.pairs().get("exit") == "0" and all(x.startswith((" ", "\t")) for x in rest)
    if answered or not is_answer or words[:1] != [address] or (kind not in UNUSABLE and "dev" not in words[1:-1]):
        raise Unreadable(
            f"ip route get {address} told no decision about it: {printable(first, 120) or 'nothing'!r} "
            f"(exit status {printable(part.pairs().get('exit', 'untold'), 10)})",
            "run it on the guest",
        )
    return RouteDecision(destination, address, printable(first), usable=kind not in UNUSABLE)


def _table_decision(destination: str, address: str, table: str) -> RouteDecision:
    """Longest prefix match over the kernel's table."""
    heading, *lines = table.split("\n")
    rows = [_ROW.fullmatch(line) for line in lines if line.strip()]
    if not heading.startswith("Iface\tDestination\tGateway"):
        raise Unreadable("/proc/net/route was not read", "check /proc on the guest")
    if damaged := next((x for x, row in zip(filter(str.strip, lines), rows, strict=True) if row is None), None):
        raise Unreadable(f"/proc/net/route holds a line that is no route: {printable(damaged, 80)!r}", RECOLLECT)
    target = int.from_bytes(IPv4Address(address).packed, "little")
    routes = [row for row in rows if row and target & int(row[6], 16) == int(row[2], 16)]
    if not routes:
        return RouteDecision(destination, address, "no route in /proc/net/route", usable=False)
    best = max(routes, key=lambda row: (int(row[6], 16).bit_count(), -int(row[5])))
    text = f"/proc/net/route: {' '.join(best.groups()[:4])} /{int(best[6], 16).bit_count()}"
    return RouteDecision(destination, address, text, usable=not int(best[4], 16) & _REJECT)
