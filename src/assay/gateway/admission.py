"""Who may come in: clients that show the key, where one is set; no web page of another site where none is."""

from __future__ import annotations

import hmac
import ipaddress
import os
from urllib.parse import urlsplit

from assay.config.schema import Serve
from assay.errors import ConfigError, RequestError
from assay.gateway.visit import Visit

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
"""What needs no key: it shows nothing of what was said or spent."""


class Admission:
    """The rule by which requests are let in.

    Args:
        serve: `api_key_env`, `allow_no_key` and the address.

    Raises:
        ConfigError: the key's variable is empty; or other machines could come in without a key.
    """

    def __init__(self, serve: Serve) -> None:
        self._key = _key_of(serve)
        if self._key is None and not serve.allow_no_key and not is_loopback(serve.host):
            raise ConfigError(
                f"serve.host = {serve.host!r} is reached by other machines, and no key is asked for: name a variable "
                "that holds one in serve.api_key_env, or say serve.allow_no_key = true"
            )

    @property
    def asks_key(self) -> bool:
        """Whether clients must show a key."""
        return self._key is not None

    def check(self, visit: Visit) -> None:
        """Let a request in.

        Raises:
            RequestError: it shows no key or a wrong one (401), or is a web page's (403).
        """
        if self._key is not None:
            if visit.path not in OPEN_PATHS and not any(map(self._fits, _shown(visit))):
                raise RequestError(
                    "a valid key is needed: authorization: Bearer KEY, or x-api-key: KEY", status=401
                )  # never what was shown: it may be another service's key
            return
        origin = visit.header("origin")
        if origin is not None and not _is_own(origin):
            raise RequestError(
                "origin: web pages may not use a gateway that asks for no key (serve.api_key_env)", status=403
            )

    def _fits(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode("latin-1"), self._key or b"")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _key_of(serve: Serve) -> bytes | None:
    if serve.api_key_env is None:
        return None
    key = os.environ.get(serve.api_key_env, "").strip()
    if not key:
        raise ConfigError(f"serve.api_key_env: the variable {serve.api_key_env} is empty; put the clients' key into it")
    return key.encode()


def _shown(visit: Visit) -> list[str]:
    scheme, _, token = (visit.header("authorization") or "").partition(" ")
    shown = [token.strip() if scheme.lower() == "bearer" else "", visit.header("x-api-key") or ""]
    return [key for key in shown if key]


def _is_own(origin: str) -> bool:
    """Whether a page of this machine asks: `http://localhost:3000`, say. No name can be made to point here."""
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False
