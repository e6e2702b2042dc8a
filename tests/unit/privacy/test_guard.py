"""The last check before a send: no combination lets private data out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.config.schema import Constraints, Deployment
from assay.envelope.candidate import Candidate
from assay.envelope.constraints import removals
from assay.errors import PrivacyViolation
from assay.privacy.guard import assert_may_receive
from assay.privacy.label import effective_label
from assay.types import Label, Request

anything = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([*Label, "public", "private-only"])
constraints = st.none() | st.builds(
    Constraints,
    sensitive_data=st.just("private-only") | st.text(),
    unlabelled_data=st.sampled_from(["any", "private-only"]) | st.text(),
)


def allowed(label: Any, is_private: Any, limits: Any) -> bool:
    """Whether the guard lets it pass."""
    try:
        assert_may_receive(label, "there", is_private, limits)
    except PrivacyViolation:
        return False
    return True


@given(is_private=anything, limits=constraints)
def test_private_data_passes_only_to_what_is_private(is_private: Any, limits: Any) -> None:
    """Private-only data passes if and only if the deployment is `True` private and the rules are known."""
    known = limits is not None and limits.sensitive_data == "private-only"
    assert allowed(Label.PRIVATE_ONLY, is_private, limits) == (is_private is True and known)


@given(label=anything, is_private=anything, limits=constraints)
def test_fails_closed(label: Any, is_private: Any, limits: Any) -> None:
    """Whatever passes has a real label, a real answer on privacy, and known constraints."""
    if allowed(label, is_private, limits):
        assert isinstance(label, Label)
        assert isinstance(is_private, bool)
        assert isinstance(limits, Constraints)
        assert is_private or label is Label.PUBLIC or (label is Label.UNLABELLED and limits.unlabelled_data == "any")


@given(own=st.sampled_from(Label), route=st.none() | st.text() | st.sampled_from(Label), kind=st.none() | st.text(),
       dialect=st.sampled_from(["openai", "anthropic", "local", "scripted"]), private=st.none() | st.booleans(),
       unlabelled=st.sampled_from(["any", "private-only"]))  # fmt: skip
def test_filter_and_guard_agree(
    own: Label, route: str | None, kind: str | None, dialect: str, private: bool | None, unlabelled: Any
) -> None:
    """What the filter keeps the guard lets pass, and what it removes the guard stops: two walls, one rule."""
    limits = Constraints(unlabelled_data=unlabelled)
    deployment = Deployment(model="x/y", dialect=dialect, private=private)
    label = effective_label(Request(label=own), route, kind)
    kept = removals(Candidate("d", deployment, None), Request(label=label), limits, environ={}) is None
    assert kept == allowed(label, deployment.is_private, limits)
    if own is Label.PRIVATE_ONLY:
        assert kept == deployment.is_private


def test_public_and_unlabelled_data() -> None:
    """Public data goes anywhere; unlabelled data follows the setting."""
    assert allowed(Label.PUBLIC, False, Constraints(unlabelled_data="private-only"))
    assert allowed(Label.UNLABELLED, False, Constraints())
    assert not allowed(Label.UNLABELLED, False, Constraints(unlabelled_data="private-only"))
    assert allowed(Label.UNLABELLED, True, Constraints(unlabelled_data="private-only"))


@pytest.mark.parametrize("is_private", [None, 1, "true", "yes"])
def test_privacy_must_be_declared_true_or_false(is_private: Any) -> None:
    """A value that merely looks true is refused, even for public data."""
    assert not allowed(Label.PUBLIC, is_private, Constraints())


def test_the_message_names_the_deployment_and_the_remedy() -> None:
    """The error says what was not done, to whom and why."""
    with pytest.raises(PrivacyViolation, match="'frontier': the request is private-only"):
        assert_may_receive(Label.PRIVATE_ONLY, "frontier", False, Constraints())
    with pytest.raises(PrivacyViolation, match="private = true or false"):
        assert_may_receive(Label.PRIVATE_ONLY, "frontier", None, Constraints())
