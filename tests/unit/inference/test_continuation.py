"""Answers that break off in mid-stream: who may continue them, how it is asked, and how the ends are joined."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from upstreams import ask, held_usd, rows, sse, text_of_events

from assay.errors import (
    AssayError,
    BadRequest,
    ConnectionFailed,
    ContentFiltered,
    EngineCrashed,
    MalformedReply,
    Overloaded,
    ProviderFault,
    RateLimited,
    Timeout,
)
from assay.inference.continuation import Joint, continued, obstacle
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.types import (
    Begin,
    Event,
    Failed,
    Finish,
    Finished,
    Image,
    Message,
    OutputFormat,
    Raw,
    Reasoning,
    Request,
    Response,
    Sampling,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    Usage,
    UsageReport,
    fold,
)
from faults import Answer, FaultyHost, event

MakeSpine = Callable[..., Spine]
CUT = ConnectionFailed("reset")
LOCAL = "huggingfacetb/smollm2-135m-instruct"
SAID = Response(parts=(Text(text="one two"),))


def by_deadline() -> Timeout:
    """Our own deadline."""
    error = Timeout("too late")
    error.of_deadline = True
    return error


class TestObstacles:
    """What cannot be continued by anybody."""

    @pytest.mark.parametrize(
        "error", [CUT, MalformedReply("cut"), ProviderFault("x"), Overloaded("x"), EngineCrashed("x"), Timeout("idle")]
    )
    def test_none_for_text_that_its_host_cut(self, error: AssayError) -> None:
        """Text alone, by a fault of the host."""
        assert obstacle(ask(), SAID, error) is None
        assert obstacle(ask(tools=(Tool(name="look"),)), SAID, error) is None

    @pytest.mark.parametrize("error", [by_deadline(), RateLimited("x"), ContentFiltered("x"), BadRequest("x")])
    def test_ends_that_are_no_cuts(self, error: AssayError) -> None:
        """What was refused, filtered or cut by us is over."""
        assert obstacle(ask(), SAID, error) is not None

    @pytest.mark.parametrize(
        "so_far",
        [
            Response(),
            Response(parts=(Text(text=" \n"),)),
            Response(parts=(Text(text="x"), ToolCall(id="c", name="look"))),
            Response(parts=(ToolCall(id="c", name="look", arguments='{"ci'),)),
            Response(parts=(Reasoning(text="hm"), Text(text="x"))),
            Response(parts=(Text(text="x", annotations=({"type": "url_citation"},)),)),
            Response(parts=(Text(text="x"),), alternatives=(SAID,)),
            Response(parts=(Text(text="x"),), logprobs={"content": []}),
            Response(parts=(Text(text="x"),), finish=Finish(kind="length")),
        ],
    )
    def test_answers_that_are_not_text_alone(self, so_far: Response) -> None:
        """Tool calls, reasoning, notes, several answers, log-probabilities, and what was complete."""
        assert obstacle(ask(), so_far, CUT) is not None

    @pytest.mark.parametrize(
        "request_",
        [
            ask(sampling=Sampling(n=2)),
            ask(sampling=Sampling(logprobs=True)),
            ask(sampling=Sampling(reasoning_effort="high")),
            ask(extra={"thinking": {"type": "enabled"}}),
            ask(extra={"assay:thinking": {"type": "adaptive"}}),
            ask(output=OutputFormat(kind="json_schema", schema={})),
            ask(output=OutputFormat(kind="json")),
            Request(form="completion", prompt="x", suffix="y"),
            Request(form="completion", prompt="x", extra={"echo": True}),
        ],
    )
    def test_requests_that_want_more_than_text(self, request_: Request) -> None:
        """Enforced forms, reasoning, several answers, log-probabilities."""
        assert obstacle(request_, SAID, CUT) is not None


class TestAsking:
    """How the rest is asked for."""

    def test_the_beginning_is_the_last_turn(self) -> None:
        """Without white space at its end, and within what is left of the answer's length."""
        made = continued(ask("hi", sampling=Sampling(max_tokens=50), native="{}"), "one two \n")
        assert [(turn.role, turn.text) for turn in made.messages] == [("user", "hi"), ("assistant", "one two")]
        assert made.sampling.max_tokens == 47
        assert made.native is None

    def test_a_beginning_of_the_client_s_own_goes_on(self) -> None:
        """Two turns of the assistant in a row are one."""
        own = msgspec.structs.replace(ask("hi"), messages=(*ask("hi").messages, Message.of("assistant", "So: ")))
        made = continued(own, "one")
        assert [turn.role for turn in made.messages] == ["user", "assistant"]
        assert made.messages[-1].text == "So: one"

    def test_a_completion_goes_on_with_its_prompt(self) -> None:
        """The prompt and what was written of it."""
        assert continued(Request(form="completion", prompt="To be"), ", or not").prompt == "To be, or not"

    def test_something_is_left_of_the_length(self) -> None:
        """A limit that seems used up leaves one token, with which a host says that it was reached."""
        assert continued(ask(sampling=Sampling(max_tokens=2)), "many words more than two").sampling.max_tokens == 1


def joined(before: list[Event], *after: Event, usage: Usage | None = None) -> list[Event]:
    """What follows."""
    joint = Joint(before, usage)
    return [told for event_ in after if (told := joint.follow(event_)) is not None]


class TestJoint:
    """How the ends meet."""

    @pytest.mark.parametrize(
        ("before", "after", "text"),
        [
            ("one", [" two"], "one two"),
            ("on", ["e", " two"], "one two"),
            ("one ", [" two"], "one two"),
            ("one ", ["two"], "one two"),
            ("one\n\n", ["\n", "\n", "two  ", " x"], "one\n\ntwo   x"),
            ("one", ["\n\ntwo"], "one\n\ntwo"),
        ],
    )
    def test_white_space(self, before: str, after: list[str], text: str) -> None:
        """Neither doubled nor lost."""
        begun: list[Event] = [TextDelta(text=before)]
        assert text_of_events(begun + joined(begun, *(TextDelta(text=one) for one in after))) == text

    def test_one_part(self) -> None:
        """The text stays one part, with the number that it had."""
        begun: list[Event] = [TextDelta(text="one", block=3)]
        whole = fold(begun + joined(begun, Begin(id="new"), TextDelta(text=" two", block=0), Raw(data=b"x")))
        assert whole.parts == (Text(text="one two"),)
        assert whole.id is None

    def test_usage_is_summed_where_it_can_be(self) -> None:
        """Input of both calls; output is what the second read beyond the first's input, with what it wrote."""
        begun: list[Event] = [TextDelta(text="one")]
        report = UsageReport(usage=Usage(input=104, output=10))
        [told] = joined(begun, report, usage=Usage(input=100, output=1))
        assert told == UsageReport(usage=Usage(input=204, output=14, total=218))
        assert joined(begun, report) == []
        assert joined(begun, report, usage=Usage(output=1)) == []

    def test_the_end_is_the_new_one_s(self) -> None:
        """Finish and errors pass."""
        end = Finished(finish=Finish(kind="stop", native="end_turn"))
        assert joined([TextDelta(text="x")], end) == [end]


# ------------------------------------------------------------------------------------- through the spine


def toml(url: str, name: str = "up", *, able: bool = True, known: bool = True, more: str = "") -> str:
    """A deployment at a host of OpenAI's form that takes begun answers, of a model that is known to continue them."""
    model = "anthropic/claude-sonnet-4-5" if known else "x/unknown"
    quirks = 'quirks = { capabilities = { prefill = "keep" } }' if able else ""
    return (
        f'[deployments.{name}]\nmodel = "{model}"\ndialect = "openai"\nbase_url = "{url}"\nretries = 0\n'
        f"price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}\n{quirks}\n{more}\n"
    )


def broken(*words: str) -> Answer:
    """A stream that breaks off after these words."""
    return Answer(events=sse(*words), stop=1 + len(words), how="close")


def rest(*words: str) -> Answer:
    """A stream that ends well."""
    return Answer(events=sse(*words))


async def events_of(spine: Spine, target: str, trace: Trace | None = None, **more: Any) -> list[Event]:
    """All events of a streamed request."""
    request = ask(stream=True, stream_usage=True, sampling=Sampling(max_tokens=50), **more)
    return [one async for one in spine.generate(request, target, trace)]


class TestContinued:
    """A cut answer goes on."""

    async def test_by_the_same_deployment(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """One text, one head, one end; the second attempt says whose answer it continues; both are paid."""
        async with FaultyHost(broken("one", " two"), rest(" three", " four")) as host:
            trace = Trace()
            events = await events_of(make_spine(toml(host.url)), "up", trace)
            asked = [json.loads(one.body) for one in host.received]
        assert text_of_events(events) == "one two three four"
        assert sum(isinstance(one, Begin) for one in events) == 1
        assert next(one for one in events if isinstance(one, Finished)).finish.kind == "stop"
        assert not any(isinstance(one, Failed) for one in events)
        assert asked[1]["messages"][-1] == {"role": "assistant", "content": "one two"}
        first, second = rows(ledger.path)
        assert (first["outcome"], first["error"], first["cost_basis"]) == ("error", "ConnectionFailed", "bound")
        assert (second["outcome"], second["continued_from"], second["path"]) == ("ok", first["id"], "1")
        assert second["why"] == "continued: up broke off with ConnectionFailed"
        assert trace.answering is not None
        assert trace.answering.continues is trace.records[0]
        assert trace.cost == (pytest.approx(first["cost_usd"] + second["cost_usd"]), "bound")
        [request] = rows(ledger.path, "select * from requests")
        assert (request["outcome"], request["attempts"], request["answered_by"]) == ("answered", 2, second["id"])
        assert held_usd(ledger.path) == 0

    async def test_twice(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """The second cut is continued by another candidate, from all the text that there is."""
        async with (
            FaultyHost(broken("one", " two"), broken(" three")) as first,
            FaultyHost(rest(" four")) as second,
        ):
            spine = make_spine(toml(first.url, "a") + toml(second.url, "b") + '[routes.r]\ncandidates = ["a", "b"]\n')
            events = await events_of(spine, "r")
            assert json.loads(second.received[0].body)["messages"][-1]["content"] == "one two three"
        assert text_of_events(events) == "one two three four"
        assert [row["continued_from"] for row in rows(ledger.path)][1:] == [row["id"] for row in rows(ledger.path)][:2]

    async def test_a_completion(self, make_spine: MakeSpine) -> None:
        """A completion continues a prompt by its nature, whatever the model."""

        def said(text: str, finish: str | None = None) -> bytes:
            choice = {"index": 0, "text": text, "finish_reason": finish}
            return event(json.dumps({"id": "c", "object": "text_completion", "created": 1, "choices": [choice]}))

        answers = (Answer(events=[said("to be")]), Answer(events=[said(" or not", "stop"), event("[DONE]")]))
        async with FaultyHost(*answers) as host:
            spine = make_spine(toml(host.url, known=False).replace('"openai"', '"completions"'))
            request = Request(form="completion", prompt="Hamlet: ", stream=True, sampling=Sampling(max_tokens=9))
            events = [one async for one in spine.generate(request, "up")]
            assert json.loads(host.received[1].body)["prompt"] == "Hamlet: to be"
        assert text_of_events(events) == "to be or not"

    async def test_a_chat_that_is_written_as_one_text(self, make_spine: MakeSpine) -> None:
        """The model's text goes on as the model wrote it, with the space that the client was not given."""

        def said(text: str, finish: str | None = None) -> bytes:
            choice = {"index": 0, "text": text, "finish_reason": finish}
            return event(json.dumps({"id": "c", "object": "text_completion", "created": 1, "choices": [choice]}))

        answers = (
            Answer(events=[said(" To"), said(" be")]),
            Answer(events=[said(" or")]),
            Answer(events=[said(" not", "stop"), event("[DONE]")]),
        )
        async with FaultyHost(*answers) as host:
            text_style = "settings = { style = 'text', max_tokens = 50 }"
            config = "".join(
                toml(host.url, name, known=False, more=text_style).replace('"openai"', '"completions"') for name in "ab"
            )
            spine = make_spine(config + '[routes.r]\ncandidates = ["a", "b"]\n')
            assert text_of_events(await events_of(spine, "r")) == "To be or not"
            first, second, third = (json.loads(one.body)["prompt"] for one in host.received)
        assert (second, third) == (first + " To be", first + " To be or")

    async def test_as_the_first_call_was(self, make_spine: MakeSpine) -> None:
        """What the policy changed in the request holds for the continuation: the prompt of the default kind, say."""
        async with FaultyHost(broken("one"), rest(" two")) as host:
            kinds = '[deployments.up.kinds.sql]\nsystem = "Write SQL."\n'
            policy = 'policy = { kind = "by-kind", kinds = { sql = "up" }, default_kind = "sql" }'
            spine = make_spine(toml(host.url) + kinds + f'[routes.r]\ncandidates = ["up"]\n{policy}\n')
            assert text_of_events(await events_of(spine, "r")) == "one two"
            turns = [json.loads(one.body)["messages"][0] for one in host.received]
        assert turns == [{"role": "system", "content": "Write SQL."}] * 2

    @pytest.mark.parametrize("target", ["r", "outer"])
    async def test_inside_a_route(self, target: str, make_spine: MakeSpine) -> None:
        """The route that knows the deployment sees to it; those around it see one answer."""
        async with FaultyHost(broken("one"), rest(" two")) as host:
            spine = make_spine(
                toml(host.url)
                + '[routes.r]\ncandidates = ["up"]\n[routes.outer]\ncandidates = ["r"]\n'
                + 'policy = { kind = "hedge", after_s = 5.0 }\n'
            )
            assert text_of_events(await events_of(spine, target)) == "one two"

    async def test_raw_bytes_are_followed_by_events(self, make_spine: MakeSpine) -> None:
        """A client's own bytes were passed on: the continuation is not, for its head would be a second one."""
        body = {"model": "up", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        async with FaultyHost(broken("one"), rest(" two")) as host:
            trace = Trace()
            events = await events_of(make_spine(toml(host.url)), "up", trace, native=json.dumps(body))
        assert any(isinstance(one, Raw) for one in events)
        assert not any(isinstance(one, Raw) for one in events[-2:])
        assert text_of_events(events) == "one two"
        assert [record.passed_through for record in trace.records] == [True, False]
        assert trace.records[0].so_far is not None
        assert trace.records[0].so_far.text == "one"


class TestNotContinued:
    """Never silently, and only where it is known to work."""

    @pytest.mark.parametrize(
        "config",
        [
            {"known": False},
            {"able": False},
            {"more": "settings = { max_tokens = 50, reasoning_effort = 'low' }"},
        ],
        ids=["model unknown", "host cannot", "reasons"],
    )
    async def test_where_it_is_not_known_to_work(self, config: dict[str, Any], make_spine: MakeSpine) -> None:
        """The stream ends with an error; nothing more is asked."""
        async with FaultyHost(broken("one")) as host:
            events = await events_of(make_spine(toml(host.url, **config)), "up")
            assert len(host.received) == 1
        assert text_of_events(events) == "one"
        assert isinstance(events[-1], Failed)
        assert events[-1].error == "ConnectionFailed"

    async def test_where_the_route_does_not_want_it(self, make_spine: MakeSpine) -> None:
        """`continue_cut = false`."""
        async with FaultyHost(broken("one")) as host:
            spine = make_spine(toml(host.url) + '[routes.r]\ncandidates = ["up"]\ncontinue_cut = false\n')
            assert isinstance((await events_of(spine, "r"))[-1], Failed)
            assert len(host.received) == 1

    async def test_when_nobody_manages(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Each who could is tried once; then the stream ends with what cut it."""
        async with FaultyHost(broken("one"), Answer(status=400)) as host:
            events = await events_of(make_spine(toml(host.url)), "up")
            assert len(host.received) == 2
        assert text_of_events(events) == "one"
        assert isinstance(events[-1], Failed)
        assert events[-1].error == "ConnectionFailed"
        assert [row["outcome"] for row in rows(ledger.path)] == ["error", "error"]

    async def test_private_data_stays(self, make_spine: MakeSpine) -> None:
        """A candidate that may not see the request may not see its answer either."""
        from assay.types import Label

        async with FaultyHost(broken("one"), Answer(status=400)) as home, FaultyHost(rest(" two")) as abroad:
            spine = make_spine(
                toml(home.url, "home", more="private = true")
                + toml(abroad.url, "abroad")
                + '[routes.r]\ncandidates = ["home", "abroad"]\n'
            )
            events = await events_of(spine, "r", label=Label.PRIVATE_ONLY)
            assert not abroad.received
        assert isinstance(events[-1], Failed)

    @pytest.mark.parametrize(
        ("dialect", "form", "tools", "able"),
        [
            ("anthropic", "chat", (), True),
            ("anthropic", "embedding", (), False),
            ("anthropic", "count", (), False),
            ("anthropic", "chat", (Tool(name="look"),), True),
            ("gemini", "chat", (), False),
            ("openai", "completion", (), False),
            ("local", "chat", (), True),
            ("local", "chat", (Tool(name="look"),), False),
            ("local", "completion", (), True),
        ],
    )
    def test_who_can(self, dialect: str, form: Any, tools: tuple[Tool, ...], able: bool, make_spine: MakeSpine) -> None:
        """Anthropic's format by the model, other hosts by what is known of them, the local engine by itself."""
        spine = make_spine(
            f'[deployments.up]\nmodel = "{LOCAL if dialect == "local" else "anthropic/claude-sonnet-4-5"}"\n'
            f'dialect = "{dialect}"\nbase_url = "http://127.0.0.1:1"\n'
        )
        live = spine.targets["up"]
        assert isinstance(live, LiveDeployment)
        request = Request(form=form, prompt="x", tools=tools, messages=(Message(role="user", parts=(Image(url="x"),)),))
        assert live.continues(request) is able
