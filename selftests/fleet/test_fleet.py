"""Guests read by workers: a real scheduler and real workers on loopback, each with hosts of its own."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dask.config
import pytest

from backup_compliance.fleet.dask_engine import Call
from backup_compliance.fleet.messages import guest_order
from backup_compliance.fleet.worker import read_guest_here
from backup_compliance.gathering.check_access import check_access
from backup_compliance.gathering.live import Request, read_facts
from backup_compliance.guest.transport.hosts import parse_hosts_file
from backup_compliance.guest.transport.read import ReadLimits
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.platform.request import AzureRequest
from selftests.builders.arm import SUBSCRIPTION, subscription
from selftests.builders.arm_simulator import METRICS_TOKEN, TOKEN, ArmSimulator
from selftests.builders.fleet_nodes import QUICK, Nodes, make_nodes, wait_for
from selftests.builders.product import ROOT, arguments, judge
from selftests.builders.recordings import ubuntu

LIAR = ROOT / "selftests" / "builders" / "lying_worker.py"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, arm_server: ArmSimulator) -> Iterator[Nodes]:
    """West, south with two workers, and east, which also asks Azure and lies about some hosts; one without this package."""
    found = make_nodes(tmp_path_factory.mktemp("fleet"))
    azure = {"REQUESTS_CA_BUNDLE": str(arm_server.authority), "NO_PROXY": "localhost,127.0.0.1"}
    tokens = {"ARM_ACCESS_TOKEN": TOKEN, "METRICS_ACCESS_TOKEN": METRICS_TOKEN}
    found.start_worker("west", "segment-west", segment="west")
    lying = ("--preload", str(LIAR))
    held = ("segment-east", "segment-liars", "azure")
    found.start_worker("east", *held, segment="east", given=lying, variables={**azure, **tokens})
    for name in ("south1", "south2"):
        found.start_worker(name, "segment-south", segment="south", threads=1)
    found.start_worker("bare", "segment-bare", variables={"PYTHONPATH": ""})
    wait_for(lambda: found.log("scheduler").count("Register worker") == 5, 60)
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is waited for as long as in earnest."""
    with dask.config.set({f"backup-compliance.{name}": seconds for name, seconds in QUICK.items()}):
        yield


def _hosts(folder: Path, *lines: str) -> Path:
    file = folder / "hosts.txt"
    file.write_text("\n".join(lines))
    return file


def _read(nodes: Nodes, file: Path, timeout: float = 20) -> dict[str, RecordedGuest]:
    request = Request(parse_hosts_file(file), {}, ReadLimits(timeout=timeout), "", None, read_on=nodes.address)
    return {guest.name: guest for guest in read_facts(request, lambda line: None).guests}


def _missing(guest: RecordedGuest) -> str:
    assert guest.problem is not None
    return guest.problem.reason


def test_each_guest_is_read_in_its_segment(nodes: Nodes, tmp_path: Path) -> None:
    """One address in two segments is two hosts; one that its segment does not reach is an error of its own."""
    for segment in ("west", "east"):
        nodes.add_host(segment, "10.0.0.4", ubuntu().edit("meta", ("hostname=", f"hostname={segment}")).output())
    lines = ("10.0.0.4 segment=west", "10.0.0.4 segment=east", "ssh://root@only-here segment=west")
    found = _read(nodes, _hosts(tmp_path, *lines))
    assert {n: g.problem is None for n, g in found.items()} == {
        "10.0.0.4~west": True,
        "10.0.0.4~east": True,
        "only-here": False,
    }
    assert b"hostname=west" in found["10.0.0.4~west"].output
    assert b"hostname=east" in found["10.0.0.4~east"].output
    assert "there is no route to it" in _missing(found["only-here"])


def test_findings_are_those_of_a_direct_run(
    nodes: Nodes, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever read: the same facts, the same verdicts; and the run says who read."""
    nodes.add_host("west", "same", ubuntu().output())
    file = _hosts(pytester.path, "same segment=west")
    through = judge(pytester, f"--hosts-file={file}", f"--read-on={nodes.address}")
    for name, value in {**nodes.environment(), "SEGMENT": "west"}.items():
        monkeypatch.setenv(name, value)
    direct = judge(pytester, f"--hosts-file={file}")
    assert through.document.findings == direct.document.findings
    assert through.status == direct.status
    assert f"read 1 guest by workers of {nodes.address}" in through.text


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("nothing", "invalid reply from its worker"),
        ("number", "invalid reply from its worker"),
        ("words", "invalid reply from its worker"),
        ("more", "invalid reply from its worker"),
        ("other", "its worker answered for another host, somebody-else"),
        ("old", "its worker has azure-backup-compliance 0.0.1, this runner "),
        ("blank", "there is no output at all"),
        ("loud", "redred"),
        ("raises", "its worker failed: RuntimeError"),
        ("unpacked", "its worker failed: ModuleNotFoundError"),
    ],
)
def test_worker_that_lies_is_told_apart(nodes: Nodes, tmp_path: Path, host: str, told: str) -> None:
    """Whatever comes back in place of a reading is that host's error."""
    missing = _missing(_read(nodes, _hosts(tmp_path, f"{host} segment=liars"))[host])
    assert told in missing
    assert missing.isprintable()
    assert len(missing) <= 600


def test_worker_without_this_package_says_so(nodes: Nodes, tmp_path: Path) -> None:
    """With the version to install."""
    assert "lacks azure-backup-compliance 0." in _missing(_read(nodes, _hosts(tmp_path, "a segment=bare"))["a"])


def _reading(nodes: Nodes, file: Path, timeout: float = 20) -> tuple[threading.Thread, dict[str, RecordedGuest]]:
    """Reading in a thread of its own, and what it will have read."""
    found: dict[str, RecordedGuest] = {}
    thread = threading.Thread(target=lambda: found.update(_read(nodes, file, timeout)))
    thread.start()
    return thread, found


def test_another_worker_takes_over_from_one_that_dies(nodes: Nodes, tmp_path: Path) -> None:
    """And once the last one is dead too, exactly what was not read is an error."""
    names = [f"slow{n}" for n in range(5)]
    for name in names:
        nodes.add_host("south", name, ubuntu().output())
    nodes.add_host("west", "beside", ubuntu().output())
    file = _hosts(tmp_path, *(f"{name} segment=south" for name in names), "beside segment=west")
    thread, found = _reading(nodes, file)
    wait_for(lambda: len(nodes.asked("south")) == 2)  # one on each
    nodes.kill("south1")
    thread.join(20)
    assert [name for name, guest in found.items() if guest.problem is not None] == []
    assert len(nodes.asked("south")) == len(names) + 1  # the one that was under way there is read again

    seen = len(nodes.asked("south"))
    thread, found = _reading(nodes, file)
    wait_for(lambda: len(nodes.asked("south")) == seen + 3)  # two are read
    nodes.kill("south2")
    thread.join(10)
    unread = {name for name, guest in found.items() if guest.problem is not None}
    assert len(unread) == 3
    assert {_missing(found[name]) for name in unread} == {
        f"no worker with the resource segment-south is connected to {nodes.address}"
    }
    assert "beside" not in unread


def test_subscriptions_are_read_with_the_credential_of_a_worker(nodes: Nodes, arm_server: ArmSimulator) -> None:
    """What ARM says is the same, and this machine has no credential at all."""
    arm_server.start(subscription())
    azure = AzureRequest(
        subscriptions=[SUBSCRIPTION], arm_endpoint=arm_server.url, metrics_endpoint=arm_server.metrics_url
    )
    request = Request([], {}, ReadLimits(), "", None, azure, nodes.address)
    said: list[str] = []
    (found,) = read_facts(request, said.append).subscriptions
    assert "Azure is asked by workers with the resource azure, with their own credentials" in said
    assert len(found.documents) > 10
    assert check_access(request, said.append) == 0


def test_what_travels_is_names_and_the_probe(tmp_path: Path) -> None:
    """Of every file only its path."""
    key = tmp_path / "id"
    key.write_text("PRIVATE KEY")
    (target,) = parse_hosts_file(_hosts(tmp_path, "root@a segment=west"))
    order = guest_order(target, {"ssh_identity_file": str(key)}, "the probe", 7)
    packed = pickle.dumps(Call(read_guest_here, ("1", order)))
    assert b"PRIVATE KEY" not in packed
    assert order == {
        "name": "a",
        "spec": "ssh://root@a",
        "connection": "ssh",
        "segment": "west",
        "options": {"ssh_identity_file": str(key)},
        "command": "the probe",
        "timeout": 7,
    }


def test_segment_option_reads_its_hosts_only(
    nodes: Nodes, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the ids of the whole list, from a runner in that network: what a CI matrix does, and merges."""
    file = _hosts(pytester.path, "twin segment=west", "twin segment=east")
    for number, segment in enumerate(("west", "east")):
        nodes.add_host(segment, "twin", ubuntu(segment, number).output())
        for name, value in {**nodes.environment(), "SEGMENT": segment}.items():
            monkeypatch.setenv(name, value)
        judge(pytester, f"--hosts-file={file}", f"--segment={segment}", f"--save-facts={pytester.path}/all/{segment}")
    merged = judge(pytester, f"--facts={pytester.path}/all")
    assert {f.resource for f in merged.document.findings} == {"twin~west", "twin~east"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--read-on=tcp://127.0.0.1:9",), "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (("--read-on=http://127.0.0.1:9",), "is no scheduler's address"),
        (("--read-on=tcp://127.0.0.1:9", "--collect-logs"), "--collect-logs: logs are fetched from here only"),
        (("--read-on=tcp://127.0.0.1:9", "--hosts=local://"), "local:// would be whichever worker takes it"),
        (("--read-on=tcp://127.0.0.1:9", "--hosts=ssh://u:pw@b"), "the host spec of b holds a password"),
        (("--segment=north",), "--segment: no host is in 'north'; there are east, west"),
        ((), "a~east and a~west have one address in two segments"),
    ],
)
def test_wrong_usage_is_told_at_once(pytester: pytest.Pytester, given: tuple[str, ...], told: str) -> None:
    """In a line, without a traceback, and without a password."""
    file = _hosts(pytester.path, "a segment=east", "a segment=west")
    with dask.config.set({"backup-compliance.connect": 1}):
        run = judge(pytester, f"--hosts-file={file}", *given)
    assert run.status == pytest.ExitCode.USAGE_ERROR
    assert told in run.text
    assert "Traceback" not in run.text
    assert "pw" not in run.text


def test_without_dask_it_says_what_to_install(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    run = judge(pytester, "--hosts=a", "--read-on=tcp://127.0.0.1:9")
    assert "pip install '.[fleet]'" in run.text


def test_nothing_of_dask_is_loaded_unless_asked() -> None:
    """It takes most of a second, and logs."""
    code = "import sys, backup_compliance.plugin.hooks, backup_compliance.fleet.workers; print([m for m in sys.modules if m.startswith(('dask', 'distributed'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_run_of_its_own_is_quiet_and_leaves_nothing(nodes: Nodes, tmp_path: Path) -> None:
    """As users run it: nobody hears of Dask, each guest is asked once, no thread and no socket is left."""
    nodes.add_host("west", "once", ubuntu().output())
    file = _hosts(tmp_path, "once segment=west", "absent segment=west")
    given = arguments(tmp_path / "reports", f"--hosts-file={file}", f"--read-on={nodes.address}")
    command = [sys.executable, "-W", "always::ResourceWarning", "-m", "pytest", *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, env=nodes.environment())
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert nodes.asked("west").count("once") == 1
    assert done.stderr == ""
    assert "distributed" not in done.stdout


def test_interrupted_reading_ends_at_once(nodes: Nodes, tmp_path: Path) -> None:
    """Ctrl-C waits for no guest, and what is queued is not read any more."""
    for number in range(8):
        nodes.add_host("east", f"hang{number}", b"")
    file = _hosts(tmp_path, *(f"hang{n} segment=east" for n in range(8)))
    given = arguments(tmp_path / "reports", f"--hosts-file={file}", f"--read-on={nodes.address}", "--timeout=5")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *given], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    before = len(nodes.asked("east"))
    wait_for(lambda: len(nodes.asked("east")) >= before + 4)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = process.communicate(timeout=20)
    assert time.monotonic() - began < 4
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert b"Traceback" not in out
    assert len(nodes.asked("east")) == before + 4


def test_scheduler_that_dies_is_an_error_of_what_is_unread(nodes: Nodes, tmp_path: Path) -> None:
    """The last of these tests: nobody can be asked afterwards."""
    nodes.add_host("west", "hang", b"")
    before = len(nodes.asked("west"))
    thread, found = _reading(nodes, _hosts(tmp_path, "10.0.0.4 segment=west", "hang segment=west"))
    wait_for(lambda: len(nodes.asked("west")) >= before + 2)
    time.sleep(0.3)
    nodes.kill("scheduler")
    thread.join(10)
    assert found["10.0.0.4"].problem is None
    assert _missing(found["hang"]) == "the connection to the scheduler was lost"
