"""What becomes of tests whose programs are missing: no table gets shorter without a word, and CI skips nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from selftests.builders.browser import NAMES
from selftests.builders.product import ROOT
from selftests.builders.programs import COMPLETE, NEEDED, each_of, is_installed, needs

MISSING = "no-such-program"
OTHERS = {MISSING, "sh", "bash", "python3"}
"""What no list has to name: any machine that runs `.ci/run` has it."""


@pytest.fixture(autouse=True)
def incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of which nothing is asked, wherever this runs."""
    monkeypatch.delenv(COMPLETE, raising=False)


def test_missing_program_is_a_skip_that_names_it() -> None:
    """And nothing but what is missing."""
    assert needs("sh").args == (False,)
    mark = needs("sh", MISSING)
    assert (mark.args, mark.kwargs) == ((True,), {"reason": f"not installed: {MISSING}"})


def test_table_keeps_what_is_missing() -> None:
    """A shell that is not there is a parameter like all others, with a reason to skip it."""
    here, missing = each_of("sh -e", f"{MISSING} sh")
    assert (here.id, here.marks[0].args) == ("sh -e", (False,))
    assert missing.marks[0].kwargs["reason"] == f"not installed: {MISSING}"
    assert is_installed("sh -e")
    assert not is_installed(f"{MISSING} sh")


def test_missing_program_is_an_error_where_all_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a skip would be a test that nobody runs."""
    monkeypatch.setenv(COMPLETE, "1")
    assert needs("sh").args == (False,)
    with pytest.raises(RuntimeError, match=f"not installed: {MISSING}"):
        needs(MISSING)


def test_ci_installs_what_tests_need() -> None:
    """Every program that any test here asked for, and it insists on them."""
    text = (ROOT / ".ci/run").read_text()
    installed = set(re.findall(r"\b([a-z0-9]+):[a-z0-9-]+", text))
    assert {"ssh", "chromium"} <= installed
    assert {Path(p).name for p in NEEDED} - OTHERS - set(NAMES) <= installed
    assert f"{COMPLETE}=1 make test" in text


@pytest.mark.parametrize("path", sorted(ROOT.glob("selftests/test_*.py")), ids=lambda p: p.name)
def test_missing_programs_are_told_in_one_place(path: Path) -> None:
    """A test that asks for itself may drop a row of its table, or pass without having run."""
    asked = {n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)}
    assert "skipif" not in asked
    assert "which" not in asked or path.name == "test_read.py", "only for the full path of a shell"
