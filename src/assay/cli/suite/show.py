"""`assay suite show`: look at a suite before money is spent on it."""

from __future__ import annotations

import click

from assay.cli.door import emit, json_option


@click.command("show")
@click.argument("folder", type=click.Path())
@json_option
def command(folder: str, as_json: bool) -> None:
    """Read a suite, make its graders, and list its kinds.

    \b
    Example:
      assay suite show examples/workshop/suite
    """
    from assay.decision.explain import table
    from assay.evals.grading import check_graders
    from assay.evals.suite import read_suite

    suite = read_suite(folder)
    check_graders(suite.samples)
    rows = [
        {
            "kind": kind.name,
            "samples": len(suite.of(kind.name)),
            "heldout": len(suite.of(kind.name, "heldout")),
            "bar": kind.bar,
            "gate": kind.gate,
            "p95_latency_s": kind.p95_latency_s,
            "tools": len(suite.of(kind.name)[0].tools),
            "label": kind.label.value,
            "description": kind.description,
        }
        for kind in suite.kinds.values()
    ]
    cells = [
        (
            str(row["kind"]),
            str(row["samples"]),
            str(row["heldout"]),
            f"{row['bar']:.0%}" if isinstance(row["bar"], float) else "-",
            "gate" if row["gate"] else "",
            f"{row['p95_latency_s']:g} s" if row["p95_latency_s"] else "-",
            str(row["tools"] or "-"),
            str(row["label"]),
            str(row["description"]),
        )
        for row in rows
    ]
    text = [f"{suite.name} {suite.version}: {suite.description}", f"digest {suite.digest}", ""]
    text += table(("kind", "samples", "held out", "bar", "", "p95", "tools", "label", "what it is"), cells)
    value = {"name": suite.name, "version": suite.version, "digest": suite.digest, "kinds": rows}
    emit(value, as_json, "\n".join(text))
