"""Secrets taken out of text, and nothing else with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.guest.recording import mask_output
from backup_compliance.model.masking import LAYERS, SECRET_NAMES, mask_secrets, may_hold_secrets

FAST = settings(deadline=None, database=None, max_examples=200)
SECRET: Final = "Zk7vQ"
"""What is planted; no other text of these tests holds it."""


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


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # one layer of JSON: the quote that ends a value and its backslash are no part of it
        (
            r'{"m": "GET \"https://a.example/b?sig=abc\" failed"}',
            r'{"m": "GET \"https://a.example/b?sig=***\" failed"}',
        ),
        (
            r'{"u": "https://a.example/?v=1\u0026sig=abc\u0026se=2"}',
            r'{"u": "https://a.example/?v=1\u0026sig=***\u0026se=2"}',
        ),
        (r'{"u": "https:\/\/user:hunter2@a.example\/b"}', r'{"u": "https:\/\/***@a.example\/b"}'),
        (r'{"u": "https://a.example/?\u0073ig=abc"}', r'{"u": "https://a.example/?\u0073ig=***"}'),
        (r'{"password": "two words and a \" quote", "a": 1}', '{"password": "***", "a": 1}'),
        (r'{"pass\u0077ord": "hunter2"}', r'{"pass\u0077ord": "***"}'),
        ('{"password": 271828, "secret": null, "a": 1}', '{"password": "***", "secret": null, "a": 1}'),
        (
            '{"secret": {"id": "x", "key": ["y", "z"]}, "a": "b"}',
            '{"secret": {"id": "***", "key": ["***", "***"]}, "a": "b"}',
        ),
        # two layers
        (r'{"m": "{\"password\": \"hunter2\", \"n\": 1}"}', r'{"m": "{\"password\": \"***\", \"n\": 1}"}'),
        (r'{"m": "{\"password\": 271828}"}', r'{"m": "{\"password\": \"***\"}"}'),
        (
            r'{"m": "[{\"u\": \"?v=1\\u0026sig=abc\\u0026se=2\"}]"}',
            r'{"m": "[{\"u\": \"?v=1\\u0026sig=***\\u0026se=2\"}]"}',
        ),
        # a file of any kind: the escape is none, the backslash belongs to the password
        (r"http://DOMAIN\nick:hunter2@proxy.example", "http://***@proxy.example"),
        (r"password=ab\ncd", "password=***"),
        (r"password=ab\\cd", "password=***"),
        # what stands behind a name that says nothing more is JSON's own
        ('{"a": "my password=", "b": "kept"}', '{"a": "my password=", "b": "kept"}'),
        (r'{"a": "say \"password\":", "b": "kept"}', r'{"a": "say \"password\":", "b": "kept"}'),
        # an odd quote before it
        ('a 5" disk: {"password": "two words"}', 'a 5" disk: {"password": "***"}'),
        ('"password": hunter2 and more', '"password": "***" and more'),
    ],
)
def test_mask_secrets_leaves_json_whole(text: str, masked: str) -> None:
    """A mask takes whole characters of the layer that holds the secret, never a quote or half an escape."""
    assert mask_secrets(text) == masked


PLANTED: Final = (
    f"https://a.example/c?sv=1&sig={SECRET}%2B&se=2",
    f"http://user:{SECRET}@proxy.example:3128/x",
    f"http://{SECRET}@proxy.example",
    f"Authorization: Bearer {SECRET}abcdefgh",
    f"AccountKey={SECRET}==;EndpointSuffix=x",
    f'x_token="{SECRET} {SECRET}"',
    f"password = {SECRET}",
)
WORDS = st.text(max_size=8) | st.sampled_from(
    ["a\\b", 'a "b" c', "a\nb", "C:\\new\\users", "https://a.example/b", "a=b&c=d", "{", "password", "sig="]
)
TEXTS = (
    WORDS
    | st.sampled_from(PLANTED)
    | st.tuples(WORDS.map(lambda w: w.replace('"', "")), st.sampled_from(PLANTED)).map(" ".join)
)
NAMED = st.tuples(st.sampled_from([*SECRET_NAMES, "adminPassword", "x_TOKEN"]), WORDS.map(lambda w: f"{w}{SECRET}{w}"))


def escaped(document: Any) -> str:
    """JSON as encoders write it that trust no reader: every sign that some other language reads is escaped."""
    text = json.dumps(document)
    return (
        text.replace("&", "\\u0026").replace("/", "\\/").replace("'", "\\u0027").replace(":\\/\\/", ":\\u002f\\u002F")
    )


ENCODERS: Final[tuple[Callable[[Any], str], ...]] = (
    json.dumps,
    lambda document: json.dumps(document, ensure_ascii=False),
    lambda document: json.dumps(document, separators=(",", ":")),
    lambda document: json.dumps(document, indent=1),
    escaped,
)


def members(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects: ordinary members, and some whose name says that they are secret."""
    secret = st.lists(NAMED, max_size=2).map(dict)
    return st.tuples(st.dictionaries(st.text(max_size=5), values, max_size=3), secret).map(
        lambda both: {**both[0], **both[1]}
    )


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists and objects of `inner`, and the JSON of them as a text."""
    values = TEXTS | st.integers() | st.none() | st.booleans() | inner
    plain = members(values) | st.lists(values, max_size=3)
    return plain | st.tuples(plain, st.sampled_from(ENCODERS)).map(lambda both: both[1](both[0]))


DOCUMENTS = st.recursive(members(TEXTS), deeper, max_leaves=12)


def parsed(value: Any, layer: int = 0) -> Any:
    """A document with every text in it that is JSON parsed too."""
    if isinstance(value, dict):
        return {k: parsed(v, layer) for k, v in value.items()}
    if isinstance(value, list):
        return [parsed(v, layer) for v in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return ("JSON", parsed(json.loads(value), layer + 1))
        except ValueError:
            return value
    return value


def same_shape(before: Any, after: Any) -> bool:
    """Whether two parsed documents differ in their texts only; what was a value of a secret name may be a text now."""
    if isinstance(before, dict) and isinstance(after, dict):
        return list(before) == list(after) and all(same_shape(before[k], after[k]) for k in before)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(same_shape, before, after))
    return isinstance(after, str) or before == after


@settings(FAST, max_examples=600)
@given(DOCUMENTS, st.lists(st.sampled_from(ENCODERS), min_size=1, max_size=6))
def test_no_secret_stays_in_json_and_json_stays_json(document: Any, encoders: list[Callable[[Any], str]]) -> None:
    """JSON inside of JSON, up to five layers around the document and those that are in it."""
    text = document
    for encode in encoders:
        text = {"substatus": encode(text), "code": 0}
    line = "/var/lib/waagent/x/status/1.status:" + json.dumps(text)
    masked = mask_output(line.encode()).decode()
    assert SECRET not in masked
    before, after = (parsed(json.loads(each.partition(":")[2])) for each in (line, masked))
    assert same_shape(before, after)


@FAST
@given(st.text(alphabet="\\\"/u0026nsig=password:[]{},' \n&@x", max_size=80))
def test_any_text_is_masked_once(text: str) -> None:
    """Broken JSON and odd quotes end in a text; masking it again changes no more of it."""
    once = mask_secrets(text)
    assert mask_secrets(once).count("\n") == text.count("\n")


@FAST
@given(st.text(alphabet='\\"/u0026abc:[]{},=& ', max_size=60), st.sampled_from(PLANTED), st.text(max_size=10))
def test_a_secret_is_found_in_the_middle_of_anything(before: str, planted: str, after: str) -> None:
    """What surrounds it may be cut JSON, a path of Windows or a quote too many."""
    assert SECRET not in mask_secrets(f"{before} {planted} {after}")


def test_mask_secrets_looks_into_every_layer_it_promises() -> None:
    """A signature in the innermost of as many documents as are looked into."""
    text = f"?sig={SECRET}"
    for _ in range(LAYERS - 1):
        text = json.dumps({"m": text + ' "quoted"'})
    assert SECRET not in mask_secrets(text)


@pytest.mark.parametrize("text", ["x", r"C:\windows\temp", "a=b", '{"a": "b"}', "Straße", "the design=good"])
def test_text_without_a_telling_word_is_left_as_it_is(text: str) -> None:
    """The ordinary case is not taken apart."""
    assert mask_secrets(text) is text


@pytest.mark.parametrize("text", ["?sig=x", "//u@h", "Bearer abcdefgh", "password=x", r'"\u0073ig=x"', "ſecret=x"])
def test_bytes_that_may_hold_secrets_are_told(text: str) -> None:
    """Whoever looks before masking must not miss what masking finds."""
    assert mask_secrets(text) != text
    assert may_hold_secrets(text.encode())


def test_mask_secrets_changes_nothing_twice() -> None:
    """Recordings are masked by the probe and by the reader."""
    once = mask_secrets('http://u:p@h/?sig=abc password=x {"password": 5}')
    assert mask_secrets(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        "/",
        "//a",
        "sig=",
        "password ",
        "bearer ",
        '"',
        "\\",
        '\\"',
        "\\u0041",
        '"sig=',
        '"password":',
        '"secret":[',
        'ä"',
    ],
)
def test_mask_secrets_takes_no_time_over_a_long_line(unit: str) -> None:
    """A line of quotes is no way to stall a report: time grows with the text and not with its square."""
    started = time.monotonic()
    mask_secrets(unit * (300_000 // len(unit)))
    assert time.monotonic() - started < 10  # a quadratic pattern would take minutes
