"""Tokens for ARM and Azure Monitor: from the environment, or from whatever azure-identity finds; kept in memory only."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import DefaultAzureCredential

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.sanitize import printable
from backup_compliance.platform.arm.clouds import CloudEndpoint

TOKEN_VARIABLE: Final = "ARM_ACCESS_TOKEN"  # noqa: S105  # the name of it
METRICS_TOKEN_VARIABLE: Final = "METRICS_ACCESS_TOKEN"  # noqa: S105  # likewise


class NoToken(ClientAuthenticationError):
    """The environment holds no token for one audience, though it holds one for ARM."""


class OneToken:
    """A credential that asks another one once for each audience, however many clients and threads want to know.

    Raises what that one raises. Never prints, logs or keeps a token anywhere but in memory.
    """

    def __init__(self, source: TokenCredential) -> None:
        self._source = source
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """The token for `scopes`; a new one shortly before the old one ends, or where ARM asks for `claims`."""
        with self._lock:
            found = self._tokens.get(scopes)
            if found is None or claims is not None or found.expires_on - time.time() < 300:
                found = self._source.get_token(*scopes, claims=claims, **options)
                self._tokens[scopes] = found
            return found


class GivenTokens:
    """Tokens by scope that the environment holds already; nobody but who put them there knows how long they last."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002  # azure-core's signature
        """The token for a scope; raises `NoToken`: a token for one service is no business of another's."""
        token = self._tokens.get(scopes[0], "")
        if not token:
            audience = scopes[0].removesuffix("/.default")
            raise NoToken(
                f"{TOKEN_VARIABLE} is for ARM only; set {METRICS_TOKEN_VARIABLE} too (az account get-access-token --resource {audience})"
            )
        return AccessToken(token, int(time.time()) + 86400)


def find_credential(endpoint: CloudEndpoint, environment: Mapping[str, str] = os.environ) -> OneToken:
    """The token in `ARM_ACCESS_TOKEN`, or whatever azure-identity finds; asked once, so that none is known before reading.

    Raises:
        ConfigurationError: there is no credential, or it gives no token for this cloud.
    """
    given = {endpoint.metrics_scope: _given(METRICS_TOKEN_VARIABLE, environment)}
    given[endpoint.scope] = _given(TOKEN_VARIABLE, environment)  # which goes for both where the audience is one
    try:
        source = GivenTokens(given) if given[endpoint.scope] else DefaultAzureCredential(authority=endpoint.authority)
        credential = OneToken(source)
        credential.get_token(endpoint.scope)
    except (AzureError, ValueError) as error:
        told = printable(str(error), 300)
        raise ConfigurationError(
            f"no token for {endpoint.url}: sign in (`az login`), use a managed identity or set {TOKEN_VARIABLE}: {told}"
        ) from None
    return credential


def _given(variable: str, environment: Mapping[str, str]) -> str:
    found = environment.get(variable, "").strip()
    if found and not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", found):
        raise ConfigurationError(f"{variable} holds no bearer token: blanks, quotes or other signs are in it")
    return found
