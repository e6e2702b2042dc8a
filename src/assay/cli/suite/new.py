"""`assay suite new`: a suite to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import emit, json_option
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.suites.starting import NewSuite


@click.command("new")
@click.argument("folder", type=click.Path())
@click.option("--profile", "profiles", multiple=True, help="Copy a profile (`assay suite profiles`); may be repeated.")
@click.option("-k", "--kind", "kinds", multiple=True, help="Begin a kind of this name; may be repeated.")
@click.option("--check", "checks", multiple=True, help="Check of the kind at the same place [default: normalised].")
@json_option
def command(
    folder: str, profiles: tuple[str, ...], kinds: tuple[str, ...], checks: tuple[str, ...], as_json: bool
) -> None:
    """Write a working suite, with comments that say how to make it your own.

    A kind begins with four samples to be replaced, which show what its check takes for a target. A profile brings kinds
    with ready samples for one failure that you cannot afford, about an invented company: put your own documents,
    tools and secrets in. The folder must be absent or empty.

    \b
    Examples:
      assay suite new suite
      assay suite new suite -k tickets -k totals --check choice --check numeric
      assay suite new suite --profile leakage --profile unsafe-action
    """
    from assay.evals.suites.profile import profile
    from assay.evals.suites.starting import WantedKind, begin_suite

    if len(checks) > len(kinds):
        raise click.UsageError("there are more --check than --kind; name a kind for each")
    given = (*checks, *["normalised"] * (len(kinds) - len(checks)))
    wanted = [WantedKind(kind, check) for kind, check in zip(kinds, given, strict=True)]
    new = begin_suite(folder, kinds=wanted, profiles=[profile(name) for name in dict.fromkeys(profiles)])
    value = {
        "folder": new.suite.folder,
        "files": new.written,
        "kinds": {name: _row(new, name) for name in new.suite.kinds},
    }
    emit(value, as_json, render(new, folder))


def _row(new: NewSuite, kind: str) -> dict[str, object]:
    one = new.suite.kinds[kind]
    return {"samples": len(new.suite.of(kind)), "bar": one.bar, "gate": one.gate, "description": one.description}


def render(new: NewSuite, folder: str) -> str:
    """What is there now, and what comes next."""
    from assay.decision.table import table

    cells = [
        (name, str(len(new.suite.of(name))), "gate" if kind.gate else "", kind.description or "(yours to describe)")
        for name, kind in new.suite.kinds.items()
    ]
    lines = [f"Wrote {new.suite.folder}: {plural(len(new.written), 'file')}.", ""]
    lines += table(("kind", "samples", "", "what it is"), cells)
    lines += ["", "Next:", f"  edit {folder}/suite.toml and the samples; 20 or more of each kind, yours"]
    if "prompts.toml" in new.written:
        lines.append(f"  {folder}/prompts.toml says what to tell models for these kinds: put it into assay.toml")
    lines += [
        f"  assay suite lint {folder}      what is wrong with it",
        f"  assay suite split {folder}     which samples are held out",
        f"  assay suite power {folder}     what so many samples can tell",
        f'  suite = "{folder}" under [decide] in assay.toml; then assay eval',
    ]
    return "\n".join(lines)
