"""The lab's own rules, as far as they need no guest: its table, its platform's documents, its judgement of traces."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from xml.etree import ElementTree

import pytest

from backup_compliance.catalogue.controls import load_catalogue
from selftests.builders.product import ROOT
from selftests.lab import extension, machine, readonly, wire
from selftests.lab.cases import CASES, healthy
from selftests.lab.places import BLOB_HOST, EXTENSION, EXTENSION_VERSION, HOST_ADDRESS
from selftests.lab.table import (
    EVERY,
    HEALTHY,
    WINDOWS_ONLY,
    C,
    Case,
    E,
    Fault,
    N,
    case,
    compare,
    rounds,
    shown,
    unchanged,
    unread,
)
from selftests.lab.variants import GUESTS

HEALTHY_CASES = healthy.healthy()
GUEST_CONTROLS = {c.id for c in load_catalogue(ROOT).values() if c.side == "guest"} - WINDOWS_ONLY
SEEN = {"AVB-101": (C, ""), "AVB-201": (C, "")}


def test_every_guest_control_is_expected_both_ways() -> None:
    """A control that the lab's guests never break, or never keep, is not proven on them."""
    every = [e for c in (*HEALTHY_CASES, *CASES) for e in c.expected]
    for control in GUEST_CONTROLS:
        assert {C, N} <= {e.outcome for e in every if e.control == control}, control


def test_every_case_is_about_a_guest_of_the_lab() -> None:
    """A misspelt guest would be a case that nobody runs."""
    assert {c.guest for c in CASES} <= {g.name for g in GUESTS}


def test_every_fault_of_a_guest_is_told_from_the_others() -> None:
    """A fault's name stands for it in the table."""
    names = [(c.guest, c.fault.name) for c in CASES]
    assert sorted(set(names)) == sorted(names)


def test_every_fault_can_be_taken_back_or_is_the_last() -> None:
    """What was changed inside is changed back, or the guest is not read again."""
    for each in CASES:
        assert (
            not each.fault.apply or each.fault.undo or each.fault.final or each.fault.apply == "true" or each.fault.seen
        ), each.fault.name


def test_guest_names_fit_their_link_and_differ() -> None:
    """A guest's name is its network namespace's, its host's and its folder's."""
    assert len({g.name for g in GUESTS}) == len(GUESTS) <= 200


def test_rounds_break_each_guest_once_at_a_time() -> None:
    """Two faults at once would prove neither."""
    for planned in rounds(CASES):
        assert len({c.guest for c in planned}) == len(planned)


def test_rounds_hold_every_case_in_its_guests_order() -> None:
    """What is broken for good is broken last, and loners are read alone."""
    planned = [c for r in rounds(CASES) for c in r]
    assert sorted(map(id, planned)) == sorted(map(id, CASES))
    for guest in {c.guest for c in CASES}:
        own = [c for c in planned if c.guest == guest]
        assert all(not c.fault.final for c in own[:-1]), guest
    assert all(len(r) == 1 for r in rounds(CASES) if r[0].fault.alone)


@pytest.mark.parametrize(
    ("expected", "seen", "holds"),
    [
        (("101", N, "does not resolve"), (N, "x does not resolve (curl: 6)"), True),
        (("101", N, "TCP"), (N, "x does not resolve"), False),
        (("101", N), (C, ""), False),
        (("101", C), (C, ""), True),
    ],
)
def test_row_holds_by_outcome_and_words(expected: tuple[str, str, str], seen: tuple[str, str], holds: bool) -> None:  # noqa: FBT001
    """The verdict alone is not enough: the message must name what was broken."""
    (row,) = compare(case("g", Fault("f"), expected), {"AVB-101": seen}, {"AVB-101": seen})
    assert row.holds is holds


def test_other_controls_must_stay_as_they_are() -> None:
    """A fault that changes more than the table says is a row that does not hold."""
    changed, others = compare(unchanged("g", Fault("f")), {**SEEN, "AVB-201": (N, "gone")}, SEEN)
    assert (changed.expected.control, changed.holds, others.holds) == ("AVB-201", False, True)
    (row,) = compare(unchanged("g", Fault("f")), SEEN, SEEN)
    assert row.holds
    assert row.message.startswith("2 controls")


def test_unread_guest_is_an_error_of_every_control() -> None:
    """Nothing may be judged of a guest that could not be read."""
    rows = compare(unread("g", Fault("f"), "no route"), dict.fromkeys(SEEN, (E, "there is no route to it")), SEEN)
    assert [r.holds for r in rows] == [True, True]
    assert len(shown(rows)) == 2, "a heading and one line"


@pytest.mark.parametrize(
    "each", [unchanged("g", Fault("f")), unread("g", Fault("f"), "no route")], ids=["unchanged", "unread"]
)
def test_guest_that_the_report_lacks_does_not_hold(each: Case) -> None:
    """A guest that nobody read is no guest that stayed as it was."""
    assert [r.holds for r in compare(each, {}, SEEN)] == [False, False]
    assert [r.holds for r in compare(each, {}, {})] == [False]


def test_missing_finding_does_not_hold() -> None:
    """A control that the report lacks is no silent success."""
    row, *_ = compare(case("g", HEALTHY, ("101", C)), {}, {})
    assert (row.outcome, row.holds) == ("missing", False)


def test_goal_state_names_parts_on_the_host_address() -> None:
    """The agent and the probe both follow these addresses."""
    state = ElementTree.fromstring(wire.goal_state("10.77.1.10", wire.Orders(incarnation=7)))
    assert state.findtext("Incarnation") == "7"
    url = state.findtext(".//ExtensionsConfig") or ""
    assert url.startswith(f"http://{HOST_ADDRESS}:80/machine/")
    assert url.endswith("type=extensionsConfig&incarnation=7")


def test_extensions_configuration_says_what_is_asked_for() -> None:
    """Version of the agent, the backup extension with its settings, and where the status goes."""
    asked = wire.Orders(
        agent_version="9.9.9.9", settings={"status": "error"}, status_blob=f"https://{BLOB_HOST}/s?a=1&sig=x"
    )
    document = ElementTree.fromstring(wire.extensions_config(asked))
    assert document.findtext(".//GAFamily/Version") == "9.9.9.9"
    plugin = document.find(".//Plugins/Plugin")
    assert plugin is not None
    assert plugin.get("name") == EXTENSION
    settings = json.loads(document.findtext(".//RuntimeSettings") or "")
    assert settings["runtimeSettings"][0]["handlerSettings"]["publicSettings"]["status"] == "error"
    assert document.findtext("StatusUploadBlob") == asked.status_blob


def test_extensions_configuration_may_ask_for_nothing() -> None:
    """A VM that was never backed up has no extension in its goal state, and may have no agent version."""
    text = wire.extensions_config(wire.Orders(extension=False, agent_version=""))
    assert EXTENSION not in text
    assert ElementTree.fromstring(text).find(".//GAFamily/Version") is None


def test_stand_in_extension_can_be_run() -> None:
    """The agent starts what the manifest names, and its mode must let it."""
    archive = zipfile.ZipFile(BytesIO(extension.package(EXTENSION_VERSION)))
    (manifest,) = json.loads(archive.read("HandlerManifest.json"))
    program, _, command = manifest["handlerManifest"]["enableCommand"].partition(" ")
    assert command == "enable"
    assert archive.getinfo(program).external_attr >> 16 & 0o111
    assert archive.read("main/handle.py")


CALM = [
    '12 openat(AT_FDCWD, "/etc/waagent.conf", O_RDONLY|O_CLOEXEC) = 3',
    '12 openat(AT_FDCWD, "/dev/null", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3',
    '13 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("100.64.0.10")}, 16) = 0',
    '13 connect(3, {sa_family=AF_UNIX, sun_path="/run/systemd/private"}, 22) = 0',
]


def test_calm_trace_is_calm() -> None:
    """Reading files, writing to /dev/null and asking the documented hosts is all that a probe does."""
    assert readonly.judge_trace(CALM) == readonly.Trace(4, (), ())


@pytest.mark.parametrize(
    "line",
    [
        '14 openat(AT_FDCWD, "/root/.wget-hsts", O_RDWR|O_CREAT, 0666) = 3',
        '[pid 14] open("/tmp/x", O_WRONLY) = -1 ENOENT (No such file or directory)',
        'unlink("/tmp/x") = 0',
        '14 renameat2(AT_FDCWD, "/a", AT_FDCWD, "/b", 0) = 0',
        '14 mkdir("/var/tmp/x", 0700) = -1 EEXIST (File exists)',
    ],
)
def test_trace_shows_what_changes_something(line: str) -> None:
    """An attempt counts as well as a success."""
    assert readonly.judge_trace([*CALM, line]).written


def test_trace_shows_whom_nobody_documented() -> None:
    """Another host, or another port of a documented one."""
    lines = [
        '14 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
        f'14 connect(3, {{sa_family=AF_INET, sin_port=htons(22), sin_addr=inet_addr("{HOST_ADDRESS}")}}, 16) = 0',
    ]
    assert readonly.judge_trace(lines).strangers == (f"{HOST_ADDRESS}:22", "192.0.2.1:443")


def test_login_is_allowed_for_and_nothing_else() -> None:
    """The list of what logging in changes lets nothing of the agent or the system through."""
    before = readonly.Snapshot({"/var/log/wtmp": "1", "/etc/passwd": "1", "/root/.bashrc": "1"}, frozenset({"1 init"}))
    after = readonly.Snapshot(
        {"/var/log/wtmp": "2", "/etc/passwd": "2", "/root/.bashrc": "1", "/tmp/x": "1"}, frozenset({"1 init"})
    )
    assert readonly.changes(before, after) == ["file /etc/passwd", "file /tmp/x"]


def test_machine_that_cannot_hold_the_lab_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody without root is left wondering."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert machine.lacking() == ["needs Linux and root: it boots guests in namespaces"]


def _named(each: Case) -> bool:
    return any(e.control == EVERY for e in each.expected)


def test_faults_of_reading_come_in_both_kinds() -> None:
    """Those that keep everything from being read, and those that the product does not mind."""
    reading = [c for c in CASES if c.guest.startswith("reading")]
    assert any(_named(c) for c in reading)
    assert any(not c.expected for c in reading)
