"""Requests to ARM: which ones leave, at what pace, how often again, with whose token."""

from __future__ import annotations

import base64
import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from azure.mgmt.network.models import RouteTable
from werkzeug import Request, Response

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.platform.arm import credentials
from backup_compliance.platform.arm.client import Clients, Connection, open_clients, open_session
from backup_compliance.platform.arm.clouds import CloudEndpoint, endpoint_of
from backup_compliance.platform.arm.credentials import TOKEN_VARIABLE, OneToken, find_credential
from backup_compliance.platform.arm.pace import ArmLimits, Pace, Waiting
from backup_compliance.platform.arm.policies import Refused
from backup_compliance.platform.arm.queries import ArmQuery, take_reply
from backup_compliance.platform.arm.query_runner import Answers, QueryRunner
from selftests.builders.arm import SUBSCRIPTION, subscription
from selftests.builders.arm_simulator import TOKEN, Answer, ArmSimulator, body, error, linked, reply, serving

IPS = "/publicIPAddresses$"


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Takes no time."""
        self.slept.append(seconds)
        self.now += seconds

    def waiting(self, jitter: float = 0.0) -> Waiting:
        """For `ArmLimits`."""
        return Waiting(lambda: self.now, self.sleep, lambda: jitter)


def clients(simulator: ArmSimulator, limits: ArmLimits) -> Clients:
    """The real clients, sent to the simulator."""
    return clients_at(endpoint_of("public", simulator.url), limits)


def clients_at(endpoint: CloudEndpoint, limits: ArmLimits) -> Clients:
    """The real clients of the sample subscription."""
    connection = Connection(endpoint, find_credential(endpoint), open_session(limits), limits)
    return open_clients(SUBSCRIPTION, connection)


def ask(simulator: ArmSimulator, limits: ArmLimits) -> int:
    """How many public addresses the list has."""
    return len(list(clients(simulator, limits).network.public_ip_addresses.list_all()))


def test_nothing_that_writes_leaves(simulator: ArmSimulator) -> None:
    """PUT, PATCH, DELETE and POSTs that act are refused before they are sent."""
    opened = clients(simulator, ArmLimits())
    with pytest.raises(Refused, match=r"DELETE .*/virtualMachines/sample may write"):
        opened.compute.virtual_machines.begin_delete("rg-sample", "sample")
    with pytest.raises(Refused, match=r"POST .*/virtualMachines/sample/deallocate may write"):
        opened.compute.virtual_machines.begin_deallocate("rg-sample", "sample")
    with pytest.raises(Refused, match="PUT"):
        opened.network.route_tables.begin_create_or_update("rg-sample", "x", RouteTable())
    assert simulator.asked == []


def test_unregistered_provider_is_never_registered(simulator: ArmSimulator) -> None:
    """The clients' own policy would POST /register, a write, and poll without end."""
    simulator.fail(IPS, error(409, "MissingSubscriptionRegistration"))
    with pytest.raises(HttpResponseError, match="MissingSubscriptionRegistration"):
        ask(simulator, ArmLimits())
    assert [a.method for a in simulator.asked] == ["GET"]


def test_no_other_host_ever_gets_the_token(simulator: ArmSimulator, tmp_path: Path) -> None:
    """A next link is a stranger's URL; a redirect is not followed at all."""
    with serving(tmp_path / "other", subscription()) as stranger:
        simulator.fail(IPS, linked(f"{stranger.url}/subscriptions/x"))
        simulator.fail("/natGateways$", lambda request: reply({}, 307, Location=stranger.url))
        with pytest.raises(Refused, match="another host"):
            ask(simulator, ArmLimits())
        with pytest.raises(HttpResponseError):
            list(clients(simulator, ArmLimits()).network.nat_gateways.list_all())
        assert stranger.asked == []


@pytest.mark.parametrize(
    "link",
    [
        "https://127.0.0.1:{port}\\@localhost:{port}/subscriptions/x",
        "https://localhost:{port}@127.0.0.1:{port}/subscriptions/x",
        "https://x:y@localhost:{port}/subscriptions/x",
        "https://127.0.0.1:{port}/subscriptions/x",
        "https://localhost:{port}\t@127.0.0.1/x",
        "https://[localhost:{port}/x",
        "http://localhost:{port}/x",
    ],
)
def test_links_that_are_read_in_two_ways_are_not_followed(simulator: ArmSimulator, link: str) -> None:
    """Who checks a URL and who connects to it must see the same host in it."""
    simulator.fail(IPS, linked(link.format(port=simulator.url.rpartition(":")[2])), times=1)
    with pytest.raises((Refused, ValueError)):
        ask(simulator, ArmLimits(waiting=Time().waiting()))
    assert {host for host, _ in simulator.shown} == {"localhost"}
    assert len(simulator.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(simulator: ArmSimulator, status: int) -> None:
    """Twice refused, then answered: the caller sees the answer, after growing pauses."""
    moments = Time()
    simulator.fail(IPS, error(status, "Busy"), times=2)
    assert ask(simulator, ArmLimits(waiting=moments.waiting())) == 1
    assert simulator.count(IPS) == 3
    assert moments.slept == [0.5, 1.0]


UNSUPPORTED = "The supported api-versions are '2015-06-15, 2023-09-01, 2024-05-01, 2024-07-01-preview, 2099-01-01'."


def only(version: str, code: str, message: str) -> Answer:
    """A cloud that knows one version of an operation."""

    def answer(request: Request) -> Response:
        if request.args["api-version"] == version:
            return reply({"value": [{"id": version}]})
        return reply({"error": {"code": code, "message": f"No such version here. {message}"}}, 400)

    return answer


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("NoRegisteredProviderFound", UNSUPPORTED),
        ("InvalidApiVersionParameter", UNSUPPORTED.replace("api-versions", "versions")),
        ("InvalidResourceType", UNSUPPORTED),
    ],
)
def test_cloud_that_lags_behind_is_asked_in_a_version_that_it_knows(
    simulator: ArmSimulator, code: str, message: str
) -> None:
    """The newest stable one that is older than the client's; for good, so that it is found out once."""
    simulator.fail(IPS, only("2024-05-01", code, message))
    opened = clients(simulator, ArmLimits())
    for _ in range(2):
        assert len(list(opened.network.public_ip_addresses.list_all())) == 1
    asked = [a.query["api-version"] for a in simulator.asked]
    assert asked[0] > "2025"
    assert asked[1:] == ["2024-05-01", "2024-05-01"]


def test_urls_that_a_reply_gave_stay_as_they_are(simulator: ArmSimulator) -> None:
    """Further pages and results of operations may be signed, version included."""
    simulator.fail(IPS, only("2024-05-01", "NoRegisteredProviderFound", UNSUPPORTED))
    opened = clients(simulator, ArmLimits())
    list(opened.network.public_ip_addresses.list_all())
    mine = simulator.asked[0].query["api-version"]
    page = (
        f"{simulator.url}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/publicIPAddresses?api-version={mine}"
    )
    simulator.start(subscription())
    simulator.fail(IPS, linked(f"{page}&$skiptoken=0&s=signed"), times=1)
    list(opened.network.public_ip_addresses.list_all())
    assert [a.query["api-version"] for a in simulator.asked] == ["2024-05-01", mine]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("NoRegisteredProviderFound", "Nothing is offered."),
        ("NoRegisteredProviderFound", "The supported api-versions are '2099-01-01, 2024-05-01-preview'."),
        ("NoRegisteredProviderFound", "The supported api-versions are '2024-05-01&x=y'."),
        ("NoRegisteredProviderFound", "The supported api-versions are '2024-06-01'."),
        ("NoRegisteredProviderFound", "The supported api-versions are '2015-06-15, 2023-11-01'."),
        ("BadRequest", UNSUPPORTED),
    ],
    ids=["none", "newer-or-preview", "garbled", "refused-again", "too-old", "other-refusal"],
)
def test_refusal_without_a_version_to_take_is_a_refusal(simulator: ArmSimulator, code: str, message: str) -> None:
    """Asked twice at most."""
    simulator.fail(IPS, only("2024-05-01", code, message))
    with pytest.raises(HttpResponseError, match=code):
        ask(simulator, ArmLimits())
    assert simulator.count(IPS) <= 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_stays_is_asked_once(simulator: ArmSimulator, status: int) -> None:
    """Even with Retry-After, which azure-core would honour for any of them."""
    moments = Time()
    simulator.fail(IPS, error(status, "No", Retry_After="5"))
    with pytest.raises(HttpResponseError):
        ask(simulator, ArmLimits(waiting=moments.waiting()))
    assert (simulator.count(IPS), moments.slept) == (1, [])


@pytest.mark.parametrize(
    ("asked", "waits"), [("7", 7), ("3600", 60), ("0", 0.5), ("gibberish", 0.5), ("Fri, 31 Dec 2100 23:59:59 GMT", 60)]
)
def test_retry_after_is_honoured_up_to_a_cap(simulator: ArmSimulator, asked: str, waits: float) -> None:
    """A minute at most, with a little jitter, so that not all come back at once."""
    moments = Time()
    simulator.fail(IPS, error(429, "TooManyRequests", Retry_After=asked), times=1)
    ask(simulator, ArmLimits(waiting=moments.waiting(0.5)))
    assert sum(moments.slept) == pytest.approx(waits + 0.5 if waits > 0.5 else 0.75 if asked != "0" else 0.5)


def test_retries_end(simulator: ArmSimulator) -> None:
    """After so many, or as soon as the next pause would exceed the budget; the last answer counts."""
    simulator.fail(IPS, error(503, "ServerBusy", Retry_After="50"))
    moments = Time()
    with pytest.raises(HttpResponseError, match="ServerBusy"):
        ask(simulator, ArmLimits(waiting=moments.waiting()))
    assert (simulator.count(IPS), moments.slept) == (5, [50] * 4)
    moments = Time()
    with pytest.raises(HttpResponseError):
        ask(simulator, ArmLimits(wait_budget=120, waiting=moments.waiting()))
    assert moments.slept == [50, 50]


def test_reading_post_is_retried_without_retry_after(simulator: ArmSimulator) -> None:
    """azure-core leaves a POST that met 429 alone unless it is told when to come back."""
    moments = Time()
    simulator.fail("listNetworkManager", error(429, "TooManyRequests"), times=2)
    opened = clients(simulator, ArmLimits(waiting=moments.waiting()))
    opened.network.list_network_manager_effective_security_admin_rules("rg-sample", "sample-net", {})
    assert simulator.count("listNetworkManager") == 3


def test_throttled_request_holds_the_others_back(simulator: ArmSimulator) -> None:
    """What ARM says to one it means for all of the subscription."""
    moments = Time()
    pace = Pace(ArmLimits(waiting=moments.waiting()))
    pace.take()
    pace.hold(30)
    pace.take()
    pace.take()
    assert moments.slept == [30]


def test_pace_is_that_of_arms_bucket() -> None:
    """250 at once, 25 a second after that; ARM's own lower count wins."""
    moments = Time()
    pace = Pace(ArmLimits(waiting=moments.waiting()))
    for _ in range(250):
        pace.take()
    assert moments.slept == []
    for _ in range(100):
        pace.take()
    assert moments.now - 1000 == pytest.approx(100 / 25)
    moments.now += 60
    pace.learn(2)
    moments.slept.clear()
    for _ in range(3):
        pace.take()
    assert moments.slept == [pytest.approx(1 / 25)]


def test_connection_that_fails_is_tried_again_and_a_strange_certificate_is_not(
    simulator: ArmSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting makes no certificate better."""
    moments = Time()
    limits = ArmLimits(waiting=moments.waiting())
    closed = CloudEndpoint("https://localhost:1", "https://localhost:1/.default", "")
    opened = clients_at(closed, limits)
    with pytest.raises(ServiceRequestError):
        list(opened.network.route_tables.list_all())
    assert len(moments.slept) == 4
    moments.slept.clear()
    with serving(tmp_path / "other", subscription()):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other" / "ca.pem"))
        with pytest.raises(ServiceRequestError, match="certificate"):
            ask(simulator, limits)
    assert moments.slept == []


def test_netrc_does_not_take_the_place_of_the_token(
    simulator: ArmSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requests` would put a user and password of ~/.netrc over the bearer token."""
    (tmp_path / "netrc").write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert ask(simulator, ArmLimits()) == 1


def test_revoked_token_is_renewed_once(simulator: ArmSimulator) -> None:
    """ARM may take back a token before its time and say what the next one must prove."""
    claims = base64.b64encode(b'{"access_token": {}}').decode()
    asks = f'Bearer error="insufficient_claims", claims="{claims}"'
    simulator.fail(IPS, error(401, "TokenCreatedWithOutdatedPolicies", WWW_Authenticate=asks), times=1)
    assert ask(simulator, ArmLimits()) == 1
    assert simulator.count(IPS) == 2


def test_no_token_is_logged(simulator: ArmSimulator, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where somebody logs everything."""
    caplog.set_level(logging.DEBUG)
    simulator.fail(IPS, error(500, "InternalServerError"), times=1)
    ask(simulator, ArmLimits(waiting=Time().waiting()))
    assert "publicIPAddresses" in caplog.text
    assert TOKEN not in caplog.text


def test_proxy_of_the_environment_is_used(simulator: ArmSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, and nothing goes past it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ServiceRequestError, match="proxy"):
        ask(simulator, ArmLimits(waiting=Time().waiting()))
    assert simulator.asked == []


def test_one_token_serves_all_threads() -> None:
    """Asked for once for each audience; again when it is about to end, or when ARM wants claims."""
    given: list[tuple[tuple[str, ...], object]] = []

    class Source:
        def get_token(self, *scopes: str, claims: str | None = None, **_: object) -> AccessToken:
            given.append((scopes, claims))
            return AccessToken("t", int(time.time()) + (100 if scopes == ("short",) else 3600))

    credential = OneToken(Source())
    threads = [threading.Thread(target=credential.get_token, args=("long",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given == [(("long",), None)]
    credential.get_token("long", claims="c")
    credential.get_token("short")
    credential.get_token("short")
    assert given[1:] == [(("long",), "c"), (("short",), None), (("short",), None)]


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("public", "management.azure.com"),
        ("china", "management.chinacloudapi.cn"),
        ("usgov", "management.usgovcloudapi.net"),
    ],
)
def test_clouds_have_their_own_endpoint_and_audience(cloud: str, host: str) -> None:
    """As Microsoft's library knows them."""
    found = endpoint_of(cloud)
    assert found.url == f"https://{host}"
    assert found.scope.startswith("https://management.")
    assert found.authority.startswith("login.")


@pytest.mark.parametrize(
    "url",
    [
        *("http://arm.example", "arm.example", "https://", "https://user:pw@arm.example", ""),
        *("https://[x", "https://arm.example:abc", "https://arm.example:99999"),
    ],
)
def test_endpoint_must_be_https(url: str) -> None:
    """A token in the clear is anybody's."""
    with pytest.raises(ConfigurationError, match="--arm-endpoint"):
        endpoint_of("public", url)
    with pytest.raises(ConfigurationError, match="--metrics-endpoint"):
        endpoint_of("public", None, url)
    assert endpoint_of("public", "https://arm.example:444/x/").scope == "https://arm.example:444/.default"


def test_missing_credential_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read, in one line."""

    class Nobody:
        def __init__(self, **_: object) -> None: ...

        def get_token(self, *_: str, **__: object) -> AccessToken:
            raise CredentialUnavailableError("nobody\nis signed in")

    monkeypatch.setattr(credentials, "DefaultAzureCredential", Nobody)
    with pytest.raises(ConfigurationError, match=r"az login.*ARM_ACCESS_TOKEN: nobody is signed in"):
        find_credential(endpoint_of("public"), {})


def test_token_that_is_none_is_not_repeated() -> None:
    """A header with a line break would fail deep down, and print the secret."""
    secret = f"abc{random.randint(10**6, 10**7)}"
    with pytest.raises(ConfigurationError) as caught:
        find_credential(endpoint_of("public"), {TOKEN_VARIABLE: f"{secret}\nX: y"})
    assert secret not in str(caught.value)


def test_odd_replies_reach_whoever_asked(simulator: ArmSimulator) -> None:
    """The policies judge status codes only."""
    simulator.fail(IPS, body("<html>", kind="text/html"))
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        ask(simulator, ArmLimits())


def test_first_question_is_answered_while_further_ones_are_thought_of() -> None:
    """Thousands of machines take seconds to go through, in which nobody would be asked anything."""
    answered, answers = threading.Event(), Answers()

    def first() -> list[bytes]:
        answered.set()
        return [b"1"]

    def questions() -> Iterator[tuple[Answers, ArmQuery]]:
        yield answers, ArmQuery("vaults", (), first)
        assert answered.wait(20)
        yield answers, ArmQuery("vaults", (), lambda: [b"2"])

    QueryRunner(lambda done, of: None, ArmLimits()).ask(questions())
    assert answers.entries == {"vaults": [b"1", b"2"]}


def test_client_that_keeps_its_reply_is_no_empty_list() -> None:
    """Another version of a package may call no hook."""
    with pytest.raises(Unreadable, match="kept its reply to itself"):
        take_reply(lambda raw_response_hook: None, lambda status, text: None)
