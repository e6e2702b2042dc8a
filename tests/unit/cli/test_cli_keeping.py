"""What is said where no request was kept whole: never what has been done already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.cli.keeping import none_kept
from assay.config.load import parse

Project = Any  # of this folder's conftest
ROUTES = (
    '[deployments.m]\nmodel = "x/m"\ndialect = "scripted"\nscript = "m.json"\n'
    '[routes.kept]\ncandidates = ["m"]\nbodies = "full"\n[routes.off]\ncandidates = ["m"]\nbodies = "off"\n'
    '[routes.plain]\ncandidates = ["m"]\n'
)


@pytest.mark.parametrize(
    ("serve", "target", "is_kept"),
    [
        ("off", None, True), ("off", "kept", True), ("off", "plain", False), ("off", "off", False), ("off", "m", False),
        ("full", None, True), ("full", "plain", True), ("full", "off", False), ("full", "m", True),
    ],
)  # fmt: skip
def test_what_to_do_hangs_on_what_the_file_says(tmp_path: Path, serve: str, target: str | None, is_kept: bool) -> None:
    """Who keeps bodies of it is told that none came yet; who does not, how to."""
    (tmp_path / "m.json").write_text('{"rules": []}')
    text = f'{ROUTES}[serve]\nbodies = "{serve}"\n'
    said = none_kept(parse(text.encode(), tmp_path / "assay.toml"), 0, target)
    assert ("what is served from now on is" in said, "say bodies" in said) == (is_kept, not is_kept)


def test_both_commands_say_so(project: Project) -> None:
    """Of a project that keeps nothing, and of one that has just begun to."""
    config = project.folder / "assay.toml"
    for told in ('say bodies = "full"', 'so far; assay.toml says bodies = "full"'):
        assert told in project.inside("kinds", "suggest").out
        assert told in project.inside("suite", "from-ledger", "--out", "made").err
        config.write_text(config.read_text().replace("port = 0", 'port = 0\nbodies = "full"'))
