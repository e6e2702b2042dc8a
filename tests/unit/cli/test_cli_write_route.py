"""`--write`: the route that enforces a decision, served by the gateway."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from assay.app import open_app
from assay.config.load import load

Project = Any  # of this folder's conftest


@pytest.fixture
def split(project: Project) -> Project:
    """`bad` does the names, `good` the words and the names; nobody does the third kind."""
    project.script("bad", {"match": "^names", "answer": "yes"}, default="no")
    project.script("good", {"match": "^other", "answer": "no"}, default="yes")
    suite = project.folder / "suite"
    with (suite / "suite.toml").open("a") as file:
        file.write('[kinds.others]\nsamples = "others.jsonl"\ngraders = [{ check = "exact" }]\n')
    lines = [{"id": f"o{n}", "input": f"other {n}.", "target": "yes"} for n in range(10)]
    (suite / "others.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return project


async def ask(url: str, model: str, kind: str | None, text: str) -> tuple[int, dict[str, Any], str]:
    """Status, body and the deployment that answered."""
    headers = {"x-assay-kind": kind} if kind is not None else {}
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/chat/completions", json=body, headers=headers) as reply,
    ):
        return reply.status, await reply.json(), reply.headers.get("x-assay-deployment", "")


@pytest.fixture
def written(split: Project) -> Project:
    """The same with the route written."""
    chosen = split.inside("choose", "--write", "assay.toml")
    assert (chosen.code, "route 'desk-chosen' of decision" in chosen.err) == (1, True), chosen.err
    return split


async def test_the_written_route_serves_what_was_proven_and_refuses_the_rest(written: Project) -> None:
    """Each kind by its own target; the unproven one, an unknown one and none are refused with their reasons."""
    async with open_app(written.folder) as app, app.endpoint(app.spine) as url:
        served = {kind: await ask(url, "desk-chosen", kind, f"{kind} 1.") for kind in ("words", "names")}
        refused = [await ask(url, "desk-chosen", kind, "other 1.") for kind in ("others", "unheard", None)]
    assert {kind: (status, by) for kind, (status, _, by) in served.items()} == {
        "words": (200, "good"),
        "names": (200, "bad"),
    }
    assert [status for status, _, _ in refused] == [refused[0][0]] * 3
    assert 400 <= refused[0][0] < 500
    said = [body["error"]["message"] for _, body, _ in refused]
    assert "kind 'others' is not served: none passes" in said[0]
    assert "kind 'unheard' is not served: no candidate was proven for it" in said[1]
    assert "the request names no kind" in said[2]


def test_the_same_of_a_decision_that_is_there(split: Project) -> None:
    """`assay explain --write` asks nobody; the configuration that is added to goes on as it was."""
    found = split.inside("choose", "--json").json
    before = (split.folder / "assay.toml").read_text()
    ended = split.inside("explain", found["id"][:14], "--write", "assay.toml", "--route", "mine")
    assert ended.code == 0, ended.err
    text = (split.folder / "assay.toml").read_text()
    assert text.startswith(before)
    assert found["id"] in text
    assert "Guarantee: " in text
    assert load(split.folder).config.routes["mine"].policy["kinds"] == {"words": "good", "names": "bad"}
    assert split.inside("choose", "--again").out.count("stands") == 1  # a route more is no change of its evidence


def test_a_default_kind_of_the_configuration_is_kept(split: Project) -> None:
    """`serve.default_kind` says what requests without a kind are, where it is proven."""
    file = split.folder / "assay.toml"
    file.write_text(file.read_text().replace("[serve]", '[serve]\ndefault_kind = "names"'))
    assert split.inside("choose", "--write", "assay.toml").code == 1
    assert load(split.folder).config.routes["desk-chosen"].policy["default_kind"] == "names"


def test_a_route_that_is_there_is_kept(written: Project) -> None:
    """The decision is made and kept, the file stays; by force the route is exchanged."""
    before = (written.folder / "assay.toml").read_text()
    ended = written.inside("choose", "--write", "assay.toml")
    assert (ended.code, "--force replaces it" in ended.err) == (2, True)
    assert (written.folder / "assay.toml").read_text() == before
    assert written.inside("choose", "--bar", "0.1", "--write", "assay.toml", "--force").code == 1
    assert "words 10%" in (written.folder / "assay.toml").read_text()


def test_no_route_where_nothing_is_proven(project: Project) -> None:
    """No file is made, and the error says why."""
    ended = project.inside("choose", "-m", "bad", "--write", "route.toml")
    assert (ended.code, "no kind has a proven candidate" in ended.err) == (4, True)
    assert not (project.folder / "route.toml").exists()


@pytest.mark.parametrize("flags", [("--force",), ("--route", "x")])
def test_flags_of_writing_need_a_file(project: Project, flags: tuple[str, ...]) -> None:
    """They do nothing by themselves, which is said."""
    for command in ("choose", "explain"):
        ended = project.inside(command, *flags)
        assert (ended.code, "go with --write FILE" in ended.err) == (2, True)


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(project: Project) -> None:
    """A decision, billed, whose route could not be written would have to be made again."""
    ended = project.inside("choose", "--write", "nowhere/route.toml")
    assert (ended.code, "--write nowhere/route.toml" in ended.err) == (2, True)
    assert project.inside("explain").code != 0
