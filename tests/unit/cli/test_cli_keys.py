"""`assay keys`, and a gateway that asks for them."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.error
import urllib.request
from contextlib import closing
from typing import Any

import pytest

Project = Any  # of this folder's conftest


def test_a_key_is_printed_alone(project: Project) -> None:
    """Standard output is the key and nothing else, so that a script can take it; the rest is said beside it."""
    ended = project.inside("keys", "add", "web", "--route", "good", "--rpm", "60", "--usd", "5", "--expires", "30d")
    assert ended.code == 0
    assert ended.out.startswith("sk-assay-")
    assert ended.out.count("\n") == 1
    assert "good; 60 requests/min; 5 USD a month; active until 2" in ended.err
    assert ended.err.endswith("; it is shown this once\n")
    told = project.inside("keys", "add", "ci", "--json").json
    assert (told["name"], told["state"], told["routes"]) == ("ci", "active", None)
    assert told["key"].startswith("sk-assay-")


def test_what_is_listed_is_never_the_key(project: Project) -> None:
    """Lists and single keys tell terms and state; what was revoked is shown when it is asked for."""
    secret = project.inside(
        "keys", "add", "web", "--team", "shop", "--kind", "sql", "--label", "private-only"
    ).out.strip()
    project.inside("keys", "add", "old")
    assert project.inside("keys", "revoke", "old").code == 0
    assert [one["name"] for one in project.inside("keys", "list", "--json").json] == ["web"]
    both = project.inside("keys", "list", "--all", "--json").json
    assert [(one["name"], one["state"]) for one in both] == [("web", "active"), ("old", "revoked")]
    shown = project.inside("keys", "show", "web")
    assert "shop" in shown.out
    assert "all routes; kind sql; private-only" in shown.out
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection:
        [digest] = connection.execute("select hash from keys where name = 'web'").fetchone()
    for ended in (shown, project.inside("keys", "list"), project.inside("keys", "show", "web", "--json")):
        assert secret not in ended.out + ended.err
        assert digest not in ended.out + ended.err


@pytest.mark.parametrize(
    ("more", "routes", "said"), [((), [], "no routes; metrics"), (("--route", "good"), ["good"], "good; metrics")]
)
def test_a_key_for_metrics_calls_nothing_else(
    project: Project, more: tuple[str, ...], routes: list[str], said: str
) -> None:
    """Who scrapes need not be able to spend; routes that are named may be called all the same."""
    ended = project.inside("keys", "add", "prometheus", "--metrics", *more)
    assert said in ended.err
    shown = project.inside("keys", "show", "prometheus", "--json").json
    assert (shown["metrics"], shown["routes"]) == (True, routes)
    project.inside("keys", "add", "web")
    assert project.inside("keys", "show", "web", "--json").json["metrics"] is False


@pytest.mark.parametrize(
    ("usd", "said"), [("123456.78", "123,456.78 USD a month"), ("1000000", "1,000,000 USD a month"),
                      ("0.005", "0.005 USD a month"), ("0", "0 USD a month")],
)  # fmt: skip
def test_a_budget_is_told_to_the_cent(project: Project, usd: str, said: str) -> None:
    """What a key may spend is told as it was given."""
    assert f"all routes; {said};" in project.inside("keys", "add", "web", "--usd", usd).err
    assert f"all routes; {said}\n" in project.inside("keys", "list").out


def test_a_key_shows_what_it_has_spent(project: Project) -> None:
    """Of its own budget, in the period that runs."""
    project.inside("keys", "add", "web", "--usd", "5")
    assert "spent       0.00 USD" in project.inside("keys", "show", "web").out
    assert project.inside("keys", "show", "web", "--json").json["spent_usd"] == 0
    project.inside("keys", "add", "free")
    assert "spent" not in project.inside("keys", "show", "free").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "web", "--route", "goood"), "nothing is called 'goood'; did you mean 'good'?"),
        (("add", "web", "--expires", "yesterday"), "neither a span"),
        (("add", "web", "--expires", "2020-01-01"), "neither a span"),
        (("add", "web", "--expires", "0d"), "neither a span"),
        (("add", "web", "--rpm", "0"), "0 is not in the range"),
        (("add", "web", "--usd", "nan"), "is no number"),
        (("add", "web", "--label", "public"), "private-only"),
        (("add", ""), "the name of a key must be of printable characters"),
        (("add", "web", "--team", ""), "the team of a key must be of printable characters"),
        (("add", "web", "--kind", " "), "the kind of a key must be of printable characters"),
        (("add", "web", "--kind", "x" * 201), "the kind of a key must be of printable characters, at most 200"),
        (("add", "web", "--per", "day"), "say how much, --usd N"),
        (("show", "nobody"), "there is no key 'nobody'"),
        (("revoke", "nobody"), "there is no key 'nobody'"),
    ],
)
def test_mistakes_are_told(project: Project, words: tuple[str, ...], said: str) -> None:
    """Usage and configuration are exit code 2, with what is wrong; nothing is made."""
    ended = project.inside("keys", *words)
    assert ended.code == 2
    assert said in ended.err
    assert project.inside("keys", "list").out == "no keys; assay keys add NAME makes one\n"


def test_an_empty_name_is_no_key(project: Project) -> None:
    """A script whose variable is empty revokes nothing, also where there is one key alone."""
    project.inside("keys", "add", "web")
    ended = project.inside("keys", "revoke", "")
    assert (ended.code, "there is no key ''" in ended.err) == (2, True)
    assert project.inside("keys", "list", "--json").json[0]["state"] == "active"


def test_a_team_without_a_budget_is_remarked(project: Project) -> None:
    """A budget that was meant and is not there would be noticed by the bill."""
    assert "no budget names the team 'shop'" in project.inside("keys", "add", "web", "--team", "shop").err
    with (project.folder / "assay.toml").open("a") as file:
        file.write('\n[budgets.shop]\nusd = 5\nteam = "shop"\n')
    assert "no budget" not in project.inside("keys", "add", "app", "--team", "shop").err


def status_of(url: str, secret: str | None) -> int:
    """The status of a call to `good`."""
    body = json.dumps({"model": "good", "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {secret}"} if secret else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/chat/completions", body, headers)) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def until(url: str, secret: str | None, status: int, within_s: float = 1.0) -> None:
    """Wait for a status."""
    end = time.monotonic() + within_s
    while (found := status_of(url, secret)) != status:
        assert time.monotonic() < end, f"{found}, not {status}"


def test_a_gateway_that_runs_takes_keys_up(project: Project) -> None:
    """It says that none is asked for; then the first key shuts it, and a revoked one is out, each within a second."""
    process = project.begin("serve", "--json")
    begun = json.loads("".join(iter_json(process.stdout)))
    assert status_of(begun["url"], None) == 200
    secret = project.inside("keys", "add", "web").out.strip()
    until(begun["url"], None, 401)
    assert status_of(begun["url"], secret) == 200
    project.inside("keys", "revoke", "web")
    until(begun["url"], secret, 401)
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert "no key is asked for; `assay keys add` makes one" in err


def iter_json(stream: Any) -> Any:
    """The lines of one JSON object."""
    for line in stream:
        yield line
        if line.rstrip() == "}":
            return
