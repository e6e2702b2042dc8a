"""What changed between two looks, what of it concerns a configuration, and what asks for action."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.catalog.entry import Source
from assay.catalog.file import File, complete
from assay.catalog.host import Host
from assay.catalog.load import Catalog, builtin
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt
from assay.catalog.terms import DataPolicy, Licence
from assay.config.load import parse
from assay.config.schema import Config, Constraints, Price
from assay.decision.lock import Lock, Pin
from assay.decision.news.changes import Change, changes
from assay.decision.news.look import Look, Seen, look, look_back, read_look, write_look
from assay.decision.news.news import news, remembered
from assay.decision.news.usage import InUse, in_use
from assay.errors import DecisionError

TODAY = date(2026, 11, 26)
SOURCES = {"x": Source(title="x")}
POLICY = DataPolicy(trains_on_inputs="no", retention_days=30, regions=("us",), evidence="x")
MIT = Licence(name="MIT", osi_approved=True, regions_excluded=(), evidence="x")


def hosted(name: str = "m/rented", **facts: Any) -> Model:
    """A rented model."""
    known = {"price_usd_per_mtok": Price(input=1.0, output=2.0), "released": "2025-01-01", **facts}
    offers = (HostedAt(host="h", model=name, evidence="x"),)
    return Model(id=name, name=name, maker="m", ecosystem="hosted", evidence="x", hosts=offers, **known)


def weights(name: str = "m/open", **facts: Any) -> Model:
    """Open weights."""
    known = {"licence": "mit", "released": "2025-01-01", **facts}
    return Model(id=name, name=name, maker="m", ecosystem="open-weight", evidence="x", **known)


def catalog(*models: Model, policy: DataPolicy = POLICY, licence: Licence = MIT) -> Catalog:
    """A catalogue of these models, one host and one licence."""
    file = File(
        as_of="2026-11-26",
        sources=SOURCES,
        models=models,
        hosts={"h": Host(name="H", dialect="openai", base_url="http://127.0.0.1:9", evidence="x")},
        licences={"mit": licence},
        data_policies={"h": policy},
    )
    return Catalog([("f", complete(file, "f"))])


def config(toml: str = "", limits: str = "") -> Config:
    """Two deployments, one route in another, and what else is given."""
    text = f"""
[deployments.far]
model = "m/rented"
host = "h"
[deployments.own]
model = "m/open"
dialect = "local"
[routes.inner]
candidates = ["far"]
[routes.outer]
candidates = ["inner", "own"]
{toml}
[constraints]
{limits}
"""
    return parse(text.encode(), Path("assay.toml"))


def used(known: Catalog, limits: str = "", within: int = 30, lock: Lock | None = None) -> dict[str, InUse]:
    """What the configuration uses, by deployment."""
    return {one.deployment: one for one in in_use(config(limits=limits), known, lock, TODAY, within)}


# ------------------------------------------------------------------------------------------- looks


def test_a_look_that_was_kept_is_equal_to_itself(tmp_path: Path) -> None:
    """Lists, unknowns and prices come back as they were, so nothing seems to have changed."""
    seen = look(builtin(), TODAY)
    write_look(tmp_path / "deep" / "news.json", seen)
    kept = read_look(tmp_path / "deep" / "news.json")
    assert kept == seen
    assert changes(kept, look(builtin(), TODAY)) == []


def test_there_may_be_no_look_yet_or_a_broken_one(tmp_path: Path) -> None:
    """The first is no error; the second says which file to delete; one that cannot be kept how to go without."""
    assert read_look(tmp_path / "none.json") is None
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DecisionError, match=r"bad\.json cannot be read .*delete it to begin anew"):
        read_look(tmp_path / "bad.json")
    with pytest.raises(DecisionError, match="--no-save"):
        write_look(tmp_path / "bad.json" / "x", look(catalog(), TODAY))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


def test_looking_back_takes_away_what_came_later() -> None:
    """Models that were not out, ends that were not announced, prices that did not hold yet."""
    known = catalog(
        hosted("m/old", deprecated="2026-10-14", retires="2027-01-14", status="deprecated"),
        hosted("m/long", deprecated="2025-10-14", retires="2026-12-01", status="deprecated"),
        hosted("m/new", released="2026-09-01"),
        hosted("m/undated", released=None),
    )
    then = look_back(known, date(2026, 8, 1))
    assert set(then.models) == {"m/old", "m/long", "m/undated"}
    assert then.models["m/old"].retires is then.models["m/old"].status is None
    assert then.models["m/long"].retires == "2026-12-01"
    gpt = look_back(builtin(), date(2025, 6, 1)).models["openai/o3"]
    assert (gpt.input_usd_per_mtok, look(builtin(), TODAY).models["openai/o3"].input_usd_per_mtok) == (10.0, 2.0)


# ------------------------------------------------------------------------------------------ changes


def differences(before: Catalog, after: Catalog) -> dict[tuple[str, str], str]:
    """By kind and subject, what is other."""
    found = changes(look(before, TODAY), look(after, TODAY))
    return {(one.kind, one.subject): one.difference for one in found}


def test_every_kind_of_change_is_told() -> None:
    """Prices with percent, ends, licences, their terms, data policies, new models and those that are gone."""
    before = catalog(hosted(), weights(), weights("m/gone"))
    after = catalog(
        hosted(price_usd_per_mtok=Price(input=1.0, output=1.5), retires="2027-01"),
        weights(licence="other"),
        hosted("m/new"),
        policy=msgspec.structs.replace(POLICY, retention_days=0, regions=("us", "eu")),
        licence=msgspec.structs.replace(MIT, attribution=True),
    )
    assert differences(before, after) == {
        ("gone", "m/gone"): "gone",
        ("new model", "m/new"): "new model",
        ("licence", "m/open"): "licence mit -> other",
        ("price", "m/rented"): "output_usd_per_mtok 2 -> 1.5 (-25%)",
        ("end", "m/rented"): "retires unknown -> 2027-01",
        ("terms", "mit"): "attribution unknown -> yes",
        ("data policy", "h"): "regions us -> us, eu",
    }


def test_a_price_that_becomes_known_has_no_percent() -> None:
    """Nor does one that was 0."""
    assert Change(kind="price", subject="m", fact="p", before=None, after=2.0).difference == "p unknown -> 2"
    assert Change(kind="price", subject="m", fact="p", before=0.0, after=2.0).difference == "p 0 -> 2"


def test_what_the_catalogue_learns_to_tell_is_no_news() -> None:
    """A licence or host that only one look has says nothing of the world."""
    one = Look(day="2026-11-26", models={}, licences={}, policies={})
    two = Look(day="2026-11-26", models={}, licences={"mit": {"a": 1}}, policies={"h": {"b": 2}})
    assert changes(one, two) == changes(two, one) == []


# -------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("retires", "days_left", "action"),
    [
        ("2026-12-26", 30, "retires on 2026-12-26, in 30 days; its successor is m/next"),
        ("2026-12-27", 31, None),
        ("2026-11-26", 0, "retired on 2026-11-26; its successor is m/next"),
        ("2026-12", 5, "retires on 2026-12, in 5 days; its successor is m/next"),
        (None, None, None),
    ],
)
def test_an_end_within_the_days_asks_for_action(retires: str | None, days_left: int | None, action: str | None) -> None:
    """Counted to the earliest day that the date may mean; far or unknown ends ask for nothing."""
    found = used(catalog(hosted(retires=retires, successor="m/next"), weights(retires="2020")))
    assert (found["far"].days_left, found["far"].action) == (days_left, action)
    assert (found["own"].retires, found["own"].action) == (None, None)


def test_a_longer_notice_in_the_constraints_counts() -> None:
    """`days_to_retirement` is how long before a model is no longer called, so the news must come by then."""
    known = catalog(hosted(retires="2027-02-01"), weights())
    assert used(known)["far"].action is None
    action = used(known, "days_to_retirement = 90")["far"].action
    assert action is not None
    assert action.startswith("retires on 2027-02-01, in 67 days")


def test_what_breaks_a_constraint_asks_for_action() -> None:
    """A host that keeps data for longer, a model that became dear, a licence that is not allowed."""
    known = catalog(hosted(), weights())
    assert used(known)["far"].forbidden is None
    assert "keep inputs for 30 days" in str(used(known, "max_retention_days = 7")["far"].action)
    assert "above 1" in str(used(known, "output_usd_per_mtok = 1.0")["far"].action)
    assert "not one of apache-2.0" in str(used(known, 'licences = ["apache-2.0"]')["own"].action)


def test_routes_and_pins_are_told() -> None:
    """Through other routes too; a pin on a route serves with all of it."""
    pin = Pin(target="outer", bar=0.8, passed=1, tolerated_regression=0.05, run="r", samples=("s",), facts={})
    lock = Lock(
        version=1, route="pinned", suite="s", suite_digest="", config_digest="", decision="", pinned_at="", seed=0,
        kinds={"sql": pin, "triage": msgspec.structs.replace(pin, target="own")},
    )  # fmt: skip
    found = used(catalog(hosted(), weights()), lock=lock)
    assert (found["far"].routes, found["far"].kinds) == (("inner", "outer"), ("sql",))
    assert (found["own"].routes, found["own"].kinds) == (("outer",), ("sql", "triage"))


def test_what_asks_for_action_comes_first() -> None:
    """Then what ends soonest."""
    found = in_use(config(), catalog(hosted(retires="2030"), weights()), None, TODAY, 30)
    assert [one.deployment for one in found] == ["far", "own"]
    broken = in_use(config(limits="licences = []"), catalog(hosted(retires="2030"), weights()), None, TODAY, 30)
    assert [one.deployment for one in broken] == ["own", "far"]


def test_a_model_that_nobody_knows_is_used_all_the_same() -> None:
    """It is listed as the configuration calls it, with nothing known."""
    found = used(catalog())
    assert (found["far"].model, found["far"].retires, found["far"].action) == ("m/rented", None, None)


# --------------------------------------------------------------------------------------------- news


def test_the_first_look_has_no_changes() -> None:
    """But says what is used."""
    known = catalog(hosted(retires="2026-12-01"), weights())
    found = news(known, None, look(known, TODAY), tuple(used(known).values()), Constraints())
    assert (found.since, found.changes, found.new_models, found.others) == (None, (), (), ())
    assert found.needs_action


def test_changes_are_told_with_the_deployments_that_they_concern() -> None:
    """A model's, its licence's and its host's; what nobody uses stands apart."""
    before = catalog(hosted(), weights(), hosted("m/else"))
    dear = Price(input=2.0, output=2.0)
    after = catalog(
        hosted(price_usd_per_mtok=dear), weights(), hosted("m/else", price_usd_per_mtok=dear),
        policy=msgspec.structs.replace(POLICY, retention_days=0),
        licence=msgspec.structs.replace(MIT, attribution=True),
    )  # fmt: skip
    found = news(after, look(before, TODAY), look(after, TODAY), tuple(used(after).values()), Constraints())
    assert {(one.kind, one.used_by) for one in found.changes} == {
        ("price", ("far",)), ("data policy", ("far",)), ("terms", ("own",)),
    }  # fmt: skip
    assert [one.subject for one in found.others] == ["m/else"]
    assert found.others_by_kind == {"price": 1}
    assert not found.needs_action
    json.dumps(msgspec.to_builtins(found))


def test_a_model_in_use_that_left_the_catalogue_asks_for_action() -> None:
    """Nobody tells its price or end any more; it is told until it is used no longer, and comes first."""
    before, after = look(catalog(hosted(), weights(), hosted("m/else")), TODAY), catalog(hosted())
    uses = tuple(used(after).values())
    found = news(after, before, look(after, TODAY), uses, Constraints())
    assert found.needs_action
    assert [(one.deployment, (one.action or "").partition(",")[0]) for one in found.used] == [
        ("own", "left the catalogue"), ("far", ""),
    ]  # fmt: skip
    kept = remembered(before, look(after, TODAY), uses)
    assert set(kept.models) == {"m/rented", "m/open"}
    assert news(after, kept, look(after, TODAY), uses, Constraints()).needs_action
    assert set(remembered(kept, look(after, TODAY), ()).models) == {"m/rented"}
    assert remembered(None, look(after, TODAY), uses) == look(after, TODAY)


@pytest.mark.parametrize(
    ("limits", "fits", "told"),
    [
        ({}, True, {"m/new", "m/weights"}),
        ({}, False, {"m/new"}),
        ({"licences": ("apache-2.0",)}, True, {"m/new"}),
        ({"output_usd_per_mtok": 1.0}, True, {"m/weights"}),
        ({"max_retention_days": 1}, True, {"m/weights"}),
        ({"hosts": ()}, True, {"m/weights"}),
        ({"openness": "open-weight"}, True, set()),
    ],
)
def test_new_models_are_told_if_they_may_be_used(limits: dict[str, Any], fits: bool, told: set[str]) -> None:
    """At a host or on a device of one's own, whichever the constraints leave."""
    before, after = catalog(), catalog(hosted("m/new"), weights("m/weights"))
    found = news(after, look(before, TODAY), look(after, TODAY), (), Constraints(**limits), fits=lambda _: fits)
    assert {one.model for one in found.new_models} == told
    rented = [one for one in found.new_models if one.model == "m/new"]
    assert not rented or rented[0].output_usd_per_mtok == 2.0


def test_seen_models_have_the_facts_that_can_change() -> None:
    """A fact that a look keeps is one that the catalogue has."""
    facts = {name for name in Seen.__struct_fields__ if not name.endswith("_usd_per_mtok")}
    assert facts <= set(Model.FACTS)
