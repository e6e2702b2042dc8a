"""`assay suite show`: look at a suite, and at its samples as a model sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import emit, json_option, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.evals.lint.trials import Baseline
    from assay.evals.suites.suite import Kind, Sample, Suite
    from assay.types import Message

SHOWN = 5


@click.command("show")
@click.argument("folder", type=click.Path())
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("-k", "--kind", "kinds", multiple=True, help="Show samples of this kind; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout"]), help="Show samples of this side.")
@click.option("-n", "--limit", type=click.IntRange(1), help=f"Show so many samples of each kind [default: {SHOWN}].")
@json_option
def command(
    folder: str, ids: tuple[str, ...], kinds: tuple[str, ...], split: str | None, limit: int | None, as_json: bool
) -> None:
    """Read a suite, make its graders, and list its kinds; or show samples, as a model sees them.

    A kind is told with what the best constant answer scores there: whoever scores no more has understood nothing. What
    a deployment puts around a sample is not in the suite, and not shown.

    \b
    Examples:
      assay suite show examples/workshop/suite
      assay suite show examples/workshop/suite codes-001 docs-002
      assay suite show examples/workshop/suite -k recover -n 2 --json
    """
    from assay.evals.suites.suite import read_suite

    suite = read_suite(folder)
    if ids or kinds or split or limit:
        found = _chosen(suite, ids, kinds, split, limit or SHOWN)
        emit([_value(sample) for sample in found], as_json, "\n".join(line for one in found for line in _told(one)))
    else:
        _show_kinds(suite, as_json)


def _chosen(suite: Suite, ids: tuple[str, ...], kinds: tuple[str, ...], split: str | None, limit: int) -> list[Sample]:
    if ids:
        return list(suite.only(kinds, split).named(ids).samples)  # type: ignore[arg-type]  # click checked it
    part = suite.only(kinds, split)  # type: ignore[arg-type]  # likewise
    return [sample for kind in part.kinds for sample in part.of(kind)[:limit]]


# ------------------------------------------------------------------------------------------ kinds


def _show_kinds(suite: Suite, as_json: bool) -> None:
    from assay.evals.graders.grading import check_graders

    check_graders(suite.samples)
    rows = [_row(kind, suite) for kind in suite.kinds.values()]
    value: dict[str, Any] = {"name": suite.name, "version": suite.version, "digest": suite.digest, "kinds": rows}
    if suite.profiles:
        value["profiles"] = suite.profiles
    emit(value, as_json, _kinds_as_text(suite, rows))


def _row(kind: Kind, suite: Suite) -> dict[str, Any]:
    from assay.evals.lint.trials import baseline_of

    samples = suite.of(kind.name)
    best: Baseline | None = run(baseline_of(samples))
    groups, single, synthetic = set(), 0, 0
    for sample in samples:
        synthetic += sample.synthetic
        single += sample.group is None
        groups.add(sample.group)
    return {
        "kind": kind.name,
        "samples": len(samples),
        "heldout": len(suite.of(kind.name, "heldout")),
        "groups": len(groups - {None}) + single,
        "synthetic": synthetic,
        "bar": kind.bar,
        "gate": kind.gate,
        "p95_latency_s": kind.p95_latency_s,
        "tools": len(samples[0].tools),
        "label": kind.label.value,
        "constant": best.answer if best is not None else None,
        "constant_share": best.share if best is not None else None,
        "description": kind.description,
    }


def _kinds_as_text(suite: Suite, rows: list[dict[str, Any]]) -> str:
    from assay.decision.table import table

    columns: dict[str, list[str]] = {
        "kind": [str(row["kind"]) for row in rows],
        "samples": [str(row["samples"]) for row in rows],
        "held out": [str(row["heldout"]) for row in rows],
        "groups": [str(row["groups"]) if row["groups"] < row["samples"] else "-" for row in rows],
        "synthetic": [str(row["synthetic"] or "-") for row in rows],
        "bar": [_share(row["bar"]) for row in rows],
        "constant": [_share(row["constant_share"]) for row in rows],
        "": ["gate" if row["gate"] else "" for row in rows],
        "p95": [f"{row['p95_latency_s']:g} s" if row["p95_latency_s"] else "-" for row in rows],
        "tools": [str(row["tools"] or "-") for row in rows],
        "label": [str(row["label"]) for row in rows],
        "what it is": [str(row["description"]) for row in rows],
    }
    told = {head: cells for head, cells in columns.items() if set(cells) - {"-", ""}}
    lines = [f"{suite.name} {suite.version}: {suite.description}".rstrip(": "), f"digest {suite.digest}", ""]
    lines += table(tuple(told), list(zip(*told.values(), strict=True)))
    lines += [f"profile {name}: {', '.join(kinds)}" for name, kinds in suite.profiles.items()]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return f"{value:.0%}" if value is not None else "-"


# ---------------------------------------------------------------------------------------- samples


def _value(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "kind": sample.kind,
        "split": sample.split,
        "label": sample.label.value,
        "where": sample.where,
        "messages": sample.messages,
        "follow_ups": sample.follow_ups,
        "tools": sample.tools,
        "target": sample.target,
        "graders": sample.graders,
        "group": sample.group,
        "synthetic": sample.synthetic,
        "origin": sample.origin,
        "meta": sample.meta,
    }


def _told(sample: Sample) -> list[str]:
    import msgspec

    from assay.cli.figures import block

    about = [sample.kind, sample.split, sample.label.value]
    about += [f"group {sample.group}"] if sample.group is not None else []
    about += ["synthetic"] if sample.synthetic else []
    lines = [f"{sample.id}  ({', '.join(about)})  {sample.where}", *_turns(sample.messages)]
    for said in sample.follow_ups:
        lines += ["  assistant: (the model's answer)", *_turns((said,))]
    if sample.tools:
        lines.append(f"  tools: {', '.join(tool.name for tool in sample.tools)}")
    lines += block("target", _short(sample.target))
    lines += [f"  grader: {msgspec.json.encode(spec).decode()}" for spec in sample.graders]
    lines += [
        f"  {name}: {_short(value)}" for name, value in (("origin", sample.origin), ("meta", sample.meta)) if value
    ]
    return [*lines, ""]


def _turns(messages: Iterable[Message]) -> list[str]:
    from assay.cli.figures import block, printable
    from assay.evals.suites.readable import readable

    return [
        line for one in messages for line in block(one.role, printable("\n".join(readable(one.parts)) or "(nothing)"))
    ]


def _short(value: object) -> str:
    """A text as it is, anything else as JSON."""
    import msgspec

    from assay.cli.figures import printable

    return printable(value if isinstance(value, str) else msgspec.json.encode(value).decode())
