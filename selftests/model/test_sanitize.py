"""Text of guests made sanitize_json to print."""

from __future__ import annotations

import json
import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.sanitize import printable, sanitize_json

FAST = settings(deadline=None, database=None, max_examples=200)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;http://x.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[1;1Hforged", "forged"),
        ("\x1b", ""),
        ("tail\x1b[", "tail"),
        ("a\x00b", "a b"),
        ("a\r\nb\tc", "a b c"),
        ("a\x85b\u2028c\u2029d", "a b c d"),
        ("right\u202eleft\u202c", "right left"),
        ("zero\u200bwidth\ufeff", "zero width"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("private \ue000 use", "private use"),
        ("Straße, 東京, пример", "Straße, 東京, пример"),
    ],
)
def test_printable_keeps_words_and_drops_what_steers_a_terminal(text: str, shown: str) -> None:
    """Escape sequences go as one piece, invisible characters become a space."""
    assert printable(text) == shown


@FAST
@given(st.text(), st.integers(2, 500))
def test_printable_holds_no_control_characters_and_keeps_its_limit(text: str, limit: int) -> None:
    """Whatever a guest sends, one line of letters comes out."""
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@FAST
@given(st.text(alphabet="\x1b[]0;m\x07\\a@ \u202e"))
def test_printable_holds_no_escape_of_nested_sequences(text: str) -> None:
    """Removing one sequence never puts another one together."""
    assert "\x1b" not in printable(text)


def test_printable_cuts_a_long_line_with_a_mark() -> None:
    """A cut line says that it was cut."""
    assert printable("x" * 1000, 10) == "xxxxxxxxx…"


@pytest.mark.parametrize("unit", ["x", "/", "//a", "\x1b[", "\x1b]", "sig=", "password ", "\x00", "bearer "])
def test_printable_takes_no_time_over_a_megabyte(unit: str) -> None:
    """A line of a megabyte is no way to stall a report."""
    started = time.monotonic()
    printable(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 8  # a quadratic pattern would take minutes


def test_printable_masks_a_secret_that_an_escape_sequence_parts() -> None:
    """A coloured `sig=` is still a signature."""
    assert printable("?si\x1b[1mg=abcdef") == "?sig=***"


def test_printable_masks_a_password_whose_end_is_cut_off() -> None:
    """The `@` that tells a password may come after the cut."""
    text = " " * 300 + "http://user:hunter2-" + "x" * 40 + "@proxy.example"
    assert "hunter2" not in printable(text, 40)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("a\x1b[1mb", "ab"),
        (b"a\x00", "b'a\\x00'"),
        (("a", 1), ["a", 1]),
        ({"k\x00": {"n": ["\u202ex"]}}, {"k": {"n": ["x"]}}),
        ([1] * 100, [1] * 40),
        ({str(i): i for i in range(100)}, {str(i): i for i in range(60)}),
    ],
)
def test_safe_is_ready_for_json(value: object, expected: object) -> None:
    """Evidence is strings, numbers and lists of bounded size, and valid JSON."""
    assert sanitize_json(value) == expected
    assert json.dumps(sanitize_json(value), allow_nan=False)


@pytest.mark.parametrize(
    "text",
    [
        "##vso[task.setvariable variable=x]y",
        "ok ##VSO[task.complete result=Succeeded]",
        "##[add-mask]x",
        "#\x1b[0m#vso[task.prependpath]/tmp",
        "###[error]",
    ],
)
def test_no_text_is_a_command_to_a_ci_systems_log(text: str) -> None:
    """Azure Pipelines and GitHub run these wherever they stand in a line that is printed."""
    assert not re.search(r"(?i)##(vso)?\[", printable(text))
    assert "[" in printable(text)
