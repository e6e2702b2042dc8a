"""lm-evaluation-harness (EleutherAI) as a child process: its tasks, its metrics, our endpoint.

It runs in an environment of its own if need be (`python`): it brings some 600 MB that nothing else here wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.errors import ConfigError, EvalError
from assay.types import JsonObject, Message

__all__ = ["Answered", "Job", "Report", "prompts", "read_report", "run"]

_LAST_LINES = 12
_TERM_S = 5.0
_RAISED = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|NotFound): ", re.MULTILINE)
_METRICS = ("exact_match", "acc", "acc_norm", "f1", "rougeL", "bleu")
"""The ones that stand for a task where it has several; else the first."""


class Job(NamedTuple):
    """What is to be run.

    Attributes:
        tasks: names of tasks and groups, as `lm-eval ls tasks` shows them.
        model: deployment or route.
        url: of our endpoint, up to `/v1`.
        include: folder with tasks of one's own.
        limit: documents per task.
        fewshot: examples in the prompt; None = as the task says.
        concurrency: requests in flight.
        timeout_s: of one request.
        seed: of the harness.
    """

    tasks: tuple[str, ...]
    model: str
    url: str
    include: Path | None = None
    limit: int | None = None
    fewshot: int | None = None
    concurrency: int = 8
    timeout_s: float = 300.0
    seed: int = 0

    def config(self, output: Path) -> JsonObject:
        """As lm-eval wants it (YAML, of which JSON is a part)."""
        given = {
            "limit": self.limit,
            "num_fewshot": self.fewshot,
            "include_path": str(self.include.resolve()) if self.include is not None else None,
        }
        return {
            "model": "local-chat-completions",
            "model_args": {
                "base_url": f"{self.url}/chat/completions", "model": self.model, "num_concurrent": self.concurrency,
                "max_retries": 2, "tokenizer_backend": None, "timeout": int(self.timeout_s) + 30, "seed": self.seed,
            },
            "tasks": list(self.tasks), "output_path": str(output), "log_samples": True, "apply_chat_template": True,
            "seed": [self.seed, self.seed, self.seed, self.seed],
            **{key: value for key, value in given.items() if value is not None},
        }  # fmt: skip


async def run(job: Job, output: Path, python: str = sys.executable) -> None:
    """Run it to its end; what it writes is in `output`. Cancelling ends the child.

    Raises:
        ConfigError: it is not installed there.
        EvalError: it ended with an error, which is told in its own last words.
    """
    config = output / "config.yaml"
    config.write_bytes(msgspec.json.encode(job.config(output / "out")))
    environment = {"LMEVAL_LOG_LEVEL": "WARNING", "TOKENIZERS_PARALLELISM": "false", **os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            python, "-m", "lm_eval", "run", "--config", str(config), env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True, limit=1 << 20,
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(f"cannot start {python}: {error.strerror}; --harness-python names an interpreter") from error
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        await _listen(process, last)
        code = await process.wait()
    finally:
        await _end(process)
    if code == 0:
        return
    said = "\n".join(last)
    if "No module named" in said and "lm_eval" in said:
        raise ConfigError(
            f"lm-eval is not installed for {python}: pip install 'assay[lm-eval]', or name another interpreter that "
            "has it with --harness-python"
        )
    raise EvalError(f"lm-eval ended with code {code}; its last words:\n{_gist(said)}")


def _gist(said: str) -> str:
    """What an exception says, without the lines of code that it came through."""
    found = [one.start() for one in _RAISED.finditer(said)]
    return said[found[-1] :] if found else said


async def _listen(process: asyncio.subprocess.Process, last: deque[str]) -> None:
    assert process.stdout is not None  # noqa: S101 - asked for above
    while True:
        try:
            line = await process.stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            line = end.partial
        except asyncio.LimitOverrunError as error:
            await process.stdout.readexactly(error.consumed)
            continue
        if not line:
            return
        text = line.decode(errors="replace").rpartition("\r")[2].strip()  # a bar overwrites itself
        if text:
            last.append(text)


async def _end(process: asyncio.subprocess.Process) -> None:
    """The child and what it has started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _TERM_S)


# ---------------------------------------------------------------------------------------- results


class Answered(NamedTuple):
    """One document of a task.

    Attributes:
        prompts: the messages that were sent for it, one conversation or more.
        answer: what came back, as the harness read it.
        value: of the task's metric; None where it has none between 0 and 1.
        metrics: every figure of it.
    """

    task: str
    id: str
    prompts: tuple[tuple[Message, ...], ...]
    answer: str
    target: Any
    value: float | None
    metrics: dict[str, float]


class Report(NamedTuple):
    """What a run of the harness wrote.

    Attributes:
        identity: version, hash and settings of each task: what decides its questions.
        answered: its documents.
        metric: of each task, the one that `value` is of, with its filter.
        version: of the harness.
    """

    identity: JsonObject
    answered: tuple[Answered, ...]
    metric: dict[str, str]
    version: str


def read_report(output: Path) -> Report:
    """The results and samples below a folder.

    Raises:
        EvalError: they are missing, or have another form than this version of the harness writes.
    """
    found = sorted(output.rglob("results_*.json"))
    if not found:
        raise EvalError(f"lm-eval wrote no results into {output}")
    results = msgspec.json.decode(found[-1].read_bytes())
    try:
        configs = results["configs"]
        higher = results.get("higher_is_better", {})
        answered: list[Answered] = []
        metric: dict[str, str] = {}
        for task in configs:
            files = sorted(found[-1].parent.glob(f"samples_{task}_*.jsonl"))
            if not files:
                raise EvalError(f"lm-eval wrote no samples of {task!r} into {found[-1].parent}")
            rows = [msgspec.json.decode(line) for line in files[-1].read_bytes().splitlines() if line.strip()]
            chosen, some = _of_task(task, rows, higher.get(task, {}))
            metric[task] = chosen
            answered += some
        identity = {
            task: {
                "hash": results.get("task_hashes", {}).get(task), "version": results.get("versions", {}).get(task),
                "fewshot": results.get("n-shot", {}).get(task),
                "documents": [one.id for one in answered if one.task == task],
                "config": {key: value for key, value in configs[task].items() if key != "metadata"},
            }
            for task in sorted(configs)
        }  # fmt: skip
        return Report(identity, tuple(answered), metric, str(results.get("lm_eval_version", "")))
    except (KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise EvalError(f"the results of lm-eval in {found[-1]} have an unknown form ({what})") from error


def _of_task(task: str, rows: Sequence[JsonObject], higher: Mapping[str, bool]) -> tuple[str, list[Answered]]:
    """The documents of a task with the first of its filters, and the metric that counts."""
    if not rows:
        return "", []
    kept = [row for row in rows if row["filter"] == rows[0]["filter"]]
    names = [name for name in rows[0]["metrics"] if higher.get(name, True)]
    chosen = next((name for name in _METRICS if name in names), names[0] if names else "")
    label = chosen if rows[0]["filter"] == "none" else f"{chosen} ({rows[0]['filter']})"
    return label, [_answered(task, row, chosen) for row in kept]


def _answered(task: str, row: JsonObject, chosen: str) -> Answered:
    figures = {name: float(row[name]) for name in row["metrics"] if isinstance(row.get(name), int | float)}
    value = figures.get(chosen)
    return Answered(
        task=task,
        id=f"{task}/{row['doc_id']}/{str(row['doc_hash'])[:12]}",
        prompts=tuple(prompts(row["arguments"])),
        answer="\n".join(str(one) for one in row["filtered_resps"]),
        target=row.get("target"),
        value=value if value is not None and 0 <= value <= 1 else None,
        metrics=figures,
    )


def prompts(arguments: Mapping[str, Any]) -> Iterator[tuple[Message, ...]]:
    """The conversations in a sample's arguments: JSON of messages, or one text."""
    for given in arguments.values():
        first = given["arg_0"] if isinstance(given, Mapping) else given
        text = first[0] if isinstance(first, list) else first
        try:
            turns = msgspec.json.decode(str(text), type=list[_Turn])
        except msgspec.DecodeError:
            yield (Message.of("user", str(text)),)
            continue
        yield tuple(Message.of(turn.role, turn.content) for turn in turns)  # type: ignore[arg-type]  # as it was sent


class _Turn(msgspec.Struct):
    role: str
    content: str
