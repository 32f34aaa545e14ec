"""What a control carries: references to others, and commands to copy with placeholders that the page fills in."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_compliance.catalogue.controls import PRODUCT_FOLDERS, BrokenReference, load_catalogue
from selftests.builders.product import ROOT

CATALOGUE = load_catalogue(ROOT)
COMMANDS = [c for each in CATALOGUE.values() for c in (*each.commands.guest, *each.commands.azure)]
PRODUCT = [p for folder in ("backup_compliance", *PRODUCT_FOLDERS) for p in sorted((ROOT / folder).rglob("*.py"))]
NAMED = re.compile(r"\bAVB-\d{3}\b")
REASONS = {"Undetermined", "Unreadable", "Failure"}
OWN = """
from backup_compliance.catalogue.controls import TROUBLESHOOTING_2016, control

@control("AVB-590", cause=5, source=TROUBLESHOOTING_2016, remediation="none", {first})
def test_one(): assert True

@control("AVB-591", cause=5, source=TROUBLESHOOTING_2016, remediation="none", {second})
def test_two(): assert True
"""


def test_placeholders_are_those_that_are_filled_in() -> None:
    """Any other would stand in the reader's shell as it is."""
    found = {name for line in COMMANDS for name in re.findall(r"\{([a-z]+)\}", line)}
    assert found == {"subscription", "group", "vm", "endpoint"}


def test_commands_are_whole_shell_words() -> None:
    """No quote is left open, and what changes something says `az` or `sudo`."""
    for line in COMMANDS:
        assert shlex.split(line), line
        assert "\n" not in line


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ('breaks=("AVB-599",)', "", r"AVB-590 \(.*/test_own.py::test_one\): breaks names AVB-599, which is no control"),
        ("", 'see=("AVB-590", "AVB-599")', "AVB-591 .*: see names AVB-599, which is no control"),
        ('breaks=("AVB-591",)', 'breaks=("AVB-590",)', "in a circle: AVB-59"),
        ('breaks=("AVB-590",)', "", "in a circle: AVB-590 - AVB-590"),
    ],
    ids=["breaks", "see", "circle", "itself"],
)
def test_wrong_reference_is_found_before_anything_runs(tmp_path: Path, first: str, second: str, told: str) -> None:
    """A misspelt id would explain nothing without a word; a circle would leave a VM without any cause."""
    (tmp_path / "tests_guest").mkdir()
    (tmp_path / "tests_guest/test_own.py").write_text(OWN.format(first=first, second=second))
    with pytest.raises(BrokenReference, match=told):
        load_catalogue(tmp_path)


def test_control_needs_no_references_and_no_commands(tmp_path: Path) -> None:
    """A control of somebody's own explains nothing and is explained by nothing until it says so."""
    (tmp_path / "tests_guest").mkdir()
    (tmp_path / "tests_guest/test_own.py").write_text(OWN.format(first="", second='breaks=("AVB-590",)'))
    assert load_catalogue(tmp_path)["AVB-591"].breaks == ("AVB-590",)


def test_remediation_sends_the_reader_to_what_it_sees() -> None:
    """An id in the words of a remediation is a reference, and references are data."""
    for each in CATALOGUE.values():
        assert set(NAMED.findall(f"{each.remediation} {each.windows_remediation}")) <= set(each.see), each.id


@pytest.mark.parametrize("path", PRODUCT, ids=lambda p: str(p.relative_to(ROOT)))
def test_ids_are_of_controls_that_exist(path: Path) -> None:
    """A control that was renamed or struck is named nowhere any more."""
    assert set(NAMED.findall(path.read_text())) <= set(CATALOGUE)


def _reasons(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REASONS:
            yield node


@pytest.mark.parametrize("path", PRODUCT, ids=lambda p: str(p.relative_to(ROOT)))
def test_reason_that_names_a_control_carries_its_id(path: Path) -> None:
    """Causes follow `see`, never the words of a message."""
    for call in _reasons(path):
        words, *others = map(ast.unparse, [*call.args, *(k.value for k in call.keywords)])
        assert set(NAMED.findall(words)) <= set(NAMED.findall(" ".join(others))), words
