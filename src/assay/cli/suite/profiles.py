"""`assay suite profiles`: failures that a team cannot afford, with samples to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import emit, json_option
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.suites.profile import Profile


@click.command("profiles")
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the profiles that ship, or show one: its kinds, bars, gates and what to tell models.

    `assay suite new --profile` copies them. In a suite a profile is a table [profiles.NAME] with its kinds, which
    `assay eval --profile NAME` and `assay choose --profile NAME` select.

    \b
    Examples:
      assay suite profiles
      assay suite profiles unsafe-action --json
    """
    from assay.evals.suites.profile import profile, profile_names

    names = (name,) if name is not None else profile_names()
    found = [profile(one) for one in names]
    rows = [_value(one, whole=name is not None) for one in found]
    text = _list(found) if name is None else _shown(found[0])
    emit(rows[0] if name is not None else rows, as_json, text)


def _value(one: Profile, *, whole: bool) -> dict[str, object]:
    kinds = {
        kind.name: {
            "samples": len(one.suite.of(kind.name)),
            "bar": kind.bar,
            "gate": kind.gate,
            "p95_latency_s": kind.p95_latency_s,
            "description": kind.description,
        }
        | ({"graders": one.suite.of(kind.name)[0].graders, "prompt": one.prompts[kind.name]} if whole else {})
        for kind in one.suite.kinds.values()
    }
    return {"profile": one.name, "failure": one.failure, "kinds": kinds}


def _list(found: list[Profile]) -> str:
    from assay.decision.table import table

    cells = [(one.name, str(len(one.suite.samples)), ", ".join(one.suite.kinds), one.failure) for one in found]
    lines = table(("profile", "samples", "kinds", "what must not happen"), cells)
    return "\n".join(
        [*lines, "", "assay suite new suite --profile NAME copies one; assay suite profiles NAME shows it."]
    )


def _shown(one: Profile) -> str:
    lines = [f"{one.name}: {one.failure}", ""]
    for kind in one.suite.kinds.values():
        limits = [f"bar {kind.bar:.0%}" if kind.bar else "", "gate" if kind.gate else ""]
        limits.append(f"p95 {kind.p95_latency_s:g} s" if kind.p95_latency_s else "")
        lines += [
            f"{kind.name}: {kind.description}",
            f"  {plural(len(one.suite.of(kind.name)), 'sample')}, {', '.join(limit for limit in limits if limit)}",
            f"  told: {one.prompts[kind.name]}",
            f"  e.g. assay suite show {one.suite.folder} -k {kind.name}",
        ]
    return "\n".join(lines)
