"""What all commands share: the outer door for errors, `--json`, `--config`, and running something async."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from assay.errors import AssayError

if TYPE_CHECKING:
    import asyncio  # takes as long to import as all the rest of `assay --help`

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130


class Paused(click.Abort):
    """Interrupted in work that is kept, and goes on where it ended."""


class Finite(click.FloatRange):
    """A number within a range; `nan` and `inf`, which pass every comparison, are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


def json_option(command: F) -> F:
    """`--json`: machine-readable output with stable keys."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON with stable keys.")(command)


def config_option(command: F) -> F:
    """`-c/--config`: which assay.toml."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(),
        help="assay.toml or its folder [default: $ASSAY_CONFIG, else the nearest upwards].",
    )(command)


def run(work: Coroutine[Any, Any, T], *, continues: bool = False) -> T:
    """Run something async; Ctrl-C cancels it in order, so that what was done is kept.

    Raises:
        Paused: Ctrl-C, in work that `continues` when the same command is given again.
    """
    try:
        with runner() as opened:
            return opened.run(work)
    except (KeyboardInterrupt, _cancelled()) as error:
        if not continues:
            raise
        raise Paused from error


def runner() -> asyncio.Runner:
    """Runs several things one after another in one event loop; Ctrl-C cancels the one that runs."""
    import asyncio

    return asyncio.Runner(loop_factory=_loop)


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        import asyncio

        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def read_file(path: str) -> bytes:
    """The bytes of a file; `-` is standard input.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error


def utf8(text: str) -> str:
    """A text from a terminal or the command line, with `?` for bytes that are no UTF-8 and could not be sent on."""
    return text.encode("utf-8", "replace").decode()


def emit(value: object, as_json: bool, text: str) -> bool:
    """Print the result: JSON of `value`, or `text`. False when the reader has left, as `say` tells."""
    if as_json:
        text = _json(value)
    return say(text if text.endswith("\n") else text + "\n")


def _json(value: object) -> str:
    import msgspec

    try:
        return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
    except UnicodeEncodeError:  # a path or word of the command line that is no UTF-8
        import json

        return json.dumps(msgspec.to_builtins(value, str_keys=True, enc_hook=str), indent=2)


def say(text: str) -> bool:
    """Write to stdout at once. False when the reader has left (`| head`): no error, but nobody reads on.

    Raises:
        AssayError: it is a file on a disk that is full, say.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()  # here, where a pipe without a reader is no error yet
    except OSError as error:
        # What is left in its buffer would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the command goes on to its own exit code
            return False
        raise AssayError(f"cannot write to standard output: {error.strerror}") from error
    return True


def note(text: str) -> None:
    """A line on stderr: progress and remarks, never results."""
    from assay.cli.figures import printable

    click.echo(printable(text), err=True)


def finish(code: int) -> NoReturn:
    """End with one of the documented exit codes."""
    raise click.exceptions.Exit(code)


def guarded(main: Callable[[], object]) -> int:
    """Run the command line; turn errors into a message and an exit code.

    Without `standalone_mode`, click returns the code of `Exit` instead of raising it.
    """
    try:
        code = main()
    except AssayError as error:
        _complain(str(error), getattr(error, "__notes__", []))
        return error.exit_code
    except click.ClickException as error:
        from assay.cli.figures import printable

        error.message = printable(error.message)  # type: ignore[misc]  # no copy of it would show the same
        error.show()
        return 2
    except Paused:
        _complain("interrupted; what was done is kept, the same command continues", [])
        return INTERRUPTED
    except (KeyboardInterrupt, click.Abort, _cancelled()):
        _complain("interrupted", [])
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - the outermost door: a mistake of ours must not look like the answer "no"
        import traceback

        traceback.print_exc()
        _complain("this is a mistake in assay itself; please report it with the lines above", [])
        return AssayError.exit_code
    return code if isinstance(code, int) else 0


def _cancelled() -> type[BaseException]:
    from asyncio import CancelledError

    return CancelledError


def _complain(message: str, notes: list[str]) -> None:
    note(f"assay: {message}")
    for line in notes:
        note(f"       {line}")
