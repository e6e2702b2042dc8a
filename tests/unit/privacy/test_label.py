"""The effective label: the strictest declaration, raised and never lowered."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.privacy.label import at_least, effective_label
from assay.types import Label, Request

LABELS = list(Label)
declared = st.none() | st.sampled_from([label.value for label in Label]) | st.text()


@pytest.mark.parametrize(
    ("own", "route", "kind", "expected"),
    [
        ("unlabelled", None, None, "unlabelled"),
        ("unlabelled", "public", None, "public"),
        ("unlabelled", None, "public", "public"),
        ("public", None, None, "public"),
        ("public", "unlabelled", None, "unlabelled"),
        ("public", "public", "unlabelled", "unlabelled"),
        ("private-only", "public", "public", "private-only"),
        ("public", "private-only", "public", "private-only"),
        ("public", "public", "private-only", "private-only"),
        ("unlabelled", "privat", None, "private-only"),
    ],
)
def test_effective_label(own: str, route: str | None, kind: str | None, expected: str) -> None:
    """The table of what wins over what."""
    assert effective_label(Request(label=Label(own)), route, kind) is Label(expected)


@pytest.mark.parametrize("labels", list(product(LABELS, [None, *LABELS], [None, *LABELS])))
def test_private_only_is_never_lowered(labels: tuple[Label, Label | None, Label | None]) -> None:
    """Whoever says private-only, it stays private-only, and nothing else becomes it."""
    own, route, kind = labels
    private = effective_label(Request(label=own), route, kind) is Label.PRIVATE_ONLY
    assert private == (Label.PRIVATE_ONLY in labels)


@given(route=declared, kind=declared)
def test_a_request_can_only_raise(route: str | None, kind: str | None) -> None:
    """Against what route and kind declare, a request's own label never gives a laxer one."""
    order = {Label.PUBLIC: 0, Label.UNLABELLED: 1, Label.PRIVATE_ONLY: 2}
    silent = effective_label(Request(), route, kind)
    if route is None and kind is None:
        return
    for own in LABELS:
        assert order[effective_label(Request(label=own), route, kind)] >= order[silent]


@given(own=st.text().filter(lambda text: text not in set(Label)))
def test_an_unknown_label_is_private(own: str) -> None:
    """A label that nobody knows counts as the strictest, wherever it stands."""
    assert effective_label(Request(label=own)) is Label.PRIVATE_ONLY  # type: ignore[arg-type]
    assert effective_label(Request(label=Label.PUBLIC), own) is Label.PRIVATE_ONLY
    assert effective_label(Request(label=Label.PUBLIC), None, own) is Label.PRIVATE_ONLY


@given(label=st.sampled_from(Label), floor=declared)
def test_a_nested_route_only_raises(label: Label, floor: str | None) -> None:
    """Entering another route never gives a laxer label, and private-only or unknown floors give private-only."""
    order = {Label.PUBLIC: 0, Label.UNLABELLED: 1, Label.PRIVATE_ONLY: 2}
    raised = at_least(label, floor)
    assert order[raised] >= order[label]
    if floor is None:
        assert raised is label
    elif floor not in (Label.PUBLIC, Label.UNLABELLED):
        assert raised is Label.PRIVATE_ONLY
    assert at_least(raised, floor) is raised
