"""What `make bench` makes of its parts; no part is measured here."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftests.bench import __main__ as bench
from selftests.bench import results
from selftests.bench.results import Figure, Section


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of figures that is nobody's."""
    found = tmp_path / "bench.json"
    monkeypatch.setattr(bench, "FILE", found)
    monkeypatch.setattr(results, "FILE", found)
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return found


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (Figure("x", 1.2), True),
        (Figure("x", 1.2, at_most=1.2), True),
        (Figure("x", 1.3, at_most=1.2), False),
        (Figure("x", 9.9, at_least=10), False),
        (Figure("x", float("nan"), at_most=1.2), False),
    ],
)
def test_target_can_be_missed(figure: Figure, *, kept: bool) -> None:
    """Also by what is no number."""
    assert figure.kept is kept
    assert ("MISSED" in str(figure)) is not kept


def test_section_is_kept_in_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside those of other parts; 1 where a target was missed."""
    assert results.finish(Section("one", "nothing", (Figure("x", 1.0, at_most=2),))) == 0
    assert results.finish(Section("two", "nothing", (Figure("y", 3.0, at_most=2),))) == 1
    assert {name: each["kept"] for name, each in results.recorded().items()} == {"one": True, "two": False}
    assert "MISSED" in capsys.readouterr().out


def test_part_that_crashes_is_no_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Python ends with 1 as well, and leaves no figure."""
    monkeypatch.setattr(bench, "PARTS", ("no_such_part",))
    assert bench.main() == 1
    assert "FAILED no_such_part" in capsys.readouterr().out
