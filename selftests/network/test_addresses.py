"""Address sets against plain sets of integers, prefixes in every form, and the tags made from them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.verdicts import Unreadable
from backup_compliance.network.addresses import EVERYTHING, NOWHERE, AddressSet, Destination, parse_prefix
from backup_compliance.network.service_tags import (
    Surroundings,
    Unknown,
    VirtualNetwork,
    parse_service_tags,
)
from selftests.builders.network import NO_TAGS, SPACE, storage, surroundings, tag_document, tags

FAST = settings(deadline=None, database=None, max_examples=300)
PLAIN = st.frozensets(st.integers(0, 63))


def of_integers(numbers: frozenset[int]) -> AddressSet:
    """A set of single addresses, to compare with plain sets."""
    return AddressSet.merged((n, n) for n in numbers)


def integers(addresses: AddressSet) -> set[int]:
    """Every address of a tiny set."""
    return {n for low, high in addresses.intervals for n in range(low, high + 1)}


@FAST
@given(PLAIN, PLAIN)
def test_set_operations_equal_those_of_plain_sets(a: frozenset[int], b: frozenset[int]) -> None:
    """Union, intersection, difference, containment and sizes, with intervals kept sorted, apart and not adjacent."""
    x, y = of_integers(a), of_integers(b)
    for found, expected in ((x | y, a | b), (x & y, a & b), (x - y, a - b)):
        assert integers(found) == expected
        assert all(found.intervals[i][1] + 1 < found.intervals[i + 1][0] for i in range(len(found.intervals) - 1))
    assert x.contains(y) is (b <= a)
    assert x.overlaps(y) is bool(a & b)
    assert x.size() == len(a)


@FAST
@given(st.lists(st.tuples(st.integers(0, 63), st.integers(26, 32)), min_size=1, max_size=6), PLAIN)
def test_prefixes_are_counted_as_plain_sets_count_them(rows: list[tuple[int, int]], part: frozenset[int]) -> None:
    """Touched and wholly held prefixes."""
    networks = [ip_network((n, length), strict=False) for n, length in rows]
    destination = Destination.of("d", *map(str, networks))
    members = [set(range(int(n.network_address), int(n.broadcast_address) + 1)) for n in networks]
    assert destination.count(of_integers(part), touched=True) == sum(bool(m & part) for m in members)
    assert destination.count(of_integers(part), touched=False) == sum(m <= part for m in members)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("10.0.0.0/8", (1 << 24, 0)),
        ("10.0.0.7/8", (1 << 24, 0)),
        ("10.0.0.7", (1, 0)),
        ("10.0.0.7-10.0.0.9", (3, 0)),
        ("0.0.0.0/0", (1 << 32, 0)),
        ("::/0", (0, 1 << 128)),
        ("fe80::1", (0, 1)),
        ("*", (1 << 32, 1 << 128)),
    ],
)
def test_prefix_has_the_addresses_it_says(text: str, sizes: tuple[int, int]) -> None:
    """Each form ARM accepts; the families never mix."""
    found = AddressSet.of(text)
    assert (found.size(4), found.size(6)) == sizes


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "Internet",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0/0.0.0.255",
            "10.0.0.0/",
            "/8",
        ),
        *(
            "10.0.0.9-10.0.0.7",
            "10.0.0.7-",
            "10.0.0.7-fe80::1",
            "fe80::1%eth0",
            "010.0.0.1",
            "١٠.0.0.1",
            "1-2-3",
            ":" * 9,
        ),
    ],
)
def test_what_is_no_prefix_is_not_guessed(text: str) -> None:
    """Neither an empty set nor everything."""
    assert parse_prefix(text) is None
    with pytest.raises(Unreadable):
        AddressSet.of("10.0.0.0/8", text)


def test_summary_names_the_first_prefixes() -> None:
    """For people, in either family."""
    assert (
        AddressSet.of("10.0.0.0/8", "20.0.0.0/30", "30.0.0.1", "fe80::1").summary(2)
        == "10.0.0.0/8, 20.0.0.0/30 and more"
    )
    assert AddressSet.of("fe80::/64").summary() == "fe80::/64"
    assert (EVERYTHING.summary(), NOWHERE.summary()) == ("every address", "no address")


def test_destination_keeps_the_families_of_its_source() -> None:
    """An IPv4 address sends nothing to an IPv6 prefix."""
    assert len(storage().limited_to(frozenset({4})).prefixes) == 3
    assert storage().limited_to(frozenset({4, 6})) == storage()
    assert not storage().limited_to(frozenset()).addresses


def test_tag_is_found_in_any_case_and_regions_lie_within_their_tag() -> None:
    """`storage.northsea` is `Storage.NorthSea`, and a part of `Storage`."""
    assert storage("STORAGE.northsea").addresses == storage().addresses
    assert storage("Storage").addresses.contains(storage().addresses)
    assert not storage().addresses.contains(storage("Storage").addresses)


@pytest.mark.parametrize(
    "prefixes", [None, [], "20.0.0.0/8", [None], [""], ["20.0.0.0/8", "Storage"], {"a": 1}, [["20.0.0.0/8"]], 7]
)
def test_tag_without_readable_prefixes_is_unknown_by_name(prefixes: object) -> None:
    """A tag of which one prefix is unreadable is not a smaller tag."""
    found = parse_service_tags(tag_document(Storage=prefixes)).lookup("storage")
    if prefixes == "20.0.0.0/8":
        assert isinstance(found, Destination)
    else:
        assert isinstance(found, Unknown)
        assert "storage" in found.reason


def test_tag_named_twice_or_not_at_all_is_unknown() -> None:
    """Two entries of one name cannot both be right; a second page may hold what is missing."""
    document = tag_document(Storage=["20.0.0.0/8"], storage=["21.0.0.0/8"]) | {"nextLink": "https://example"}
    assert isinstance(parse_service_tags(document).lookup("Storage"), Unknown)
    missing = parse_service_tags(document).lookup("AzureBackup")
    assert isinstance(missing, Unknown)
    assert "first page" in missing.reason
    assert isinstance(NO_TAGS.lookup("Storage"), Unknown)


@pytest.mark.parametrize("document", [None, [], {}, {"values": None}, {"values": []}, {"values": [None, 3, {}]}, "x"])
def test_document_without_tags_is_unreadable(document: Any) -> None:
    """An empty list is not a cloud without tags."""
    with pytest.raises(Unreadable):
        parse_service_tags(document)


def test_internet_holds_azures_public_addresses_and_nothing_private() -> None:
    """A deny of Internet therefore reaches Storage."""
    internet = surroundings().resolve(("Internet",))
    assert internet.certain.contains(storage().addresses)
    assert not internet.certain.overlaps(AddressSet.of("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
    public = Surroundings(tags(), VirtualNetwork(AddressSet.of("20.60.0.0/24"))).resolve(("INTERNET",))
    assert not public.certain.overlaps(AddressSet.of("20.60.0.0/24"))


def test_virtual_network_holds_the_host_address_and_user_defined_routes() -> None:
    """As Azure expands it."""
    routes = VirtualNetwork(SPACE, user_routes=AddressSet.of("0.0.0.0/0"))
    assert surroundings().resolve(("virtualnetwork",)).certain == SPACE | AddressSet.of("168.63.129.16")
    assert surroundings(routes).resolve(("VirtualNetwork",)).certain == AddressSet.of("0.0.0.0/0")
    assert "0.0.0.0" in surroundings(routes).resolve(("Internet",)).reason


@pytest.mark.parametrize("name", ["Internet", "VirtualNetwork", "NoSuchTag"])
def test_name_that_cannot_be_resolved_may_be_anything(name: str) -> None:
    """Possible everywhere, certain nowhere, with the reason."""
    found = Surroundings(tags(), None).resolve((name,))
    assert (found.certain, found.possible) == (NOWHERE, EVERYTHING)
    assert name in found.reason
