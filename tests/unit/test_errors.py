"""The error tree is what its docstring draws, and its messages say what to do."""

import re

import pytest

from assay import errors
from assay.errors import AssayError, BudgetExceeded, NoCandidate, ProviderError, RequestError, did_you_mean


def classes() -> dict[str, type[AssayError]]:
    """Every error class that the module defines."""
    return {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def drawn() -> dict[str, str]:
    """Class -> parent, as drawn in the module's docstring."""
    parents: dict[str, str] = {}
    stack = {0: "AssayError"}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ]*)[├└]── (\w+)  +\S", line)
        if found:
            depth = len(found[1]) // 4 + 1
            parents[found[2]] = stack[depth - 1]
            stack[depth] = found[2]
    return parents


def test_the_tree_is_as_drawn() -> None:
    """The drawing has each class once, under its own parent, and no class that does not exist."""
    real = {name: kind.__mro__[1].__name__ for name, kind in classes().items() if name != "AssayError"}
    assert drawn() == real
    assert AssayError.__mro__[1] is Exception


def test_every_class_says_when_it_occurs() -> None:
    """Each class has a docstring of its own."""
    for name, kind in classes().items():
        assert (kind.__dict__.get("__doc__") or "").strip(), name


def test_exit_codes_are_the_documented_ones() -> None:
    """A class ends the command line with 1 (no), 2 (usage), 3 (environment) or 4 (cannot be told)."""
    assert {kind.exit_code for kind in classes().values()} <= {1, 2, 3, 4}
    assert errors.ConfigError.exit_code == 2
    assert errors.DecisionError.exit_code == 4
    assert all(kind.exit_code == 3 for kind in classes().values() if issubclass(kind, ProviderError))
    assert all(kind.exit_code == 1 for kind in classes().values() if issubclass(kind, errors.ConstraintError))


def test_what_may_heal_is_tried_again() -> None:
    """Only failures that may not happen a little later are marked for retrying."""
    retried = {name for name, kind in classes().items() if getattr(kind, "retryable", False)}
    assert retried == {
        "ConnectionFailed", "RateLimited", "Overloaded", "ProviderFault", "MalformedReply", "EngineCrashed",
    }  # fmt: skip


def test_a_provider_error_names_its_deployment_once_known() -> None:
    """The spine fills the deployment in; the message then begins with it."""
    error = errors.RateLimited("too many requests", status=429, code="rate_limit", retry_after_s=2.5, body=b"{}")
    assert str(error) == "too many requests"
    error.deployment = "frontier"
    assert str(error) == "frontier: too many requests"
    assert (error.status, error.code, error.retry_after_s, error.body) == (429, "rate_limit", 2.5, b"{}")


def test_no_candidate_names_each_with_its_reason() -> None:
    """The message lists what was removed and why, also when there was nothing to remove."""
    error = NoCandidate("support", (("small", "licence"), ("frontier", "not private")))
    assert str(error) == "no candidate of route 'support' may serve this request: small: licence; frontier: not private"
    assert "it has no candidates" in str(NoCandidate("support", ()))
    alone = NoCandidate("small", (("small", "it takes no image input"),))
    assert str(alone) == "deployment 'small' cannot serve this request: it takes no image input"


def test_budget_exceeded_says_the_figures() -> None:
    """The message has the bound, what is spent, what is held and the limit."""
    error = BudgetExceeded("2026-11", need_usd=2.5, spent_usd=3.0, held_usd=5.0, limit_usd=10.0)
    assert all(figure in str(error) for figure in ("2026-11", "2.5", "3.0", "5.0", "10.0"))


def test_a_request_error_has_field_and_status() -> None:
    """A client's mistake is 400 unless said otherwise, and names the field."""
    error = RequestError("n must be 1 or more", field="n")
    assert (error.field, error.status, str(error)) == ("n", 400, "n must be 1 or more")
    assert RequestError("too long", status=413).status == 413


@pytest.mark.parametrize(
    ("value", "known", "said"),
    [
        ("prot", ["port", "host"], "did you mean 'port'?"),
        ("xyz", ["port", "host"], "known: host, port"),
        ("xyz", [], "none is known"),
        ("", ["port"], "known: port"),
        ("xyz", [f"n{n}" for n in range(30)] + ["x-ray"], "nearest of 31 known: x-ray, n9, n8"),
    ],
)
def test_did_you_mean(value: str, known: list[str], said: str) -> None:
    """The nearest name, else all sorted (of many the nearest), else that there is none; names may come only once."""
    assert did_you_mean(value, known) == said
    assert did_you_mean(value, iter(known)) == said
