"""The generated pages say what the code says, and leave nothing out."""

import importlib.util
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import click
import pytest

from assay import errors, plugins
from assay.cli.main import COMMANDS, assay

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    """docs/generate.py, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("assay_docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # get_type_hints looks a class's module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / name).read_text("utf-8")


def test_the_pages_are_not_stale(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python docs/generate.py --check` finds every page as the code would write it; else run `make docs`."""
    monkeypatch.setenv("COLUMNS", "30")  # whatever the terminal
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_page_is_named_and_rewritten(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names what is stale or missing and writes nothing; without it the pages are written."""
    for name in generate.PAGES:
        shutil.copy(DOCS / name, tmp_path)
    (tmp_path / "cli.md").write_text("old")
    (tmp_path / "errors.md").unlink()
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    monkeypatch.setenv("COLUMNS", "30")
    assert generate.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "docs/cli.md" in said
    assert "docs/errors.md" in said
    assert (tmp_path / "cli.md").read_text() == "old"
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_every_config_key_is_explained(generate: ModuleType) -> None:
    """Each key of each section has a row with a type and a meaning; no docstring explains a key that is not there."""
    rows = page("config.md").splitlines()
    for kind, places in generate.tables():
        keys = generate.keys(kind)
        assert set(generate.meanings(kind)) == {key.name for key in keys}, kind.__name__
        for key in keys:
            assert key.meaning, f"{kind.__name__}.{key.name} is not explained"
            assert key.type, f"{kind.__name__}.{key.name} has no type"
            assert any(row.startswith(f"| `{key.name}` | {key.type} |") for row in rows)
        assert all(
            f"`{place}`" in page("config.md") or f"`[{place}]`" in page("config.md") for place in places if place
        )


def test_every_option_of_a_policy_is_explained(generate: ModuleType) -> None:
    """Each key that a route's `policy` takes has a meaning, and no docstring explains one that is not there."""
    text = page("policies.md")
    for name in plugins.names("assay.policies"):
        assert f"## {name}\n" in text
        for kind, _ in generate.tables_of(plugins.load("assay.policies", name), name):
            keys = generate.keys(kind)
            assert set(generate.meanings(kind)) == {key.name for key in keys}, kind.__name__
            assert all(key.meaning for key in keys), kind.__name__


def test_a_table_is_shown_where_it_may_stand(generate: ModuleType) -> None:
    """Tables inside tables are found through options, arrays and names."""
    places = {table.kind.__name__: table.places for table in generate.tables()}
    assert places["Settings"] == ["deployments.NAME.settings", "deployments.NAME.kinds.KIND"]
    assert places["Price"] == ["deployments.NAME.price_usd_per_mtok"]
    assert "deployments.NAME.settings.examples[]" in places["Example"]
    assert places["Serve"] == ["serve"]


def test_every_command_is_shown(generate: ModuleType) -> None:
    """Each command and subcommand has a section with its help, and each of its options is in it."""
    text = page("cli.md")
    sections = dict(re.findall(r"^## (assay[^\n]*)\n\n```text\n(.*?)\n```$", text, flags=re.M | re.S))
    found = dict(generate.commands(assay))
    assert sections.keys() == found.keys()
    assert {f"assay {name}" for name in COMMANDS} <= found.keys()
    for name, command in found.items():
        assert command.help, f"{name} has no help"
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert max(option.opts, key=len) in sections[name], f"{name} {option.opts}"


def test_every_column_is_shown() -> None:
    """docs/ledger.md has every table and every column of the schema."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(files("assay.ledger").joinpath("schema.sql").read_text("utf-8"))
    tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    text = page("ledger.md")
    for table in tables:
        body = re.search(rf"create table {table} \((.*?)\n\) strict", text, flags=re.S)
        assert body is not None, table
        for _, column, *_ in connection.execute(f"pragma table_info({table})"):
            assert re.search(rf"^  {column} ", body[1], flags=re.M), f"{table}.{column}"
    connection.close()
    assert len(tables) >= 8


def test_every_error_is_shown(generate: ModuleType) -> None:
    """docs/errors.md draws every class and says when it occurs."""
    text = page("errors.md")
    classes = generate.error_classes()
    assert errors.AssayError in classes
    for kind in classes:
        assert re.search(rf"(─ |^){kind.__name__}\b", text, flags=re.M), kind.__name__
        assert re.search(rf"^\| `{kind.__name__}` \| \w.* \| {kind.exit_code} \|", text, flags=re.M), kind.__name__
