"""Mutants of a few lines: what is changed, what is left alone, and what is made of their number."""

from __future__ import annotations

import pytest

from selftests.proof import mutants
from selftests.proof.coverage_map import Ran
from selftests.proof.mutation import Mutant, mutants_of

SOURCE = '''"""A module."""
from x import printable

LIMIT = 3
KINDS = frozenset({"one", "two"})
NAMES = {"a": 1, "b": 2}


def judge(value: "str | None", rows: list[int] = ()) -> str | None:
    """Says `5 == 6`."""
    if value is None or not rows:
        raise Unreadable("nothing was read", "collect again")
    if value.lower() == "none" and len(rows) > LIMIT:
        return f"{value} has {len(rows) + 1} rows"
    rows.sort()
    kept = [r for r in rows if r % 2]
    return printable(value, 40) if any(kept) else None
'''


def found(source: str = SOURCE) -> dict[str, str]:
    """`old -> new` of every mutant, with its kind."""
    return {f"{m.old} -> {m.new}": m.kind for m in mutants_of("x", source)}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("value is None -> (value is not None)", "comparison"),
        ("value is None or not rows -> (value is None and (not rows))", "and, or"),
        ("value is None or not rows -> (not rows)", "operand"),
        ("not rows -> (rows)", "not"),
        ("len(rows) > LIMIT -> (len(rows) >= LIMIT)", "comparison"),
        ("value.lower() -> (value)", "method"),
        ("""value.lower() == "none" -> (value.lower() == 'XXnone')""", "word"),
        ("3 -> 4", "constant"),
        ("""{"one", "two"} -> ({'two'})""", "element"),
        ("""{"a": 1, "b": 2} -> ({'b': 2})""", "entry"),
        ("rows.sort() -> pass", "statement"),
        ("r % 2 -> True", "filter"),
        ("any(kept) -> (all(kept))", "function"),
        ('return f"{value} has {len(rows) + 1} rows" -> return None', "return"),
        ('raise Unreadable("nothing was read", "collect again") -> pass', "statement"),
    ],
)
def test_what_decides_is_changed(change: str, kind: str) -> None:
    """Comparisons, conditions, operands, words, tables, statements, results."""
    assert found().get(change) == kind


@pytest.mark.parametrize(
    "text", ["collect again'", "XXnothing", "40 ->", "5 ==", "rows) + 1 ->", "A module", "list[int]"]
)
def test_what_only_people_read_is_left_alone(text: str) -> None:
    """Messages, how much of a text is shown, docstrings, annotations."""
    assert not [
        change
        for change, kind in found().items()
        if text in change.split(" -> ")[0] + " ->" and kind in ("word", "constant", "operator")
    ]


def test_mutants_apply_to_their_own_text_and_stay_python() -> None:
    """Each one differs from the source in one place, also behind letters of several bytes."""
    source = SOURCE.replace('"one"', '"größer", "one"')
    for mutant in mutants_of("x", source):
        changed = mutant.apply(source)
        assert changed != source
        compile(changed, "x", "exec")
    with pytest.raises(AssertionError):
        mutants_of("x", SOURCE)[0].apply(f"# {SOURCE}")


def test_lines_of_a_table_in_one_text_are_taken_out() -> None:
    """Tables are written so, too; a docstring is none."""
    lines = [m for m in mutants_of("x", 'T = table("""\n  a | b\n  c | d\n""")\n') if m.kind == "table line"]
    assert [m.old for m in lines] == ["  a | b\n", "  c | d\n"]


def test_seed_draws_the_same_mutants() -> None:
    """And another seed others; every room has its share."""
    every = mutants.all_mutants()
    one, two = (mutants.drawn(every, 300, 1) for _ in range(2))
    assert one == two
    assert one != mutants.drawn(every, 300, 2)
    assert {m.module.rsplit("/", 1)[0] for m in every} == set(mutants.ROOMS)
    for each in two[:60]:
        compile(each.apply((mutants.PACKAGE / f"{each.module}.py").read_text()), each.module, "exec", dont_inherit=True)


def test_accepted_mutants_are_there_and_have_reasons() -> None:
    """Who changes the line takes the entry out."""
    identities = {m.identity for m in mutants.all_mutants()}
    for identity, reason in mutants.accepted().items():
        assert identity in identities
        assert len(reason) > 10, identity


def mutant(line: int = 3, module: str = "guest/linux/leases") -> Mutant:
    """One that is never applied."""
    return Mutant(module, 0, 1, "b", "constant", line, "f", "a", "a")


def test_mirror_is_asked_first_and_expensive_files_last() -> None:
    """Only files that run the line, within the time that a mutant has."""
    runs = [
        Ran("judging/test_two_sides.py", "", True, 50.0, {"guest/linux/leases": [3]}),
        Ran("guest/test_decisions.py", "", True, 3.0, {"guest/linux/leases": [3, 4]}),
        Ran("guest/linux/test_leases.py", "", True, 9.0, {"guest/linux/leases": [3]}),
        Ran("guest/linux/test_agent.py", "", True, 1.0, {"guest/linux/leases": [4]}),
        Ran("report/test_write.py", "", False, 1.0, {"guest/linux/leases": [3]}),
        Ran("plugin/test_hooks.py", "", True, 90.0, {"guest/linux/leases": [3]}),
    ]
    first, rest = mutants.Order(runs).files(mutant())
    assert [r.file for r in first] == ["guest/linux/test_leases.py", "guest/test_decisions.py"]
    assert [r.file for r in rest] == ["judging/test_two_sides.py"]


def test_score_leaves_out_what_is_accepted_and_bounds_it() -> None:
    """95 of 100 that count, and not more than one in twenty accepted."""
    some = [mutant(n) for n in range(400)]
    good = mutants.Result(some[:285], some[285:297], some[297:300])
    assert (round(good.score, 3), good.holds) == (0.96, True)
    assert not mutants.Result(some[:270], some[270:290], some[290:300]).holds
    assert not mutants.Result(some[:280], [], some[280:300]).holds
