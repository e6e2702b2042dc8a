"""`assay chat`: turns from a pipe, from options and at a terminal; streamed, stopped, saved."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

Project = Any  # of this folder's conftest


def test_standard_input_is_one_turn(project: Project) -> None:
    """The answer, and nothing else, on standard output; who gave it, tokens and cost on stderr."""
    process = project.begin("chat", "-m", "both", stdin=subprocess.PIPE)
    out, err = process.communicate("two\nlines\n", timeout=30)
    assert (process.returncode, out) == (0, "no\n")
    assert "bad · 2 tokens in, 1 out" in err
    assert "USD" in err


def test_turns_follow_one_another(project: Project) -> None:
    """Each `-p` is a turn that sends those before it; `--json` prints one object a line, with stable keys."""
    ended = project.inside("chat", "-m", "good", "-p", "a b", "-p", "c", "--system", "Now.", "-k", "words", "--json")
    assert ended.code == 0, ended.err
    first, second = map(json.loads, ended.out.splitlines())
    assert (first["turn"], first["asked"], first["text"], first["deployment"]) == (1, "a b", "yes", "good")
    assert (first["input_tokens"], second["input_tokens"]) == (4 + 1 + 2, 4 + 1 + 2 + 1 + 1)
    assert list(first) == list(second)
    rows = project.inside("logs", "--json").json["attempts"]
    assert [row["kind"] for row in rows] == ["words", "words"]


def test_a_fault_ends_it(project: Project) -> None:
    """What came is shown, then the error; exit code 3, and no further turn is asked."""
    project.script("good", {"match": "torn", "answer": "one two", "error": "BadRequest", "fail_after": 1})
    ended = project.inside("chat", "-m", "good", "-p", "torn", "-p", "more")
    assert ended.code == 3
    assert ended.out.startswith("one")
    assert "assay: " in ended.err
    assert "scripted BadRequest" in ended.err
    assert len(project.inside("logs", "--json").json["attempts"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--model"),
        (("-m", "god", "-p", "x"), "did you mean 'good'?"),
        (("-m", "good", "-p", " "), "there is nothing to say"),
        (("-m", "good", "--label", "secret", "-p", "x"), "--label"),
    ],
)
def test_what_is_wrong_is_said(project: Project, words: tuple[str, ...], said: str) -> None:
    """Exit code 2 and a message."""
    ended = project.inside("chat", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_bytes_that_are_no_utf8(project: Project) -> None:
    """They are asked as replaced characters, from a pipe and from the command line, without a traceback."""
    process = project.begin("chat", "-m", "good", "--json", stdin=subprocess.PIPE)
    process.stdin.buffer.write(b"caf\xe9")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["asked"] == "caf\ufffd"
    ended = project.inside("chat", "-m", "good", "--json", "-p", "caf\udce9")
    assert (ended.code, ended.json["asked"]) == (0, "caf?")


def test_a_reader_that_leaves_stops_the_answer(project: Project) -> None:
    """`assay chat ... | head -1`: the answer is cancelled instead of being paid to its end; exit code 0."""
    project.script("good", {"match": "", "answer": "word " * 1000, "chunk_delay_s": 0.02})
    process = project.begin("chat", "-m", "good", "-p", "x")
    assert process.stdout is not None
    assert process.stdout.read(4) == "word"
    process.stdout.close()
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert project.inside("logs", "--json").json["attempts"][0]["outcome"] == "cancelled"


def test_ctrl_c_without_a_terminal(project: Project) -> None:
    """Exit code 130, a sentence, and the call is settled."""
    project.script("good", {"match": "", "answer": "word " * 1000, "chunk_delay_s": 0.02})
    process = project.begin("chat", "-m", "good", "-p", "x")
    assert process.stdout is not None
    assert process.stdout.read(4) == "word"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.strip() == "assay: interrupted; the call is on record in `assay logs`"
    assert project.inside("logs", "--json").json["attempts"][0]["outcome"] == "cancelled"


# ------------------------------------------------------------------------------------- at a terminal


class Terminal:
    """`assay chat` with a terminal for its standard streams."""

    def __init__(self, project: Project, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = project.begin("chat", *words, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)

    def until(self, end: str) -> str:
        """All that is printed up to this."""
        came, deadline = "", time.monotonic() + 20
        while end not in came:
            assert self.ready(deadline - time.monotonic()), came
            try:
                data = os.read(self._ours, 4096)
            except OSError:  # the other side is closed
                data = b""
            assert data, came
            came += data.decode()
        return came

    def ready(self, within_s: float) -> bool:
        """Whether something is printed within so many seconds."""
        return bool(select.select([self._ours], [], [], max(0.0, within_s))[0])

    def interrupt(self) -> None:
        """Ctrl-C at the prompt; again if nothing comes of it.

        Python loses a signal that comes after the prompt was written and before it waits for a line.
        """
        for _ in range(10):
            self.process.send_signal(signal.SIGINT)
            if self.ready(2.0):
                return
        pytest.fail("nothing came of Ctrl-C")

    def say(self, line: str, end: str = "> ") -> str:
        """Type a line; gives what is printed then, up to the next prompt."""
        os.write(self._ours, line.encode() + b"\n")
        return self.until(end)

    def leave(self) -> int:
        """Ctrl-D."""
        os.write(self._ours, b"\x04")
        return self.process.wait(10)

    def close(self) -> None:
        """Let go of the terminal."""
        os.close(self._ours)


@pytest.fixture
def terminal(project: Project) -> Iterator[Terminal]:
    """A conversation with `good`, which can be slow, break, and write control characters."""
    project.script(
        "good",
        {"match": "slow", "answer": "one two three " + "four " * 500, "chunk_delay_s": 0.02},
        {"match": "torn", "error": "BadRequest"},
        {"match": "red", "answer": "\x1b[31mred"},
    )
    made = Terminal(project, "-m", "good")
    made.until("> ")
    yield made
    made.close()


def test_a_conversation_at_a_terminal(project: Project, terminal: Terminal) -> None:
    """Turns and commands; a fault does not end it; what a model writes cannot reach the terminal's controls."""
    assert "yes\r\n  good · 5 tokens in, 1 out" in terminal.say("hello")
    assert "/save FILE" in terminal.say("/help")
    assert "did you mean '/reset'?" in terminal.say("/rest")
    assert "assay: good: scripted BadRequest" in terminal.say("torn")
    assert "\\x1b[31mred" in terminal.say("red")
    assert "  3 turns, " in terminal.say("/cost")
    assert "(system message set)" in terminal.say("/system Be brief.")
    assert "saved to talk.json" in terminal.say("/save talk.json")
    assert "cannot write talk.json: File exists" in terminal.say("/save talk.json")
    assert "needs the name of a file" in terminal.say("/save")
    assert "(forgotten)" in terminal.say("/reset")
    assert "nothing was said yet" in terminal.say("/save other.json")
    assert terminal.leave() == 0
    saved = json.loads((project.folder / "talk.json").read_text())
    assert [message["role"] for message in saved["messages"]] == ["system", *["user", "assistant"] * 2]
    assert project.inside("call", "talk.json", "--json").json["call"]["deployment"] == "good"


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(project: Project, terminal: Terminal) -> None:
    """The answer so far stays in the conversation, the call is settled as cancelled, the next turn is asked."""
    terminal.say("slow", end="three")
    terminal.process.send_signal(signal.SIGINT)
    assert "(stopped; as far as it came" in terminal.until("> ")
    assert "yes" in terminal.say("hello")
    terminal.interrupt()
    terminal.until("(Ctrl-D ends)\r\n> ")
    assert terminal.leave() == 0
    rows = project.inside("logs", "--json").json["attempts"]
    assert [row["outcome"] for row in rows] == ["ok", "cancelled"]
    assert rows[0]["input_tokens"] >= 4 + 1 + 3 + 1  # with what the stopped answer had said
