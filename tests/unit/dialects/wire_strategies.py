"""Random requests and event sequences for the properties of the dialects."""

from typing import Any

from hypothesis import strategies as st

from assay.types import (
    Annotation,
    Audio,
    Begin,
    ContentDelta,
    Document,
    Event,
    Finish,
    Finished,
    Image,
    Logprobs,
    Message,
    OpaqueDelta,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Sampling,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
    Unknown,
    Usage,
    UsageReport,
)  # fmt: skip

texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
words = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=6)
counts = st.integers(0, 10_000)
leaves = st.booleans() | counts | texts
extras = st.dictionaries(words.map(lambda word: f"x_{word}"), leaves, max_size=2)
schemas = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(words, st.just({}), max_size=2)}
)
base64 = st.binary(min_size=1, max_size=6).map(lambda data: data.hex())


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The value or `None`."""
    return st.none() | strategy


text_parts = st.builds(Text, text=texts, extra=extras)
images = st.builds(Image, url=words.map(lambda w: f"https://x/{w}"), detail=maybe(words), extra=extras) | st.builds(
    Image, data=base64, media_type=st.sampled_from(["image/png", "image/jpeg"]), detail=maybe(words)
)
audios = st.builds(Audio, data=base64, format=st.sampled_from(["wav", "mp3"]), extra=extras)
documents = st.builds(Document, data=maybe(base64), file_id=words, name=maybe(words), extra=extras)
unknowns = st.builds(Unknown, dialect=st.just("openai"), raw=extras.map(lambda extra: {"type": "x_new", **extra}))
calls = st.builds(ToolCall, id=words, name=words, arguments=texts, extra=extras)
reasonings = st.builds(Reasoning, text=words) | st.builds(
    Reasoning, text=texts, opaque=st.lists(extras, min_size=1, max_size=2).map(tuple)
)


def contents(*more: st.SearchStrategy[Any], least: int = 1) -> st.SearchStrategy[tuple[Part, ...]]:
    """Content parts of a message."""
    return st.lists(st.one_of(text_parts, *more), min_size=least, max_size=3).map(tuple)


def _assistant(reasoning: Any, content: Any, refusal: Any, asked: Any) -> tuple[Part, ...]:
    return (*reasoning, *content, *refusal, *asked)


assistants = st.builds(
    Message,
    role=st.just("assistant"),
    parts=st.builds(
        _assistant,
        st.lists(reasonings, max_size=1),
        contents(unknowns, least=0),
        st.lists(st.builds(Refusal, text=texts), max_size=1),
        st.lists(calls, max_size=2),
    ),
    name=maybe(words),
    extra=extras,
)
results = st.builds(ToolResult, call_id=words, parts=contents(images), name=maybe(words), extra=extras)
messages = st.one_of(
    st.builds(
        Message, role=st.sampled_from(["system", "developer"]), parts=contents(), name=maybe(words), extra=extras
    ),
    st.builds(
        Message,
        role=st.just("user"),
        parts=contents(images, audios, documents, unknowns),
        name=maybe(words),
        extra=extras,
    ),
    assistants,
    st.builds(Message, role=st.just("tool"), parts=results.map(lambda result: (result,))),
)
tools = st.builds(
    Tool, name=words, description=maybe(texts), parameters=maybe(schemas), strict=maybe(st.booleans()), extra=extras
) | st.just(Tool(name="web_search", native={"type": "web_search", "size": 3}))
choices = st.one_of(
    st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    st.builds(ToolChoice, mode=st.just("required"), names=words.map(lambda name: (name,))),
)
outputs = st.one_of(
    st.builds(OutputFormat, kind=st.sampled_from(["text", "json"]), extra=extras),
    st.builds(
        OutputFormat,
        kind=st.just("json_schema"),
        name=words,
        schema=maybe(schemas),
        strict=maybe(st.booleans()),
        description=maybe(words),
        extra=extras,
    ),
    st.builds(OutputFormat, kind=st.just("grammar"), grammar=words),
)
plain_sampling: dict[str, Any] = {
    "max_tokens": maybe(counts),
    "temperature": maybe(st.floats(0, 2)),
    "top_p": maybe(st.floats(0, 1)),
    "top_k": maybe(counts),
    "stop": st.lists(words, max_size=3).map(tuple),
    "seed": maybe(counts),
    "n": maybe(st.integers(1, 4)),
    "frequency_penalty": maybe(st.floats(-2, 2)),
    "presence_penalty": maybe(st.floats(-2, 2)),
    "logit_bias": maybe(st.dictionaries(words, st.floats(-9, 9), max_size=2)),
}
chat_sampling = st.builds(
    Sampling,
    **plain_sampling,
    logprobs=maybe(st.booleans()),
    top_logprobs=maybe(counts),
    reasoning_effort=maybe(st.sampled_from(["low", "high"])),
)
chat_requests = st.builds(
    Request,
    origin=st.just("openai"),
    model=words,
    messages=st.lists(messages, min_size=1, max_size=4).map(tuple),
    tools=st.lists(tools, max_size=2).map(tuple),
    tool_choice=maybe(choices),
    parallel_tool_calls=maybe(st.booleans()),
    output=maybe(outputs),
    sampling=chat_sampling,
    extra=extras,
)
completion_requests = st.builds(
    Request,
    form=st.just("completion"),
    model=words,
    prompt=texts,
    suffix=maybe(texts),
    sampling=st.builds(Sampling, **plain_sampling),
    extra=extras,
)

# --------------------------------------------------------------------------------------------- events

_choice = st.integers(0, 1)
_deltas = st.one_of(
    st.builds(TextDelta, text=words, choice=_choice),
    st.builds(TextDelta, text=words, choice=_choice),
    st.builds(ReasoningDelta, text=words, choice=_choice),
    st.builds(
        OpaqueDelta, data=st.fixed_dictionaries({"type": st.just("reasoning.encrypted"), "data": words}), choice=_choice
    ),
    st.builds(RefusalDelta, text=words, choice=_choice),
    st.builds(
        Annotation, data=st.fixed_dictionaries({"type": st.just("file_citation"), "file_id": words}), choice=_choice
    ),
    st.builds(Logprobs, data=st.fixed_dictionaries({"content": st.lists(extras, max_size=2)}), choice=_choice),
    st.builds(ContentDelta, part=unknowns, choice=_choice),
)


@st.composite
def _calls(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    for number in range(draw(st.integers(0, 2))):
        events.append(
            ToolCallDelta(
                index=number, id=f"call_{number}", name=draw(words), arguments=draw(texts), extra=draw(extras)
            )
        )
        events += [ToolCallDelta(index=number, arguments=more) for more in draw(st.lists(words, max_size=2))]
    return events


usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    total=counts,
    cached=maybe(counts),
    cache_write=maybe(counts),
    reasoning=maybe(counts),
)


@st.composite
def chat_events(draw: st.DrawFn) -> list[Event]:
    """An answer of one or two choices."""
    head = Begin(id=draw(words), model=draw(words), created=draw(counts), extra=draw(extras))
    body = draw(st.lists(_deltas, max_size=8)) + draw(_calls())
    used = sorted({0, *(event.choice for event in body)})
    kinds = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"])
    ends = [Finished(finish=Finish(kind=kind, native=kind), choice=n) for n, kind in ((n, draw(kinds)) for n in used)]
    return [head, *body, *ends, UsageReport(usage=draw(usages))]


@st.composite
def text_events(draw: st.DrawFn) -> list[Event]:
    """An answer of plain text."""
    head = Begin(id=draw(words), model=draw(words), created=draw(counts), extra=draw(extras))
    body = [TextDelta(text=text) for text in draw(st.lists(words, max_size=6))]
    end = Finished(finish=Finish(kind="stop", native="stop"))
    return [head, *body, end, UsageReport(usage=draw(usages))]
