"""Sets of IPv4 and IPv6 addresses as sorted disjoint integer intervals.

Both families share one line of integers: IPv4 addresses are themselves, IPv6 addresses lie above 2**128.
No interval spans the two. Every operation works on intervals; none visits single addresses.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network, summarize_address_range
from itertools import islice
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

Interval = tuple[int, int]
"""First and last address, both in it."""

IPV6: Final = 1 << 128
"""Where IPv6 addresses begin."""
_TOP: Final = 1 << 130
_ALL_IPV4: Final = (0, (1 << 32) - 1)
_ALL_IPV6: Final = (IPV6, IPV6 + (1 << 128) - 1)
# ipaddress also takes netmasks, host masks and scope ids; Azure Resource Manager does not
_PREFIX: Final = re.compile(r"([0-9a-fA-F:.]{2,45})(/[0-9]{1,3})?")


@lru_cache(maxsize=1 << 16)
def parse_prefix(text: str) -> tuple[Interval, ...] | None:
    """The intervals of `*`, a CIDR prefix, one address or a range `a-b`; None for whatever else, such as a tag."""
    if text == "*":
        return (_ALL_IPV4, _ALL_IPV6)
    first, dash, last = text.partition("-")
    try:
        if dash:
            return _range(first.strip(), last.strip())
        if not _PREFIX.fullmatch(text):
            return None
        if "/" not in text:  # a machine's address; several times as fast as a network of one
            return _range(text, text)
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    base = 0 if network.version == 4 else IPV6
    return ((base + int(network.network_address), base + int(network.broadcast_address)),)


def _range(first: str, last: str) -> tuple[Interval, ...] | None:
    if not (_PREFIX.fullmatch(first) and _PREFIX.fullmatch(last)):
        return None
    low = ip_address(first)
    high = low if last == first else ip_address(last)
    if low.version != high.version or int(low) > int(high):
        return None
    base = 0 if low.version == 4 else IPV6
    return ((base + int(low), base + int(high)),)


@dataclass(frozen=True, slots=True)
class AddressSet:
    """Any set of addresses; `intervals` are sorted, disjoint and not adjacent. Make one with `of` or `merged`."""

    intervals: tuple[Interval, ...] = ()

    @classmethod
    def of(cls, *prefixes: str) -> AddressSet:
        """The addresses of prefixes, single addresses, ranges and `*`; raises `Unreadable` naming what is none."""
        found: list[Interval] = []
        for prefix in prefixes:
            intervals = parse_prefix(prefix) if isinstance(prefix, str) else None
            if intervals is None:
                raise Unreadable(f"not an address prefix: {printable(str(prefix), 60)}")
            found.extend(intervals)
        return cls.merged(found)

    @classmethod
    def merged(cls, intervals: Iterable[Interval]) -> AddressSet:
        """The union of intervals in any order."""
        found: list[Interval] = []
        for low, high in sorted(intervals):
            if found and low <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(high, found[-1][1]))
            else:
                found.append((low, high))
        return cls(tuple(found))

    def __or__(self, other: AddressSet) -> AddressSet:
        if not other.intervals or self is other:
            return self
        return AddressSet.merged(self.intervals + other.intervals) if self.intervals else other

    def __and__(self, other: AddressSet) -> AddressSet:
        if self is other or not self.intervals:
            return self
        if self.intervals == other.intervals:
            return self
        few, many = self.intervals, other.intervals
        if len(few) > len(many):
            few, many = many, few
        found: list[Interval] = []
        for low, high in few:
            index = max(bisect_right(many, (low, _TOP)) - 1, 0)
            while index < len(many) and many[index][0] <= high:
                start, end = many[index]
                if end >= low:
                    found.append((max(low, start), min(high, end)))
                index += 1
        return AddressSet(tuple(found))

    def __sub__(self, other: AddressSet) -> AddressSet:
        taken = other.intervals
        if not taken or taken == self.intervals:
            return self if not taken else AddressSet()
        left: list[Interval] = []
        for first, high in self.intervals:
            low = first
            index = max(bisect_right(taken, (low, _TOP)) - 1, 0)
            while index < len(taken) and taken[index][0] <= high:
                start, end = taken[index]
                if end >= low:
                    if start > low:
                        left.append((low, start - 1))
                    low = end + 1
                index += 1
            if low <= high:
                left.append((low, high))
        return AddressSet(tuple(left))

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def contains(self, other: AddressSet) -> bool:
        """Whether every address of `other` is in this set."""
        for low, high in other.intervals:
            index = bisect_right(self.intervals, (low, _TOP)) - 1
            if index < 0 or self.intervals[index][1] < high:
                return False
        return True

    def overlaps(self, other: AddressSet) -> bool:
        """Whether the two have an address in common."""
        few, many = self.intervals, other.intervals
        if len(few) > len(many):
            few, many = many, few
        if not few:
            return False
        for low, high in few:
            index = bisect_right(many, (high, _TOP)) - 1  # the last one that begins before this one ends
            if index >= 0 and many[index][1] >= low:
                return True
        return False

    def size(self, version: int = 4) -> int:
        """How many addresses of IP version 4 or 6 are in it."""
        return sum(high - low + 1 for low, high in self.intervals if (low >= IPV6) == (version == 6))

    def family(self, version: int) -> AddressSet:
        """The addresses of IP version 4 or 6."""
        return AddressSet(tuple(i for i in self.intervals if (i[0] >= IPV6) == (version == 6)))

    def versions(self) -> frozenset[int]:
        """The IP versions that occur: 4, 6, both or none."""
        return frozenset(6 if low >= IPV6 else 4 for low, _ in self.intervals[:1] + self.intervals[-1:])  # sorted

    def summary(self, limit: int = 3) -> str:
        """The first prefixes for people: `10.0.0.0/8, 20.1.0.0/16 and more`."""
        if self == EVERYTHING:
            return "every address"
        first = list(islice(self._prefixes(), limit + 1))
        return ", ".join(first[:limit]) + (" and more" if len(first) > limit else "") or "no address"

    def _prefixes(self) -> Iterable[str]:
        for low, high in self.intervals:
            size = high - low + 1
            if size & (size - 1) == 0 and low % size == 0:  # one prefix, as nearly all that is told
                yield _prefix(low, size)
            elif low < IPV6:
                yield from map(str, summarize_address_range(IPv4Address(low), IPv4Address(high)))
            else:
                yield from map(str, summarize_address_range(IPv6Address(low - IPV6), IPv6Address(high - IPV6)))


def _prefix(first: int, size: int) -> str:
    host_bits = size.bit_length() - 1
    if first < IPV6:
        return f"{IPv4Address(first)}/{32 - host_bits}"
    return f"{IPv6Address(first - IPV6)}/{128 - host_bits}"


NOWHERE: Final = AddressSet()
EVERYTHING: Final = AddressSet.of("*")


@dataclass(frozen=True, slots=True)
class Destination:
    """A named set that is judged as a whole and counted by its published prefixes (`12 of 98 prefixes`)."""

    name: str
    prefixes: tuple[Interval, ...]
    addresses: AddressSet

    @classmethod
    def of(cls, name: str, *prefixes: str) -> Destination:
        """From prefixes as Azure publishes them; raises `Unreadable` naming what is no prefix."""
        intervals = tuple(i for p in prefixes for i in AddressSet.of(p).intervals)
        return cls(printable(name, 80), intervals, AddressSet.merged(intervals))

    @classmethod
    def whole(cls, name: str, addresses: AddressSet) -> Destination:
        """From a set, each interval counting as one prefix."""
        return cls(printable(name, 80), addresses.intervals, addresses)

    def limited_to(self, versions: frozenset[int]) -> Destination:
        """Without the IP versions that are not asked for: an IPv4 address sends nothing to IPv6."""
        if versions >= self.addresses.versions():
            return self
        prefixes = tuple(i for i in self.prefixes if (6 if i[0] >= IPV6 else 4) in versions)
        return Destination(self.name, prefixes, AddressSet.merged(prefixes))

    def count(self, part: AddressSet, *, touched: bool) -> int:
        """How many prefixes `part` touches, or holds completely."""
        intervals = part.intervals
        if intervals == self.addresses.intervals:
            return len(self.prefixes)
        found = 0
        for low, high in self.prefixes:
            last = bisect_right(intervals, (high, _TOP)) - 1  # the last interval that begins in the prefix or before it
            if last >= 0 and intervals[last][1] >= low:
                found += touched or (intervals[last][0] <= low and intervals[last][1] >= high)
        return found
