"""Help, start-up cost, and what importing pulls in."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from assay.cli.main import COMMANDS, assay

GOLDEN = Path(__file__).parents[2] / "golden" / "help.txt"
HEAVY = {
    "torch", "numpy", "pydantic", "aiohttp", "uvicorn", "httpx", "openai", "xllamacpp", "genai_prices", "pandas",
    "transformers", "uvloop",
}  # fmt: skip


def pages() -> list[tuple[str, ...]]:
    """Every command and subcommand as words."""
    found: list[tuple[str, ...]] = [()]
    context = click.Context(assay)
    for name in assay.list_commands(context):
        command = assay.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.list_commands(context)]
    return found


def help_of(words: tuple[str, ...]) -> str:
    """The help of one command at 100 columns."""
    command: click.Command = assay
    context = click.Context(assay, info_name="assay", terminal_width=100, **assay.context_settings)
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None
        command = found
        context = click.Context(command, info_name=word, parent=context, terminal_width=100)
    return command.get_help(context)


def test_help_is_the_golden_one() -> None:
    """The help of every command, in one file that a reviewer reads (`ASSAY_GOLDEN=1` rewrites it)."""
    rule = "\n\n" + "-" * 100 + "\n"
    text = rule.join(help_of(words) for words in pages()) + "\n"
    if os.environ.get("ASSAY_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize("words", pages(), ids=" ".join)
def test_every_command_says_what_it_does(words: tuple[str, ...]) -> None:
    """Every command has a first line and an example, and every option of its own has a help text."""
    command: click.Command = assay
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word) or pytest.fail(f"no command {word}")
    assert command.help
    assert "Example" in command.help or isinstance(command, click.Group)
    for option in command.params:
        if isinstance(option, click.Option) and not isinstance(option.type, click.Choice):
            assert option.help, option.name


def test_every_command_is_listed() -> None:
    """The list of commands and the modules are the same."""
    assert assay.list_commands(click.Context(assay)) == sorted(COMMANDS)
    folder = Path(__file__).parents[3] / "src/assay/cli"
    files = (*folder.glob("*.py"), *folder.glob("*/__init__.py"))
    with_command = [path for path in files if "\ndef command(" in path.read_text("utf-8")]
    commands = {path.parent.name if path.stem == "__init__" else path.stem for path in with_command}
    assert set(COMMANDS.values()) == commands


def test_help_takes_less_than_0_3_s_of_cpu() -> None:
    """`assay --help`: user and system time of the child, the best of three."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "assay", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(3)) < 0.3


@pytest.mark.parametrize("module", ["assay", "assay.cli.main", "assay.types", "assay.inference.spine", "assay.app"])
def test_importing_pulls_in_nothing_heavy(module: str) -> None:
    """No server, SDK or array library comes with an import: they are imported when they are used."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert HEAVY & {name.partition(".")[0] for name in done.stdout.split()} == set()


def test_help_needs_no_event_loop() -> None:
    """All commands are there to be listed, and `asyncio`, which takes as long as all of them, is not imported."""
    code = "import sys; from assay.cli.main import assay; assay(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    names = set(done.stdout.split())
    assert "assay.cli.demo" in names
    assert "asyncio" not in names


def test_the_version(project: Any) -> None:
    """`--version` prints the package's."""
    from assay import __version__

    ended = project("--version")
    assert (ended.code, __version__ in ended.out) == (0, True)
