"""Telling a webhook once: what it gets, and what is said where it does not take it."""

from __future__ import annotations

import pytest
from receiver import Receiver

from assay.alerts.alert import body_of
from assay.alerts.webhook import post, webhook_url
from assay.config.alert import Alerts
from assay.errors import ConfigError

BODY = body_of("test", "test", "a test", {"figure": 1})


async def test_a_webhook_gets_text_and_facts() -> None:
    """JSON with `text` for chat programs and `alert` for others, and no header that tells who asks for what."""
    async with Receiver() as hook:
        assert await post(hook.url, BODY) is None
        assert hook.got == [{"text": "a test", "alert": {"what": "test", "about": "test", "figure": 1}}]
        assert hook.heads[0].startswith("POST /hooks/s3cret HTTP/1.1")
        assert "content-type: application/json" in hook.heads[0].lower()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "answered 500"),
        (404, "answered 404"),
        (302, "a redirect, which is not followed"),
        (0, "could not be told"),
    ],
)
async def test_why_it_was_not_taken(status: int, said: str) -> None:
    """Whatever it answers, or when it hangs up, is told by the host alone: the rest of the address is a secret."""
    async with Receiver() as hook:
        hook.statuses = [status]
        problem = await post(hook.url, BODY)
        assert problem is not None
        assert said in problem
        assert "127.0.0.1" in problem
        assert "s3cret" not in problem
        assert len(hook.got) == 1


async def test_a_slow_webhook_is_left() -> None:
    """It has so much time for all of it."""
    async with Receiver() as hook:
        hook.hold.clear()
        assert await post(hook.url, BODY, timeout_s=0.1) == "127.0.0.1 did not answer within 0.1 s"


async def test_nobody_there() -> None:
    """No connection is a reason like others; an address that is none is never asked."""
    assert await post("http://127.0.0.1:1/x", BODY) == "127.0.0.1 refuses the connection"
    assert "none of http or https" in str(await post("file:///etc/passwd", BODY))


def test_the_address_may_stand_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable, or one that holds no address, is told without what it holds."""
    monkeypatch.setenv("ASSAY_TEST_HOOK", "https://hooks.example/s3cret")
    assert webhook_url(Alerts(url_env="ASSAY_TEST_HOOK")) == "https://hooks.example/s3cret"
    assert webhook_url(Alerts(url="http://127.0.0.1/x")) == "http://127.0.0.1/x"
    assert webhook_url(Alerts()) is None
    for held in ("", "ftp://s3cret", "s3cret"):
        monkeypatch.setenv("ASSAY_TEST_HOOK", held)
        with pytest.raises(ConfigError, match="ASSAY_TEST_HOOK") as caught:
            webhook_url(Alerts(url_env="ASSAY_TEST_HOOK"))
        assert "s3cret" not in str(caught.value)
