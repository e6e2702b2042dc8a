"""kill -9 during `assay eval`, at 20 random points: counted at the endpoint, nothing answered is asked again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger_file import rows_of

KILLS = 20
SAMPLES = 240

CONFIG = """
[decide]
suite = "suite"

[deployments.m]
model = "x/m"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}
retries = 0
settings = {{ max_tokens = 16 }}
"""

Hook = Callable[[], None]


class Endpoint:
    """An OpenAI-compatible server on loopback that answers after 20 to 50 ms and counts what it is asked.

    `on_asked` is called with the number of requests that have come, before an answer is thought of; `on_told`
    after an answer has been handed to the kernel: the client may or may not have read it, and has not settled it.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told = 0
        self.on_asked: Hook | None = None
        self.on_told: Hook | None = None
        self._chance = random.Random(20)  # noqa: S311 - latencies, not secrets
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server and its connections."""

        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"(?i)content-length: (\d+)", head)
                body = json.loads(await reader.readexactly(int(found.group(1)) if found else 0))
                text = body["messages"][-1]["content"]
                self.asked.append(text)
                if self.on_asked is not None:
                    self.on_asked()
                await asyncio.sleep(self._chance.uniform(0.02, 0.05))
                writer.write(_reply(text))
                await writer.drain()
                self.told += 1
                if self.on_told is not None:
                    self.on_told()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client was killed
        finally:
            writer.close()


def _reply(text: str) -> bytes:
    answer = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": len(text.split()), "completion_tokens": 1, "total_tokens": 3},
    }  # fmt: skip
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """The counting endpoint."""
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture
def project(tmp_path: Path, endpoint: Endpoint) -> Path:
    """A configuration and a suite of one kind."""
    (tmp_path / "assay.toml").write_text(CONFIG.format(port=endpoint.port))
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "suite.toml").write_text(
        'name = "kill"\nversion = "1"\n[kinds.k]\nsamples = "k.jsonl"\ngraders = [{ check = "exact" }]\n'
    )
    lines = ({"id": f"s{n:03d}", "input": f"sample s{n:03d}", "target": "yes"} for n in range(SAMPLES))
    (suite / "k.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def begin(project: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `assay` in the project."""
    return subprocess.Popen(
        [sys.executable, "-m", "assay", *arguments],
        cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


SETTLED = "select sample_id from attempts where outcome = 'ok'"
EVAL = ("eval", "-m", "m", "--concurrency", "4", "--json")


def rows(project: Path, statement: str) -> list[tuple[Any, ...]]:
    """What the ledger holds, in its file and in its journals."""
    return [tuple(row.values()) for row in rows_of(project / "assay.db", statement)]


def charged(said: str) -> float:
    """What a process says that it has charged for calls of an earlier one, in USD."""
    found = re.search(r"charged at their bound, ([0-9.]+) USD", said)
    assert found is not None, said
    return float(found.group(1))


class Killer:
    """Kills a process when so many further requests have come in, or so many further answers have gone out."""

    def __init__(self, endpoint: Endpoint, chance: random.Random) -> None:
        self._endpoint = endpoint
        self._chance = chance

    def run(self, process: subprocess.Popen[str], after: int, *, told: bool) -> str:
        """Wait for the moment, kill, and give back what the process had said on stderr."""
        due = threading.Event()
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1
            if count == after:
                due.set()

        self._endpoint.on_told, self._endpoint.on_asked = (tick, None) if told else (None, tick)
        try:
            assert due.wait(30), "the evaluation asked nothing"
            # Right at the reply, or at any moment of the following milliseconds.
            time.sleep(self._chance.choice([0.0, 0.0, self._chance.uniform(0, 0.004), self._chance.uniform(0, 0.05)]))
            os.kill(process.pid, signal.SIGKILL)
            _, said = process.communicate(timeout=30)
            time.sleep(0.1)  # what the endpoint had in hand comes to its end, and must not tick for the next process
        finally:
            self._endpoint.on_told = self._endpoint.on_asked = None
        assert process.returncode == -signal.SIGKILL, f"it ended before it could be killed: {said}"
        return said


def test_nothing_that_was_answered_is_asked_again(project: Path, endpoint: Endpoint) -> None:
    """20 times killed and rerun: settled answers are never asked for again, and what was lost is charged and shown."""
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    killer = Killer(endpoint, chance)
    open_before: list[tuple[Any, ...]] = []
    seen_lost = 0
    for kill in range(KILLS):
        settled = {row[0] for row in rows(project, SETTLED)} if kill else set()
        asked_before = len(endpoint.asked)
        said = killer.run(begin(project, *EVAL), chance.randint(1, 14), told=kill % 2 == 0)
        again = {text.removeprefix("sample ") for text in endpoint.asked[asked_before:]}
        assert not again & settled, f"kill {kill}: answered before, asked again: {sorted(again & settled)}"
        if open_before:
            bound = sum(row[1] for row in open_before)
            assert f"died with {len(open_before)} calls in flight" in said
            assert charged(said) == pytest.approx(bound, rel=0.01)  # it is told rounded
        else:
            assert "in flight" not in said
        seen_lost += len(open_before)
        open_before = rows(project, "select id, reserved_usd from attempts where outcome = 'running'")
        assert all(reserved is not None and reserved > 0 for _, reserved in open_before)
    assert seen_lost, "no kill hit a call in flight: the test tests nothing"

    last = begin(project, *EVAL)
    out, said = last.communicate(timeout=60)
    assert last.returncode == 0, said
    if open_before:
        assert f"died with {len(open_before)} calls in flight" in said
    card = json.loads(out)["scorecards"][0]["overall"]
    assert (card["passed"], card["unscored"], card["total"]) == (SAMPLES, 0, SAMPLES)
    _check_ledger(project, endpoint)

    before = len(endpoint.asked)
    idle = begin(project, *EVAL)
    _, said = idle.communicate(timeout=60)
    assert (idle.returncode, len(endpoint.asked) - before) == (0, 0)
    assert "in flight" not in said


def _check_ledger(project: Path, endpoint: Endpoint) -> None:
    """Every request at the endpoint has its row; every sample one settled answer; money adds up."""
    attempts = rows(project, "select sample_id, outcome, cost_usd, reserved_usd, cost_basis from attempts order by id")
    outcomes: dict[str, list[str]] = {}
    for sample, outcome, *_ in attempts:
        outcomes.setdefault(sample, []).append(outcome)
    assert len(outcomes) == SAMPLES
    at_endpoint = Counter(text.removeprefix("sample ") for text in endpoint.asked)
    for sample, states in outcomes.items():
        called = [state for state in states if state != "cached"]
        assert called == ["lost"] * (len(called) - 1) + ["ok"], (sample, states)
        assert 1 <= at_endpoint[sample] <= len(called), (sample, states, at_endpoint[sample])
    lost = [row for row in attempts if row[1] == "lost"]
    assert all(cost == reserved and basis == "bound" for _, _, cost, reserved, basis in lost)
    ((settled,),) = rows(project, "select settled_pico from spend")
    assert settled == sum(round(row[2] * 1e12) for row in attempts)
    assert rows(project, "select * from leases") == []

    logs = begin(project, "logs", "--outcome", "lost", "--json", "-n", "1000")
    out, said = logs.communicate(timeout=30)
    assert logs.returncode == 0, said
    shown = json.loads(out)["attempts"]
    assert Counter(row["sample_id"] for row in shown) == Counter(row[0] for row in lost)
    assert all(row["cost_usd"] == row["reserved_usd"] > 0 for row in shown)


def test_a_reply_that_was_not_settled_is_lost_and_charged(project: Path, endpoint: Endpoint) -> None:
    """Killed between reply and settlement (the ledger is kept busy): the call is lost, charged, and asked once more."""
    process = begin(project, "eval", "-m", "m", "--concurrency", "1", "--json")
    due, told = threading.Event(), threading.Event()
    endpoint.on_asked = due.set
    assert due.wait(30)
    endpoint.on_asked = None
    endpoint.on_told = told.set
    # Hold the write lock: whatever comes now cannot be settled. The connection belongs to this thread.
    blocker = sqlite3.connect(project / "assay.db", timeout=30, isolation_level=None)
    blocker.execute("begin immediate")
    told.clear()
    assert told.wait(30)
    time.sleep(0.1)
    ((first,),) = rows(project, "select sample_id from attempts where outcome = 'running'")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    blocker.execute("rollback")
    blocker.close()
    endpoint.on_told = None
    assert endpoint.told == len(endpoint.asked)  # it had been answered, but nobody can know that
    again = begin(project, *EVAL)
    _, said = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert "died with 1 call in flight" in said
    assert Counter(endpoint.asked)[f"sample {first}"] == 2
    assert sum(Counter(endpoint.asked).values()) == SAMPLES + 1


def test_a_killed_run_of_repeats_asks_only_for_what_was_in_flight(project: Path, endpoint: Endpoint) -> None:
    """Killed at a third and at two thirds of three repeats: what came is not asked for again, and has one row each."""
    words = ("eval", "-m", "m", "--concurrency", "4", "--repeats", "3", "--json")
    killer = Killer(endpoint, random.Random(3))  # noqa: S311 - moments, not secrets
    for _ in range(2):
        killer.run(begin(project, *words), SAMPLES, told=True)
    last = begin(project, *words)
    out, said = last.communicate(timeout=120)
    assert last.returncode == 0, said
    card = json.loads(out)["scorecards"][0]
    assert (card["overall"]["passed"], card["steadiness"]["k"]["samples"]) == (SAMPLES, SAMPLES)
    assert 3 * SAMPLES <= len(endpoint.asked) <= 3 * SAMPLES + 2 * 4
    ((answers,),) = rows(project, "select count(*) from results where value = 1")
    assert answers == 3 * SAMPLES
