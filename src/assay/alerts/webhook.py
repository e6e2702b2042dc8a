"""Telling a webhook: one POST of JSON. It is no call of a model: nothing that was asked or answered goes there."""

from __future__ import annotations

import errno
import os
from urllib.parse import urlsplit

from assay.config.alert import Alerts
from assay.errors import ConfigError

__all__ = ["TIMEOUT_S", "host_of", "post", "webhook_url"]

TIMEOUT_S = 5.0


def webhook_url(alerts: Alerts) -> str | None:
    """The address that is told; None = nobody is.

    Raises:
        ConfigError: the variable that should hold it is empty, or it is no address of `http` or `https`. The message
            does not show it: chat programs put a secret into it.
    """
    if alerts.url_env is None:
        return alerts.url
    url = os.environ.get(alerts.url_env, "").strip()
    if not url:
        raise ConfigError(f"alerts.url_env: the variable {alerts.url_env} is empty; put the webhook's address into it")
    if host_of(url) is None:
        raise ConfigError(f"alerts.url_env: what {alerts.url_env} holds is no address of http or https")
    return url


def host_of(url: str) -> str | None:
    """The host of an address of `http` or `https`; None = it is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.scheme in ("http", "https") else None
    except ValueError:
        return None


async def post(url: str, body: bytes, *, timeout_s: float = TIMEOUT_S) -> str | None:
    """Send a body once; redirects are not followed, and no proxy of the environment is used.

    Args:
        url: of `http` or `https`.
        body: JSON.
        timeout_s: for all of it.

    Returns:
        None: it was taken; else why not, without what follows the host in the address.
    """
    import aiohttp  # 0.17 s of CPU, which is paid when there is something to tell

    host = host_of(url)
    if host is None:
        return "the webhook's address is none of http or https"
    limits = aiohttp.ClientTimeout(total=timeout_s)
    headers = {"content-type": "application/json", "user-agent": "assay"}
    try:
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return None if 200 <= answer.status < 300 else f"{host} answered {answer.status}{_hint(answer.status)}"
    except TimeoutError:
        return f"{host} did not answer within {timeout_s:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:  # its own words may hold the whole address
        if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
            return f"{host} refuses the connection"
        return f"{host} could not be told: {type(error).__name__}"


def _hint(status: int) -> str:
    return ", a redirect, which is not followed" if 300 <= status < 400 else ""
