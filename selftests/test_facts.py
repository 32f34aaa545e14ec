"""Recorded facts: saved whole or not at all, loaded by hand or by index, damaged ones told apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_compliance.configuration import ConfigurationError
from backup_compliance.facts import Facts, load_facts, merge, save_facts
from backup_compliance.recorded import Problem, RecordedGuest
from selftests.recordings import ubuntu

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


def test_later_reading_of_a_guest_wins() -> None:
    """Merging keeps what was read last, and every other guest."""
    merged = merge([FACTS, Facts((RecordedGuest("web", b"new"),))])
    assert {g.name: g.output for g in merged.guests} == {"db:2222": b"two", "gone": b"", "web": b"new"}
