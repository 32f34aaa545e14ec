"""Support logs: what leaves a guest, what stands in the archive, and what a hostile guest can do with either."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from backup_compliance.gathering.support_logs import (
    ARCHIVE_LIMIT,
    SCRIPT,
    Fetched,
    SupportLog,
    collect_logs,
    logs_command,
    mask_log,
    member_name,
    take,
)
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import ReadLimits
from backup_compliance.model.recorded import Problem, RecordedGuest
from selftests.builders.fake_guest import FILES, SECRET, build
from selftests.builders.product import ROOT, judge
from selftests.builders.programs import each_of
from selftests.builders.recordings import ubuntu

PEM = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
LOGS: dict[str, str | bytes] = {
    "var/lib/waagent/Certificates.xml": f"<Data>{SECRET}</Data>",
    "var/lib/waagent/0A1B.prv": PEM,
    "var/lib/waagent/TransportCert.pem": PEM,
    "var/lib/waagent/GoalState.1.xml": f'<G>{{"protectedSettings":"{SECRET}","x":1}}&quot;protectedSettings&quot;: &quot;{SECRET}&quot;</G>',
    "var/lib/waagent/SharedConfig.xml": f"<ProtectedSettings>\n{SECRET}\n</ProtectedSettings>",
    "var/log/waagent.log": f"2026 INFO agent\nGET https://a/b?sv=1&sig={SECRET}&x=1\nhttps%3A%2F%2Fa%3Fsig%3D{SECRET}%26x\n{PEM}after\n",
    "var/log/azure/VMSnapshotLinux/extension.log": "snapshot failed\n",
    "var/log/azure/VMSnapshotLinux/server.key": PEM,
    "var/log/azure/odd\n/etc/passwd": "x",
}


def run_script(root: Path, shell: str = "sh", start: int = 0) -> bytes:
    """What the script prints on a tree."""
    environment = {"PATH": os.environ["PATH"], "AVB_ROOT": str(root), "AVB_FROM": str(start)}
    done = subprocess.run([*shell.split(), str(SCRIPT)], env=environment, capture_output=True, timeout=60)
    assert done.stderr == b""
    return done.stdout


def sent(files: dict[str, bytes], end: str = "done") -> bytes:
    """What a guest sends with these files."""
    lines = ["avb-logs 1"]
    for name, content in files.items():
        lines += [f"file {len(content)} {name}", base64.b64encode(gzip.compress(content)).decode(), "end-file"]
    return "\n".join([*lines, end, ""]).encode()


def fetched(output: bytes) -> Fetched:
    """What one answer comes to."""
    entry = Fetched()
    take(entry, RecordedGuest("web01", output))
    return entry


@pytest.mark.parametrize("shell", each_of("dash", "busybox ash", "mksh", "bash"))
def test_no_secret_leaves_the_guest(tmp_path: Path, shell: str) -> None:
    """Keys and certificates are not read; settings and signatures are masked before anything is sent."""
    output = run_script(build(tmp_path, LOGS), shell)
    names, raw = [], b""
    for block in output.decode().split("file ")[1:]:
        head, _, rest = block.partition("\n")
        names.append(head.partition(" ")[2])
        raw += gzip.decompress(base64.b64decode(rest.partition("end-file")[0]))
    assert names == [
        "/var/lib/waagent/ExtensionsConfig.1.xml",
        "/var/lib/waagent/GoalState.1.xml",
        "/var/lib/waagent/SharedConfig.xml",
        "/var/log/azure/VMSnapshotLinux/extension.log",
        "/var/log/waagent.log",
    ]
    assert output.endswith(b"done\n")
    # an element of several lines is masked by the second pass, before anything is kept
    assert raw.count(SECRET.encode()) == 1
    assert SECRET not in mask_log(raw.decode())
    assert b"after" in raw
    assert b"snapshot failed" in raw


def test_script_changes_nothing(tmp_path: Path) -> None:
    """No file is written, touched or left behind."""
    build(tmp_path, LOGS)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    run_script(tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_long_logs_come_in_rounds_and_only_their_end(tmp_path: Path) -> None:
    """What a command may answer is bounded: the newest lines of each file come, the next command goes on."""
    noise = {f"var/log/azure/{n}.log": base64.b64encode(os.urandom(600_000)) + b"\nthe end %d\n" % n for n in range(3)}
    build(tmp_path, noise)
    entry = fetched(run_script(tmp_path))
    rounds = 1
    while entry.more is not None:
        assert rounds < 10
        take(entry, RecordedGuest("web01", run_script(tmp_path, start=entry.more)))
        rounds += 1
    assert rounds > 1
    ends = [c.splitlines()[-1] for n, c in entry.files.items() if n.startswith("var/log/azure/")]
    assert sorted(ends) == [b"the end 0", b"the end 1", b"the end 2"]
    assert max(len(c) for c in entry.files.values()) > 500_000


@pytest.mark.parametrize(
    "text",
    [
        f"<ProtectedSettings>\n{SECRET}\n</ProtectedSettings>",
        f"<ProtectedSettings id='1'>{SECRET}",
        f'"protectedSettings": "{SECRET}"',
        f'\\"protectedSettings\\":\\"{SECRET}\\"',
        f"'protectedSettings': '{SECRET}'",
        f"&quot;protectedSettings&quot;:&quot;{SECRET}&quot;",
        f"-----BEGIN CERTIFICATE-----\n{SECRET}",
        f"https://a/b?sig={SECRET}",
        f"https%3A%2F%2Fa%3Fsig%3D{SECRET}",
        f"http://user:{SECRET}@proxy",
    ],
)
def test_archive_is_masked_once_more(text: str) -> None:
    """A guest's own masking is not believed."""
    assert (
        SECRET
        not in fetched(sent({"/var/log/waagent.log": f"a {text} b".encode()})).files["var/log/waagent.log"].decode()
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/var/log/waagent.log", "var/log/waagent.log"),
        ("/../../etc/passwd", "etc/passwd"),
        ("..", "unnamed"),
        ("a/../\u202e\x1b[31m/b", "a/___31m/b"),
        ("C:\\windows", "C:_windows"),
    ],
)
def test_names_stay_in_the_archive(path: str, name: str) -> None:
    """No step upwards, no absolute path, no odd sign."""
    assert member_name(path) == name


def test_hostile_answer_is_bounded() -> None:
    """A bomb is unpacked to its limit; a full archive, damaged data and a counter that stands still end the fetching."""
    bomb = fetched(sent({"/bomb": b"0" * 40_000_000}))
    assert bomb.size <= 8_000_000
    entry = Fetched(size=ARCHIVE_LIMIT)
    take(entry, RecordedGuest("web01", sent({"/late": b"x"}, "more 3")))
    assert (entry.files, entry.more) == ({}, None)
    assert fetched(b"avb-logs 1\nfile 3 /x\n!!!\nend-file\nmore 0\n").notes == ["damaged: /x"]
    assert fetched(sent({}, "more 0")).more is None


def test_guest_that_sends_nothing_says_why() -> None:
    """The connection's own problem, or that there are none."""
    entry = Fetched()
    take(entry, RecordedGuest("web01", b"", problem=Problem("it refused the connection")))
    assert entry.notes == ["not fetched: it refused the connection"]


def test_logs_come_over_testinfra_into_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the guests that are wanted and no other, readable for its owner only."""
    build(tmp_path / "root", LOGS)
    command = f"AVB_ROOT={tmp_path / 'root'} {logs_command(0)}"
    monkeypatch.setattr("backup_compliance.gathering.support_logs.logs_command", lambda start: command)
    targets = [Target("local", "local://", "local"), Target("other", "local://x", "local")]
    (log,) = collect_logs(targets, {"local"}, {}, ReadLimits(2, 30), tmp_path)
    assert log == SupportLog(host="local", file="logs/local.tar.gz", told=log.told)
    assert log.told.startswith("5 files")
    path = tmp_path / log.file
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        names = archive.getnames()
        member = archive.extractfile("local/var/log/waagent.log")
        assert member is not None
        assert SECRET.encode() not in member.read()
    assert "local/var/log/azure/VMSnapshotLinux/extension.log" in names
    assert len(names) == len(set(names)) == 5


SSH = """#!/bin/sh
case "$*" in *AVB_FROM*) cat "$ANSWERS/logs" ;; *good*) cat "$ANSWERS/good" ;; *) cat "$ANSWERS/bad" ;; esac
"""


def test_run_links_the_logs_of_guests_with_a_failed_control(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the failed one only, below the reports, in the page and in the document."""
    tool = tmp_path / "bin/ssh"
    tool.parent.mkdir()
    tool.write_text(SSH)
    tool.chmod(0o755)
    (tmp_path / "good").write_bytes(ubuntu("sample", 4).output())
    (tmp_path / "bad").write_bytes(ubuntu("sample", 5).edit("units", ("Restart=always", "Restart=no")).output())
    (tmp_path / "logs").write_bytes(sent({"/var/log/waagent.log": b"the agent's own words"}))
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ANSWERS", str(tmp_path))
    judged = judge(pytester, "--hosts=ssh://good,ssh://bad", "--collect-logs")
    (log,) = judged.document.logs
    assert (log.host, log.file) == ("bad", "logs/bad.tar.gz")
    with tarfile.open(judged.folder / log.file) as archive:
        assert archive.getnames() == ["bad/var/log/waagent.log"]
    assert f'<a href="{log.file}">bad</a>' in (judged.folder / "compliance.html").read_text()


def test_logs_of_recorded_facts_are_a_usage_error(pytester: pytest.Pytester) -> None:
    """There is nobody to ask."""
    judged = judge(pytester, f"--facts={ROOT / 'samples/facts'}", "--collect-logs")
    assert judged.status == 4
    assert "--collect-logs: there is no guest to fetch them from" in judged.text


def test_fake_guest_has_secrets_to_leave_behind() -> None:
    """The negative tests above have a subject."""
    assert sum(SECRET in str(content) for content in (*FILES.values(), *LOGS.values())) > 10
