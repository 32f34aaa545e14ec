"""Text of guests made sanitize_json to print."""

from __future__ import annotations

import json
import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model import sanitize as untrusted
from backup_compliance.model.sanitize import mask_secrets, printable, sanitize_json

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
    mask_secrets(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 8  # a quadratic pattern would take minutes


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://a.example/c?sv=1&sig=Ab%2Bc%3D&se=2", "https://a.example/c?sv=1&sig=***&se=2"),
        ("https://a.example/c?SIG=abc", "https://a.example/c?SIG=***"),
        ("http://user:secret@proxy.example:3128", "http://***@proxy.example:3128"),
        ("http://user@proxy.example", "http://***@proxy.example"),
        ("Authorization: Bearer eyJ0eXAi.OiJKV1Qi", "Authorization: Bearer ***"),
        ("AccountKey=abc+/==;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
        ("SharedAccessKey = abc", "SharedAccessKey = ***"),
        ("password: hunter2", "password: ***"),
        ('password="hunter2"', 'password="***"'),
        ('{"password": "hunter2", "a": 1}', '{"password": "***", "a": 1}'),
        ("client_secret='abc'", "client_secret='***'"),
        ("the design=good, no password here", "the design=good, no password here"),
        ("see https://a.example/path and mail me@b.example", "see https://a.example/path and mail me@b.example"),
    ],
)
def test_mask_secrets_takes_out_values_and_leaves_their_names(text: str, masked: str) -> None:
    """What was a secret is seen, and what it was is not."""
    assert mask_secrets(text) == masked


def masked_by_all(text: str) -> str:
    """What the patterns alone make of a text, whatever words are in it."""
    for pattern, replacement in untrusted._SECRETS:
        text = pattern.sub(replacement, text)
    return text


WORDS = [*untrusted._TELLING, "password", "passwd", "PassWord", "Bearer ", "SIG=", "ApiKey", "ſecret", "toKen", "ſig="]
PIECES = st.one_of(st.sampled_from([*WORDS, "=", ":", "@", "/", "_", "'", " ", "abcdefgh"]), st.text(max_size=3))


@settings(FAST, max_examples=1000)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_mask_secrets_masks_what_its_patterns_mask(text: str) -> None:
    """Looking for telling words first is faster and changes nothing, letters that fold into ASCII included."""
    assert mask_secrets(text) == masked_by_all(text)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in untrusted._SECRETS], ids=lambda p: p.pattern[:24])
@FAST
@given(st.data())
def test_mask_secrets_looks_closer_at_every_text_that_a_pattern_matches(
    pattern: re.Pattern[str], data: st.DataObject
) -> None:
    """Whatever a pattern can match holds a telling word, or is not ASCII."""
    text = data.draw(st.from_regex(pattern))
    assert not text.isascii() or any(word in text.lower() for word in untrusted._TELLING)
    assert mask_secrets(text) == masked_by_all(text)


def test_mask_secrets_changes_nothing_twice() -> None:
    """Recordings are masked by the probe and by the reader."""
    once = mask_secrets("http://u:p@h/?sig=abc password=x")
    assert mask_secrets(once) == once


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
