"""`assay models lint`: a data file of the catalogue, checked before others rest on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import emit, finish, json_option
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.catalog.lint import Finding


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False), metavar="FILE...")
@json_option
def command(files: tuple[str, ...], as_json: bool) -> None:
    """Check data files of the catalogue: a family for everybody, or a team's own models.

    A mistake keeps a file from being read: an unknown key, a fact without a source. A finding is something that a
    reader would stumble over: a source that nothing uses, weights that cannot be verified, a licence or host that the
    catalogue does not know, a shape that contradicts itself. Exit code 1 if there is any of either.

    \b
    Examples:
      assay models lint our-models.toml
      assay models lint src/assay/catalog/data/models/*.toml
    """
    from pathlib import Path

    from assay.catalog.lint import lint

    found = [(path, one) for path in files for one in lint(Path(path).read_bytes(), path)]
    rows = [{"file": path, **one._asdict()} for path, one in found]
    lines = [_line(path, one) for path, one in found] or [f"{plural(len(files), 'file')}: nothing to find"]
    emit(rows, as_json, "\n".join(lines))
    finish(1 if found else 0)


def _line(path: str, one: Finding) -> str:
    where = f"{path}: {one.entry}" if one.entry and one.kind == "finding" else path
    return f"{where}: {one.message}" if one.kind == "finding" else one.message
