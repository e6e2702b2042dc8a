"""A group of commands, each in a module of its own that is imported when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class Commands(click.Group):
    """Loads a command's module on demand.

    Args:
        modules: command -> module under `assay.cli`, whose `command` is the click command.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **given: Any) -> None:
        super().__init__(*args, **given)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(self._modules)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, or an error with the nearest: click itself compares with what it has loaded."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._modules, n=1)
            if near and args[0] not in self._modules:
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from error
            raise

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"assay.cli.{module}").command
        return command
