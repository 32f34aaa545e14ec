"""The probe's output out of whatever came around it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backup_compliance.guest.linux.files import parse_configuration, parse_files, parse_lines
from backup_compliance.guest.linux.grammar import LEASE_TAIL
from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.probe_output import CAPS, OUTPUT_LIMIT, Part, ProbeOutput, records
from backup_compliance.model.lazy_facts import fact
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import CONF, WORD, Recording, debian, red_hat, suse, ubuntu

FAST = settings(deadline=None, database=None, max_examples=200)
GUEST = ubuntu("sample")
SMALL = Recording({"meta": "epoch=1\nuid=0", "leases": ""})
OTHER = Recording({"meta": "epoch=2\nuid=0"})


def packed(output: bytes) -> bytes:
    """What the probe prints when it packs `output`."""
    return b"\navb-probe 1 packed\n" + base64.encodebytes(gzip.compress(output)) + b"\navb-probe 1 packed end\n"


def run_command(output: bytes) -> bytes:
    """What `az vm run-command invoke` prints around a script's output."""
    message = f"Enable succeeded: \n[stdout]\n{output.decode()}\n[stderr]\n"
    status = {"code": "ProvisioningState/succeeded", "displayStatus": "Provisioning succeeded", "level": "Info"}
    return json.dumps({"value": [{**status, "message": message, "time": None}]}, indent=2).encode()


def epoch(output: ProbeOutput) -> str:
    """Tells the outputs of these tests apart."""
    return output.one("meta").pairs()["epoch"]


@pytest.mark.parametrize("guest", [ubuntu(), red_hat(), debian(), suse()])
def test_output_gives_every_part_that_was_printed(guest: Recording) -> None:
    """Headings and texts come back as they were."""
    parts = parse_output(guest.output()).parts
    assert {" ".join(p.words): p.text for p in parts} == {k: v.rstrip("\n") for k, v in guest.parts.items()}


WRAPPINGS = {
    "bare": SMALL.output(),
    "without its first blank line": SMALL.output().lstrip(),
    "without its last newline": SMALL.output().rstrip(),
    "CRLF": SMALL.output().replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + SMALL.output().lstrip(),
    "UTF-16 of PowerShell": SMALL.text().encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + SMALL.text().encode("utf-16-be"),
    "banner before": b"Welcome to Ubuntu 24.04\n\x1b[1mAuthorised use only\x1b[0m\n" + SMALL.output(),
    "banner after": SMALL.output() + b"Connection to 10.0.0.4 closed.\n",
    "invalid UTF-8 around": b"\xff\xfa\x00\n" + SMALL.output() + b"\n\xc3\x28",
    "NUL bytes around": b"\x00\x00\n" + SMALL.output() + b"\x00",
    "a long line before": b"x" * 500_000 + b"\n" + SMALL.output(),
    "packed": SMALL.packed(),
    "packed, CRLF": SMALL.packed().replace(b"\n", b"\r\n"),
    "packed, banners": b"motd\n" + SMALL.packed() + b"logout\n",
    "packed, on one line": packed(SMALL.output())
    .replace(b"\n", b"")
    .replace(b"1 packed", b"1 packed\n", 1)
    .replace(b"avb-probe 1 packed end", b"\navb-probe 1 packed end"),
    "Run Command": run_command(SMALL.output()),
    "Run Command, packed": run_command(SMALL.packed()),
    "Run Command, byte order mark": b"\xef\xbb\xbf" + run_command(SMALL.packed()),
    "Run Command, UTF-16": run_command(SMALL.packed()).decode().encode("utf-16"),
    "Run Command, CRLF": run_command(SMALL.packed()).replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("data", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_output_is_found_in_its_wrapping(data: bytes) -> None:
    """Login shells, transports and tickets put things around it."""
    assert epoch(parse_output(data)) == "1"


DAMAGED = {
    "nothing": (b"", "no output at all"),
    "blank lines": (b"\n \n", "no output at all"),
    "an error message": (b"sh: 0: cannot open probe.sh: No such file\n", "this is no probe output, it begins 'sh: 0"),
    "an error page": (b"<html><title>502 Bad Gateway</title>", "this is no probe output"),
    "escape sequences only": (b"\x1b[2J\x1b[H", "no output at all"),
    "its beginning is missing": (SMALL.output()[40:], "beginning of the probe's output is missing"),
    "packed, its beginning is missing": (SMALL.packed()[60:], "beginning of the probe's output is missing"),
    "its end is missing": (SMALL.output()[:-20], "stops before its end"),
    "cut within the begin line's file": (SMALL.output()[:60], "stops before its end"),
    "packed, its end is missing": (SMALL.packed()[:-20], "stops before its end"),
    "packed, its text is cut": (packed(SMALL.output()[:-20]), "stops before its end"),
    "another word at its end": (SMALL.output().replace(b"end avb-", b"end avb-0"), "stops before its end"),
    "another version": (SMALL.text("2").encode(), "probe version 2, this suite reads version 1"),
    "another version, packed": (SMALL.packed().replace(b"probe 1", b"probe 2"), "probe version 2"),
    "another version, packed by this one": (packed(SMALL.text("9").encode()), "probe version 9"),
    "packed, not base64": (b"\navb-probe 1 packed\nno base64!\n\navb-probe 1 packed end\n", "damaged"),
    "packed, not ASCII": ("\navb-probe 1 packed\nÄÖÜ\n\navb-probe 1 packed end\n".encode(), "damaged"),
    "packed, not gzip": (b"\navb-probe 1 packed\nAAAA\n\navb-probe 1 packed end\n", "damaged"),
    "packed, empty": (b"\navb-probe 1 packed\n\navb-probe 1 packed end\n", "no output at all"),
    "packed, something else": (packed(b"hello"), "this is no probe output, it begins 'hello'"),
    "packed twice": (packed(SMALL.packed()), "packed twice"),
    "Run Command without a message": (b'{"value": [{"code": "x"}]}', "this is no probe output"),
    "Run Command, no list": (b'{"value": 5}', "this is no probe output"),
    "Run Command, a list of texts": (b'{"value": ["message"]}', "this is no probe output"),
    "Run Command, messages of other types": (b'{"value": [{"message": 5}, {"message": null}]}', "no output at all"),
    "Run Command, cut": (run_command(SMALL.output())[:200], "beginning of the probe's output is missing"),
    "JSON nested too deep": (b'{"value":' + b"[" * 100_000, "this is no probe output"),
    "JSON with a number too long": (b'{"value": ' + b"9" * 5000 + b"}", "this is no probe output"),
}


@pytest.mark.parametrize(("data", "missing"), DAMAGED.values(), ids=DAMAGED.keys())
def test_output_that_is_none_says_what_is_wrong(data: bytes, missing: str) -> None:
    """A damaged recording is unreadable as a whole, and the text tells what came instead."""
    with pytest.raises(Unreadable) as raised:
        parse_output(data)
    assert missing in raised.value.reason


def test_output_beyond_the_limit_is_not_looked_at() -> None:
    """A guest cannot make the reader hold more than a megabyte."""
    with pytest.raises(Unreadable):
        parse_output(b"x" * OUTPUT_LIMIT + b"\n" + SMALL.output())


def test_packed_bomb_is_unpacked_to_the_limit_only() -> None:
    """A hundred megabytes of zeros pack into a hundred kilobytes."""
    started = time.monotonic()
    with pytest.raises(Unreadable):
        parse_output(packed(b"\n" * 50_000_000))
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SMALL.output(), OTHER.output()),
        (SMALL.packed(), OTHER.packed()),
        (SMALL.output(), OTHER.packed()),
        (SMALL.packed(), OTHER.output()),
    ],
    ids=["bare, bare", "packed, packed", "bare, packed", "packed, bare"],
)
def test_last_of_two_outputs_counts(first: bytes, second: bytes) -> None:
    """Who appends to a recording means the newer one."""
    assert epoch(parse_output(first + b"$ sh probe.sh\n" + second)) == "2"


@pytest.mark.parametrize(
    "data",
    [SMALL.output() + OTHER.output()[:-10], SMALL.output()[:-10] + OTHER.output().replace(b"5a11ab1e", b"00000000")],
    ids=["the second", "the first"],
)
def test_two_outputs_of_which_one_is_cut_are_unreadable(data: bytes) -> None:
    """Which of them counts cannot be told, and a file within the cut one could pose as the other."""
    with pytest.raises(Unreadable, match="stops before its end"):
        parse_output(data)


FORGED = Recording({"meta": "epoch=666\nuid=0"})
FORGERIES = {
    "a whole output": FORGED.text().replace(WORD, "avb-f0f0f0f0"),
    "a packed output": FORGED.packed().decode(),
    "a packed output in a line": " ".join(FORGED.packed().decode().split("\n")),
    "a frame of another word": "\navb-f0f0f0f0 meta\nepoch=666\n",
    "a begin line": "\navb-probe 1 begin avb-f0f0f0f0\n",
    "a packed line": "\navb-probe 1 packed\n",
    "an end line of another word": "\navb-probe 1 end avb-f0f0f0f0\n",
    "the end of a packed output": "\navb-probe 1 packed end\n",
    "another version": "\navb-probe 7 begin avb-f0f0f0f0\n",
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_frame_inside_of_a_part_is_that_part_s_text(forged: str) -> None:
    """A file, a process or a web server of the guest cannot put facts into the recording."""
    output = parse_output(SMALL.put("version", forged).output())
    assert (epoch(output), output.one("version").text) == ("1", forged.rstrip("\n"))


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"])
def test_only_a_newline_ends_a_line(separator: str) -> None:
    """What other tools take for the end of a line must not let a file's text pose as another file's."""
    line = f"/etc/os-release:NAME=hello{separator}/etc/waagent.conf:Extensions.Enabled=y"
    text = f"readable /etc/os-release{separator}readable /etc/waagent.conf"
    output = parse_output(Recording({"files": text, "config": line, "meta": f"a=1{separator}uid=0"}).output())
    assert list(parse_configuration(output)) == ["/etc/os-release"]
    assert "/etc/waagent.conf" not in parse_files(output).states
    assert "uid" not in output.one("meta").pairs()


def test_invalid_bytes_of_a_file_spoil_nothing_else() -> None:
    """Bytes that are no UTF-8 become text that shows them."""
    data = GUEST.output().replace(b"Logs.Verbose=n", b"Logs.Verbose=\xff\xfe\x00")
    guest = parse_linux_guest(parse_output(data))
    assert guest.configuration is not None
    assert guest.configuration.settings["Logs.Verbose"] == "\\xff\\xfe\x00"


def test_line_of_a_megabyte_is_no_probe_output() -> None:
    """It is told in a line of sane length."""
    with pytest.raises(Unreadable) as raised:
        parse_output(b"A" * 1_000_000)
    assert len(raised.value.reason) < 250


@pytest.mark.parametrize("unit", [b"\navb-probe 1 begin avb-0000", b"\navb-probe 1 packed", b"avb-probe ", b"{", b"\r"])
def test_output_takes_no_time_over_a_megabyte(unit: bytes) -> None:
    """Hostile recordings end soon."""
    started = time.monotonic()
    with pytest.raises(Unreadable):
        parse_output(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 2


@FAST
@given(st.binary(max_size=400))
@example(b"\navb-probe 1 begin avb-0000\n\navb-probe 1 end avb-0000")
def test_any_bytes_are_parts_or_unreadable(data: bytes) -> None:
    """Nothing that a connection delivers raises anything else."""
    try:
        assert isinstance(parse_output(data), ProbeOutput)
    except Unreadable as error:
        assert error.reason  # noqa: PT017  # either of two outcomes is right


@FAST
@given(st.data())
def test_any_damage_to_an_output_leaves_parts_or_unreadable(data: st.DataObject) -> None:
    """A byte lost, doubled or changed in transport raises nothing else."""
    whole = data.draw(st.sampled_from([SMALL.output(), SMALL.packed(), run_command(SMALL.packed())]))
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(len(whole), start + 40)))
    try:
        assert parse_output(whole[:start] + data.draw(st.binary(max_size=40)) + whole[stop:]).parts is not None
    except Unreadable as error:
        assert error.reason  # noqa: PT017  # either of two outcomes is right


def test_part_that_is_missing_is_unreadable() -> None:
    """A part that the probe did not send is never an empty one."""
    with pytest.raises(Unreadable, match="has no part 'units'"):
        parse_output(SMALL.output()).one("units")


@pytest.mark.parametrize("last", ["x", "\n"])
@pytest.mark.parametrize("name", CAPS)
def test_part_that_was_cut_at_its_cap_is_unreadable(name: str, last: str) -> None:
    """The byte beyond the cap says that more was there, be it the end of a line."""
    parts = parse_output(Recording({name: "x" * CAPS[name] + last}).output()).parts
    output = ProbeOutput(parts)
    with pytest.raises(Unreadable, match=f"behind '{name}' are larger than {CAPS[name] // 1024} KiB"):
        output.one(name)
    whole = ProbeOutput(parse_output(Recording({name: "x" * (CAPS[name] - 1) + "\n"}).output()).parts)
    assert len(whole.one(name).text) == CAPS[name] - 1


def test_pairs_take_the_first_of_a_key() -> None:
    """Lines without `=` are no pairs, spaces around do not count."""
    assert Part(("meta",), "a=1\n a = 2\nb\nc = x=y\n=z\n").pairs() == {"a": "1", "c": "x=y", "": "z"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/etc/a:x=1\n/etc/a:y:z\n/etc/b:", {"/etc/a": ["x=1", "y:z"], "/etc/b": [""]}),
        (
            "/etc/sysconfig/network/ifcfg-eth0:1:IPADDR=10.0.0.5",
            {"/etc/sysconfig/network/ifcfg-eth0:1": ["IPADDR=10.0.0.5"]},
        ),
        ("/etc/Wired connection 1.nmconnection:[ipv4]", {"/etc/Wired connection 1.nmconnection": ["[ipv4]"]}),
        ("no path\netc/a:x\n\n:", {}),
    ],
)
def test_lines_of_files_are_told_apart_by_path(text: str, found: dict[str, list[str]]) -> None:
    """`grep -H` puts the path before every line."""
    assert parse_lines(text) == found


def test_state_of_a_file_that_was_not_looked_at_is_unreadable() -> None:
    """Absent is only what the probe says is absent."""
    files = parse_files(parse_output(GUEST.output()))
    assert (files.exists("/etc/waagent.conf"), files.exists("/run/reboot-required")) == (True, False)
    with pytest.raises(Unreadable, match="whether /etc/shadow exists"):
        files.exists("/etc/shadow")


def test_files_below_a_prefix_leave_out_absent_ones() -> None:
    """A glob that matched nothing is listed as absent."""
    guest = GUEST.state("/var/lib/waagent/X-1", "directory").state("/var/lib/waagent/X-*", "absent")
    assert parse_files(parse_output(guest.output())).below("/var/lib/waagent/X") == ["/var/lib/waagent/X-1"]


@pytest.mark.parametrize("part", sorted(GUEST.parts))
@pytest.mark.parametrize(
    "junk", ["", "\x00", "=", " ", "x" * 5000, "9" * 6000, "²", "\ud7ff\x85", "[" * 3000, "a=b\n" * 300]
)
def test_part_of_junk_raises_only_unreadable(part: str, junk: str) -> None:
    """Every parser of a guest's facts, over every part spoiled in turn."""
    facts = [name for name, value in vars(LinuxGuest).items() if isinstance(value, fact)]
    try:
        guest = parse_linux_guest(parse_output(GUEST.put(part, junk).output()))
    except Unreadable:
        assert part == "meta"
        return
    for name in facts:
        try:
            getattr(guest, name)
        except Unreadable as error:
            assert error.reason  # noqa: PT017  # either of two outcomes is right


def test_configuration_names_its_file() -> None:
    """The recordings of these tests are what the parsers take."""
    assert parse_configuration(parse_output(GUEST.output()))["/etc/waagent.conf"] == CONF.split("\n")


GOOD_LINES = {
    "meta": ["novel-key=1", "conf=/usr/share/oem/waagent.conf"],
    "routes": ["eth1\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0 "],
    "interface": ["2: eth0    inet 10.20.0.5/24 scope global secondary eth0\\       valid_lft forever"],
    "memory": ["SwapTotal: 0", "novel=1"],
    "files": ["special /dev/x", "unreadable /a b: c"],
    "config": ["/etc/sysconfig/network/ifcfg-eth0:1:IPADDR=10.0.0.5", "/etc/Wired connection 1.nmconnection:[ipv4]"],
    "processes": ["process 1 x", "environment 843 https_proxy=", "novel=1"],
    "units": ["NewInSystemd=yes", "", "Id=x.service", "LoadState=not-found", "absent /etc/init.d/waagent", "/etc/init/x.conf:respawn"],
    "python": ["which=/usr/bin/python", "/usr/bin/python: some words of its own"],
    "extension": ["/var/lib/waagent/x/status/1.status:]", "novel=1"],
    "endpoints": ["a.blob.core.windows.net 10.20.0.250:3128"],
    "goal-state": ["novel=1"],
    "cpu": ["steal=1"],
}  # fmt: skip
BAD_LINES = {
    "meta": ["uid", "\x00=1", "u d=0", "=1"],
    "routes": ["eth0\t0000000\t0100140A\t0003\t0\t0\t0\t00000000\t0\t0\t0", "eth0"],
    "interface": ["2: eth0    inet 10.20.0/24", "2: eth0", "Device eth1 does not exist."],
    "memory": ["MemAvailable: 5 kB", "MemAvailable 5", "MemTotal: ²"],
    "files": ["absnt /run/reboot-required", "absent run/x", "absent", "/etc/waagent.conf", "kernel vmlinuz"],
    "config": ["Extensions.Enabled=y", "/etc/waagent.conf", "tc/waagent.conf:Extensions.Enabled=y", "\x00"],
    "processes": ["process one x", "environment 843 http_proxy", "scanned"],
    "units": ["LoadState", "absent etc/init.d/waagent", "Load\x00State=loaded"],
    "python": ["pa th=/usr/bin/python3"],
    "extension": ["handlr /var/lib/waagent/x", '"status": "success"', "var/lib/x:Enabled"],
    "endpoints": ["a host and more", "<html>"],
    "goal-state": ["backup-extension yes"],
    "cpu": ["cpu  26287 0", "cp  26287 0 9556 265412", "cpu  1 2 3 x"],
}


@pytest.mark.parametrize("part", GOOD_LINES)
def test_line_that_a_probe_may_print_is_no_damage(part: str) -> None:
    """Keys and units that this version does not know come from newer systems."""
    text = "\n".join([*GUEST.parts[part].split("\n"), *GOOD_LINES[part], "", " \t"])
    assert parse_output(GUEST.put(part, text).output()).one(part).text.startswith(GUEST.parts[part])


@pytest.mark.parametrize(("part", "line"), [(part, line) for part, lines in BAD_LINES.items() for line in lines])
@pytest.mark.parametrize("place", ["first", "last"])
def test_line_that_no_probe_prints_spoils_its_part_and_no_other(part: str, line: str, place: str) -> None:
    """It may be what is left of the line that counts."""
    lines = GUEST.parts[part].split("\n")
    damaged = [line, *lines] if place == "first" or part == "python" else [*lines, line]
    output = parse_output(GUEST.put(part, "\n".join(damaged)).output())
    with pytest.raises(Unreadable, match=f"part '{part}' of the probe's output holds a line that cannot be read: '"):
        output.one(part)
    assert all(output.all(other.words[0]) for other in output.parts if other.words[0] != part)


def test_damaged_line_is_shown_masked_and_short() -> None:
    """It is whatever was in a file, and it may be long."""
    line = "etc/waagent.conf:HttpProxy.Host=http://user:hunter2@10.0.0.5 " + "x" * 900
    with pytest.raises(Unreadable) as raised:
        parse_configuration(parse_output(GUEST.put("config", line).output()))
    assert "HttpProxy.Host=http://***@10.0.0.5" in raised.value.reason
    assert len(raised.value.reason) < 200


def cut_leases(size: int) -> ProbeOutput:
    """Leases of which `size` bytes are left, their first line without its beginning."""
    text = "ases:  renew 1;\n" + "/var/lib/dhcp/dhclient.leases:}\n" * 2000
    return parse_output(GUEST.put("leases", text[: size - 2] + ":}").output())


def test_first_line_of_cut_leases_may_lack_its_beginning() -> None:
    """The probe keeps the end of long lease files, which is where the newest leases are."""
    assert cut_leases(LEASE_TAIL).one("leases").text.startswith("ases:  renew 1;")
    with pytest.raises(Unreadable, match="ases: renew 1;"):
        cut_leases(LEASE_TAIL - 1).one("leases")


PATTERN = re.compile(r"([a-z]) ([0-9])")


def test_records_are_every_line_or_unreadable() -> None:
    """A list of which one entry cannot be read is no shorter list."""
    assert [m.groups() for m in records(Part(("x",), "a 1\n\nb 2"), PATTERN)] == [("a", "1"), ("b", "2")]
    with pytest.raises(Unreadable, match=r"part 'x' .* 'B 2'"):
        records(Part(("x",), "a 1\nB 2\nc 3"), PATTERN)
