"""The damage is done: each line and field, in each way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from selftests.builders.arm import subscription
from selftests.builders.recordings import ubuntu
from selftests.builders.windows_recordings import windows
from selftests.proof.damage import GARBAGE, damaged_json, damaged_output

DOCUMENT = {"value": [{"id": "/x", "count": 3, "on": False, "tags": {}}]}


def copies(document: Any) -> dict[tuple[str, str], Any]:
    """Every damaged copy, by edit and place."""
    return {(d.edit, d.place): json.loads(made()) for d, made in damaged_json(document, "list")}


def test_every_field_is_removed_null_empty_and_garbled() -> None:
    """Of a document with two levels; what would change nothing is left out, and nothing else."""
    found = copies(DOCUMENT)
    fields = ("id", "count", "on", "tags")
    every = {(e, f"list/value/*/{f}") for e in ("remove", "null", "empty", "garble") for f in fields}
    every |= {(e, p) for e in ("remove", "null", "empty", "garble") for p in ("list/value", "list/value/*")}
    every |= {(e, "list") for e in ("null", "empty", "garble")}
    assert set(found) == every - {("empty", "list/value/*/tags")}
    assert found["remove", "list/value/*"] == {"value": []}
    assert found["null", "list/value/*/on"]["value"][0]["on"] is None
    assert found["empty", "list/value"] == {"value": []}
    assert found["garble", "list/value/*/count"]["value"][0]["count"] == GARBAGE


def test_damage_leaves_the_document_itself_alone() -> None:
    """Copies share what they do not change."""
    before = json.dumps(DOCUMENT)
    assert all(copy != DOCUMENT for copy in copies(DOCUMENT).values())
    assert json.dumps(DOCUMENT) == before


def test_every_document_of_the_sample_is_reached() -> None:
    """Each scalar and each container of a whole subscription."""
    for kind, text in subscription().recorded().documents.items():
        document = json.loads(text)
        places = [d.place for d, _ in damaged_json(document, kind) if d.edit == "garble"]
        assert len(places) == _nodes(document), kind


def _nodes(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_nodes, inner))


@pytest.mark.parametrize("output", [ubuntu().output(), windows().output()], ids=["linux", "windows"])
def test_every_line_of_a_recording_is_damaged(output: bytes) -> None:
    """Each part and line, of either system; every copy differs from the recording."""
    lines = [x.strip() for x in output.decode("latin-1").split("\n") if x.strip()]
    headings = [x.split(" ", 1)[1] for x in lines if x.startswith("avb-5a11ab1e ")]
    plain = {x[:200] for x in lines if not x.startswith("avb-")}
    found = list(damaged_output(output))
    assert {d.place for d, _ in found if d.edit == "remove part"} == set(headings)
    assert {d.place.split(": ", 1)[1] for d, _ in found if d.edit == "remove line"} == plain
    assert all(made() != output for _, made in found)


def test_words_values_and_json_of_a_line_are_damaged() -> None:
    """What stands behind a sign, each word, and each field of JSON behind a path."""
    recording = ubuntu().put("python", 'key=the value\n/x/41.status:[{"code": 1}]')
    found = {(d.edit, d.place): made().decode() for d, made in damaged_output(recording.output())}
    place = "python: key=the value"
    assert "\nkey=\n" in found["empty after =", place]
    assert "\nkey=null\n" in found["null after =", place]
    assert f"\nkey=the {GARBAGE}\n" in found["garble word 1", place]
    assert '/x/41.status:[{"code": null}]' in found["null /*/code", 'python: /x/41.status:[{"code": 1}]']
