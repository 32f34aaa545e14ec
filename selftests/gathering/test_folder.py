"""Recorded facts: saved whole or not at all, loaded by hand or by index, damaged ones told apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.gathering.collect import facts_folders
from backup_compliance.gathering.folder import Facts, load_facts, merge, save_facts
from backup_compliance.model.recorded import Problem, ReadProblem, RecordedGuest, RecordedSubscription
from selftests.builders.arm import READ_AT, subscription
from selftests.builders.product import judge, record
from selftests.builders.recordings import ubuntu
from selftests.builders.windows_recordings import windows

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FACTS = Facts(
    (
        RecordedGuest("db:2222", b"two", NOW),
        RecordedGuest("gone", b"", NOW, Problem("it refused", "start it")),
        RecordedGuest("web", b"one\xff\x00", NOW),
    ),
    label="made up",
)


def test_saved_facts_load_as_they_were(tmp_path: Path) -> None:
    """Bytes, times, problems and the label survive."""
    save_facts(FACTS, tmp_path / "facts")
    assert load_facts(tmp_path / "facts") == FACTS


def test_saving_is_all_or_nothing(tmp_path: Path) -> None:
    """A folder that holds anything is not touched, and no half-written folder stays behind."""
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts/precious").write_text("x")
    with pytest.raises(ConfigurationError, match="not empty"):
        save_facts(FACTS, tmp_path / "facts")
    assert [p.name for p in tmp_path.iterdir()] == ["facts"]


def test_names_that_differ_by_case_get_files_of_their_own(tmp_path: Path) -> None:
    """Not every file system tells `Web` from `web`."""
    facts = Facts((RecordedGuest("Web", b"1"), RecordedGuest("web", b"2")))
    save_facts(facts, tmp_path / "facts")
    files = {p.name.casefold() for p in (tmp_path / "facts/guests").iterdir()}
    assert len(files) == 2
    assert load_facts(tmp_path / "facts") == facts


def test_output_brought_by_hand_is_a_recorded_guest(tmp_path: Path) -> None:
    """`guests/NAME.txt` needs no index; its name is made fit for test ids."""
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests/web 01<b>.txt").write_bytes(ubuntu().output())
    (guest,) = load_facts(tmp_path).guests
    assert guest.name == "web_01_b_"
    assert guest.read_at is None


@pytest.mark.parametrize(
    "names", [("a b.txt", "a_b.txt"), ("wéb.txt", "wèb.txt"), (f"{'x' * 220}1.txt", f"{'x' * 220}2.txt")]
)
def test_recordings_of_one_name_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    """Two files that come to one host id would leave one of them unjudged."""
    (tmp_path / "guests").mkdir()
    for name in names:
        (tmp_path / "guests" / name).write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="two recordings of one name"):
        load_facts(tmp_path)


@pytest.mark.parametrize("name", ["web01.TXT", "web01", "web01.log"])
def test_files_that_would_not_be_read_are_named(tmp_path: Path, name: str) -> None:
    """A recording with another ending is a mistake, not a guest less."""
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests/ok.txt").write_bytes(b"x")
    (tmp_path / "guests" / name).write_bytes(b"x")
    with pytest.raises(ConfigurationError, match=f"not read: {name}"):
        load_facts(tmp_path)


def test_output_brought_by_hand_replaces_a_failed_reading(tmp_path: Path) -> None:
    """The remedy for an unreachable host is to bring its facts; the index still lists it as failed."""
    save_facts(FACTS, tmp_path / "facts")
    (tmp_path / "facts/guests/gone.txt").write_bytes(b"by hand")
    by_name = {g.name: g for g in load_facts(tmp_path / "facts").guests}
    assert (by_name["gone"].output, by_name["gone"].problem) == (b"by hand", None)


def test_index_of_another_version_says_so(tmp_path: Path) -> None:
    """Another schema is refused by number."""
    (tmp_path / "facts.json").write_text('{"schema": 2, "guests": {}}')
    with pytest.raises(ConfigurationError, match="facts of version 2; this suite reads version 1"):
        load_facts(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": 1, "guests": []}',
        '{"schema": 1, "extra": 1}',
        '{"schema": 1, "guests": {"a": {"file": 3}}}',
    ],
)
def test_damaged_index_is_the_users_to_mend(tmp_path: Path, text: str) -> None:
    """The file is named, whatever is wrong with it."""
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"facts\.json"):
        load_facts(tmp_path)


@pytest.mark.parametrize("file", ["guests/none.txt", "../outside.txt", "/etc/hostname"])
def test_missing_recording_is_its_guests_problem(tmp_path: Path, file: str) -> None:
    """A file that is gone or lies outside the folder is an error finding, not a crash."""
    folder = tmp_path / "facts"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("x")
    (folder / "facts.json").write_text(json.dumps({"schema": 1, "guests": {"web": {"file": file}}}))
    (guest,) = load_facts(folder).guests
    assert guest.problem is not None
    assert guest.output == b""


def _dated(hours: int | None, output: bytes = b"x", name: str = "web") -> RecordedGuest:
    return RecordedGuest(name, output, None if hours is None else NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [(0, 1, 1), (1, 0, 0), (0, 0, 1), (None, 0, 1), (0, None, 0), (None, None, 1)],
)
@pytest.mark.parametrize("kind", ["guest", "subscription"])
def test_newer_reading_counts_and_the_report_says_so(
    first: int | None, second: int | None, counts: int, kind: str
) -> None:
    """Whatever was named first; unknown dates are older than any, and of two at once the last that was named counts."""
    if kind == "guest":
        merged = merge(Facts((_dated(hours, output=output),)) for hours, output in ((first, b"0"), (second, b"1")))
        found = merged.guests[0].output
    else:
        times = [None if h is None else NOW + timedelta(hours=h) for h in (first, second)]
        parts = [RecordedSubscription("s", {"vaults": str(n).encode()}, time) for n, time in enumerate(times)]
        merged = merge(Facts((), (part,)) for part in parts)
        found = merged.subscriptions[0].documents["vaults"]
    assert found == str(counts).encode()
    (note,) = merged.notes
    assert "was read twice: the reading of" in note


def test_guests_own_clock_dates_what_was_brought_by_hand() -> None:
    """The probe tells the time; a folder that was filled by hand knows no other."""
    by_hand = RecordedGuest("web", ubuntu().output())
    older, newer = (RecordedGuest("web", b"x", READ_AT + timedelta(hours=h)) for h in (-1, 1))
    assert merge([Facts((by_hand,)), Facts((older,))]).guests == (by_hand,)
    assert merge([Facts((by_hand,)), Facts((newer,))]).guests == (newer,)


def test_two_machines_of_one_name_both_stay() -> None:
    """Address spaces overlap: 10.0.0.4 of one runner is another machine than that of the next."""
    one, two = (RecordedGuest("10.0.0.4", ubuntu("sample", n).output(), NOW) for n in (4, 5))
    merged = merge([Facts((one,)), Facts((two,))])
    assert [g.name for g in merged.guests] == ["10.0.0.4", "10.0.0.4~2"]
    assert merged.notes == ("two machines go by the name 10.0.0.4: the second is 10.0.0.4~2 here",)


def test_two_windows_machines_of_one_name_both_stay() -> None:
    """Whatever they run."""
    one, two = (RecordedGuest("10.0.0.4", windows(number=n).output(), NOW) for n in (26, 27))
    assert [g.name for g in merge([Facts((one,)), Facts((two,))]).guests] == ["10.0.0.4", "10.0.0.4~2"]


def test_saving_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Whatever it is that cannot be written."""
    broken = RecordedSubscription("5a11ab1e-5a11-4a11-8a11-5a11ab1e0000", {}, NOW, (ReadProblem("locks", "\udc80"),))
    with pytest.raises(UnicodeEncodeError):
        save_facts(Facts((), (broken,)), tmp_path / "facts")
    assert list(tmp_path.iterdir()) == []


def test_everybody_else_stays() -> None:
    """Merging loses nobody."""
    merged = merge([FACTS, Facts((_dated(1, b"new"),))])
    assert {g.name: g.output for g in merged.guests} == {"db:2222": b"two", "gone": b"", "web": b"new"}


def test_folder_of_facts_folders_is_all_of_them(tmp_path: Path) -> None:
    """What several runners' artifacts are unpacked into; a folder that is no facts folder is not looked into."""
    for name in ("west", "east"):
        save_facts(Facts((_dated(0, name=name),)), tmp_path / name)
    (tmp_path / "notes").mkdir()
    assert facts_folders(tmp_path) == [tmp_path / "east", tmp_path / "west"]
    assert facts_folders(tmp_path / "east") == [tmp_path / "east"]
    assert facts_folders(tmp_path / "notes") == [tmp_path / "notes"]
    assert facts_folders(tmp_path / "nowhere") == [tmp_path / "nowhere"]


def test_runs_judge_several_folders_as_one(pytester: pytest.Pytester) -> None:
    """Two runners, one report: the guest of one is the VM of the other; what was read twice is told."""
    ours = record(pytester.path / "many/guests-runner", {"web01": ubuntu("sample", 4)})
    record(pytester.path / "many/arm-runner", {}, subscription())
    again = record(pytester.path / "again", {"web01": ubuntu("sample", 4)})
    judged = judge(pytester, f"--facts={ours.parent}", f"--facts={again}", f"--save-facts={pytester.path / 'kept'}")
    assert [v.text for v in judged.document.verdicts] == ["ready"]
    assert any(note.startswith("web01 was read twice") for note in judged.document.run.notes)
    kept = load_facts(pytester.path / "kept")
    assert (len(kept.guests), len(kept.subscriptions)) == (1, 1)
