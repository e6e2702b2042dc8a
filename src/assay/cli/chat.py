"""`assay chat`: talk to a deployment or route."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.door import INTERRUPTED, config_option, finish, json_option, note, read_file, runner, say, utf8
from assay.numerals import plural

if TYPE_CHECKING:
    from asyncio import Runner

    from assay.app import App
    from assay.inference.asking import TimedCall
    from assay.inference.conversation import Conversation
    from assay.types import Event

HELP = """\
  /system TEXT   set the system message; without a text: take it away
  /reset         forget what was said
  /cost          tokens and cost so far
  /save FILE     write the conversation as a request, which `assay call FILE` can send again
  /help          this
  Ctrl-C stops an answer, Ctrl-D ends. A line that begins with a space is never a command."""


class Left(Exception):
    """The reader of standard output has gone."""


@click.command("chat")
@click.option("-m", "--model", "target", required=True, help="Deployment or route to talk to.")
@click.option(
    "-p", "--prompt", "prompts", multiple=True, help="Say this and end; repeat for several turns, one after another."
)
@click.option("--system", help="A system message before all turns.")
@click.option("-k", "--kind", help="Kind of the requests: its prompt and settings are applied.")
@click.option("--label", type=click.Choice(["public", "private-only"]), help="Where what is said may go.")
@config_option
@json_option
def command(
    target: str, prompts: tuple[str, ...], system: str | None, kind: str | None, label: str | None,
    config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Talk to a deployment or route, turn by turn, streamed.

    On a terminal it asks for each turn; /help lists what else can be typed. What is said is not kept unless /save
    writes it; the ledger has only that it was asked, of whom, and at what cost. Without a terminal, standard input is
    one turn. After each answer, standard error says who gave it, the tokens, the time and the cost. With --json each
    turn is one JSON object on a line.

    \b
    Examples:
      assay chat -m small
      echo "What is a derailleur?" | assay chat -m small
      assay chat -m support -p "My brake squeaks." -p "It is new." -k tickets.classify --json
    """
    from assay.app import open_app
    from assay.cli.recovery import show_recovered
    from assay.inference.conversation import Conversation
    from assay.types import Label

    with runner() as loop:
        app = open_app(config)
        try:
            show_recovered(app.ledger.recovered)
            loop.run(app.require([target]))
            conversation = Conversation(
                app.spine, target, system=system, kind=kind, label=Label(label) if label else Label.UNLABELLED
            )
            chat = Chat(conversation, loop, as_json)
            if not prompts and sys.stdin.isatty():
                chat.interact()
            else:
                chat.recite(prompts or (read_file("-").decode("utf-8", "replace"),))
        except Left:
            finish(0)
        except KeyboardInterrupt:
            note("assay: interrupted; the call is on record in `assay logs`")
            finish(INTERRUPTED)
        finally:
            loop.run(_close(app))


async def _close(app: App) -> None:
    async with app:
        pass


class Chat:
    """A conversation at a terminal or a pipe."""

    def __init__(self, conversation: Conversation, loop: Runner, as_json: bool) -> None:
        self._conversation = conversation
        self._loop = loop
        self._as_json = as_json

    def recite(self, prompts: tuple[str, ...]) -> None:
        """Say each, one after another; the first error ends it.

        Raises:
            AssayError: a turn has no answer.
        """
        for prompt in prompts:
            if not prompt.strip():
                raise click.UsageError("there is nothing to say: give --prompt, or a text on standard input")
            self._turn(prompt.rstrip("\n"))

    def interact(self) -> None:
        """Ask for turns until the end of the input."""
        from assay.errors import AssayError

        _edit_lines()
        note(f"{self._conversation.target}: say something; /help lists commands, Ctrl-D ends.")
        while (line := _read()) is not None:
            try:
                if line.startswith("/"):
                    self._command(line)
                elif line.strip():
                    self._turn(line.strip())
            except AssayError as error:
                note(f"assay: {error}")
            except KeyboardInterrupt:
                note("\n  (stopped; as far as it came it is part of the conversation)")

    def _turn(self, text: str) -> None:
        text = utf8(text)
        self._loop.run(self._answer(text))
        call = self._conversation.calls[-1]
        if self._as_json:
            import msgspec

            turn = {"turn": len(self._conversation.calls), "target": self._conversation.target, "asked": text}
            self._say(msgspec.json.encode(turn | msgspec.to_builtins(call)).decode() + "\n")
        else:
            self._say("\n")
        note(_told(call))

    async def _answer(self, text: str) -> None:
        shown = False
        async with aclosing(self._conversation.ask(text)) as events:
            async for event in events:
                if not self._as_json:
                    shown = self._show(event) or shown
        if not shown and not self._as_json:  # nothing that streams: a tool call, say
            self._say(_safe(self._conversation.calls[-1].text))

    def _show(self, event: Event) -> bool:
        """Write a piece of text; whether it was one."""
        from assay.types import ReasoningDelta, RefusalDelta, TextDelta

        if isinstance(event, ReasoningDelta):
            click.echo(click.style(_safe(event.text), dim=True), err=True, nl=False)
            return False
        if not isinstance(event, TextDelta | RefusalDelta) or event.choice:
            return False
        self._say(_safe(event.text))
        return True

    def _say(self, text: str) -> None:
        if not say(text):
            raise Left

    # --------------------------------------------------------------------------------------- commands

    def _command(self, line: str) -> None:
        from assay.errors import did_you_mean

        word, _, rest = line.partition(" ")
        commands: dict[str, Callable[[str], str]] = {
            "/help": lambda _: HELP, "/reset": self._reset, "/system": self._system, "/cost": self._cost,
            "/save": self._save,
        }  # fmt: skip
        known = commands.get(word)
        note(known(rest.strip()) if known is not None else f"  no command {word!r}; {did_you_mean(word, commands)}")

    def _reset(self, _: str) -> str:
        self._conversation.reset()
        return "  (forgotten)"

    def _system(self, text: str) -> str:
        self._conversation.system = text or None
        return "  (system message set)" if text else "  (no system message)"

    def _cost(self, _: str) -> str:
        from assay.cli.figures import cost

        spent = self._conversation.spending
        bound = " (at most)" if spent.cost_basis == "bound" else ""
        return (
            f"  {plural(spent.turns, 'turn')}, {plural(spent.input_tokens, 'token')} in, {spent.output_tokens} out, "
            f"{cost(spent.usd, spent.engine_s)}{bound}"
        )

    def _save(self, file: str) -> str:
        from assay.dialects.openai_chat import OpenAIChat

        if not file:
            return "  /save needs the name of a file"
        if not self._conversation.messages:
            return "  nothing was said yet"
        request = self._conversation.request()
        wire = OpenAIChat().write_request(request, model=request.model, stream=False, quirks={"grammar": True})
        try:
            with Path(file).open("xb") as out:  # never over a file that is there
                out.write(wire.body + b"\n")
        except OSError as error:
            return f"  cannot write {file}: {error.strerror}"
        return f"  saved to {file}; `assay call {file}` sends it again"


def _told(call: TimedCall) -> str:
    """Who answered, tokens, time and cost."""
    from assay.cli.figures import cost, count, seconds

    load = f", {seconds(call.load_s)} to load the engine" if call.load_s is not None else ""
    cached = f" ({call.cached_tokens} cached)" if call.cached_tokens else ""
    end = f" · {call.finish}" if call.finish not in ("stop", None) else ""
    return (
        f"  {call.deployment} · {count(call.input_tokens)} tokens in{cached}, {count(call.output_tokens)} out · "
        f"{seconds(call.total_s)} (first {seconds(call.first_token_s)}{load}) · {cost(call.usd, call.engine_s)}{end}"
    )


def _safe(text: str) -> str:
    """The text as it is for a pipe or file; for a terminal without what could move its cursor."""
    from assay.cli.figures import printable

    return printable(text) if sys.stdout.isatty() else text


def _edit_lines() -> None:
    """Line editing and a history of this session only: what was said may be private."""
    try:
        import readline
    except ImportError:  # not made for Windows
        return
    readline.set_auto_history(True)


def _read() -> str | None:
    """The next line; None at the end of the input. Ctrl-C drops what was typed."""
    while True:
        try:
            if sys.stdout.isatty():
                return input("> ")
            click.echo("> ", err=True, nl=False)
            return input()
        except KeyboardInterrupt:
            note("\n  (Ctrl-D ends)")
        except EOFError:
            note("")
            return None
