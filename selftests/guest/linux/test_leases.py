"""DHCP leases of every client, option 245, and which lease counts."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.guest.addressing import Addressing, Lease
from backup_compliance.guest.linux.dhcp_clients import CLIENTS, DhcpClient, Reading, client_of, proves_dhcp
from backup_compliance.guest.linux.lease_formats import (
    decode_option_245,
    parse_dhclient,
    parse_dhcpcd,
    parse_networkd,
    parse_networkmanager,
    parse_nmcli,
    parse_wicked,
)
from backup_compliance.guest.linux.leases import choose_lease, parse_addressing
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import EPOCH, Recording, debian, dhclient_lease, red_hat, suse, ubuntu

FAST = settings(deadline=None, database=None, max_examples=200)
NOW = datetime.fromtimestamp(EPOCH, UTC)
HOST = IPv4Address("168.63.129.16")
ADDRESS = "10.20.0.4"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a8:3f:81:10", "168.63.129.16"),
        ("A8:3F:81:10", "168.63.129.16"),
        ("a83f8110", "168.63.129.16"),
        ("a:4d:0:63", "10.77.0.99"),
        (" a8:3f:81:10; ", "168.63.129.16"),
        ('"bL6 "', "98.76.54.32"),
        ('"\\250?\\201\\020"', "168.63.129.16"),
        ('"a\\"b\\\\"', "97.34.98.92"),
        ('";;;;"', "59.59.59.59"),
        ("", None),
        ('""', None),
        ('"', None),
        ('"abc"', None),
        ('"abcde"', None),
        ('"\\777abc"', None),
        ('"東abc"', None),
        ("168.63.129.16", None),
        ("a8:3f:81", None),
        ("a8:3f:81:10:00", None),
        ("a8:3f:81:1g", None),
        ("a83f811", None),
        ("٨٨:3f:81:10", None),
        ("a8:3f:81:10\x00", None),
    ],
)
def test_option_245_is_four_bytes_in_any_notation(text: str, address: str | None) -> None:
    """Colons, plain hexadecimal digits, or the quoted text that dhclient makes of printable bytes."""
    assert decode_option_245(text) == (IPv4Address(address) if address else None)


@FAST
@given(st.binary(min_size=4, max_size=4))
def test_option_245_is_the_same_in_every_notation(raw: bytes) -> None:
    """Digits of networkd, colons of dhclient and single digits, or octal escapes in quotes."""
    quoted = '"' + "".join(f"\\{b:03o}" for b in raw) + '"'
    forms = [raw.hex(), raw.hex(":"), ":".join(f"{b:x}" for b in raw), quoted]
    assert {decode_option_245(x) for x in forms} == {IPv4Address(raw)}


@FAST
@given(st.text(max_size=40))
def test_option_245_of_any_text_is_an_address_or_none(text: str) -> None:
    """Nothing is raised."""
    assert isinstance(decode_option_245(text), IPv4Address | None)


def block(*lines: str) -> list[Lease]:
    """A file of dhclient with one block of these lines."""
    return parse_dhclient("f", ["lease {", '  interface "eth0";', f"  fixed-address {ADDRESS};", *lines, "}"])


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("  expire 3 2163/01/05 10:00:00;", datetime(2163, 1, 5, 10, tzinfo=UTC)),
        ("  expire never;", None),
        ("  expire 0 never;", None),
        ("  expire epoch 1795420800; # Mon Nov 23 08:00:00 2026", NOW),
        ("  renew 3 2163/01/05 10:00:00;", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_end_of_a_dhclient_lease_is_utc(line: str, end: datetime | None) -> None:
    """`never` has none; dates are UTC, and seconds since 1970 where the site asked for local time."""
    assert block(line)[0].expires_at == end


@pytest.mark.parametrize(
    "line",
    [
        "  expire 3 2163/13/05 10:00:00;",
        "  expire 3 0000/01/01 00:00:00;",
        "  expire 3 2026/02/30 10:00:00;",
        f"  expire epoch {'9' * 30};",
        f"  expire epoch {'9' * 5000};",
        "  expire 3 2163-01-05 10:00:00;",
        "  expire soon;",
        "  expire;",
        "  expire",
    ],
)
def test_end_that_cannot_be_read_is_unreadable(line: str) -> None:
    """It is not a lease without an end."""
    with pytest.raises(Unreadable):
        block(line)


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("  option unknown-245 a8:3f:81:10;", "a8:3f:81:10"),
        ("  option private-245 a8:3f:81:10;", "a8:3f:81:10"),
        ("  option azure-245 a8:3f:81:10;", "a8:3f:81:10"),
        ("  option unknown_245\ta8:3f:81:10 ;", "a8:3f:81:10"),
        ('  option unknown-245 "bL6 ";', '"bL6 "'),
        ('  option unknown-245 ";;;;";', '";;;;"'),
        ('  option unknown-245 "a\\";b";', '"a\\";b"'),
        ("  option unknown-2451 a8:3f:81:10;", None),
        ('  option domain-name "unknown-245 a8:3f:81:10;', None),
        ("", None),
    ],
)
def test_option_of_a_dhclient_lease_is_found_by_its_names(line: str, option: str | None) -> None:
    """The name depends on the version and on what the site declared."""
    assert block(line)[0].option_245 == option


ONE = ["lease {", "  fixed-address 10.0.0.4;", "}"]


@pytest.mark.parametrize(
    ("lines", "addresses"),
    [
        ([], []),
        (["  fixed-address 10.0.0.4;", "}"], []),
        (['  interface "eth0";', "  renew 1 2094/12/17 15:16:37;", "}", *ONE], ["10.0.0.4"]),
        (["lease{", "  fixed-address 10.0.0.4;", "}\r"], ["10.0.0.4"]),
        (ONE * 2, ["10.0.0.4"] * 2),
        (["lease6 {", '  interface "eth0";', "  ia-na 12:34 {", "}", "}"], []),
        (["# lease {", "lease {", "  bootp;", *ONE[1:]], ["10.0.0.4"]),
    ],
)
def test_whole_blocks_of_dhclient_are_leases(lines: list[str], addresses: list[str]) -> None:
    """The file may lack its beginning, and may hold leases of IPv6."""
    assert [x.address for x in parse_dhclient("f", lines)] == addresses


@pytest.mark.parametrize(
    "lines",
    [
        [*ONE, "lease {", "  fixed-address 10.0.0.5;"],
        ["lease {", "  fixed-address 10.0.0.4;", *ONE],
        ["lease {", "}"],
        ["lease {", "  fixed-address 10.0.0.400;", "}"],
        [*ONE[:2], "  option unknown-245 a8:3f:81:10", "}"],
        [*ONE[:2], "  interface eth0;", "}"],
        [*ONE[:2], "  fixed-add\x00ress 10.0.0.5;", "}"],
        [*ONE, "\x00"],
        [*ONE, "lease"],
        [*ONE, "{"],
        [*ONE, "  expire 3 2163/01/05 10:00"],
    ],
)
def test_file_that_dhclient_did_not_write_is_unreadable(lines: list[str]) -> None:
    """A block without its end or its address, or a line of another shape: it could be the lease that counts."""
    with pytest.raises(Unreadable):
        parse_dhclient("f", lines)


NETWORKD = ["ADDRESS=10.20.0.4", "SERVER_ADDRESS=168.63.129.16", "LIFETIME=4294967295", "OPTION_245=a83f8110"]


@pytest.mark.parametrize(
    ("lines", "option"),
    [
        (NETWORKD, "a83f8110"),
        (NETWORKD[:3], None),
        ([f'{{"Address": "{ADDRESS}", "Private_Options": [{{"Option": 245, "Data": "a83f8110"}}]}}'], "a83f8110"),
        (["{", '"Address": [10, 20, 0, 4], "Private_Options": [{"Option": 1, "Data": "00"}]', "}"], None),
        ([f'{{"Address": "{ADDRESS}"}}'], None),
    ],
)
def test_networkd_lease_in_either_format(lines: list[str], option: str | None) -> None:
    """Its own format, and the JSON it may move to."""
    (found,) = parse_networkd("/run/systemd/netif/leases/2", lines, {"2": "eth0"})
    assert (found.interface, found.address, found.option_245) == ("eth0", ADDRESS, option)


@pytest.mark.parametrize(
    "lines",
    [
        NETWORKD[1:],
        [*NETWORKD, "OPTION_2\x0045=00"],
        [*NETWORKD, "x" * 5000],
        ["ADDRESS=evil\x1b[1m"],
        ['{"Private_Options": [5]}'],
        ['{"Address": "10.20.0.4", "Private_Options": [{"Option": 245}]}'],
        ['{"Address": "10.20.0.4"'],
        ["{" + '"a":[' * 50_000],
        ["[" * 50_000],
        [],
    ],
)
def test_networkd_lease_of_another_shape_is_unreadable(lines: list[str]) -> None:
    """One without an address is no lease."""
    with pytest.raises(Unreadable):
        parse_networkd("/run/systemd/netif/leases/2", lines, {"2": "eth0"})


@pytest.mark.parametrize(
    ("lines", "option"),
    [
        (
            ["[device]", "nic-type=1", "[dhcp4]", "dhcp4.ip_address=10.20.0.4", "dhcp4.private_245=a8:3f:81:10"],
            "a8:3f:81:10",
        ),
        (["[dhcp4]", "ip_address=10.20.0.4", "private_245=a8:3f:81:10", "[x]", "private_245=00"], "a8:3f:81:10"),
        (["dhcp4.ip_address=10.20.0.4", "dhcp4.unknown_245=a8:3f:81:10"], "a8:3f:81:10"),
        (["[dhcp4]", "dhcp4.ip_address=10.20.0.4"], None),
    ],
)
def test_networkmanager_state_tells_the_lease(lines: list[str], option: str | None) -> None:
    """Newer versions write the options of a lease into the device's state."""
    found = parse_networkmanager("/run/NetworkManager/devices/2", lines, {"2": "eth0"})
    assert found == [Lease("/run/NetworkManager/devices/2", "NetworkManager", "eth0", ADDRESS, option, None)]


@pytest.mark.parametrize("lines", [[], ["[device]", "connection-uuid=x"], ["[dhcp4]"], ["\x00"], ["[" * 5000]])
def test_networkmanager_state_without_dhcp_is_no_lease(lines: list[str]) -> None:
    """A static device has no such options."""
    assert parse_networkmanager("/run/NetworkManager/devices/2", lines, {}) == []


@pytest.mark.parametrize("expiry", ["x", "²", "9" * 30, "9" * 5000, "-" * 10])
def test_networkmanager_end_that_cannot_be_read_is_unreadable(expiry: str) -> None:
    """It is not a lease without an end."""
    with pytest.raises(Unreadable):
        parse_networkmanager("f", ["dhcp4.ip_address=10.20.0.4", f"dhcp4.expiry={expiry}"], {})


@pytest.mark.parametrize("address", ["", "dhcp4.ip_address=10.20.0", "dhcp4.ip_address=::1"])
def test_networkmanager_options_without_an_address_are_unreadable(address: str) -> None:
    """The device has a lease, and whose it is cannot be told."""
    with pytest.raises(Unreadable):
        parse_networkmanager("f", [address, "dhcp4.private_245=a8:3f:81:10"], {})


OWN = "DHCP4.OPTION[1]:ip_address = 10.20.0.4\n"


@pytest.mark.parametrize(
    ("text", "option", "end"),
    [
        (
            f"{OWN}DHCP4.OPTION[2]:expiry = 1795420800\nDHCP4.OPTION[3]:private_245 = a8\\:3f\\:81\\:10",
            "a8:3f:81:10",
            NOW,
        ),
        (
            f"GENERAL.CONNECTION:eth0\n{OWN}DHCP4.OPTION[7]:                        unknown_245 = a8:3f:81:10",
            "a8:3f:81:10",
            None,
        ),
        (OWN, None, None),
        (f"DHCP4.OPTION[5]:\n{OWN}DHCP4.OPTION[2]:private_245 = a8:3f:81:10", "a8:3f:81:10", None),
    ],
)
def test_nmcli_tells_the_lease(text: str, option: str | None, end: datetime | None) -> None:
    """Terse output escapes colons; the address is the lease's own, not that of the interface."""
    (found,) = parse_nmcli(text, "eth0")
    assert (found.option_245, found.expires_at, found.interface, found.address) == (option, end, "eth0", ADDRESS)


def test_nmcli_lease_for_another_address_is_not_the_interfaces() -> None:
    """Its address is read, and not taken from the interface."""
    (found,) = parse_nmcli(OWN.replace(ADDRESS, "10.20.0.9"), "eth0")
    assert choose_lease([found], "eth0", (ADDRESS,), NOW) == (None, None)


@pytest.mark.parametrize("text", ["", "Error: Device 'eth0' not found.", "GENERAL.CONNECTION:eth0", "DHCP4.OPTION[1]:"])
def test_nmcli_without_options_tells_no_lease(text: str) -> None:
    """The device is static, or nmcli failed."""
    assert parse_nmcli(text, "eth0") == []


@pytest.mark.parametrize(
    "text", ["DHCP4.OPTION[1]:private_245 = 00", f"{OWN}DHCP4.OPTI\x00ON", f"{OWN}DHCP4.OPTION[2]:pri"]
)
def test_nmcli_output_of_another_shape_is_unreadable(text: str) -> None:
    """A line that was cut could have held option 245."""
    with pytest.raises(Unreadable):
        parse_nmcli(text, "eth0")


WICKED = "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml"
TOLD = "<unknown-245><code>245</code><data>a8:3f:81:10</data></unknown-245>"


def wicked(text: str) -> list[str]:
    """The lines of a lease with this in it."""
    return f"<lease><ipv4:dhcp><ip-address>{ADDRESS}</ip-address>{text}</ipv4:dhcp>\n</lease>".split("\n")


@pytest.mark.parametrize(
    ("text", "option"),
    [
        (f"<options>{TOLD}</options>", "a8:3f:81:10"),
        (TOLD.replace("><", ">\n  <").replace("a8", "\n a8"), "a8:3f:81:10"),
        ("<unknown-245/><unknown-246><data>00:00:00:00</data></unknown-246>", None),
        ("<unknown-245><code>245</code></unknown-245><unknown-246><data>00</data></unknown-246>", None),
        ("<unknown-245><code>245</code><data></data></unknown-245>", None),
        ("<options/>", None),
        ("\x00<<<>>>&&&", None),
    ],
)
def test_wicked_lease_tells_option_245(text: str, option: str | None) -> None:
    """XML with a prefix that nobody declares, on one line or many."""
    (found,) = parse_wicked(WICKED, wicked(text))
    assert (found.option_245, found.address) == (option, ADDRESS)


@pytest.mark.parametrize(
    "lines", [[], wicked(TOLD)[:1], ["<lease></lease>"], ["<lease><address>10.20.0</address></lease>"]]
)
def test_wicked_lease_without_end_or_address_is_unreadable(lines: list[str]) -> None:
    """It was cut, or is no lease."""
    with pytest.raises(Unreadable):
        parse_wicked(WICKED, lines)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("<acquired>1795417200</acquired><lease-time>3600</lease-time>", NOW),
        ("<acquired>1795417200</acquired><lease-time>4294967295</lease-time>", None),
        ("<acquired>1795417200</acquired>", None),
        ("<lease-time>3600</lease-time>", None),
    ],
)
def test_wicked_lease_ends_after_its_time(text: str, end: datetime | None) -> None:
    """The file stays when the lease has run out."""
    assert parse_wicked(WICKED, wicked(text))[0].expires_at == end


@pytest.mark.parametrize(
    ("source", "interface"),
    [(WICKED, "eth0"), ("/run/wicked/lease-br0.17-dhcp-ipv4.xml", "br0.17"), ("/var/lib/wicked/duid.xml", None)],
)
def test_wicked_lease_is_of_the_interface_in_its_name(source: str, interface: str | None) -> None:
    """The content does not name it."""
    assert parse_wicked(source, wicked(""))[0].interface == interface


@pytest.mark.parametrize("unit", ["<unknown-245>", "<data>", "<unknown-245><data>", "<address>", " ", "<acquired>1"])
def test_wicked_lease_takes_no_time_over_a_megabyte(unit: str) -> None:
    """It is searched, not parsed, and only so far."""
    started = time.monotonic()
    with contextlib.suppress(Unreadable):
        parse_wicked(WICKED, ["</lease>", unit * (1_000_000 // len(unit))])
    assert time.monotonic() - started < 3


def packet(*options: bytes, magic: bytes = b"\x63\x82\x53\x63") -> str:
    """A DHCP reply as `od -An -tx1` prints it."""
    raw = bytes(16) + IPv4Address(ADDRESS).packed + bytes(216) + magic + b"".join(options)
    return "\n".join(" " + raw[i : i + 16].hex(" ") for i in range(0, len(raw), 16))


MASK = b"\x01\x04\xff\xff\xff\x00"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ([MASK, b"\xf5\x04\xa8\x3f\x81\x10", b"\xff"], "a83f8110"),
        ([b"\x00\x00", b"\xf5\x04\xa8\x3f\x81\x10", b"\x00\x00\x00"], "a83f8110"),
        ([b"\x0f\x03\xf5\x04\x01", b"\xf5\x04\xa8\x3f\x81\x10", b"\xff"], "a83f8110"),
        ([MASK, b"\xff", b"\xf5\x04\xa8\x3f\x81\x10"], None),
        ([MASK, b"\xff\x00\x00\x00"], None),
        ([b"\xf5\x04\xa8\x3f"], "a83f"),
        ([b"\xf5\x00\xff\x00\x00"], None),
        ([b"\x0f\xff\x00\x00\x00"], None),
        ([b"\x00\x00\x00\xf5"], None),
    ],
)
def test_dhcpcd_lease_is_the_raw_reply(options: list[bytes], option: str | None) -> None:
    """Options are walked, padding skipped; nothing behind the end counts."""
    (found,) = parse_dhcpcd("/var/lib/dhcpcd/eth0.lease", packet(*options))
    assert (found.interface, found.address, found.option_245) == ("eth0", ADDRESS, option)


@pytest.mark.parametrize(
    ("name", "interface"),
    [
        ("eth0.lease", "eth0"),
        ("dhcpcd-eth0.lease", "eth0"),
        ("wlan0-Example.lease", "wlan0"),
        ("eth0.17.lease", "eth0.17"),
    ],
)
def test_dhcpcd_lease_is_of_the_interface_in_its_name(name: str, interface: str) -> None:
    """Older versions put their own name before it."""
    assert parse_dhcpcd(f"/var/lib/dhcpcd/{name}", packet(MASK))[0].interface == interface


@pytest.mark.parametrize("octets", ["", "0", "zz", "00 " * 100, packet(MASK, magic=b"abcd"), "²²", packet()])
def test_dhcpcd_lease_that_is_no_reply_is_unreadable(octets: str) -> None:
    """Too short, or without the magic number."""
    with pytest.raises(Unreadable):
        parse_dhcpcd("/var/lib/dhcpcd/eth0.lease", octets)


@FAST
@given(st.binary(max_size=80))
def test_dhcpcd_options_of_any_bytes_are_walked_to_their_end(options: bytes) -> None:
    """Lengths that lead beyond the packet raise nothing."""
    (found,) = parse_dhcpcd("/var/lib/dhcpcd/eth0.lease", packet(options.ljust(4, b"\x00")))
    assert found.option_245 is None or len(found.option_245) <= 510


def lease(number: int, hours: int | None, **told: str | None) -> Lease:
    """A lease of dhclient that ends so many hours from now; `number` tells them apart."""
    end = None if hours is None else NOW + timedelta(hours=hours)
    return replace(Lease(f"f{number}", "dhclient", "eth0", ADDRESS, "a8:3f:81:10", end), **told)  # type: ignore[arg-type]  # fields by name


HOURS = st.one_of(st.none(), st.integers(1, 10**6))
PAST = st.integers(-(10**4), 0)


@FAST
@given(st.lists(HOURS, min_size=1, max_size=5), st.lists(PAST, max_size=5), st.randoms(use_true_random=False))
def test_last_unexpired_lease_counts_wherever_expired_ones_lie(
    current: list[int | None], expired: list[int], chance: st.DataObject
) -> None:
    """Its file is a log; the order of what has run out means nothing."""
    running = [lease(i, x) for i, x in enumerate(current)]
    leases = list(running)
    for i, hours in enumerate(expired):
        leases.insert(chance.randint(0, len(leases)), lease(100 + i, hours))  # type: ignore[attr-defined]  # a Random
    assert choose_lease(leases, "eth0", (ADDRESS,), NOW)[0] == running[-1]


LEASES = st.lists(
    st.builds(
        lease,
        st.integers(0, 99),
        st.one_of(HOURS, PAST),
        interface=st.sampled_from(["eth0", "eth1", None]),
        address=st.sampled_from([ADDRESS, "10.20.0.9"]),
        option_245=st.sampled_from(["a8:3f:81:10", None]),
        client=st.sampled_from(["dhclient", "systemd-networkd", "NetworkManager"]),
    ),
    max_size=5,
)


@FAST
@given(LEASES, st.data())
def test_another_expired_lease_never_changes_the_choice(leases: list[Lease], data: st.DataObject) -> None:
    """Of whatever interface, address and client it is, wherever it lies."""
    added = data.draw(LEASES.filter(bool))[0]
    added = replace(added, expires_at=NOW - timedelta(hours=data.draw(st.integers(0, 1000))))
    place = data.draw(st.integers(0, len(leases)))
    before = choose_lease(leases, "eth0", (ADDRESS,), NOW)[0]
    assert choose_lease([*leases[:place], added, *leases[place:]], "eth0", (ADDRESS,), NOW)[0] == before


@FAST
@given(LEASES)
def test_chosen_lease_is_the_interfaces_own_and_holds(leases: list[Lease]) -> None:
    """By its address, and by name where it names one."""
    current, expired = choose_lease(leases, "eth0", (ADDRESS,), NOW)
    for found in (x for x in (current, expired) if x):
        assert found.interface in ("eth0", None)
        assert found.address == ADDRESS
    assert current is None or current.expires_at is None or current.expires_at > NOW
    assert expired is None or (expired.expires_at is not None and expired.expires_at <= NOW)


@pytest.mark.parametrize(
    ("leases", "chosen"),
    [
        ([], None),
        ([lease(1, -1)], None),
        ([lease(1, 0)], None),
        ([lease(1, 1), lease(2, None)], "f2"),
        ([lease(1, None, interface="eth1")], None),
        ([lease(1, None), lease(2, None, address="10.20.0.9")], "f1"),
        ([lease(1, None, address="10.20.0.9"), lease(2, -1)], None),
        ([lease(1, None, interface=None)], "f1"),
        ([lease(1, None, client="systemd-networkd"), lease(2, None)], "f1"),
        ([lease(1, None, client="systemd-networkd", option_245=None), lease(2, None)], "f1"),
        ([lease(1, None, client="NetworkManager"), lease(2, None, client="NetworkManager", option_245=None)], "f1"),
        ([lease(1, None), lease(2, None, option_245=None)], "f2"),
    ],
)
def test_lease_is_chosen(leases: list[Lease], chosen: str | None) -> None:
    """The interface's address decides, then whether the client is at work, then the order; a file that tells 245 goes first."""
    found = choose_lease(leases, "eth0", (ADDRESS,), NOW)[0]
    assert (found and found.source) == chosen


def addressing(guest: Recording) -> Addressing:
    """How the guest's primary interface is addressed."""
    return parse_addressing(parse_output(guest.output()), NOW)


@pytest.mark.parametrize(
    ("guest", "client"),
    [
        (ubuntu(), "systemd-networkd"),
        (red_hat(), "NetworkManager"),
        (debian(), "dhclient"),
        (suse(), "wicked"),
        (
            debian(number=4)
            .put("leases", "")
            .put("dhcpcd /var/lib/dhcpcd/eth0.lease", packet(b"\xf5\x04\xa8\x3f\x81\x10")),
            "dhcpcd",
        ),
        (
            red_hat(number=4)
            .config("/run/NetworkManager/devices/2", "[device]")
            .put("nmcli", "DHCP4.OPTION[1]:ip_address = 10.20.0.4\nDHCP4.OPTION[2]:private_245 = a8\\:3f\\:81\\:10"),
            "NetworkManager",
        ),
    ],
)
def test_addressing_of_every_client(guest: Recording, client: str) -> None:
    """A current lease with option 245, which is what the agent uses."""
    found = addressing(guest)
    assert found.lease is not None
    assert (found.uses_dhcp, found.lease.client, found.agent_endpoint) == (True, client, "168.63.129.16")
    assert decode_option_245(found.lease.option_245 or "") == HOST


STATIC = ("/etc/network/interfaces", "iface eth0 inet static\n address 10.20.0.6/24")


@pytest.mark.parametrize(
    ("guest", "uses_dhcp", "has_lease"),
    [
        (debian().put("leases", "").config(*STATIC), False, False),
        (debian().config(*STATIC), False, False),
        (suse().config("/etc/sysconfig/network/ifcfg-eth0", "BOOTPROTO='static'\nIPADDR='10.20.0.7/24'"), False, False),
        (debian().put("leases", ""), True, False),
        (debian().put("leases", "").config("/etc/network/interfaces", None), None, False),
        (debian().put("leases", dhclient_lease("10.20.0.99")).config("/etc/network/interfaces", None), False, False),
        (debian().put("leases", dhclient_lease("10.20.0.99")), True, False),
        (
            debian(number=4)
            .put("leases", "")
            .config(*STATIC)
            .put("dhcpcd /var/lib/dhcpcd/eth0.lease", packet(b"\xf5\x04\xa8\x3f\x81\x10")),
            False,
            False,
        ),
        (debian().put("leases", dhclient_lease("10.20.0.6", expire="1 2020/01/06 10:00:00")), True, False),
    ],
    ids=["static", "static, an endless lease left behind", "static, a wicked lease left behind", "DHCP, no lease",
         "nothing told", "another address than the lease's", "DHCP, and a lease for another address",
         "static, a dhcpcd lease left behind", "an expired lease"],
)  # fmt: skip
def test_addressing_is_dhcp_static_or_unknown(guest: Recording, uses_dhcp: bool | None, has_lease: bool) -> None:  # noqa: FBT001
    """Azure's leases do not run out: one on disk proves nothing against a static configuration."""
    found = addressing(guest)
    assert (found.uses_dhcp, found.lease is not None) == (uses_dhcp, has_lease)


def test_lease_for_another_address_is_told_and_is_not_the_interfaces() -> None:
    """AVB-405 says whose it is, and takes nothing from it."""
    found = addressing(debian().put("leases", dhclient_lease("10.20.0.99")))
    assert (found.lease, found.foreign and found.foreign.address) == (None, "10.20.0.99")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.name)
def test_only_a_client_at_work_outweighs_a_static_configuration(client: DhcpClient) -> None:
    """What another one, or one without a record, left behind makes no static guest a DHCP guest."""
    left = lease(1, None, client=client.name)
    assert proves_dhcp(left) is (client.name in ("systemd-networkd", "NetworkManager"))
    assert not proves_dhcp(replace(left, client="udhcpc"))
    assert not DhcpClient("another", (), Reading.TEXT, client.parse).proves_dhcp


@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.name)
def test_every_file_of_a_client_is_told_from_those_of_others(client: DhcpClient) -> None:
    """Each glob leads to its own client, and to no other."""
    for glob in client.globs:
        assert client_of(glob.replace("*", "x"), *Reading) is client


def test_lease_file_of_no_client_is_unreadable() -> None:
    """It would be taken for one of dhclient's, and for one without leases."""
    with pytest.raises(Unreadable, match="no lease file of a client that is known"):
        addressing(debian().put("leases", "/var/lib/udhcpc/eth0:ip=10.20.0.6"))


def test_leases_that_were_cut_may_begin_anywhere() -> None:
    """The probe sends the end of a long log: its first line may be half a line, and no more of it."""
    whole = dhclient_lease("10.20.0.6")
    padding = "\n".join(["/var/lib/dhcp/dhclient.eth0.leases:  option junk245 00;"] * 700)
    found = addressing(debian().put("leases", f"lib/dhcp/dhclient.eth0.leases:  ren\n{padding}\n{whole}"))
    assert found.lease is not None
    with pytest.raises(Unreadable, match="cannot be read"):
        addressing(debian().put("leases", f"lib/dhcp/dhclient.eth0.leases:  ren\n{whole}"))


def test_expired_lease_is_told() -> None:
    """AVB-405 says when it ran out."""
    found = addressing(debian().put("leases", dhclient_lease("10.20.0.6", expire="1 2020/01/06 10:00:00")))
    assert found.expired is not None
    assert found.expired.expires_at == datetime(2020, 1, 6, 10, tzinfo=UTC)


def test_addresses_are_all_of_the_interface() -> None:
    """Several of them lower AVB-404."""
    second = "\n2: eth0    inet 10.20.0.77/24 scope global secondary eth0"
    assert addressing(ubuntu().edit("interface", ("forever", f"forever{second}"))).addresses == (ADDRESS, "10.20.0.77")


@pytest.mark.parametrize(
    "guest",
    [
        ubuntu().without("interface"),
        ubuntu().without("config"),
        ubuntu().without("leases"),
        ubuntu().put("interface", ""),
        ubuntu().put("interface", "name=\nindex="),
        ubuntu().edit("interface", ("inet 10.20.0.4", "inet 10.2\x000.0.4")),
        ubuntu().edit("interface", ("2: eth0", "2: eth1")),
        ubuntu().put("config", "x" * 70_000),
        ubuntu().put("dhcpcd /var/lib/dhcpcd/eth0.lease", ""),
        ubuntu().put("leases", dhclient_lease(ADDRESS, expire="x")),
    ],
)
def test_addressing_that_was_not_read_is_unreadable(guest: Recording) -> None:
    """No default route, a cut file, a lease of another shape."""
    with pytest.raises(Unreadable):
        addressing(guest)
