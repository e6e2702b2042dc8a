"""A working start in a folder: an `assay.toml` with the advised candidates, and a suite to be filled."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomli_w

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.config.load import FILE_NAME, parse
from assay.decision.advice.advice import Advice
from assay.decision.advice.candidate import Candidate
from assay.decision.advice.doubts import THINKING_TOKENS, may_think
from assay.decision.advice.proof import ROUTE, deployment_name, flags
from assay.decision.advice.situation import Situation
from assay.envelope.quantisation import quantisation_of
from assay.errors import ConfigError
from assay.evals.suites.profile import profile
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.starting import WantedKind, begin_suite
from assay.evals.suites.writing import NewKind, add_kind, check_free
from assay.types import JsonObject

__all__ = ["Started", "configuration", "start"]

SUITE = "suite"
ORDERS = "orders.csv"
_MAX_TOKENS_FACTOR = 4
"""Longest answer, by the mean one: what is cut off there is an answer that went wrong."""
_READING_TOK_S = 20.0
"""Tokens a second that a reader follows: the whole answer may take that long after its first word."""
_ORDERS = """\
id,city,placed_on,amount_eur
1,Bergen,2026-03-02,120
2,Oslo,2026-03-05,80
3,Bergen,2026-04-11,45
4,Tromso,2026-04-19,230
"""
_QUESTIONS = (
    ("How many orders are there?", "SELECT count(*) FROM orders"),
    ("What is the largest amount?", "SELECT max(amount_eur) FROM orders"),
    ("Which cities have orders? Each once.", "SELECT DISTINCT city FROM orders"),
    ("What do the orders of each city come to?", "SELECT city, sum(amount_eur) FROM orders GROUP BY city"),
)


class Started(NamedTuple):
    """What was written: places of the files, and of what must still be done by hand."""

    folder: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]


def start(found: Advice, catalog: Catalog, folder: Path) -> Started:
    """Write `assay.toml` and a suite into a folder that has neither. Whoever is killed leaves all of it or nothing.

    Raises:
        ConfigError: no model is left to write down, the folder has an `assay.toml`, or it cannot be written.
        SuiteError: its suite's folder has content.
    """
    if not found.compared:
        raise ConfigError("no model is left to begin with; `assay advise --explain` says which limit took each one out")
    target = folder / FILE_NAME
    if target.exists():
        raise ConfigError(f"{target} is there already; name another folder with --write")
    text = configuration(found, catalog)
    parse(text.encode(), target.absolute())
    check_free(folder / SUITE)
    beside = _beside(folder)
    try:
        beside.mkdir(parents=True)
        written = _suite(found.situation, beside / SUITE)
        (beside / FILE_NAME).write_text(text, "utf-8")
        _put(beside, folder)
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Started(folder, (FILE_NAME, *(f"{SUITE}/{name}" for name in written)), _notes(found, catalog))


def _beside(folder: Path) -> Path:
    """A new folder on the same file system: a folder that is there may be the root of one."""
    return (folder if folder.is_dir() else folder.absolute().parent) / f".{secrets.token_hex(4)}"


def _put(beside: Path, folder: Path) -> None:
    """In one step where no folder is; else the configuration comes last: nothing is read without it."""
    if not folder.exists():
        beside.rename(folder)
        return
    for name in (SUITE, FILE_NAME):
        (beside / name).rename(folder / name)


def configuration(found: Advice, catalog: Catalog) -> str:
    """The `assay.toml` as text."""
    asked, routes = found.situation, _routes(found)
    names = [*routes, *(deployment_name(one) for one in found.compared)]
    tables: dict[str, Any] = {
        "decide": {"suite": SUITE, "candidates": names, "bar": asked.about.bar},
        "constraints": _constraints(asked),
        "deployments": {deployment_name(one): _deployment(one, asked, catalog) for one in found.compared},
        "routes": routes,
    }
    head = f"# As `assay advise {flags(asked)}` said on {found.as_of}; an advice, until `assay eval` has shown it.\n\n"
    return head + tomli_w.dumps({name: table for name, table in tables.items() if table})


def _constraints(asked: Situation) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if asked.privacy != "public":
        limits["unlabelled_data"] = "private-only"
    if asked.licences is not None:
        limits["licences"] = list(asked.licences)
    if asked.usd_per_month is not None:
        limits["usd_per_month"] = asked.usd_per_month
    if asked.latency_s is not None:
        limits["p95_latency_s"] = asked.latency_s + asked.output_tokens / _READING_TOK_S
    return limits


def _deployment(one: Candidate, asked: Situation, catalog: Catalog) -> dict[str, Any]:
    """How a candidate is called: at its host, in an engine here, or at a server of one's own."""
    table: dict[str, Any] = {"model": one.model}
    if one.place == "host":
        table |= {"host": one.at}
    elif _has_file(one, catalog):
        table |= {"dialect": "local"}
    else:
        table |= {"host": _server(one), "private": True}
    return table | {"settings": {"max_tokens": _room(catalog.get(one.model), asked)}} | _prompts(asked)


def _room(model: Model | None, asked: Situation) -> int:
    """Tokens at most: one that thinks where the task counts the answer alone would be cut off before it."""
    thinking = THINKING_TOKENS if model is not None and may_think(model, asked) else 0
    return _MAX_TOKENS_FACTOR * (asked.output_tokens + thinking)


def _prompts(asked: Situation) -> dict[str, Any]:
    """What models are told for the gates of the task's profile."""
    name = asked.about.profile
    if name is None:
        return {}
    return {"kinds": {kind: {"system": system} for kind, system in profile(name).prompts.items()}}


def _has_file(one: Candidate, catalog: Catalog) -> bool:
    model = catalog.get(one.model)
    return model is not None and bool(model.weights)


def _server(one: Candidate) -> str:
    """The server of one's own to begin with: llama.cpp's for its own number formats, else vLLM."""
    name = one.envelope.quantisation if one.envelope is not None else None
    return "llamacpp" if name is not None and quantisation_of(name).form == "gguf" else "vllm"


def _routes(found: Advice) -> dict[str, Any]:
    """The route of a hybrid plan that the evals compare."""
    plan = found.best
    if plan is None or plan.kind != "hybrid" or not plan.models <= {one.model for one in found.compared}:
        return {}
    names = [deployment_name(one) for one in plan.candidates]
    if found.situation.privacy != "public":
        return {ROUTE: {"candidates": list(reversed(names)), "policy": {"kind": "fallback"}}}
    check = _CHECKS.get(found.situation.about.check, _ANYTHING)
    return {ROUTE: {"candidates": names, "policy": {"kind": "cascade", "check": check}}}


_ANYTHING = {"check": "regex", "pattern": "(?s).+"}
_CHECKS: Mapping[str, dict[str, Any]] = {
    "fields": {"check": "schema", "schema": {"type": "object"}},
    "sql": {"check": "sql", "match": "runs", "files": {"orders": f"{SUITE}/{ORDERS}"}},
}
"""Grader of a kind -> a check of the same form that knows no right answer; a place to put the team's own."""


def _notes(found: Advice, catalog: Catalog) -> tuple[str, ...]:
    """What must be done by hand before the candidates answer."""
    notes = [f"routes.{name}: put a check of your own work in place of its check" for name in _routes(found)]
    if found.situation.privacy == "sensitive":
        notes.append(f'{SUITE}: samples that may leave need label = "public"; without it no host is asked')
    for one in found.compared:
        if one.place == "host":
            key = catalog.host(one.at).api_key_env
            notes.append(f"{deployment_name(one)}: put the key of {one.at} into ${key}")
        elif _has_file(one, catalog):
            notes.append(f"{deployment_name(one)}: assay pull {one.model}")
        else:
            notes.append(
                f"{deployment_name(one)}: serve it with {_server(one)} on {one.at}, and say base_url where "
                "it is not at the usual address"
            )
    return tuple(notes)


# ------------------------------------------------------------------------------------------------ suite


def _suite(asked: Situation, folder: Path) -> tuple[str, ...]:
    """A suite of the task's kind, with the gates of its profile beside."""
    task = asked.about
    profiles = [profile(task.profile)] if task.profile is not None else []
    if task.check != "sql":
        return begin_suite(folder, kinds=[WantedKind(task.kind, task.check)], profiles=profiles).written
    new = begin_suite(folder, profiles=profiles)
    (folder / ORDERS).write_text(_ORDERS, "utf-8")
    table: JsonObject = {
        "description": "a question on tables as one SQL query; put your own tables in place of orders.csv",
        "bar": task.bar,
        "graders": [{"check": "sql", "files": {"orders": ORDERS}}],
    }
    file = add_kind(folder, NewKind(task.kind, _queries(task.kind), table))
    return (*new.written, ORDERS, file.name)


def _queries(kind: str) -> Sequence[SampleLine]:
    return [
        msgspec.convert(
            {"id": f"{kind}-{n:03d}", "input": question, "target": query, "split": "dev" if n < 3 else "heldout"},
            SampleLine,
        )
        for n, (question, query) in enumerate(_QUESTIONS, 1)
    ]
