"""`assay eval --batch` and `assay batch`, against hosts on loopback that have batch endpoints."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from batch_stub import PRICED, STUBS, Stub, stub
from faults import Answer, Received

Project = Ended = Any  # of this folder's conftest
EVAL = ("eval", "-m", "up", "--batch")
SAMPLES = 20


def prepare(project: Project, up: Stub) -> None:
    """The project with a deployment that is asked at the stub, which answers right."""
    config = project.folder / "assay.toml"
    config.write_text(config.read_text() + up.toml("up", f"{PRICED}\nsettings = {{ max_tokens = 8 }}"))
    for kind in ("words", "names"):
        file = project.folder / f"suite/{kind}.jsonl"
        lines = [f'{{"id": "{kind}{n}", "input": "{kind} {n}", "target": "{kind.upper()} {n}"}}\n' for n in range(10)]
        file.write_text("".join(lines))


async def run(project: Project, *arguments: str) -> Ended:
    """A command in this process, beside the stub."""
    return await asyncio.to_thread(project.inside, *arguments)


def look(project: Project, statement: str) -> list[tuple[Any, ...]]:
    """What stands in the ledger's file."""
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection:
        found = connection.execute(statement).fetchall()
        connection.commit()
    return found


@pytest.mark.parametrize("name", sorted(STUBS))
async def test_a_suite_is_evaluated_in_batches(project: Project, name: str) -> None:
    """One job, a scorecard like any other without latencies, and the batch in the ledger with what it cost."""
    async with stub(name, polls=0) as up:
        prepare(project, up)
        ended = await run(project, *EVAL, "--json")
        assert (ended.code, [len(job.asked) for job in up.jobs]) == (0, [SAMPLES])
        logged = await run(project, "logs", "--outcome", "ok")
        shown = await run(project, *EVAL)
    [card] = ended.json["scorecards"]
    figures = card["overall"]
    assert (figures["passed"], figures["batched"], figures.get("p50_s")) == (SAMPLES, SAMPLES, None)
    assert "20 answers came with batches" in shown.out
    assert "in batch " in logged.out
    assert "20 requests are with up" in ended.err
    [batch] = (await run(project, "batch", "list", "--json")).json["batches"]
    assert (batch["state"], batch["items"], batch["answered"], batch["failed"]) == ("done", SAMPLES, SAMPLES, 0)
    assert batch["usd"] == pytest.approx(SAMPLES * 1e-5)


async def test_without_waiting_it_ends_with_4_and_is_picked_up(project: Project) -> None:
    """`--no-wait` leaves; list, show and fetch tell how it stands; the same command scores without a new job."""
    async with stub("openai", polls=3) as up:
        prepare(project, up)
        left = await run(project, *EVAL, "--no-wait")
        assert (left.code, "20 of 20 answers come with batches" in left.err) == (4, True)
        listed = await run(project, "batch", "list")
        assert "waiting" in listed.out
        [batch] = (await run(project, "batch", "list", "--json")).json["batches"]
        shown = (await run(project, "batch", "show", batch["id"][:14], "--json")).json
        assert (shown["at_host"], shown["done"], shown["waiting"]) == ("in_progress", "0 of 20", SAMPLES)
        assert (await run(project, "batch", "fetch")).code == 4
        fetched = await run(project, "batch", "fetch", "--wait-s", "20", "--json")
        assert (fetched.code, fetched.json) == (0, {"ended": [batch["id"]], "waiting": []})
        scored = await run(project, *EVAL, "--json")
        assert (scored.code, scored.json["scorecards"][0]["overall"]["passed"]) == (0, SAMPLES)
        assert len(up.jobs) == 1


async def test_a_batch_is_cancelled(project: Project) -> None:
    """What had no answer is unscored, costs nothing, and is asked anew by the next run."""
    async with stub("anthropic", polls=10_000) as up:
        prepare(project, up)
        await run(project, *EVAL, "--no-wait")
        [batch] = (await run(project, "batch", "list", "--json")).json["batches"]
        ended = await run(project, "batch", "cancel", batch["id"], "--json")
        assert (ended.code, ended.json["state"], ended.json["failed"], ended.json["usd"]) == (0, "cancelled", 20, 0)
        again = await run(project, "batch", "cancel", batch["id"])
        assert (again.code, "has ended" in again.err) == (2, True)
        up.polls = 0
        assert (await run(project, *EVAL)).code == 0
        assert len(up.jobs) == 2


@pytest.mark.parametrize(
    ("name", "at", "jobs"),
    [
        ("openai", "POST /files", 1),  # nothing was asked: a new job, which is said
        ("openai", "POST /batches", 1),
        ("anthropic", "POST /messages/batches", 1),
        ("gemini", "POST /models/", 1),
        ("openai", "GET /batches/", 1),
        ("anthropic", "GET /messages/batches/job-0/results", 1),
    ],
)
async def test_a_killed_run_is_continued_and_nothing_is_paid_twice(
    project: Project, name: str, at: str, jobs: int
) -> None:
    """Kill -9 at each step: the same command goes on, every sample is scored, no request is in two jobs."""
    async with stub(name, polls=0) as up:
        prepare(project, up)
        child = project.begin(*EVAL)

        def killing(received: Received) -> Answer:
            answer = up.respond(received)
            if child.returncode is None and up.calls[-1].startswith(at):
                os.kill(child.pid, signal.SIGKILL)
            return answer

        up.host.answer(killing)
        await asyncio.to_thread(child.communicate)
        assert child.returncode == -signal.SIGKILL
        held = look(project, "select total(reserved_usd) from attempts where outcome = 'running'")
        assert held[0][0] > 0
        look(project, "update batches set created_at = created_at - 60 where provider_batch_id is null")
        ended = await run(project, *EVAL, "--json")
        assert (ended.code, ended.json["scorecards"][0]["overall"]["passed"]) == (0, SAMPLES)
        assert len(up.jobs) == jobs
        assert ("can be sent again" in ended.err) == (at == "POST /files")
    [(cost,)] = look(project, "select sum(cost_usd) from attempts")
    assert cost == pytest.approx(SAMPLES * 1e-5)
    assert look(project, "select total(pico) from leases") == [(0.0,)]


def test_what_cannot_be_batched_is_refused_before_anything_is_asked(project: Project) -> None:
    """A model without batch endpoints, a fresh run, an unknown batch: usage errors that say what to do."""
    for arguments, said in (
        (("eval", "-m", "good", "--batch"), "cannot be asked in batches"),
        (("eval", "-m", "both", "--batch"), "cannot be asked in batches"),
        (("eval", "-m", "good", "--batch", "--fresh"), "another --seed"),
        (("eval", "-m", "good", "--no-wait"), "use it with --batch"),
        (("batch", "show", "0ff1ce"), "there is no batch"),
    ):
        ended = project.inside(*arguments)
        assert (ended.code, said in ended.err) == (2, True), ended.err
    assert project.inside("batch", "list").out == "no batches yet\n"
