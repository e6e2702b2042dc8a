"""A deployment's prompt: merged per kind, compiled from files, applied to the raw request."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.config.schema import Example, ExampleCall, Settings
from assay.errors import BadRequest, ConfigError
from assay.inference.prompt import NOTHING, Prompt, compile_prompt, merge, over
from assay.types import (
    Image,
    Message,
    Native,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    Text,
    ToolCall,
    ToolResult,
)

SHOT = Example(user="2+2", assistant="4")


def ask(text: str = "3+3", **given: Any) -> Request:
    """A chat of one question."""
    return Request(messages=(Message.of("user", text),), **given)


def turns(request: Request) -> list[tuple[str, str]]:
    """The messages as pairs of role and text."""
    return [(message.role, message.text) for message in request.messages]


# ----------------------------------------------------------------------------------------- merging


def test_a_kinds_settings_win_one_by_one() -> None:
    """What a kind sets replaces the general value; what it does not set is inherited, also over a general 0."""
    general = Settings(temperature=0.0, max_tokens=100, stop=("\n",), system="general", seed=1)
    merged = merge(general, Settings(max_tokens=5, temperature=None, stop=()))
    assert merged == Settings(temperature=0.0, max_tokens=5, stop=(), system="general", seed=1)
    assert merge(general, Settings(temperature=0.0)) == general
    assert merge(general, Settings()) == general
    assert merge(Settings(), general) == general


@pytest.mark.parametrize(
    ("general", "special"),
    [
        (Settings(system="text"), Settings(system_file="file")),
        (Settings(system_file="file"), Settings(system="text")),
        (Settings(template="{input}"), Settings(template_file="file")),
        (Settings(examples_file="file"), Settings(examples=(SHOT,))),
        (Settings(examples=(SHOT,)), Settings(examples=())),
        (Settings(schema_file="file"), Settings(choices=("a", "b"))),
        (Settings(grammar_file="file"), Settings(schema_file="other")),
    ],
)
def test_a_group_is_replaced_as_one(general: Settings, special: Settings) -> None:
    """A kind that gives a thing as text forgets the general file of it, and the other way round."""
    assert merge(general, special) == special


def test_every_setting_takes_part_in_merging() -> None:
    """No key of `Settings` is lost: each comes through from either side."""
    values: dict[str, Any] = {
        "system": "s", "system_file": "s", "template": "t", "template_file": "t", "examples": (SHOT,),
        "examples_file": "e", "style": "text", "schema_file": "j", "grammar_file": "g", "choices": ("a",),
        "temperature": 0.5, "top_p": 0.5, "max_tokens": 5, "stop": ("x",), "seed": 5, "reasoning_effort": "low",
        "max_examples": 2, "reasoning_tokens": 5,
    }  # fmt: skip
    assert set(values) == set(Settings.__struct_fields__)
    for name, value in values.items():
        one = Settings(**{name: value})
        assert merge(one, Settings()) == one
        assert merge(Settings(), one) == one


# --------------------------------------------------------------------------------------- compiling


def test_files_are_read(tmp_path: Path) -> None:
    """System, template, examples and schema may stand in files; line ends at the end of a file do not count."""
    (tmp_path / "system").write_text("Be brief.\n\n")
    (tmp_path / "template").write_bytes(b"Q: {input}\r\nA:\n")
    (tmp_path / "examples").write_text(
        '{"user": "2+2", "assistant": "4"}\n\n  \n{"user": "a\u2028b\x85", "assistant": ""}\n'
    )
    (tmp_path / "schema").write_text('{"type": "object"}')
    prompt = compile_prompt(
        Settings(
            **{f"{name}_file": str(tmp_path / name) for name in ("system", "template", "examples", "schema")},
            temperature=0.0,
            stop=("\n",),
        )
    )
    assert (prompt.system, prompt.template) == ("Be brief.", "Q: {input}\nA:")
    assert prompt.examples == (SHOT, Example(user="a\u2028b\x85", assistant=""))
    assert prompt.output == OutputFormat(kind="json_schema", name="answer", schema={"type": "object"}, strict=True)
    assert prompt.sampling == Sampling(temperature=0.0, stop=("\n",))


def test_text_in_the_file_is_the_same_as_text_in_the_settings(tmp_path: Path) -> None:
    """Where a prompt is written down does not matter: equal prompts have equal digests."""
    (tmp_path / "s").write_text("Be brief.\n")
    (tmp_path / "e").write_text('{"user": "2+2", "assistant": "4"}')
    by_file = compile_prompt(Settings(system_file=str(tmp_path / "s"), examples_file=str(tmp_path / "e")))
    by_text = compile_prompt(Settings(system="Be brief.", examples=(SHOT,)))
    assert by_file == by_text
    assert by_file.digest == by_text.digest


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("system_file", b"Be brief. Be kind."),
        ("template_file", b"Question: {input}"),
        ("examples_file", b'{"user": "2+2", "assistant": "4"}'),
        ("schema_file", b'{"type": "object", "description": "d"}'),
        ("grammar_file", b'root ::= "yes" | "no"'),
    ],
)
def test_one_byte_of_a_file_changes_the_digest(tmp_path: Path, key: str, content: bytes) -> None:
    """Caches and pins notice every letter of a prompt, wherever it stands."""
    file = tmp_path / "file"
    digests = set()
    places = [n for n, byte in enumerate(content) if chr(byte).isalpha()]
    variants = [content] + [content[:n] + b"z" + content[n + 1 :] for n in places[-4:]]
    for variant in variants:
        file.write_bytes(variant)
        try:
            digests.add(compile_prompt(Settings(**{key: str(file)})).digest)
        except ConfigError:  # the letter belonged to {input} or to a key
            digests.add(variant.decode())
    assert len(digests) == len(variants)


@pytest.mark.parametrize(
    "other",
    [
        Settings(system="a "), Settings(template="{input}a"), Settings(examples=(Example(user="a", assistant=""),)),
        Settings(style="text"), Settings(choices=("a",)), Settings(temperature=0.0), Settings(temperature=0.1),
        Settings(top_p=0.0), Settings(max_tokens=1), Settings(stop=("a",)), Settings(seed=0), Settings(system="a"),
        Settings(reasoning_effort="low"),
    ],
)  # fmt: skip
def test_every_setting_changes_the_digest(other: Settings) -> None:
    """Two prompts have one digest only when they do the same."""
    assert compile_prompt(other).digest != compile_prompt(Settings()).digest
    assert compile_prompt(other).digest == compile_prompt(other).digest
    assert compile_prompt(other) != NOTHING


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("examples_file", b'{"user": "a", "assistant": "b"}\n{"user": "c"}\n', "line 2: .*assistant"),
        ("examples_file", b'\n\n{"user": "a", "assistant": "b"', "line 3: "),
        ("examples_file", b'{"user": "a", "assistant": "b", "not": 1}', "line 1: .*`not`"),
        ("examples_file", b'{"user": 1, "assistant": "b"}', "line 1: "),
        ("examples_file", b"[1]", "line 1: "),
        ("schema_file", b'{\n "type": object\n}', "not JSON: .*line 2"),
        ("schema_file", b"", "not JSON"),
        ("schema_file", b"[]", "an object, not a list"),
        ("schema_file", b"[" * 20_000, "not JSON"),
        ("template_file", b"no place for it", "must hold {input}"),
        ("grammar_file", b" \n", "empty"),
        ("system_file", b"\xff\xfe", "utf-8"),
    ],
)
def test_a_mistake_in_a_file_names_file_and_line(tmp_path: Path, key: str, content: bytes, said: str) -> None:
    """What is wrong inside a prompt file is told with its path, and the line where it has one."""
    file = tmp_path / "wrong"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as raised:
        compile_prompt(Settings(**{key: str(file)}))
    assert str(file) in str(raised.value)


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    """A file may go between reading the configuration and using it."""
    with pytest.raises(ConfigError, match=r"cannot read .*gone"):
        compile_prompt(Settings(system_file=str(tmp_path / "gone")))


def test_a_wrong_template_in_the_settings_is_shown() -> None:
    """A template without its place shows itself in the message."""
    with pytest.raises(ConfigError, match=r"must hold \{input\}, the place of the input: 'Q: \{imput\}'"):
        compile_prompt(Settings(template="Q: {imput}"))


@pytest.mark.parametrize(
    ("choices", "style", "grammar"),
    [
        (("yes", "no"), None, 'root ::= ("yes" | "no")'),
        (("yes",), "text", 'root ::= " "? ("yes")'),
        (('a"b', "c\\d", "e\nf\tg"), "chat", r'root ::= ("a\"b" | "c\\d" | "e\nf\tg")'),
    ],
)
def test_choices_become_a_grammar(choices: tuple[str, ...], style: Any, grammar: str) -> None:
    """Exactly the given answers are possible; a continued text may begin with a space."""
    output = compile_prompt(Settings(choices=choices, style=style)).output
    assert output == OutputFormat(kind="grammar", grammar=grammar)


# ---------------------------------------------------------------------------------------- applying


def test_nothing_is_applied_by_an_empty_prompt() -> None:
    """Without settings the request is the very same object, raw bytes and all."""
    request = ask(native=Native(dialect="openai", raw=b"{}"))
    assert compile_prompt(Settings()) == NOTHING
    assert compile_prompt(Settings()).apply(request) is request


def test_what_is_changed_does_not_pass_as_raw_bytes() -> None:
    """A request that a prompt was applied to no longer has the client's bytes."""
    request = ask(native=Native(dialect="openai", raw=b"{}"))
    assert Prompt(sampling=Sampling(seed=1)).apply(request).native is None


def test_a_chat_gets_system_examples_and_template() -> None:
    """Instruction first, then the examples as turns, then the conversation with its last question in the template."""
    prompt = Prompt(system="Be brief.", template="Q: {input}", examples=(SHOT,))
    request = Request(messages=(Message.of("user", "hi"), Message.of("assistant", "hello"), Message.of("user", "3+3")))
    assert turns(prompt.apply(request)) == [
        ("system", "Be brief."), ("user", "Q: 2+2"), ("assistant", "4"),
        ("user", "hi"), ("assistant", "hello"), ("user", "Q: 3+3"),
    ]  # fmt: skip
    assert request.messages[-1].text == "3+3"  # the client's own is not changed


def test_the_clients_instructions_come_after_the_deployments() -> None:
    """A client's leading system and developer messages stay before the examples, in their order."""
    prompt = Prompt(system="Be brief.", examples=(SHOT,))
    request = Request(messages=(Message.of("system", "one"), Message.of("developer", "two"), Message.of("user", "3+3")))
    assert turns(prompt.apply(request)) == [
        ("system", "Be brief."), ("system", "one"), ("developer", "two"), ("user", "2+2"), ("assistant", "4"),
        ("user", "3+3"),
    ]  # fmt: skip


def test_an_instruction_inside_a_conversation_stays_there() -> None:
    """A system message between turns is about what follows it; it is not moved, least of all by a mere parameter."""
    messages = (Message.of("user", "hi"), Message.of("system", "now in French"), Message.of("user", "3+3"))
    for prompt in (Prompt(sampling=Sampling(temperature=0.0)), Prompt(examples=(SHOT,)), Prompt(system="s")):
        assert prompt.apply(Request(messages=messages)).messages[-3:] == messages


def test_other_parts_of_a_message_keep_their_place() -> None:
    """The template exchanges the text where it stands; images stay before or after it, and the name stays."""
    image, second = Image(url="a"), Image(url="b")
    message = Message(role="user", name="ann", parts=(image, Text(text="what "), second, Text(text="is it")))
    [sent] = Prompt(template="Q: {input}").apply(Request(messages=(message,))).messages
    assert sent == Message(role="user", name="ann", parts=(image, Text(text="Q: what is it"), second))
    only = Message(role="user", parts=(image,))
    [sent] = Prompt(template="Look. {input}").apply(Request(messages=(only,))).messages
    assert sent.parts == (Text(text="Look. "), image)


def test_a_template_is_filled_once() -> None:
    """Every `{input}` of the template is replaced; one in the input, or other braces, are left as they are."""
    prompt = Prompt(template="{input} {x} {input}")
    assert prompt.apply(ask("{input}{y}")).messages[0].text == "{input}{y} {x} {input}{y}"


def test_a_conversation_without_a_question_is_not_templated() -> None:
    """When the last turns are a tool's, the template goes to the last user turn; without one, nowhere."""
    result = Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="r"),)),))
    call = Message(role="assistant", parts=(ToolCall(id="c", name="f"),))
    prompt = Prompt(template="Q: {input}")
    assert turns(prompt.apply(Request(messages=(Message.of("user", "x"), call, result))))[0] == ("user", "Q: x")
    assert prompt.apply(Request(messages=(call, result))).messages == (call, result)
    assert Prompt(system="s").apply(Request()).messages == (Message.of("system", "s"),)


def test_a_completion_becomes_a_chat_when_there_is_something_around_it() -> None:
    """A raw prompt is the question of a chat where system, template or examples are set, else it stays raw."""
    raw = Request(form="completion", prompt="3+3")
    wrapped = Prompt(system="s", template="Q: {input}").apply(raw)
    assert (wrapped.form, wrapped.prompt) == ("chat", None)
    assert turns(wrapped) == [("system", "s"), ("user", "Q: 3+3")]
    bare = Prompt(sampling=Sampling(seed=1)).apply(raw)
    assert (bare.form, bare.prompt, bare.messages, bare.sampling.seed) == ("completion", "3+3", (), 1)


def test_text_style_writes_one_text() -> None:
    """For a base model everything is one text: instruction, examples with their answers, then the input."""
    prompt = Prompt(style="text", system="Sums.", template="{input} =", examples=(SHOT,))
    for request in (ask("3+3"), Request(form="completion", prompt="3+3")):
        sent = prompt.apply(request)
        assert (sent.form, sent.messages, sent.prompt) == ("completion", (), "Sums.\n\n2+2 = 4\n\n3+3 =")


def test_text_style_alone_only_writes_the_turns() -> None:
    """Several turns become paragraphs; what the model once thought is not part of them."""
    request = Request(
        messages=(
            Message.of("system", "s"),
            Message.of("user", "u"),
            Message(role="assistant", parts=(Reasoning(text="hm"), Text(text="a"))),
        )
    )
    assert Prompt(style="text").apply(request).prompt == "s\n\nu\n\na"


@pytest.mark.parametrize(
    "part", [Image(url="u"), ToolCall(id="c", name="f"), ToolResult(call_id="c", parts=(Text(text="r"),))]
)
def test_text_style_drops_nothing_silently(part: Any) -> None:
    """An image or a tool's result cannot be written as text: the request is refused, not answered without it."""
    with pytest.raises(BadRequest, match=f"has a {type(part).__name__}"):
        Prompt(style="text").apply(Request(messages=(Message(role="user", parts=(Text(text="x"), part)),)))


def test_the_clients_parameters_win() -> None:
    """What a client sets, also 0 and false, wins over the deployment; the rest is the deployment's."""
    prompt = Prompt(
        sampling=Sampling(temperature=0.7, max_tokens=50, stop=("x",), seed=1, logprobs=True),
        output=OutputFormat(kind="json"),
    )
    sent = prompt.apply(ask(sampling=Sampling(temperature=0.0, logprobs=False, stop=("y", "z"))))
    assert sent.sampling == Sampling(temperature=0.0, max_tokens=50, stop=("y", "z"), seed=1, logprobs=False)
    assert sent.output == OutputFormat(kind="json")
    assert prompt.apply(ask(output=OutputFormat(kind="text"))).output == OutputFormat(kind="text")


def test_over_takes_every_field() -> None:
    """Each sampling parameter that is set on top wins, each that is not keeps the base's value."""
    full = Sampling(
        max_tokens=1, temperature=0.0, top_p=0.0, top_k=0, stop=("a",), seed=0, n=1, frequency_penalty=0.0,
        presence_penalty=0.0, logprobs=False, top_logprobs=0, logit_bias={}, reasoning_effort="",
        reasoning_tokens=0,
    )  # fmt: skip
    assert {name for name in Sampling.__struct_fields__ if getattr(full, name) is None} == set()
    assert over(Sampling(), full) == full
    assert over(full, Sampling()) == full


def test_who_says_how_long_to_think_says_it_alone() -> None:
    """An effort of a request takes the place of a deployment's budget, and the other way round; a kind's likewise."""
    budget, effort = Sampling(reasoning_tokens=4000, seed=1), Sampling(reasoning_effort="low")
    assert over(budget, effort) == Sampling(reasoning_effort="low", seed=1)
    assert over(effort, budget) == budget
    merged = merge(Settings(reasoning_tokens=4000), Settings(reasoning_effort="low"))
    assert merged == Settings(reasoning_effort="low")


def test_only_so_many_examples(tmp_path: Path) -> None:
    """The first ones, wherever they stand; none at all too, and never more than there are."""
    second = Example(user="b", assistant="2")
    (tmp_path / "e").write_text('{"user": "b", "assistant": "2"}\n' * 3)
    given = Settings(examples=(SHOT, second))
    assert [compile_prompt(msgspec.structs.replace(given, max_examples=n)).examples for n in (0, 1, 9)] == [
        (), (SHOT,), (SHOT, second)
    ]  # fmt: skip
    assert compile_prompt(Settings(examples_file=str(tmp_path / "e"), max_examples=2)).examples == (second, second)
    assert merge(given, Settings(max_examples=1)) == Settings(examples=(SHOT, second), max_examples=1)


def test_everything_else_of_the_request_stays() -> None:
    """Kind, label, session, tools, deadline and extra fields are none of the prompt's business."""
    request = ask(kind="sql", session="s", deadline_s=5.0, stream=True, extra={"user": "u"}, model="route")
    sent = Prompt(system="s", sampling=Sampling(seed=1)).apply(request)
    for name in ("kind", "label", "session", "deadline_s", "stream", "extra", "model", "tools"):
        assert getattr(sent, name) == getattr(request, name)


def test_an_example_may_call_tools() -> None:
    """Its calls are turns of their own, each with a result, as hosts want it; all ids differ."""
    shots = (
        Example(user="a?", calls=(ExampleCall(name="look", arguments={"at": 1}), ExampleCall(name="wait"))),
        Example(user="b?", assistant="One moment.", calls=(ExampleCall(name="look", arguments={"at": 2}),)),
    )
    sent = compile_prompt(Settings(examples=shots)).apply(Request(messages=(Message.of("user", "c?"),)))
    assert [turn.role for turn in sent.messages] == [
        "user", "assistant", "tool", "tool", "user", "assistant", "tool", "user",
    ]  # fmt: skip
    calls = [part for turn in sent.messages for part in turn.parts if isinstance(part, ToolCall)]
    results = [part for turn in sent.messages for part in turn.parts if isinstance(part, ToolResult)]
    assert [(call.name, call.arguments) for call in calls] == [
        ("look", '{"at":1}'),
        ("wait", "{}"),
        ("look", '{"at":2}'),
    ]
    assert [call.id for call in calls] == [result.call_id for result in results]
    assert len({call.id for call in calls}) == 3
    assert sent.messages[5].text == "One moment."


def test_an_example_with_calls_is_a_chat() -> None:
    """One running text has no form for them."""
    shots = (Example(user="a?", calls=(ExampleCall(name="look"),)),)
    with pytest.raises(ConfigError, match="writes no tool calls"):
        compile_prompt(Settings(examples=shots, style="text"))
