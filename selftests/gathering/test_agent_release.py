"""--refresh: asked over verified HTTPS, remembered, and never in the way when offline."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import trustme
from pytest_httpserver import HTTPServer

from backup_compliance.catalogue.baselines import load_baseline
from backup_compliance.gathering import agent_release as releases
from backup_compliance.gathering.agent_release import (
    NotRefreshed,
    Release,
    cached_release,
    fetch_newest_release,
    with_release,
)

ANSWER = [
    {"tag_name": "v2.9.1.1"},
    {"tag_name": "v2.16.0.4", "prerelease": True},
    {"tag_name": "v2.15.1.3", "draft": False},
    {"tag_name": "WALinuxAgent-2.0.18"},
    {"tag_name": "nightly"},
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no proxy between it and loopback."""
    file = tmp_path / "cache/release.json"
    monkeypatch.setattr(releases, "cache_file", lambda: file)
    monkeypatch.setenv("NO_PROXY", "localhost")
    return file


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    """An HTTPS server whose CA the test trusts."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with HTTPServer(host="localhost", port=0, ssl_context=context, threaded=True) as running:
        yield running


def test_newest_release_is_found_by_number_and_kept(server: HTTPServer, cache: Path) -> None:
    """Versions compare as numbers; drafts, previews and other tags do not count."""
    server.expect_request("/releases").respond_with_json(ANSWER)
    release = fetch_newest_release(server.url_for("/releases"))
    assert release == Release("2.15.1.3", datetime.now(UTC).date())
    assert cached_release() == release
    assert cache.is_file()


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"[]"), (200, b"<html>"), (200, b"[]"), (200, b'{"a": 1}'), (403, b"rate limit")]
)
def test_useless_answer_is_said_so(server: HTTPServer, status: int, body: bytes) -> None:
    """Another shape, an error and an empty list are all told as such, and nothing is kept."""
    server.expect_request("/releases").respond_with_data(body, status)
    with pytest.raises(NotRefreshed):
        fetch_newest_release(server.url_for("/releases"))
    assert cached_release() is None


def test_untrusted_certificate_is_refused(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose certificate does not verify is not believed."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    server.expect_request("/releases").respond_with_json(ANSWER)
    with pytest.raises(NotRefreshed, match="SSLError"):
        fetch_newest_release(server.url_for("/releases"))


def test_offline_is_said_so() -> None:
    """No connection: the caller goes on with what the baseline knows."""
    with pytest.raises(NotRefreshed, match="ConnectionError"):
        fetch_newest_release("https://localhost:9/releases")


@pytest.mark.parametrize("text", [None, "", "{", '{"version": "new", "checked_on": "2026-01-01"}', '{"version": 3}'])
def test_damaged_cache_counts_as_none(cache: Path, text: str | None) -> None:
    """A cache that cannot be read is no cache."""
    if text is not None:
        cache.parent.mkdir()
        cache.write_text(text)
    assert cached_release() is None


def test_release_only_ever_raises_what_is_known() -> None:
    """An older answer from the cache does not lower the baseline's value; a newer one brings its day along."""
    known = load_baseline("documented").thresholds
    assert with_release(known, None) is known
    assert with_release(known, Release("2.2.0.0", date(2026, 1, 1))) is known
    newer = with_release(known, Release("99.1", date(2026, 10, 1)))
    assert (newer.linux_agent_newest, newer.linux_agent_newest_date) == ("99.1", date(2026, 10, 1))
