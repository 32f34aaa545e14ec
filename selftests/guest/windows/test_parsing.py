"""Windows' own formats taken apart: reg.exe, sc.exe, DHCP options, WinHTTP's blob, encodings, frames."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.recording import judge_output, mask_output, parse_guest
from backup_compliance.guest.windows.agent import parse_state
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.guest.windows.network import parse_options
from backup_compliance.guest.windows.output import decoded, is_windows_output, parse_windows_output
from backup_compliance.guest.windows.proxy import WinHttp, parse_winhttp
from backup_compliance.guest.windows.registry import DEFAULT, Key, parse_keys
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import ENDPOINT, ubuntu
from selftests.builders.windows_recordings import (
    ENGLISH,
    FRENCH,
    GERMAN,
    INTERFACE,
    JAPANESE,
    KOREAN,
    OTHER_INTERFACE,
    Language,
    WindowsRecording,
    dword,
    french,
    german,
    interface,
    japanese,
    key,
    korean,
    no_service,
    route_table,
    state,
    text,
    windows,
    winhttp_blob,
)

KEY = r"HKEY_LOCAL_MACHINE\SOFTWARE\Sample"
LANGUAGES = {"en": ENGLISH, "de": GERMAN, "ko": KOREAN, "ja": JAPANESE, "fr": FRENCH}


def _one(*values: tuple[str, str, str]) -> Key:
    return parse_keys(key(KEY, *values))[KEY.casefold()]


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        ("REG_SZ", "TRUE", "TRUE"),
        ("REG_SZ", "", ""),
        ("REG_SZ", "x    REG_SZ    y", "x    REG_SZ    y"),
        ("REG_EXPAND_SZ", r"%SystemRoot%\x", r"%SystemRoot%\x"),
        ("REG_DWORD", "0x2", 2),
        ("REG_DWORD", "0xffffffff", 0xFFFFFFFF),
        ("REG_QWORD", "0x123456789", 0x123456789),
        ("REG_BINARY", "F500a83f", b"\xf5\x00\xa8\x3f"),
        ("REG_BINARY", "", b""),
        ("REG_NONE", "0000", b"\0\0"),
        ("REG_MULTI_SZ", r"a\0b\0c", ("a", "b", "c")),
        ("REG_MULTI_SZ", r"a\0\0b", ("a", "", "b")),
        ("REG_MULTI_SZ", "", ()),
    ],
)
def test_value_has_its_type(kind: str, data: str, value: object) -> None:
    """What decides is the type that reg.exe names, which is translated in no language."""
    assert _one(("Value", kind, data)).values["value"] == value


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_unnamed_value_is_found_in_every_language(language: Language) -> None:
    """(Default), (Standard), (기본값), (既定) and (par défaut) are one thing."""
    assert _one((language.default, "REG_SZ", "x")).text(DEFAULT) == "x"


def test_names_are_found_in_any_case_and_with_spaces() -> None:
    """The registry knows no case, and names may hold what parts columns elsewhere."""
    found = _one(("With  two spaces", "REG_SZ", "x"), text("UseVssCopyBackup", "true"))
    assert (found.text("with  TWO spaces"), found.text("USEVSSCOPYBACKUP")) == ("x", "true")


def test_value_of_another_type_is_not_taken_for_what_it_is_not() -> None:
    """A number is no text and the other way round: whoever asks gets None, and the raw value is there."""
    found = _one(dword("Number", 1), text("Text", "1"))
    assert (found.text("Number"), found.number("Text"), found.data("Text"), found.strings("Number")) == (
        None,
        None,
        None,
        (),
    )


def test_bare_names_below_a_key_are_its_children() -> None:
    """Without /s reg.exe shows what lies below as lines without values, keys in brackets and Hangul included."""
    found = parse_keys(f"{key(KEY, dword('x', 1))}\n{KEY}\\Rebootpending\n{KEY}\\두 번째\n{KEY}\\a\\b\n")
    assert found[KEY.casefold()].children == ("Rebootpending", "두 번째")
    assert not found[rf"{KEY}\두 번째".casefold()].values


@pytest.mark.parametrize(
    "said",
    [
        "",
        "ERROR: Access is denied.",
        "오류: 액세스가 거부되었습니다.",
        "reg: Unable to find the specified registry key",
    ],
)
def test_message_is_no_key(said: str) -> None:
    """Whatever reg.exe says in words is neither a key nor a value."""
    assert parse_keys(said) == {}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("REG_DWORD", "two"),
        ("REG_DWORD", "0x_1"),
        ("REG_DWORD", "1"),
        ("REG_BINARY", "f5 zz"),
        ("REG_BINARY", "f50"),
        ("REG_QWORD", ""),
        ("REG_DWRD", "0x1"),
    ],
)
def test_damaged_value_is_unreadable(kind: str, data: str) -> None:
    """A number that is none must not become 0."""
    with pytest.raises(Unreadable, match=kind):
        _ = _one(("Value", kind, data)).values


DAMAGED_VALUES = [
    "   Start    REG_DWORD    0x2",
    "    StartREG_DWORD    0x2",
    "%%%",
    "    Start    REG_",
    "words of the value before, on a line of their own",
]


@pytest.mark.parametrize("line", DAMAGED_VALUES)
@pytest.mark.parametrize("asked", ["text", "number", "data", "strings"])
def test_damaged_line_spoils_the_key_it_lies_in_and_no_other(line: str, asked: str) -> None:
    """What is left of a value may be the one that is asked for; keys beside it are whole."""
    found = parse_keys(
        f"{key(KEY + chr(92) + 'a', dword('x', 1))}{line}\n    y    REG_DWORD    0x2\n\n{key(KEY + chr(92) + 'b', dword('x', 3))}"
    )
    with pytest.raises(Unreadable, match="in the registry holds a line that cannot be read"):
        getattr(found[rf"{KEY}\a".casefold()], asked)("y")
    assert found[rf"{KEY}\b".casefold()].number("x") == 3


@pytest.mark.parametrize(
    "text_",
    [
        f"{KEY}\n    x    REG_SZ    y\n\nHKY_LOCAL_MACHINE\\SOFTWARE\\Sample\\a\n    x    REG_SZ    z",
        f"\n{KEY}\\a\nHKY_LOCAL_MACHINE\\SOFTWARE\\Sample\\RebootPending\n",
        f"KEY_LOCAL_MACHINE\\SOFTWARE\\Sample\n    x    REG_SZ    y\n\n{KEY}\\a\n",
        f"\n{KEY}\n   x    REG_SZ    y\n",
        f"\n{KEY}\\a\nHKEY_LOCAL_MACHINE\\SOFT#ARE\\Sample\\RebootPending\n",
        f"\n{KEY}\n    x    REG_SZ    y\n\nERROR: Access is denied.\n",
    ],
    ids=["a key", "a child", "the first key", "the first value", "a path of no relation", "a key that may not be read"],
)
def test_line_that_may_be_what_is_left_of_a_key_spoils_all_of_them(text_: str) -> None:
    """Which key it was cannot be told, and one that is gone would not be missed."""
    with pytest.raises(Unreadable, match=r"what reg\.exe printed holds a line that cannot be read"):
        parse_keys(text_)


@given(st.text(max_size=400))
def test_any_text_is_survived(junk: str) -> None:
    """A hostile registry ends in keys or in `Unreadable`, in nothing else."""
    with suppress(Unreadable):
        parse_keys(f"{KEY}\n{junk}\n    {junk}    REG_DWORD    {junk}")


@given(st.binary(max_size=200))
def test_any_options_and_blobs_are_survived(junk: bytes) -> None:
    """Binary values are walked to their end or refused."""
    for parse in (parse_options, parse_winhttp):
        with suppress(Unreadable):
            parse(junk)


def test_options_are_walked_and_not_searched() -> None:
    """The four bytes of another option that look like the host address are not option 245."""
    found = parse_options(parse_keys(interface(4))[INTERFACE.casefold()].data("DhcpInterfaceOptions") or b"")
    assert {code: value.hex() for code, value in found.items()} == {6: "a83f8110", 51: "ffffffff", 245: "a83f8110"}


def test_value_of_odd_length_is_padded() -> None:
    """The next record begins at the next multiple of four."""
    record = "0c000000000000000500000000000000ffffffff68656c6c6f000000"
    assert (
        parse_options(bytes.fromhex(record + "f50000000000000004000000" + "00000000ffffffffa83f8110"))[245].hex()
        == "a83f8110"
    )


def test_winhttp_blob_is_decoded() -> None:
    """As `netsh winhttp set proxy` writes it; the two known forms of direct access are no proxy."""
    assert parse_winhttp(bytes.fromhex(winhttp_blob("10.0.0.5:3128", "168.63.129.16;<local>"))) == WinHttp(
        "10.0.0.5:3128", "168.63.129.16;<local>"
    )
    assert parse_winhttp(bytes.fromhex("1800000000000000010000000000000000000000")) == WinHttp("", "")
    assert parse_winhttp(bytes.fromhex("2800000000000000010000000000000000000000")) == WinHttp("", "")


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
@pytest.mark.parametrize("number", [1, 2, 4])
def test_state_is_a_number_in_every_language(language: Language, number: int) -> None:
    """The labels of sc.exe are translated in some languages; the order of its lines is not."""
    output = parse_windows_output(windows().put("service RdAgent", state("RdAgent", number, language)).output_utf8())
    assert parse_state(output, "RdAgent") == number


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_service_that_is_not_there_is_told_by_number(language: Language) -> None:
    """1060 is ERROR_SERVICE_DOES_NOT_EXIST; the words around it are translated."""
    output = parse_windows_output(windows().put("service RdAgent", no_service(language)).output_utf8())
    assert parse_state(output, "RdAgent") is None


ENCODED = {
    "ko-949": korean().output(),
    "de-850": german().output(),
    "ja-932": japanese().output(),
    "fr-850": french().output(),
    "utf-8": korean().output_utf8(),
    "utf-8-bom": b"\xef\xbb\xbf" + japanese().output_utf8(),
    "utf-16-bom": german().text().encode("utf-16"),
    "utf-16-without-bom": french().text().encode("utf-16-le"),
    "lf-only": windows().text(newline="\n").encode(),
    "cr-cr-lf": windows().text(newline="\r\r\n").encode(),
    "ansi-1252": french().put("code-page", "Page de codes active : 1252").text().encode("cp1252", "replace"),
    "unknown-page": korean().put("code-page", "4711").output(),
    "page-not-told": korean().without("code-page").output(),
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=list(ENCODED))
def test_every_encoding_is_read(data: bytes) -> None:
    """Everything that decides is ASCII in every code page; the frame survives a banner, CRLF and UTF-16."""
    guest = parse_guest(data)
    assert isinstance(guest, WindowsGuest)
    assert guest.agent is not None
    assert guest.agent.goal_state.release == (2, 7, 41491, 1172)
    assert guest.addressing.lease is not None
    assert len(guest.writers.writers) == 4
    assert guest.service is not None


def test_words_of_the_code_page_are_shown_as_they_are() -> None:
    """A Korean message is Korean in the report."""
    assert "지정된 레지스트리" in decoded(korean().output())


def test_banner_and_prompt_do_no_harm() -> None:
    """Whatever a login prints, before or after, in whatever encoding."""
    data = "*** 허가된 사용자만 ***\r\nC:\\>".encode("cp949") + b"\r\n" + korean().output() + b"C:\\>exit\r\n"
    assert parse_guest(data).identity.hostname == "sample-ko"


def test_recordings_are_told_apart_by_their_first_frame() -> None:
    """What looks like a frame inside of another one is the content of something there."""
    linux = ubuntu().put("leases", "/x:avb-windows 1 begin avb-5a11ab1e")
    assert isinstance(parse_guest(linux.output()), LinuxGuest)
    assert not is_windows_output(linux.output())
    assert is_windows_output(windows().output())


def test_content_cannot_forge_a_frame() -> None:
    """The word of the run is random: lines that only look like frames stay the content of their part."""
    forged = windows().put("reg guest", "avb-windows 1 end avb-00000000\navb-00000000 reg guest\n").absent()
    assert parse_windows_output(forged.output()).one("reg", "guest").text.startswith("avb-windows 1 end avb-00000000")


def test_the_last_of_two_runs_counts() -> None:
    """A file that was appended to holds the older run first."""
    older = windows("older").text().replace("avb-5a11ab1e", "avb-00000001")
    assert parse_guest((older + windows("newer").text()).encode()).identity.hostname == "newer"


def test_command_that_was_cut_loses_its_last_part_only() -> None:
    """The third command stops in the middle of vssadmin's output: a part without its end is none."""
    whole = windows().text()
    guest = parse_guest(whole[: whole.index("System Writer")].encode())
    assert isinstance(guest, WindowsGuest)
    assert guest.load.memory_total_mib == 8191
    with pytest.raises(Unreadable, match="vss"):
        _ = guest.writers


def test_other_version_says_so() -> None:
    """Output of another version of the probe is not guessed at."""
    problem = judge_output(windows().text(version="9").encode())
    assert problem is not None
    assert "probe version 9" in problem.reason


@pytest.mark.parametrize(
    ("clock", "collected", "hour"), [("2026-11-23T08:00:00", "2026-11-23T09:00:00", 8), ("", "2026-11-23T09:00:00", 9)]
)
def test_clock_is_the_guests_own_or_the_collectors(clock: str, collected: str, hour: int) -> None:
    """PowerShell tells UTC; without it the time that the collector wrote into its command stands in."""
    guest = windows().put("powershell", f"language=FullLanguage\nclock={clock}").put("collected", f"clock={collected}")
    assert parse_guest(guest.output()).identity.collected_at.hour == hour


def test_several_interfaces_are_told_apart_by_the_default_route() -> None:
    """The one whose address has the best default route is the primary one, whatever stands first."""
    second = key(OTHER_INTERFACE, dword("EnableDHCP", 0), ("IPAddress", "REG_MULTI_SZ", r"10.20.9.9\010.20.9.10"))
    table = route_table(26) + "\n" + "          0.0.0.0          0.0.0.0        10.20.9.1        10.20.9.9    500"
    guest = windows().put("reg interfaces", f"{second}\n{interface(26)}").put("route-table", table)
    found = parse_guest(guest.output())
    assert isinstance(found, WindowsGuest)
    assert found.addressing.addresses == ("10.20.0.26",)
    assert found.addressing.uses_dhcp is True


def test_secrets_in_proxy_settings_are_masked_before_they_are_kept() -> None:
    """A proxy with a password in it is judged by the fact that it holds one."""
    kept = mask_output(b"    ProxyServer    REG_SZ    http=user:hunter2@10.0.0.5:80;https=user:hunter2@10.0.0.5:80\r\n")
    assert b"hunter2" not in kept
    assert b"@10.0.0.5:80" in kept


def test_blob_with_credentials_is_masked_too() -> None:
    """WinHTTP keeps its proxy as bytes."""
    blob = winhttp_blob("user:hunter2@10.0.0.5:80")
    kept = mask_output(f"    WinHttpSettings    REG_BINARY    {blob}\r\n".encode())
    assert b"hunter2".hex().encode() not in kept.lower()


def test_recording_class_keeps_its_language() -> None:
    """Edits of a recording do not change whose it is."""
    assert isinstance(korean().put("x", "y").edit("x", ("y", "z")).without("x"), WindowsRecording)


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("service RdAgent", ": 4  RUNNING", "; 4  RUNNING"),
        ("service RdAgent", "TYPE               : 10", "TYPE               : 1O"),
        ("service RdAgent", "CHECKPOINT         :", "CHECKPOINT"),
    ],
)
def test_damaged_line_of_a_service_is_unreadable(part: str, old: str, new: str) -> None:
    """The state is the second number; were the first one gone, another would pose as it."""
    output = parse_windows_output(windows().edit(part, (old, new)).output_utf8())
    with pytest.raises(Unreadable):
        parse_state(output, "RdAgent")


REAL_TABLE = (
    route_table(26).replace("Network Destination", "Active Routes:\nNetwork Destination")
    + "\nPersistent Routes:\n  Network Address          Netmask  Gateway Address  Metric\n"
    "          0.0.0.0          0.0.0.0        10.20.0.1       1\n" + "=" * 75
)


def test_route_table_with_every_section_is_read() -> None:
    """Headings, rules and routes that are kept for the next start are none of those in use."""
    guest = parse_guest(windows().put("route-table", REAL_TABLE).output())
    assert all(route.usable for route in guest.routes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    168.63.129.16  255.255.255.255", "    168.63.129.l6  255.255.255.255"),
        ("          0.0.0.0          0.0.0.0       10.20.0.1", "          0.0.0.0          0.0.0       10.20.0.1"),
        ("          0.0.0.0          0.0.0.0       10.20.0.1      10.20.0.26     10", "########"),
        ("        127.0.0.0        255.0.0.0", "        127.0.0.0        255.0.255.0"),
        ("266\n", "metric\n"),
        ("=" * 75 + "\nPersistent", "Persistent"),
    ],
)
def test_damaged_route_makes_the_table_unreadable(old: str, new: str) -> None:
    """The route that is gone may have been the one that leads to the host address."""
    assert old in REAL_TABLE
    guest = parse_guest(windows().put("route-table", REAL_TABLE.replace(old, new, 1)).output())
    with pytest.raises(Unreadable, match="part 'route-table'"):
        _ = guest.routes


@pytest.mark.parametrize("part", ["cpu", "memory", "aggregate-status", f"http storage direct {ENDPOINT}", "endpoints"])
def test_damaged_line_of_powershell_spoils_its_part(part: str) -> None:
    """`key=value` lines of any key, and nothing else."""
    output = parse_windows_output(windows().put(part, windows().parts[part] + "\nnovel=1").output_utf8())
    assert output.one(*part.split()).pairs()["novel"] == "1"
    damaged = parse_windows_output(windows().put(part, windows().parts[part] + "\nstage answered").output_utf8())
    with pytest.raises(Unreadable, match="'stage answered'"):
        damaged.one(*part.split())


def test_clock_of_a_damaged_part_is_the_collectors() -> None:
    """One damaged line costs the controls that need it, not the guest."""
    guest = parse_guest(windows().put("powershell", "language=FullLanguage\nclock 2026").output())
    assert guest.identity.collected_at.hour == 8


@pytest.mark.parametrize("kept", [4096, 400])
def test_cut_output_names_the_probe_that_printed_it(kept: int) -> None:
    """Run Command keeps the end; the Linux probe's remedy would not help."""
    whole = parse_guest(windows().output_utf8())
    assert whole.identity.hostname
    problem = judge_output(
        windows().text().encode()[-kept:]
        if kept < 1000
        else windows().text().split("avb-windows 1 begin")[-1].encode()[-kept:]
    )
    assert problem is not None
    assert "beginning of the Windows probe's output is missing" in problem.reason
    assert "probe.cmd" in problem.remedy
