"""An attack on the cache of a route: one key wants the answer that another has paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.access.key import Terms
from assay.access.made import make_key
from assay.gateway.admission import Virtual
from assay.ledger.store import SqliteLedger

TOML = """
[deployments.m]
model = "test/m"
dialect = "scripted"
script = "cached.json"
[routes.cached]
candidates = ["m"]
cache = {{ share = "{share}" }}
"""
SECRET = "the answer that key A has paid for"
SCRIPT = {"rules": [{"match": "question", "answer": SECRET, "times": 1}, {"answer": "an answer of its own"}]}


async def test_no_trick_of_another_key_reaches_an_answer(
    serving: Callable[..., Any], make_spine: Callable[..., Any], ledger: SqliteLedger
) -> None:
    """Whatever key B puts into headers and body, with A's id, name and team at hand: A's answer stays A's."""
    virtual = Virtual.opened(ledger.path, {})
    async with serving(virtual=virtual) as served:
        served.spine.targets.update(make_spine(TOML.format(share="key"), {"cached.json": SCRIPT}).targets)
        a = await make_key(ledger, "a", Terms(), team="red")
        b = await make_key(ledger, "b", Terms(), team="red")
        virtual.keyring.look()

        async def ask(secret: str, headers: dict[str, str], **more: Any) -> tuple[str | None, str]:
            sent = {"authorization": f"Bearer {secret}", **headers}
            status, got, body = await served.ask("question", sent, model="cached", temperature=0, **more)
            if status != 200:
                return None, str(body)
            return got.get("x-assay-cached"), str(body["choices"][0]["message"]["content"])

        assert await ask(a.secret, {}) == ("miss", SECRET)
        assert await ask(a.secret, {}) == ("hit", SECRET)
        name = a.row.id
        headers: list[dict[str, str]] = [
            {}, {"x-api-key": name}, {"x-assay-key": name}, {"x-assay-key-id": name}, {"x-assay-team": "red"},
            {"x-assay-session": name}, {"x-assay-tags": f"key_id={name}, team=red"}, {"x-assay-kind": name},
            {"cookie": f"key={name}"}, {"x-forwarded-user": name}, {"x-assay-cache": "off"},
            {"cache-control": "only-if-cached, max-stale"}, {"x-assay-cached": "hit"},
            {"x-assay-feedback": f"request_id={name}"},
            {"authorization": f"Bearer {b.secret}", "x-api-key": a.secret[:-1]},
        ]  # fmt: skip
        bodies: list[dict[str, Any]] = [
            {"user": name}, {"metadata": {"key_id": name}}, {"key_id": name}, {"account": [name, "red"]},
            {"cache": {"key": name}},
            {"safety_identifier": name}, {"prompt_cache_key": name}, {"seed": 0}, {"store": True}, {"stream": False},
        ]  # fmt: skip
        tried = [await ask(b.secret, one) for one in headers] + [await ask(b.secret, {}, **one) for one in bodies]
        assert all(SECRET not in text for _, text in tried)
        assert tried[0] == ("miss", "an answer of its own")
        assert await ask(a.secret, {}) == ("hit", SECRET)
    virtual.close()


@pytest.mark.parametrize(("team", "hit"), [("red", True), ("blue", False), (None, False)])
async def test_a_team_shares_where_the_route_says_so(
    serving: Callable[..., Any], make_spine: Callable[..., Any], ledger: SqliteLedger, team: str | None, hit: bool
) -> None:
    """Keys of the same team; not those of another, nor those of none."""
    virtual = Virtual.opened(ledger.path, {})
    async with serving(virtual=virtual) as served:
        served.spine.targets.update(make_spine(TOML.format(share="team"), {"cached.json": SCRIPT}).targets)
        a = await make_key(ledger, "a", Terms(), team="red")
        other = await make_key(ledger, "b", Terms(), team=team)
        virtual.keyring.look()
        for key in (a, other):
            headers = {"authorization": f"Bearer {key.secret}"}
            _, got, body = await served.ask("question", headers, model="cached", temperature=0)
        assert (got["x-assay-cached"], body["choices"][0]["message"]["content"] == SECRET) == (
            "hit" if hit else "miss",
            hit,
        )
    virtual.close()
