"""The extension's report of a run, from JSON to a record."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.guest.extension_status.codes import code_meaning, exit_code_meaning, parse_code
from backup_compliance.guest.extension_status.reading import (
    MESSAGE_LIMIT,
    ExtensionStatus,
    parse_status,
    parse_status_text,
    parse_status_time,
)
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.extension_reports import FAILED, GOOD, STARTED, UNDER_WAY, Report, ticks

FAST = settings(deadline=None, database=None, max_examples=80)


def read(report: Report) -> ExtensionStatus:
    """The record of a report."""
    return parse_status_text(report.text(), "7.status")


def outside(**told: Any) -> str:
    """A status without a substatus, as other writers leave it."""
    return json.dumps([{"timestampUTC": "2026-11-22T22:04:11Z", "status": told}])


def test_report_is_told_in_full() -> None:
    """What decides lies in the substatus: code, status, start, disks, who wrote it, who took the snapshot."""
    found = read(replace(GOOD, message="Enable Succeeded ", disks=("true", "false")))
    assert (found.statuses, found.code, found.started_at) == (("success", "success"), 1, STARTED)
    assert found.written_at == datetime(2026, 11, 22, 22, 4, 11, tzinfo=UTC)
    assert [(d.name.split(" (")[0], d.is_successful) for d in found.disks] == [
        ("disk 1 of 2", True),
        ("disk 2 of 2", False),
    ]
    assert "exceeded" in found.disks[1].error
    assert (found.extension_version, found.python_version) == ("1.0.9220.0", "3.12.3")
    assert found.message.startswith("Enable Succeeded snapshotCreator=backupHostService")


@pytest.mark.parametrize("code", [2, 11, 16, 76, 85, 121, 300, 402, 512])
def test_outer_success_hides_no_failure(code: int) -> None:
    """Of virtual machines of ARM the outer status never says anything else."""
    found = read(replace(GOOD, code=code))
    assert found.statuses == ("success", "error")
    assert not found.is_good


@pytest.mark.parametrize("code", [0, 1, 3])
def test_run_that_is_done_is_good(code: int) -> None:
    """Application consistent, file system consistent, or done before."""
    assert read(replace(GOOD, code=code)).is_good


def test_classic_virtual_machine_tells_it_outside_as_well() -> None:
    """There the outer status is the inner one."""
    assert read(replace(FAILED, is_classic=True)).statuses == ("error", "error")


@pytest.mark.parametrize(
    ("report", "starts_in_guest"),
    [
        (GOOD, False),
        (replace(GOOD, creator="guestExtension", host=404), True),
        (replace(GOOD, creator="", host=200), False),
        (replace(GOOD, creator="", host=404), True),
        (replace(UNDER_WAY, host=556), True),
        (UNDER_WAY, False),
    ],
)
def test_report_tells_where_the_snapshot_started(report: Report, starts_in_guest: bool) -> None:  # noqa: FBT001  # a table
    """By its creator; a run that came less far tells by what the host answered first."""
    assert read(report).starts_in_guest is starts_in_guest


def test_status_without_a_substatus_tells_nothing_of_it() -> None:
    """Nor who wrote it, nor its disks."""
    found = parse_status_text(outside(status="success", code=1, formattedMessage={"message": "done"}), "x")
    assert (found.starts_in_guest, found.python_version, found.disks, found.message) == (None, None, (), "done")


@pytest.mark.parametrize(
    ("told", "status", "code", "message"),
    [
        ({"status": "success", "code": 1, "formattedMessage": {"lang": "en", "message": "done"}}, "success", 1, "done"),
        (
            {"status": "Error", "code": "76", "formattedMessage": {"message": "x" * 400}},
            "error",
            76,
            "x" * (MESSAGE_LIMIT - 1) + "…",
        ),
        ({"status": "transitioning"}, "transitioning", None, ""),
        ({"status": "warning", "code": -5}, "warning", -5, ""),
        ({"status": "error", "code": True}, "error", None, ""),
        ({"status": "error", "code": 1.5}, "error", None, ""),
        ({"status": "error", "code": "²"}, "error", None, ""),
        ({"status": "error", "code": "9" * 5000}, "error", None, ""),
        ({"status": "error", "code": [1]}, "error", None, ""),
        ({"status": "error", "code": 10**12}, "error", None, ""),
        ({"status": "error", "formattedMessage": "text", "message": "m"}, "error", None, "m"),
        ({"status": "error", "formattedMessage": {"message": ["a"]}}, "error", None, ""),
        ({"status": "success", "code": 1, "substatus": [{"name": "disk", "status": "error"}]}, "success", 1, ""),
    ],
)
def test_status_is_what_was_written(told: dict[str, Any], status: str, code: int | None, message: str) -> None:
    """Numbers come as numbers or as text; other types are no code and no message."""
    found = parse_status_text(outside(**told), "x")
    assert (found.statuses[0], found.code, found.message) == (status, code, message)


@pytest.mark.parametrize(
    ("status", "code", "worst", "message"), [("error", 2, 2, "writer failed"), ("success", 9, 1, "OK")]
)
def test_plain_substatus_counts_too(status: str, code: int, worst: int, message: str) -> None:
    """One without a document of its own is believed where it says error, with its code and its words."""
    said = {"name": "VMSnapshot", "status": status, "code": code, "formattedMessage": {"message": "writer failed"}}
    told = outside(status="success", code=1, formattedMessage={"message": "OK"}, substatus=[{"name": "x"}, said])
    found = parse_status_text(told, "x")
    assert (found.statuses, found.code, found.message) == (("success", status), worst, message)


@pytest.mark.parametrize(
    ("inner", "outer", "code"), [(1, "76", 76), (76, "1", 76), (4, "1", 4), (1, "4", 4), (76, "121", 76)]
)
def test_worse_of_two_codes_counts(inner: int, outer: str, code: int) -> None:
    """Both levels hold the same one; where they do not, the better one proves nothing."""
    assert parse_status_text(replace(GOOD, code=inner).changed(code=outer), "x").code == code


@pytest.mark.parametrize("told", [None, "maybe", 5, {}])
def test_disk_that_does_not_say_is_not_successful(told: object) -> None:
    """Neither is it failed: nobody knows."""
    found = read(replace(GOOD, disks=("true", told)))
    assert (found.disks[1].is_successful, found.is_good) == (None, False)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        "null",
        "[null]",
        '[{"status": "success"}]',
        '[{"status": {}}]',
        '[{"status": {"status": null}}]',
        '[{"status": {"status": "fine"}}]',
        '[{"status": {"status": ["error"]}}]',
        '[{"status": {"status": {"status": "success"}}}]',
        '[{"status": {"status": "success"',
        "\ufffd",
        "[" * 40_000,
        '[{"status": {"status": "success", "code": ' + "9" * 5000 + "}}]",
        "<html>",
        GOOD.changed(substatus=[{"name": "[{", "status": "success"}]),
        GOOD.changed(substatus=[{"name": "[]", "status": "success"}]),
        GOOD.changed(substatus=[{"name": '[{"status": {}}]', "status": "success"}]),
        GOOD.changed(substatus=["x"]),
        GOOD.changed(substatus="x"),
    ],
)
def test_text_of_another_shape_is_unreadable(text: str) -> None:
    """A file cut by a full disk is neither a success nor an error."""
    with pytest.raises(Unreadable):
        parse_status_text(text, "x")


@pytest.mark.parametrize("disks", ["x", [1], [None], {}, [{}] * 101])
def test_list_of_disks_of_another_shape_is_unreadable(disks: object) -> None:
    """An entry that cannot be read must not vanish among others."""
    document = json.loads(GOOD.text())
    inner = json.loads(document[0]["status"]["substatus"][0]["name"])
    inner[0]["status"]["snapshotInfo"] = disks
    document[0]["status"]["substatus"][0]["name"] = json.dumps(inner)
    with pytest.raises(Unreadable, match="snapshotInfo"):
        parse_status(document, "x")


@pytest.mark.parametrize("kept", [700, 1000, 3000])
@pytest.mark.parametrize("report", [GOOD, FAILED, UNDER_WAY, replace(GOOD, code=2, message='a "code": "1" in words ')])
def test_tail_of_a_large_file_decides(report: Report, kept: int) -> None:
    """Code, message and start of the command stand behind the substatus, which is what makes a file large."""
    found = parse_status_text(report.text()[-kept:], "x")
    assert (found.code, found.started_at) == (report.code, STARTED)
    assert "hostStatusCodePreSnapshot" in found.message


@pytest.mark.parametrize("tail", ["}}]", '"code": "1"}}]', GOOD.text()[-700:-1], '"code": "1", "taskId": 5, "x": [}}]'])
def test_tail_that_holds_no_code_of_a_run_is_unreadable(tail: str) -> None:
    """Whatever else ends like it."""
    with pytest.raises(Unreadable):
        parse_status_text(tail, "x")


def test_masked_signature_does_not_break_reading() -> None:
    """An error's address stands two levels deep in escaped JSON."""
    report = replace(FAILED, error="PUT https://md-sample.blob.storage.azure.net/a/b?sv=2018-03-28&sig=***")
    (disk,) = read(report).disks
    assert disk.error.endswith("sig=***")


@FAST
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda c: (
            st.lists(c, max_size=3)
            | st.dictionaries(st.sampled_from(["status", "code", "substatus", "name", "snapshotInfo"]), c, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_survived(document: object) -> None:
    """Hostile files end in a record or in `Unreadable`."""
    with suppress(Unreadable):
        parse_status(document, "x")
    with suppress(Unreadable):
        parse_status_text(GOOD.changed(substatus=[{"name": json.dumps(document), "status": "success"}]), "x")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T22:04:11Z", datetime(2026, 11, 22, 22, 4, 11, tzinfo=UTC)),
        ("2026-11-22T23:04:11+01:00", datetime(2026, 11, 22, 22, 4, 11, tzinfo=UTC)),
        ("/Date(1795385051000)/", datetime(2026, 11, 22, 22, 4, 11, tzinfo=UTC)),
        ("\\/Date(1795385051000)\\/", datetime(2026, 11, 22, 22, 4, 11, tzinfo=UTC)),
        ("/Date(999999999999999)/", None),
        ("yesterday", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_time_is_iso_or_of_dotnet(text: object, time: datetime | None) -> None:
    """The inner one comes with .NET's milliseconds."""
    assert parse_status_time(text) == time


@pytest.mark.parametrize("started", [None, "", "0", "x", 10**25, "9" * 30, True, []])
def test_start_of_another_shape_is_not_told(started: object) -> None:
    """The status still counts."""
    found = parse_status_text(outside(status="success", code=1, commandStartTimeUTCTicks=started), "x")
    assert found.started_at is None


def test_start_is_counted_in_ticks() -> None:
    """As number or text."""
    for told in (ticks(STARTED), str(ticks(STARTED))):
        assert (
            parse_status_text(outside(status="success", code=1, commandStartTimeUTCTicks=told), "x").started_at
            == STARTED
        )


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (76, "no network"),
        (761, "restricted network"),
        (121, "fsfreeze failed"),
        (402, "too late"),
        (17, "data disks"),
        (311, "after the snapshot"),
    ],
)
def test_code_has_a_meaning(code: int, meaning: str) -> None:
    """The extension's own list."""
    assert meaning in code_meaning(code)


def test_every_code_of_the_lists_is_known() -> None:
    """Pre- and post-scripts, workloads."""
    assert all(code_meaning(code) for code in (*range(300, 319), *range(500, 513)))


@pytest.mark.parametrize("code", [None, 299, 319, 499, 513, -76, 1001])
def test_unknown_code_has_none(code: int | None) -> None:
    """Nothing is made up."""
    assert (code_meaning(code), exit_code_meaning(code)) == ("", "")


@pytest.mark.parametrize(
    ("value", "code"), [(76, 76), ("85", 85), (" 4 ", 4), ("-1", -1), (False, None), ("4.0", None), (None, None)]
)
def test_code_is_a_number_or_its_text(value: object, code: int | None) -> None:
    """The extension writes text, older ones and Windows numbers."""
    assert parse_code(value) == code
