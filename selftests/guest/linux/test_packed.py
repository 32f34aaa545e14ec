"""`probe.sh packed`: readings in numbers that fit Run Command's last 4,096 bytes, put together from one file."""

from __future__ import annotations

import base64
import gzip
import json
import random
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.linux.packed import PackedReading, join
from backup_compliance.guest.linux.probe import PROBE
from backup_compliance.guest.probe_output import Part, ProbeOutput
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.packing import pack, pack_all
from selftests.builders.product import ROOT
from selftests.builders.programs import each_of
from selftests.builders.recordings import EPOCH, EXTENSION, WORD, Recording, debian, red_hat, suse, ubuntu

FAST = settings(deadline=None, database=None, max_examples=200)
RUN_COMMAND = 4096
SPARED = RUN_COMMAND * 9 // 10
SAMPLES = [p for p in sorted((ROOT / "samples/facts/guests").glob("*.txt")) if b"avb-probe 1 end" in p.read_bytes()]


def noise(size: int, seed: int = 0) -> str:
    """Text that packs badly: an address or an id for every other word."""
    drawn = random.Random(seed)
    return "".join(drawn.choice("0123456789abcdefghijklmnop -_/=") for _ in range(size))


def large(seed: int = 0, size: int = 900) -> Recording:
    """A guest with network files, several leases and a long status: too much for one answer of Run Command."""
    guest = ubuntu("large").put(
        "leases", "\n".join(f"/var/lib/dhcp/dhclient.leases:  renew {n} {noise(20, n)};" for n in range(60))
    )
    guest = guest.put("extension", f"{guest.parts['extension']}\n{EXTENSION}/status/42.status:{noise(size, seed)}")
    return guest.put("config", f"{guest.parts['config']}\n/etc/network/interfaces:iface eth0 {noise(1500)}")


LARGE = large()


def contents(output: ProbeOutput) -> list[tuple[str, str]]:
    """Headings and texts, in order of the headings."""
    return sorted((" ".join(p.words), p.text) for p in output.parts)


def read(*outputs: bytes) -> ProbeOutput:
    """The reading behind several outputs in one file."""
    return parse_output(b"".join(outputs))


def numbered(reading: Recording, number: int, start: str = "", stop: str = "") -> bytes:
    """One number as the probe prints it."""
    parts = {k: v for k, v in reading.parts.items() if k == "meta" or (start <= k and (not stop or k < stop))}
    text = Recording({**parts, "packed": f"number={number}\nfrom={start}\nnext={stop}"}).output()
    return f"\navb-probe 1 packed {number}\n{base64.b64encode(gzip.compress(text)).decode()}\navb-probe 1 packed end {number}\n".encode()


def again(reading: Recording, seconds: int = 60, word: str = "avb-00000002") -> Recording:
    """The same guest a little later: another clock, other counters; `word` is that of its frame."""
    meta = reading.parts["meta"].replace(str(EPOCH), str(EPOCH + seconds)).replace("86400.12", f"{86400 + seconds}.3")
    return Recording({k: v.replace(WORD, word) for k, v in {**reading.parts, "meta": meta}.items()})


@pytest.mark.parametrize("shell", each_of("dash", "bash --posix", "busybox sh", "mksh"))
def test_numbers_hold_everything_in_every_shell(shell: str) -> None:
    """Each leaves a tenth of what Run Command returns free."""
    outputs = pack_all(LARGE.output(), shell)
    assert len(outputs) > 1
    assert max(map(len, outputs)) <= SPARED
    assert contents(read(*outputs)) == contents(parse_output(LARGE.output()))


@pytest.mark.parametrize("awk", each_of("mawk", "gawk", "busybox awk"))
def test_numbers_hold_everything_with_every_awk(awk: str) -> None:
    """Comparing headings is comparing texts in all of them."""
    outputs = [pack(LARGE.output(), str(number), awk=awk) for number in (1, 2, 3)]
    assert contents(read(*outputs)) == contents(parse_output(LARGE.output()))


@pytest.mark.parametrize("guest", [ubuntu(), red_hat(), debian(), suse()])
def test_small_reading_is_one_output_without_a_number(guest: Recording) -> None:
    """One call is enough, and its form is the one that there has always been."""
    printed = pack(guest.output())
    assert printed.startswith(b"\navb-probe 1 packed\n")
    assert pack(guest.output(), "1") == printed
    assert len(printed) <= SPARED
    assert contents(parse_output(printed)) == contents(parse_output(guest.output()))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_samples_fit_run_command(path: Path) -> None:
    """Every sample guest, in as many numbers as it takes."""
    assert max(map(len, pack_all(path.read_bytes()))) <= SPARED


def test_number_beyond_the_last_says_so_and_does_no_harm() -> None:
    """A fleet is asked for as many numbers as its largest guest has."""
    small = ubuntu().without("extension")
    printed = pack(small.output(), "2")
    assert printed == b"probe.sh: there is no packed 2, the reading ends with packed 1\n"
    assert contents(read(pack(small.output(), "1"), printed)) == contents(parse_output(small.output()))


@pytest.mark.parametrize("number", ["0", "x", "-1", "100", "1;ls"])
def test_number_that_is_none_is_refused(number: str) -> None:
    """Before anything is read."""
    with pytest.raises(subprocess.CalledProcessError):
        pack(b"", number)


def test_part_too_large_for_run_command_is_left_out_and_says_so() -> None:
    """The controls that need it are errors with a way out; all others are judged."""
    guest = large(size=9000)
    outputs = pack_all(guest.output())
    assert max(map(len, outputs)) <= SPARED
    output = read(*outputs)
    with pytest.raises(
        Unreadable, match=r"part 'extension' takes [0-9]{4,5} bytes packed, more than Run Command returns"
    ):
        output.one("extension")
    assert output.one("config").text == parse_output(guest.output()).one("config").text


@pytest.mark.parametrize("change", [-30, -3, 3, 30])
def test_readings_that_differ_a_little_leave_no_gap(change: int) -> None:
    """Each call reads anew: counters, times and a line more or less shift where a number ends."""
    for size in range(700, 1500, 200):
        first, second = large(size=size), large(seed=1, size=size + change)
        later = again(second.put("processes", second.parts["processes"] + "\nprocess 9 waagent"))
        outputs = [pack(first.output())]
        while b"more follows" in outputs[-1]:
            outputs.append(pack(later.output(), str(len(outputs) + 1)))
        assert {" ".join(p.words) for p in read(*outputs).parts} == set(first.parts)


def run_command(output: bytes) -> bytes:
    """What `az vm run-command invoke` prints around a script's output."""
    message = f"Enable succeeded: \n[stdout]\n{output.decode()}\n[stderr]\n"
    return (
        json.dumps(
            {"value": [{"code": "ProvisioningState/succeeded", "message": message, "time": None}]}, indent=2
        ).encode()
        + b"\n"
    )


GUEST = ubuntu()
ONE, TWO = numbered(GUEST, 1, stop="goal-state"), numbered(again(GUEST), 2, start="goal-state")
WRAPPINGS = {
    "one behind the other": ONE + TWO,
    "the other way round": TWO + ONE,
    "with prompts": b"# sh probe.sh packed\n" + ONE + b"# sh probe.sh packed 2\n" + TWO,
    "two answers of Run Command": run_command(ONE) + run_command(TWO),
    "an answer and an output by hand": run_command(ONE) + TWO,
    "an output by hand and an answer": ONE + run_command(TWO),
    "two answers, CRLF": (run_command(ONE) + run_command(TWO)).replace(b"\n", b"\r\n"),
    "two answers, UTF-16": (run_command(ONE) + run_command(TWO)).decode().encode("utf-16"),
    "an answer without an output between": run_command(ONE) + run_command(b"probe.sh: there is no packed 4") + run_command(TWO),
    "an earlier number 2": numbered(again(GUEST, -60), 2, start="goal-state") + ONE + TWO,
    "a number left over": numbered(again(GUEST, -60), 3, start="x") + ONE + TWO,
    "more than they need": numbered(GUEST, 1, stop="interface") + TWO,
    "a whole one, then number 2": pack(GUEST.output()) + TWO,
    "a bare one, then number 2": GUEST.output() + TWO,
}  # fmt: skip


@pytest.mark.parametrize("data", WRAPPINGS.values(), ids=list(WRAPPINGS))
def test_numbers_are_put_together_from_one_file(data: bytes) -> None:
    """Appended by hand or by `>>`, as texts or as the JSON of Run Command."""
    output = parse_output(data)
    assert {" ".join(p.words) for p in output.parts} == set(GUEST.parts)
    assert output.one("meta").pairs()["epoch"] == str(EPOCH)


def test_oldest_time_counts() -> None:
    """The facts are as old as the oldest of them."""
    output = read(numbered(again(GUEST, 300), 1, stop="goal-state"), numbered(GUEST, 2, start="goal-state"))
    assert output.one("meta").pairs()["epoch"] == str(EPOCH)


def test_whole_output_behind_numbers_counts_alone() -> None:
    """Who appends to a recording means the newer one."""
    assert read(ONE, TWO, again(GUEST, 600).output()).one("meta").pairs()["epoch"] == str(EPOCH + 600)


def test_heading_is_taken_from_one_reading_only() -> None:
    """Where two numbers overlap, the first speaks: what it does not hold was not there when it was read."""
    first = GUEST.without("goal-state")
    output = read(numbered(first, 1, stop="interface"), numbered(again(GUEST), 2, start="files"))
    assert output.all("goal-state") == []
    assert len(output.all("files")) == 1


OTHER = ubuntu("other", 9)
REFUSED = {
    "number 2 is missing": (ONE, r"packed 2 is missing \(run sh probe.sh packed 2 there"),
    "number 1 is missing": (TWO, r"packed 1 is missing \(run sh probe.sh packed 1 there"),
    "number 2 of three is missing": (numbered(GUEST, 1, stop="files") + numbered(GUEST, 3, start="memory"), "packed 2 is missing"),
    "number 2 without its beginning": (ONE + TWO[30:], "the beginning of packed 2 is missing"),
    "number 2 without its beginning, alone": (TWO[30:], "the beginning of packed 2 is missing"),
    "number 2 without its end": (ONE + TWO[:-40], "packed 2 stops before its end"),
    "a damaged number": (ONE + TWO.replace(b"H4sI", b"H4sJ"), "the packed output is damaged"),
    "another guest's": (ONE + numbered(OTHER, 2, start="goal-state"), "hostname is sample and other"),
    "another kernel's": (ONE + numbered(GUEST.edit("meta", ("1021-azure", "1022-azure")), 2, start="goal-state"), "kernel is .*1021.* and .*1022"),
    "another revision's": (ONE + numbered(GUEST.edit("meta", ("revision=2", "revision=9")), 2, start="goal-state"), "revision is 2 and 9"),
    "another machine's of one name": (ONE + numbered(GUEST.edit("meta", ("5a11ab1e-0000", "5a11ab1f-0000")), 2, start="goal-state"), "product-uuid is"),
    "two days later": (ONE + numbered(again(GUEST, 172_800), 2, start="goal-state"), "more than a day apart"),
    "a gap": (ONE + numbered(GUEST, 2, start="memory"), "the parts from 'goal-state' to 'memory' are in no number"),
    "a gap at the beginning": (numbered(GUEST, 1, start="files"), "the parts from the beginning to 'files' are in no number"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=list(REFUSED))
def test_numbers_that_do_not_fit_together_are_unreadable(data: bytes, message: str) -> None:
    """One error that says what is wrong and what to type."""
    with pytest.raises(Unreadable, match=message) as raised:
        parse_output(data)
    assert "sh probe.sh packed" in raised.value.remedy or "collect again" in raised.value.remedy


def test_bytes_of_two_readings_are_never_joined() -> None:
    """Half of one call's text and half of another's are no reading, whatever their frames say."""
    one, two = (base64.b64encode(gzip.compress(r.output())).decode() for r in (GUEST, again(GUEST)))
    spliced = f"\navb-probe 1 packed\n{one[:400]}{two[400:]}\navb-probe 1 packed end\n".encode()
    with pytest.raises(Unreadable):
        parse_output(spliced)


@FAST
@given(st.data())
def test_any_cuts_with_any_overlap_give_every_heading_once(data: st.DataObject) -> None:
    """A chain of ranges without a gap is whole, wherever they end."""
    headings = sorted(
        data.draw(
            st.sets(st.text("abcde /.", min_size=1, max_size=4).map(str.strip).filter(bool), min_size=1, max_size=12)
        )
    )
    edges = sorted(data.draw(st.sets(st.sampled_from(headings))))
    readings = {}
    for number, (start, stop) in enumerate(pairwise(["", *edges, ""]), 1):
        beyond = data.draw(st.sampled_from([h for h in headings if stop and h >= stop] or [stop]))
        parts = (Part(tuple(h.split(" ")), f"{number}") for h in headings if h >= start and (not beyond or h < beyond))
        readings[number] = PackedReading((Part(("meta",), "epoch=1"), *parts), start, beyond)
    joined = join(readings)
    assert sorted(" ".join(p.words) for p in joined) == sorted(["meta", *headings])


def test_probe_says_how_it_is_called() -> None:
    """The script's head is what somebody on the guest reads."""
    head = PROBE.read_text().partition("LC_ALL")[0]
    assert "sh probe.sh packed > NAME.txt" in head
    assert "sh probe.sh packed 2 >> NAME.txt" in head
