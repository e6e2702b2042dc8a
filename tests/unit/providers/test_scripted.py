"""The scripted model: rules in, events out."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from assay.errors import ConfigError, ConnectionFailed, ContentFiltered, RateLimited
from assay.providers.provider import Attempted, Meter
from assay.providers.scripted import Script, ScriptedProvider
from assay.types import Begin, Event, Finished, Message, Refusal, Request, Response, TextDelta, fold


def script(tmp_path: Path, **content: Any) -> Script:
    """A script, read from its file."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps(content))
    return Script.read(path)


def said(text: str, **more: Any) -> Attempted:
    """What a user says."""
    return Attempted(request=Request(messages=(Message.of("user", text),), **more))


async def events(provider: ScriptedProvider, asked: Attempted, meter: Meter | None = None) -> list[Event]:
    """All events of an answer."""
    return [event async for event in provider.stream(asked, meter or Meter())]


async def answer(provider: ScriptedProvider, text: str) -> Response:
    """The whole answer."""
    return fold(await events(provider, said(text)))


class TestRules:
    """Which rule answers, and with what."""

    async def test_first_match_answers_with_its_groups(self, tmp_path: Path) -> None:
        """Rules are tried in order; `{0}` is the match, `{1}` a group; else the default answers."""
        provider = ScriptedProvider(
            script(
                tmp_path,
                rules=[
                    {"match": r"capital of (\w+)", "answer": "{1}? You said {0}."},
                    {"match": "of", "answer": "2nd"},
                ],
                default="I do not know.",
            )
        )
        assert (await answer(provider, "the capital of Norway")).text == "Norway? You said capital of Norway."
        assert (await answer(provider, "of course")).text == "2nd"
        assert (await answer(provider, "hm")).text == "I do not know."

    async def test_last_user_text_counts(self, tmp_path: Path) -> None:
        """Earlier turns, answers and instructions are not matched; a completion's prompt is."""
        provider = ScriptedProvider(script(tmp_path, rules=[{"match": "old", "answer": "no"}], default="yes"))
        turns = (Message.of("user", "old"), Message.of("assistant", "old"), Message.of("user", "new"))
        assert fold(await events(provider, Attempted(request=Request(messages=turns)))).text == "yes"
        prompt = Attempted(request=Request(form="completion", prompt="old"))
        assert fold(await events(provider, prompt)).text == "no"
        assert fold(await events(provider, Attempted(request=Request()))).text == "yes"

    async def test_times_are_spent_in_order(self, tmp_path: Path) -> None:
        """A rule with `times` answers so often and then leaves the place to the next, also for calls at once."""
        rules = [{"error": "RateLimited", "times": 2, "retry_after_s": 0.5}, {"answer": "fine"}]
        provider = ScriptedProvider(script(tmp_path, rules=rules))
        results = await asyncio.gather(*(answer(provider, "x") for _ in range(4)), return_exceptions=True)
        assert [isinstance(result, RateLimited) for result in results] == [True, True, False, False]
        assert isinstance(results[0], RateLimited)
        assert results[0].retry_after_s == 0.5

    async def test_text_comes_in_words_and_whole(self, tmp_path: Path) -> None:
        """The pieces joined are the answer to the letter, white space included."""
        for text in ("one two  three", " lead", "trail \n", "a\n\nb", "", "   "):
            provider = ScriptedProvider(script(tmp_path, default=text))
            made = await events(provider, said("x"))
            assert "".join(event.text for event in made if isinstance(event, TextDelta)) == text
            assert isinstance(made[0], Begin)
            assert isinstance(made[-2], Finished)

    async def test_tool_calls_and_refusals(self, tmp_path: Path) -> None:
        """Tool calls end with `tool_calls` and JSON arguments; a refusal is a part of its own."""
        rules = [
            {"match": "weather", "tool_calls": [{"name": "get", "arguments": {"city": "Ös"}}, {"name": "two"}]},
            {"match": "bad", "refusal": "I will not.", "finish": "content_filter"},
        ]
        provider = ScriptedProvider(script(tmp_path, rules=rules))
        called = await answer(provider, "weather")
        assert [(call.name, json.loads(call.arguments)) for call in called.tool_calls] == [
            ("get", {"city": "Ös"}),
            ("two", {}),
        ]
        assert called.finish is not None
        assert called.finish.kind == "tool_calls"
        refused = await answer(provider, "bad")
        assert refused.parts == (Refusal(text="I will not."),)
        assert refused.finish is not None
        assert refused.finish.kind == "content_filter"

    async def test_errors_before_and_within(self, tmp_path: Path) -> None:
        """An error comes instead of an answer, or after so many pieces of it; its status is kept."""
        rules = [
            {"match": "now", "error": "ContentFiltered", "status": 451},
            {"match": "late", "answer": "a b c", "error": "ConnectionFailed", "fail_after": 2},
            {"match": "end", "answer": "a b", "error": "ConnectionFailed", "fail_after": 9},
        ]
        provider = ScriptedProvider(script(tmp_path, rules=rules))
        with pytest.raises(ContentFiltered) as caught:
            await answer(provider, "now")
        assert caught.value.status == 451
        for asked, pieces in (("late", 2), ("end", 2)):
            seen: list[Event] = []
            with pytest.raises(ConnectionFailed):  # noqa: PT012 - what came before the error counts
                async for event in provider.stream(said(asked), Meter()):
                    seen.append(event)
            assert sum(isinstance(event, TextDelta) for event in seen) == pieces
            assert not any(isinstance(event, Finished) for event in seen)

    async def test_delays(self, tmp_path: Path) -> None:
        """`delay_s` comes before the first event, `chunk_delay_s` before each piece."""
        provider = ScriptedProvider(
            script(tmp_path, rules=[{"answer": "a b c", "delay_s": 0.05, "chunk_delay_s": 0.02}])
        )
        started, times = time.monotonic(), []
        async for _ in provider.stream(said("x"), Meter()):
            times.append(time.monotonic() - started)
        assert times[0] >= 0.05
        assert times[-1] >= 0.11


class TestMeasures:
    """What it reports."""

    async def test_usage_and_bytes(self, tmp_path: Path) -> None:
        """Tokens are words, and the prompt's bytes count as sent - also when the call is given up at once."""
        provider = ScriptedProvider(script(tmp_path, rules=[{"match": "slow", "delay_s": 9}], default="one two"))
        meter = Meter()
        usage = fold(await events(provider, said("größer als drei"), meter)).usage
        assert usage is not None
        assert (usage.input, usage.output, usage.total) == (3, 2, 5)
        assert meter.sent_bytes == len("größer als drei".encode())
        meter = Meter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await events(provider, said("slow"), meter)
        assert meter.sent_bytes == 4

    async def test_equal_questions_get_equal_answers(self, tmp_path: Path) -> None:
        """The model is deterministic, ids included."""
        provider = ScriptedProvider(script(tmp_path, default="x y"))
        assert await events(provider, said("q")) == await events(provider, said("q"))

    async def test_identity_is_the_script(self, tmp_path: Path) -> None:
        """Another script is another model; the same one, wherever it lies, is the same."""
        one = await ScriptedProvider(script(tmp_path, default="x")).identity()
        other = await ScriptedProvider(script(tmp_path, default="y")).identity()
        assert one == await ScriptedProvider(script(tmp_path, rules=[], default="x")).identity() != other


class TestMistakes:
    """A script that is wrong."""

    @pytest.mark.parametrize(
        "content",
        [
            '{"rules": [{"match": "("}]}',
            '{"rules": [{"matches": "x"}]}',
            '{"rules": [{"delay_s": -1}]}',
            '{"rule": []}',
            "not json",
            "[]",
        ],
    )
    def test_is_named_with_its_file(self, tmp_path: Path, content: str) -> None:
        """An unknown key, a broken pattern or anything that is no script is a ConfigError that names the file."""
        path = tmp_path / "wrong.json"
        path.write_text(content)
        with pytest.raises(ConfigError, match=r"wrong\.json"):
            Script.read(path)

    def test_missing_file(self, tmp_path: Path) -> None:
        """A file that is not there is named."""
        with pytest.raises(ConfigError, match="none"):
            Script.read(tmp_path / "none.json")

    @pytest.mark.parametrize("error", ["Overload", "LedgerError", "AssayError", "annotations"])
    def test_unknown_error_is_found_on_reading(self, tmp_path: Path, error: str) -> None:
        """A misspelt error class is found when the script is read, not when it is played, and the nearest is named."""
        with pytest.raises(ConfigError, match=error):
            script(tmp_path, rules=[{"error": error}])
