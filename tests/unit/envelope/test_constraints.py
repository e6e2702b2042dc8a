"""Which deployments may serve a request, and the reason for each that may not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.load import builtin
from assay.catalog.model import Model
from assay.config.schema import Constraints, Deployment
from assay.envelope.candidate import Candidate
from assay.envelope.constraints import removals
from assay.types import (
    Audio,
    Image,
    Label,
    Message,
    OutputFormat,
    Request,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    Video,
)  # fmt: skip

SMALL = builtin().find("smollm2-135m-instruct")
BASE = builtin().find("google/gemma-3-270m")
HOSTED = builtin().find("openai/gpt-4o")
LOCAL = Deployment(model=SMALL.id, dialect="local")
REMOTE = Deployment(model=HOSTED.id, dialect="openai")


def reason(deployment: Deployment, model: Model | None, request: Request | None = None, **limits: Any) -> str | None:
    """Why this deployment may not be called."""
    known = Candidate("it", deployment, model)
    return removals(known, request or Request(), Constraints(**limits), environ={"KEY": "sk-1"})


def with_part(part: Any) -> Request:
    """A request of one user message with text and this part."""
    return Request(messages=(Message(role="user", parts=(Text(text="what is this?"), part)),))


@pytest.mark.parametrize(("kind", "kept"), [("sql", True), ("triage", False), (None, True)])
def test_a_deployment_may_be_meant_for_some_kinds_only(kind: str | None, kept: bool) -> None:
    """`only_kinds` takes it out for other kinds, with its name; a request that names no kind is its caller's choice."""
    deployment = Deployment(model=SMALL.id, dialect="local", only_kinds=("sql",))
    found = reason(deployment, SMALL, Request(kind=kind))
    assert (found is None) == kept
    assert found is None or found == "deployments.it.only_kinds does not name triage"


@pytest.mark.parametrize("dialect", ["openai", "completions", "anthropic"])
@pytest.mark.parametrize("unlabelled", ["any", "private-only"])
def test_private_data_stays_on_private_deployments(dialect: str, unlabelled: Any) -> None:
    """A private-only request removes every deployment that is not private, whatever else is configured."""
    deployment = Deployment(model="x/y", dialect=dialect)
    request = Request(label=Label.PRIVATE_ONLY)
    assert "not private" in str(reason(deployment, None, request, unlabelled_data=unlabelled))
    assert reason(msgspec.structs.replace(deployment, private=True), None, request, unlabelled_data=unlabelled) is None
    assert reason(LOCAL, SMALL, request) is None
    assert reason(msgspec.structs.replace(LOCAL, private=False), SMALL, request) is not None


def test_unlabelled_data_follows_the_setting() -> None:
    """Without a label the envelope decides, and the reason names the setting."""
    assert reason(REMOTE, HOSTED) is None
    assert "unlabelled_data" in str(reason(REMOTE, HOSTED, unlabelled_data="private-only"))
    assert reason(REMOTE, HOSTED, Request(label=Label.PUBLIC), unlabelled_data="private-only") is None


@given(label=st.text(), unlabelled=st.sampled_from(["any", "private-only"]))
def test_an_unknown_label_is_private(label: str, unlabelled: Any) -> None:
    """A label that is no `Label` never reaches a deployment that is not private."""
    request = Request(label=label)  # type: ignore[arg-type]
    assert reason(REMOTE, HOSTED, request, unlabelled_data=unlabelled) is not None


def test_licences_limit_open_weights_only() -> None:
    """An open model needs an allowed licence; a rented one has no weights' licence to check."""
    allowed = ("Apache-2.0", "mit")
    assert reason(LOCAL, SMALL, licences=allowed) is None
    assert "'gemma'" in str(reason(LOCAL, BASE, licences=allowed))
    assert reason(REMOTE, HOSTED, licences=allowed) is None
    assert reason(LOCAL, BASE) is None
    assert "none" in str(reason(LOCAL, SMALL, licences=()))


def test_an_unknown_licence_is_not_allowed() -> None:
    """With licences set, weights whose licence nobody knows are refused: in the catalogue or not."""
    unknown = msgspec.structs.replace(SMALL, licence=None)
    assert "unknown" in str(reason(LOCAL, unknown, licences=("mit",)))
    assert "catalog_files" in str(reason(LOCAL, None, licences=("mit",)))
    own = Deployment(model="acme/own", dialect="openai", private=True)
    assert "catalog_files" in str(reason(own, None, licences=("mit",)))
    assert reason(Deployment(model="acme/rented", dialect="openai"), None, licences=("mit",)) is None
    assert reason(Deployment(model="acme/fake", dialect="scripted"), None, licences=("mit",)) is None


@pytest.mark.parametrize(
    ("part", "modality"),
    [
        (Image(url="http://x/y.png"), "image"),
        (Audio(data="", format="wav"), "audio"),
        (Video(url="http://x/y.mp4"), "video"),
        (ToolResult(call_id="1", parts=(Image(url="http://x/y.png"),)), "image"),
    ],
)
def test_media_need_a_model_that_takes_them(part: Any, modality: str) -> None:
    """A model known to read only text is removed for media, also inside tool results; unknown passes."""
    assert f"takes no {modality}" in str(reason(LOCAL, SMALL, with_part(part)))
    assert reason(LOCAL, msgspec.structs.replace(SMALL, input=None), with_part(part)) is None
    assert reason(LOCAL, None, with_part(part)) is None
    assert (reason(REMOTE, HOSTED, with_part(part)) is None) == (modality == "image")


def test_tools_need_a_model_that_calls_them() -> None:
    """Tools remove a model known not to call any, unless the request forbids calling them."""
    request = Request(tools=(Tool(name="f"),))
    native = msgspec.structs.replace(LOCAL, quirks={"tools": "native"})
    assert "does not call tools" in str(reason(native, SMALL, request))
    assert reason(native, msgspec.structs.replace(SMALL, tools=None), request) is None
    assert reason(REMOTE, HOSTED, request) is None
    assert reason(native, SMALL, msgspec.structs.replace(request, tool_choice=ToolChoice(mode="none"))) is None


def test_a_local_engine_calls_tools_with_any_model() -> None:
    """Where tools are told in the prompt, what the model's own template can do does not matter."""
    request = Request(tools=(Tool(name="f"),))
    assert reason(LOCAL, SMALL, request) is None
    refusing = msgspec.structs.replace(LOCAL, quirks={"tools": "none"})
    assert "does not call tools" in str(reason(refusing, SMALL, request))


def test_a_grammar_needs_a_local_engine() -> None:
    """Only the local engine can be limited to a grammar; hosts never get one."""
    request = Request(output=OutputFormat(kind="grammar", grammar='root ::= "a"'))
    assert reason(LOCAL, SMALL, request) is None
    assert "grammar" in str(reason(REMOTE, None, request))
    assert reason(REMOTE, HOSTED, Request(output=OutputFormat(kind="json"))) is None


@pytest.mark.parametrize(("name", "said"), [("KEY", None), ("GONE", "no key in $GONE"), ("BLANK", "no key in $BLANK")])
def test_a_named_key_must_be_there(name: str, said: str | None) -> None:
    """A host whose key variable is missing or blank is removed; the key itself is never shown."""
    deployment = msgspec.structs.replace(REMOTE, api_key_env=name)
    environ = {"KEY": "sk-1", "BLANK": "  "}
    assert removals(Candidate("it", deployment, HOSTED), Request(), Constraints(), environ=environ) == said
    local = msgspec.structs.replace(LOCAL, api_key_env=name)
    assert removals(Candidate("it", local, SMALL), Request(), Constraints(), environ=environ) is None


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an explicit environment the process's own is asked, at the time of the call."""
    deployment = msgspec.structs.replace(REMOTE, api_key_env="ASSAY_TEST_KEY")
    assert removals(Candidate("it", deployment, HOSTED), Request(), Constraints()) is not None
    monkeypatch.setenv("ASSAY_TEST_KEY", "x")
    assert removals(Candidate("it", deployment, HOSTED), Request(), Constraints()) is None
