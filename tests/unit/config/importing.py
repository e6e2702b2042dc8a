"""Importing a peer's configuration in tests: what came of it, always loaded as `assay.toml` would be."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from assay.config.importers.draft import Draft
from assay.config.importers.peers import draft_of
from assay.config.load import parse
from assay.config.schema import Config


class Imported:
    """A draft, and the configuration that it makes."""

    def __init__(self, draft: Draft, config: Config, text: str) -> None:
        self.draft, self.config, self.text = draft, config, text

    @property
    def left(self) -> dict[str, str]:
        """Why each place was not carried over."""
        return {one.path: one.why for one in self.draft.leftovers}

    @property
    def said(self) -> str:
        """Everything that a person gets to see."""
        return self.text + repr(self.draft.leftovers) + repr(self.draft.notes)


def imported(peer: str, text: str, folder: Path = Path("/nowhere"), name: str = "prod.conf") -> Imported:
    """What comes of a peer's file in `folder`."""
    draft = draft_of(peer, text.encode(), folder / name, folder)
    written = tomli_w.dumps(draft.tables())
    return Imported(draft, parse(written.encode(), folder / "assay.toml"), written)
