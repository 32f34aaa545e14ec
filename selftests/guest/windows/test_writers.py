"""`vssadmin list writers` in every language: a writer that cannot be read is never left out of the list."""

from __future__ import annotations

import pytest

from backup_compliance.guest.windows.decisions import writers_failure
from backup_compliance.guest.windows.facts import SnapshotWriters
from backup_compliance.guest.windows.output import parse_windows_output
from backup_compliance.guest.windows.writers import parse_writers
from backup_compliance.model.verdicts import Undetermined, Unreadable
from selftests.builders.windows_recordings import (
    ENGLISH,
    FRENCH,
    GERMAN,
    JAPANESE,
    KOREAN,
    Language,
    service,
    windows,
    writers,
)

LANGUAGES = {"en": ENGLISH, "de": GERMAN, "ko": KOREAN, "ja": JAPANESE, "fr": FRENCH}
WHOLE = writers()
WAITING = "Waiting for responses.\nThese may be delayed if a shadow copy is being prepared.\n\n"
STATE = "   State: [1] Stable"


def read(text: str) -> SnapshotWriters:
    """The facts of a guest whose vssadmin printed `text`."""
    return parse_writers(parse_windows_output(windows().put("vss", text).output_utf8()))


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
@pytest.mark.parametrize(
    "banner", ["", "vssadmin 1.1 - command-line tool\n(C) Copyright 2001-2013 Microsoft Corp.\n\n", WAITING]
)
def test_every_writer_is_read_in_every_language(language: Language, banner: str) -> None:
    """Labels, words and banners are translated; ids, numbers and the order of lines are not."""
    found = read(banner + writers(language, (1, 8, 1, 5), "").replace("[5] Failed", "[5] Waiting"))
    assert [w.state for w in found.writers] == [1, 8, 1, 5]
    assert found.usual_error == language.none


def test_full_width_colons_part_label_and_value() -> None:
    """Chinese and Japanese Windows print them."""
    assert len(read(WHOLE.replace(": ", "：")).writers) == 4


DAMAGES = {
    "round brackets": (STATE, "   State: (8) Failed"),
    "full-width brackets": (STATE, "   State: ［8］ Failed"),
    "no number": (STATE, "   State: Failed"),
    "a number that is none": (STATE, "   State: [²] Stable"),
    "no brackets": (STATE, "   State: 8 Failed"),
    "no state": (STATE + "\n", ""),
    "no last error": ("   Last error: No error\n", ""),
    "an empty last error": ("   Last error: No error\n", "   Last error:\n"),
    "a damaged id": ("ID: {d61d61c8", "ID: {d61d6#c8"),
    "no id of the instance": ("   ID: {5a11ab1e-0001-4a11-8a11-5a11ab1e0001}\n", ""),
    "no name": ("Writer name: 'Task Scheduler Writer'\n", ""),
    "no name on the line": ("Writer name: 'Task Scheduler Writer'", "Writer name"),
    "no blank line between two": ("\n\nWriter name: 'VSS", "\nWriter name: 'VSS"),
    "a blank line within": (STATE, f"\n{STATE}"),
    "one more line": (STATE, f"{STATE}\n   State: [1] Stable"),
    "words among writers": ("Writer name: 'VSS", "Error: the list ended.\n\nWriter name: 'VSS"),
    "state and word contradict each other": (STATE, "   State: [1] Failed"),
    "one state, two words": (STATE, "   State: [1] Sable"),
    "one word, two states": (STATE, "   State: [3] Stable"),
}


@pytest.mark.parametrize(("old", "new"), DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("place", ["first", "last"])
def test_writer_that_cannot_be_read_makes_the_list_unreadable(old: str, new: str, place: str) -> None:
    """Three writers without an error prove nothing about the fourth."""
    if place == "first" or WHOLE.count(old) == 1:
        damaged = WHOLE.replace(old, new, 1)
    else:
        before, _, after = WHOLE.rpartition(old)
        damaged = f"{before}{new}{after}"
    assert damaged != WHOLE
    with pytest.raises(Unreadable, match="the list of VSS writers"):
        read(damaged)


@pytest.mark.parametrize("stop", range(1, len(WHOLE) - 2, 7))
def test_list_that_was_cut_within_a_writer_proves_nothing(stop: int) -> None:
    """It is unreadable, or what is left of the last error is none that means no error."""
    try:
        found = writers_failure(read(WHOLE[:stop]))
    except (Unreadable, Undetermined):
        return
    assert found is not None or WHOLE[:stop].endswith(("No error", "No error\n"))


@pytest.mark.parametrize("text", ["", "Error: Unexpected failure.", WAITING, "Zugriff verweigert."])
def test_list_without_a_writer_is_unreadable_unless_the_service_is_disabled(text: str) -> None:
    """Whatever vssadmin says instead is shown."""
    with pytest.raises(Unreadable, match="showed no writer"):
        read(text)
    guest = windows().put("vss", text).put("reg VSS", service("VSS", start=4))
    assert parse_writers(parse_windows_output(guest.output_utf8())).writers == ()
