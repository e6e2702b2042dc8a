"""A suite to begin with: kinds with a few samples to be replaced, or whole profiles, and comments that say how."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.errors import SuiteError
from assay.evals.suites.profile import Profile
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.starters import Starter, starter
from assay.evals.suites.suite import Suite, read_suite
from assay.evals.suites.writing import check_free, file_name, written_beside
from assay.types import JsonObject

__all__ = ["NewSuite", "WantedKind", "begin_suite"]

_HEAD = """\
# What right is, for each kind of work. Candidates are measured on it and nothing else, so it is worth an afternoon:
# - samples hold raw input, what was really said; what stands around it belongs to deployments, in assay.toml;
# - 20 or more of each kind, labels in equal numbers, answers beyond dispute;
# - `dev` samples are for writing prompts, `heldout` ones decide (`assay suite split` divides them);
# - a bar says what the work needs. Fix it, and write down why, before the first run.
# `assay suite lint` finds mistakes; `assay suite power` says what so many samples can tell.
name = {name}
version = "1"
description = ""
"""
_KIND = """
[kinds.{kind}]
description = ""                            # what the work is, for people
samples = {file}
bar = 0.8                                   # share that must pass
graders = [{grader}]   # {says}
# gate = true                               # nothing is chosen unless this kind passes
# label = "private-only"                    # only for deployments that keep data in the house
# p95_latency_s = 2.0                       # nothing slower is chosen
"""
_PROMPTS = """\
# What a deployment should tell the model for the kinds of this suite. Put it into assay.toml, one table for each
# deployment, and make it your own:
#     [deployments.small.kinds."KIND"]
#     system = "..."
"""
_TOOLS: list[JsonObject] = [
    {
        "name": "find_order",
        "description": "What is known of an order.",
        "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
    }
]


class WantedKind(NamedTuple):
    """A kind to begin."""

    name: str
    check: str


class NewSuite(NamedTuple):
    """What was written. `written` are the files, by their place in the folder."""

    suite: Suite
    written: tuple[str, ...]


def begin_suite(folder: Path | str, *, kinds: Sequence[WantedKind] = (), profiles: Sequence[Profile] = ()) -> NewSuite:
    """Write a suite to begin with; with neither kinds nor profiles one kind that sorts texts.

    Raises:
        SuiteError: the folder has content, two kinds have one name, or there is nothing to begin a check with.
    """
    place = Path(folder).resolve()
    check_free(place)
    wanted = kinds or (() if profiles else (WantedKind("triage", "normalised"),))
    files = _files(wanted, profiles)
    with written_beside(place) as beside:
        for name, data in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        toml = _HEAD.format(name=_quoted(_name(place)))
        toml += "".join(_kind(kind, starter(kind.check)) for kind in wanted)
        toml += "".join(f"\n{profile.tables()}" for profile in profiles)
        (beside / "suite.toml").write_text(toml, "utf-8")
        read_suite(beside)
    return NewSuite(read_suite(place), ("suite.toml", *files))


def _files(kinds: Sequence[WantedKind], profiles: Sequence[Profile]) -> dict[str, bytes]:
    names = [*(kind.name for kind in kinds), *(name for profile in profiles for name in profile.suite.kinds)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SuiteError(f"kind {twice!r} is there twice; give each kind a name of its own")
    files: dict[str, bytes] = {}
    for kind in kinds:
        files[f"{file_name(kind.name)}.jsonl"] = _lines(kind)
        if kind.check == "tool-calls":
            files[f"{file_name(kind.name)}.tools.json"] = json.dumps(_TOOLS, indent=2).encode() + b"\n"
    for profile in profiles:
        files |= profile.files()
    if profiles:
        files["prompts.toml"] = _prompts(profiles).encode()
    return files


def _lines(kind: WantedKind) -> bytes:
    lines = []
    for number, line in enumerate(starter(kind.check).lines):
        ident, split = f"{file_name(kind.name)}-{number + 1:03d}", "dev" if number < 2 else "heldout"
        entry = {"id": ident} | line | {"split": split}
        msgspec.convert(entry, SampleLine)
        lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _kind(kind: WantedKind, begun: Starter) -> str:
    file = file_name(kind.name)
    text = _KIND.format(kind=_quoted(kind.name), file=_quoted(f"{file}.jsonl"), grader=begun.grader, says=begun.says)
    if kind.check == "tool-calls":
        text = text.replace("graders =", f"tools_file = {_quoted(f'{file}.tools.json')}\ngraders =", 1)
    return text


def _prompts(profiles: Sequence[Profile]) -> str:
    tables = (
        f"\n[kinds.{_quoted(kind)}]\nsystem = {_quoted(system)}\n"
        for profile in profiles
        for kind, system in profile.prompts.items()
    )
    return _PROMPTS + "".join(tables)


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _name(place: Path) -> str:
    """The suite's name: the folder's, or that of the one above where the folder is only called `suite`."""
    name = place.parent.name if place.name == "suite" and place.parent.name else place.name
    return file_name(name)
