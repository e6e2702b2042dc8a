"""`--write FILE`: the route that enforces a decision, written into a file."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import F, note

if TYPE_CHECKING:
    from assay.decision.decision import Decision

__all__ = ["Writing", "writing_options"]


class Writing(NamedTuple):
    """Where a route is written.

    Attributes:
        file: a new one, or an assay.toml that is added to.
        route: its name; None = the suite's, with `-chosen` behind it.
        force: put it in the place of the one that was written there before.
    """

    file: Path
    route: str | None
    force: bool

    def write(self, decision: Decision, config: str | None) -> None:
        """Write the route that enforces a decision, and tell so on stderr.

        Raises:
            ConfigError: the file cannot take it; it is then as it was.
            DecisionError: no kind has a proven candidate.
        """
        from assay.config.load import load
        from assay.decision.adapting.written import adapted_table
        from assay.decision.adapting.written import reasons_of as adapted_from
        from assay.decision.line import reasons_of, route_of
        from assay.decision.route_file import deployment_piece, route_text, write_route

        name = self.route if self.route is not None else f"{decision.suite}-chosen"
        loaded = load(config).config
        route = route_of(decision, default_kind=loaded.serve.default_kind)
        text = route_text(name, route, reasons_of(decision))
        folder = self.file.expanduser().resolve().parent
        deployments = [
            deployment_piece(one.adapted, adapted_table(loaded, one, folder), adapted_from(one))
            for one in decision.adaptations
            if one.adapted in route.candidates and one.adapted is not None
        ]
        file = write_route(self.file, name, text, force=self.force, deployments=deployments)
        note(f"route {name!r} of decision {decision.id[:12]} written to {file}; clients call it by that name")


def writing_options(command: F) -> F:
    """`--write`, `--route` and `--force`: given to the command as `writing`, a `Writing` or None."""

    @click.option(
        "--write", "file", type=click.Path(path_type=Path, dir_okay=False),
        help="Write the route that enforces the decision: into a new file, or behind what an assay.toml says.",
    )  # fmt: skip
    @click.option("--route", help="With --write: the name that clients call [default: SUITE-chosen].")
    @click.option("--force", is_flag=True, help="With --write: replace the route of this name that was written before.")
    @wraps(command)
    def with_writing(*, file: Path | None, route: str | None, force: bool, **rest: Any) -> Any:
        if file is None and (route is not None or force):
            raise click.UsageError("--route and --force go with --write FILE")
        if file is not None and not file.expanduser().absolute().parent.is_dir():
            raise click.UsageError(f"--write {file}: its folder is not there, and nothing was asked")
        return command(writing=Writing(file, route, force) if file is not None else None, **rest)

    return with_writing  # type: ignore[return-value]  # the same command with three options more
