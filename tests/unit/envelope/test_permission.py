"""What a team permits: uses, duties, openness, hosts, dates and prices; what is unknown is not permitted."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from assay.catalog.model import Model
from assay.catalog.terms import DataPolicy, Licence
from assay.catalog.use import Terms
from assay.config.schema import Constraints, Deployment, Price
from assay.envelope.candidate import Candidate
from assay.envelope.permission import impermissible
from assay.errors import ConfigError, NoCandidate
from assay.types import Message, Request, Text

TODAY = date(2026, 11, 26)
OPEN = Licence(
    name="Open", osi_approved=True, attribution=False, naming="", use_policy=False, share_alike=False, user_cap=0,
    evidence="x",
)  # fmt: skip
STRICT = Licence(
    name="Strict", osi_approved=False, commercial_use="no", attribution=True, user_cap=700, regions_excluded=("eu",),
    output_training="no", evidence="x",
)  # fmt: skip
GOOD = DataPolicy(
    trains_on_inputs="no", retention_days=0, regions=("eu", "us"), distillation="yes", evidence="x"
)  # fmt: skip
BAD = DataPolicy(
    trains_on_inputs="opt-out", retention_days=30, zero_retention="on-request", regions=("cn",), distillation="no",
    evidence="x",
)  # fmt: skip


def weights(licence: Licence | None, **facts: Any) -> Candidate:
    """Open weights that a team runs."""
    known = {"licence": licence.name.lower() if licence else None, "ecosystem": "open-weight", **facts}
    model = Model(id="m/open", name="m", maker="m", evidence="x", **known)
    return Candidate("own", Deployment(model=model.id, dialect="local"), model, Terms(licence=licence))


def rented(policy: DataPolicy | None, price: Price | None = None, **facts: Any) -> Candidate:
    """A hosted model."""
    model = Model(id="m/rented", name="m", maker="m", ecosystem="hosted", evidence="x", **facts)
    deployment = Deployment(model=model.id, dialect="openai", host="h")
    return Candidate("far", deployment, model, Terms(host="h", policy=policy), lambda: price)


def why(candidate: Candidate, **limits: Any) -> str:
    """The reason, or an empty text."""
    return impermissible(candidate, Constraints(**limits), TODAY) or ""


def nobody_knows(candidate: Candidate) -> Candidate:
    """The same with a model that the catalogue does not have."""
    return candidate._replace(model=None, terms=candidate.terms._replace(licence=None))


def test_nothing_stated_permits_everything() -> None:
    """Without limits no candidate is removed, whatever its terms."""
    for candidate in (weights(STRICT), weights(None), rented(BAD), rented(None, status="retired")):
        assert why(candidate) == ""
        assert why(nobody_knows(candidate)) == ""


@pytest.mark.parametrize(
    ("limits", "term"),
    [
        ({"commercial": True}, "commercial_use"),
        ({"monthly_users": 700}, "user_cap"),
        ({"region": "eu"}, "regions_excluded"),
        ({"trains_on_outputs": True}, "output_training"),
    ],
)
def test_a_stated_use_needs_a_licence_that_allows_it(limits: dict[str, Any], term: str) -> None:
    """The reason names model, term and constraint; an approved licence allows all of it; an unknown one nothing."""
    assert why(weights(STRICT), **limits).startswith("m/open: ")
    assert why(weights(STRICT), **limits).endswith(f"({term}; {next(iter(limits))})")
    assert why(weights(OPEN), **limits) == ""
    assert "unknown" in why(weights(None), **limits)
    assert "catalog_files" in why(nobody_knows(weights(OPEN)), **limits)


def test_a_licence_that_somebody_read_may_have_open_conditions() -> None:
    """Named in `licences`, a cap that is reached counts as settled; what the licence forbids does not."""
    assert why(weights(STRICT), monthly_users=700, licences=("strict",)) == ""
    assert "commercial_use" in why(weights(STRICT), commercial=True, licences=("strict",))


def test_training_with_answers_needs_a_host_that_allows_it() -> None:
    """Of a rented model its host's word counts, known model or not."""
    for candidate in (rented(BAD), rented(None), nobody_knows(rented(BAD)), nobody_knows(rented(None))):
        assert "training" in why(candidate, trains_on_outputs=True)
    assert why(rented(GOOD), trains_on_outputs=True) == ""
    assert why(nobody_knows(rented(GOOD)), trains_on_outputs=True) == ""
    assert why(nobody_knows(rented(BAD)), commercial=True) == ""


@pytest.mark.parametrize("term", ["attribution", "user_cap"])
def test_a_duty_that_is_not_taken_on(term: Any) -> None:
    """Licences that bring it are out, and those of which nobody knows; rented models bring none."""
    assert f"brings {term}" in why(weights(STRICT), forbidden_terms=(term,))
    assert why(weights(OPEN), forbidden_terms=(term,)) == ""
    assert "unknown" in why(weights(STRICT), forbidden_terms=("share_alike",))
    assert "unknown" in why(weights(None), forbidden_terms=(term,))
    assert "catalog_files" in why(nobody_knows(weights(OPEN)), forbidden_terms=(term,))
    assert why(rented(BAD), forbidden_terms=(term,)) == ""


@pytest.mark.parametrize(
    ("opens", "wanted", "kept"),
    [
        (("weights",), "open-weight", True),
        (("weights",), "open-recipe", False),
        (("weights", "recipe"), "open-recipe", True),
        (("weights", "code", "data", "recipe"), "open-source", True),
        (("weights", "code", "recipe"), "open-source", False),
        (None, "open-weight", False),
    ],
)
def test_openness_is_a_least_level(opens: Any, wanted: Any, kept: bool) -> None:
    """Open weights are no open source; unknown openness is none, and a rented model has none."""
    assert (why(weights(OPEN, opens=opens), openness=wanted) == "") == kept
    assert "hosted" in why(rented(GOOD), openness=wanted)
    assert "unknown" in why(nobody_knows(weights(OPEN)), openness=wanted)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"hosts": ("other",)}, "the host 'h' is not one of other (hosts)"),
        ({"hosts": ()}, "those allowed (none)"),
        ({"inputs_may_train": False}, "trains on inputs unless one objects"),
        ({"max_retention_days": 7}, "may keep inputs for 30 days, not 7"),
        ({"max_retention_days": 0}, "max_retention_days"),
        ({"data_regions": ("eu", "uk")}, "keeps data in cn, not in eu or uk"),
    ],
)
def test_hosts_are_held_to_what_they_say_of_data(limits: dict[str, Any], said: str) -> None:
    """The host and the constraint are named; unknown is not permitted; what is private is nobody else's."""
    assert said in why(rented(BAD), **limits)
    assert why(weights(STRICT), **limits) == ""
    mine = rented(BAD)
    assert why(mine._replace(deployment=msgspec.structs.replace(mine.deployment, private=True)), **limits) == ""
    if "hosts" not in limits:
        assert why(rented(GOOD), **limits) == ""
        assert "unknown" in why(rented(None), **limits)
        assert "unknown" in why(rented(DataPolicy(evidence="x")), **limits)


def test_regions_are_named_in_any_case() -> None:
    """EU is eu."""
    assert why(rented(GOOD), data_regions=("EU",)) == ""


def test_a_host_that_is_none_is_told_before_anything_is_called(make_spine: Any) -> None:
    """A misspelt host in the limits would quietly take every candidate out."""
    with pytest.raises(
        ConfigError, match=r"constraints\.hosts: the catalogue has no host 'opnai'; did you mean 'openai'"
    ):
        make_spine('[constraints]\nhosts = ["opnai"]\n')


def test_a_region_that_is_no_code_is_told_before_anything_is_called(make_spine: Any) -> None:
    """No licence names `europe`, so it would be granted everywhere."""
    with pytest.raises(ConfigError, match=r"constraints\.region"):
        make_spine('[constraints]\nregion = "europe"\n')


def test_a_host_that_always_forgets_needs_no_number_of_days() -> None:
    """Zero retention is the promise; retention on request is none."""
    always = DataPolicy(zero_retention="always", evidence="x")
    assert why(rented(always), max_retention_days=0) == ""
    assert why(rented(msgspec.structs.replace(always, zero_retention="on-request")), max_retention_days=0)


@pytest.mark.parametrize(
    ("facts", "days", "kept"),
    [
        ({"retires": "2026-11-26"}, 0, False),
        ({"retires": "2026-11-27"}, 0, True),
        ({"retires": "2026-12-27"}, 30, True),
        ({"retires": "2026-12-26"}, 30, False),
        ({"retires": "2026-12"}, 30, False),
        ({"retires": "2026-11"}, 0, False),
        ({"retires": "9999"}, 10**12, False),
        ({"retires": "2025"}, 0, False),
        ({"status": "retired"}, 0, False),
        ({"status": "deprecated"}, 0, True),
        ({}, 365, True),
    ],
)
def test_a_model_needs_days_until_it_retires(facts: dict[str, Any], days: int, kept: bool) -> None:
    """Counted to the first day that the date may mean; no date is no reason; weights that one has do not retire."""
    found = why(rented(None, successor="m/next", **facts), days_to_retirement=days)
    assert (found == "") == kept
    assert kept or "m/next" in found
    assert why(weights(OPEN, **facts), days_to_retirement=days) == ""


def test_answers_of_a_host_that_nobody_named_train_no_models() -> None:
    """A deployment with an address only: whose model it is does not say what its host allows."""
    far = rented(None)
    unnamed = far._replace(deployment=Deployment(model="m/rented", dialect="openai"), terms=Terms())
    served = weights(OPEN)._replace(deployment=Deployment(model="m/open", dialect="openai"))
    for one in (unnamed, served):
        assert "trains_on_outputs" in why(one, trains_on_outputs=True)
        assert why(one, commercial=True) == ""
    assert why(weights(OPEN), trains_on_outputs=True) == ""


@pytest.mark.parametrize(
    ("one", "limits"),
    [
        (weights(STRICT), {"licences": ("mit",)}),
        (weights(None), {"licences": ("mit",)}),
        (weights(None), {"forbidden_terms": ("naming",)}),
        (weights(STRICT), {"commercial": True}),
        (weights(STRICT), {"monthly_users": 900}),
        (weights(STRICT), {"region": "eu"}),
        (rented(None, Price(input=1.0, output=5.0)), {"input_usd_per_mtok": 0.5}),
        (rented(None, Price(input=1.0, output=5.0)), {"output_usd_per_mtok": 0.5}),
    ],
)
def test_a_refusal_names_the_model_and_the_constraint(one: Candidate, limits: dict[str, Any]) -> None:
    """Whoever reads it in an answer of the gateway finds the line of the configuration."""
    assert one.model is not None
    said = why(one, **limits)
    assert one.model.id in said
    assert next(iter(limits)) in said


def test_a_price_has_a_highest_rate_per_direction() -> None:
    """Both directions; unknown follows `unknown_price`; a device of one's own has no price per token."""
    price = Price(input=1.0, output=5.0)
    assert why(rented(None, price), input_usd_per_mtok=1.0, output_usd_per_mtok=5.0) == ""
    assert "5 USD per million output tokens, above 4" in why(rented(None, price), output_usd_per_mtok=4)
    assert "input" in why(rented(None, price), input_usd_per_mtok=0.5)
    assert "unknown" in why(rented(None), input_usd_per_mtok=1)
    assert why(rented(None), input_usd_per_mtok=1, unknown_price="allow") == ""
    assert why(weights(OPEN), input_usd_per_mtok=0) == ""


def test_another_address_than_the_hosts_has_promised_nothing() -> None:
    """Its host is named for the format alone: no policy is known, and the reason says so."""
    stranger = rented(None)._replace(terms=Terms())
    said = "the address of 'far', which is not h's own,"
    assert said in why(stranger, hosts=("h",))
    assert said in why(stranger, inputs_may_train=False)
    assert why(stranger) == ""


def test_no_price_is_looked_up_where_none_is_limited() -> None:
    """The list of prices takes long to import, and this is asked with each request."""

    def never() -> Price | None:
        raise AssertionError("looked up")

    assert why(rented(GOOD)._replace(price=never), inputs_may_train=False) == ""


CONFIG = """
[constraints]
{limits}
[deployments.far]
model = "openai/gpt-4o"
host = "openai"
api_key_env = "HOME"
[deployments.near]
model = "x/near"
dialect = "scripted"
script = "near.json"
[routes.both]
candidates = ["far", "near"]
"""


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("hosts = []", "the host 'openai' is not one of those allowed (none) (hosts)"),
        (
            "output_usd_per_mtok = 9.5",
            "openai/gpt-4o costs 10 USD per million output tokens, above 9.5 (output_usd_per_mtok)",
        ),
        ('openness = "open-weight"', "openai/gpt-4o is hosted, not open-weight (openness)"),
    ],
)
async def test_a_live_request_goes_to_what_is_permitted(make_spine: Any, limits: str, said: str) -> None:
    """The spine passes over what a constraint takes out; called by its name, the refusal says model and constraint."""
    made = make_spine(CONFIG.format(limits=limits), {"near.json": {"default": "yes"}})
    request = Request(messages=(Message(role="user", parts=(Text(text="hello"),)),))
    assert (await made.answer(request, "both")).text == "yes"
    with pytest.raises(NoCandidate) as refused:
        await made.answer(request, "far")
    assert said in str(refused.value)
    assert refused.value.removed[0][0] == "far"
