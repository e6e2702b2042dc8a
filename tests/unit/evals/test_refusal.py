"""Whether a target may be sent anything at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.evals.runs.refusal import refusal
from assay.inference.spine import Spine
from assay.types import Label, Message, Request

CONFIG = """
[deployments.near]
model = "x/m"
dialect = "scripted"
script = "m.json"
private = true

[deployments.far]
model = "x/m"
dialect = "openai"
base_url = "https://far.example/v1"
api_key_env = "ASSAY_TEST_FAR_KEY"

[deployments.farther]
model = "x/m"
dialect = "openai"
base_url = "https://farther.example/v1"
only_kinds = ["mail"]

[routes.keys]
candidates = ["far"]

[routes.both]
candidates = ["near", "far"]

[routes.inner]
candidates = ["far", "farther"]

[routes.outer]
candidates = ["inner"]
"""
SCRIPTS = {"m.json": {"rules": [{"answer": "A"}]}}


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_TEST_FAR_KEY", raising=False)


def asked(label: Label) -> Request:
    """A request of this label."""
    return Request(messages=(Message.of("user", "?"),), label=label, kind="tickets")


def test_whoever_may_be_asked_is_refused_nothing(make_spine: Callable[..., Spine]) -> None:
    """One candidate of a route is enough."""
    spine = make_spine(CONFIG, SCRIPTS)
    assert refusal(spine, "near", asked(Label.PRIVATE_ONLY)) is None
    assert refusal(spine, "both", asked(Label.PRIVATE_ONLY)) is None


def test_a_key_that_is_missing_forbids_nothing(make_spine: Callable[..., Spine]) -> None:
    """It is told apart from what is not permitted, for it may be there tomorrow."""
    found = refusal(make_spine(CONFIG, SCRIPTS), "keys", asked(Label.PUBLIC))
    assert found is not None
    assert (found.reason, found.keyless) == ("far: no key in $ASSAY_TEST_FAR_KEY", True)


@pytest.mark.parametrize("name", ["farther", "inner", "outer"])
def test_what_is_forbidden_is_not_for_want_of_a_key(make_spine: Callable[..., Spine], name: str) -> None:
    """Also where another candidate lacks one, however deep both stand."""
    found = refusal(make_spine(CONFIG, SCRIPTS), name, asked(Label.PUBLIC))
    assert found is not None
    assert "deployments.farther.only_kinds does not name tickets" in found.reason
    assert not found.keyless
