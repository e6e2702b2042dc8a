"""What licences and hosts' policies allow for a stated use, and which term decides."""

from typing import Any

import pytest

from assay.catalog.entry import Source
from assay.catalog.file import File, complete
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt
from assay.catalog.terms import DataPolicy, Licence
from assay.catalog.use import Use, ruling, use_of
from assay.config.schema import Constraints

OPEN = Licence(name="Open", osi_approved=True, evidence="x")
CAPPED = Licence(
    name="Capped", osi_approved=False, commercial_use="conditional", user_cap=1000, output_training="no",
    regions_excluded=("eu",), attribution=True, naming="Built with X", use_policy=True, evidence="x",
)  # fmt: skip
SILENT = Licence(name="Silent", osi_approved=False, evidence="x")
RESEARCH = Licence(name="Research", osi_approved=False, commercial_use="no", evidence="x")


def ruled(licence: str | None, policies: dict[str, DataPolicy] | None = None, **stated: Any) -> Any:
    """The ruling on a model under this licence; hosted where it is `None` and there are policies."""
    hosted = policies is not None
    model = Model(
        id="m/m", name="m", maker="m", ecosystem="hosted" if hosted else "open-weight", licence=licence, evidence="x",
        hosts=(HostedAt(host="h", model="m", evidence="x"),) if hosted else (),
    )  # fmt: skip
    file = File(
        as_of="2026-11-26",
        sources={"x": Source(title="x")},
        models=(model,),
        licences={"open": OPEN, "capped": CAPPED, "silent": SILENT, "research": RESEARCH},
        data_policies=policies or {},
    )
    catalog = Catalog([("f", complete(file, "f"))])
    return ruling(catalog.find("m/m"), catalog, Use(**stated))


@pytest.mark.parametrize(
    ("licence", "stated", "verdict", "term"),
    [
        ("open", {"commercial": True, "monthly_users": 10**9, "region": "eu", "trains_on_outputs": True}, "allowed",
         "licence"),
        ("Open", {"commercial": True}, "allowed", "licence"),
        ("capped", {"commercial": True, "monthly_users": 999}, "allowed", "licence"),
        ("capped", {"monthly_users": 1000}, "ask", "user_cap"),
        ("capped", {"monthly_users": 1000, "region": "EU"}, "forbidden", "regions_excluded"),
        ("capped", {"region": "us"}, "allowed", "licence"),
        ("capped", {"region": "de"}, "forbidden", "regions_excluded"),
        ("capped", {"trains_on_outputs": True}, "forbidden", "output_training"),
        ("research", {"commercial": True}, "forbidden", "commercial_use"),
        ("research", {"commercial": False}, "allowed", "licence"),
        ("research", {}, "allowed", "licence"),
        ("silent", {"commercial": True}, "ask", "commercial_use"),
        ("silent", {"monthly_users": 1}, "ask", "user_cap"),
        ("silent", {"region": "eu"}, "ask", "regions_excluded"),
        ("silent", {"trains_on_outputs": True}, "ask", "output_training"),
        (None, {}, "ask", "licence"),
        ("unheard-of", {}, "ask", "licence"),
    ],
)  # fmt: skip
def test_the_gravest_term_of_the_stated_use_decides(
    licence: str | None, stated: dict[str, Any], verdict: str, term: str
) -> None:
    """What is not known is asked, never allowed; what is not stated is not judged; an approved licence forbids none."""
    found = ruled(licence, **stated)
    assert (found.verdict, found.term) == (verdict, term)
    assert found.reason


def test_a_persons_word_settles_what_is_open_and_nothing_that_is_forbidden() -> None:
    """`licences` names what somebody has read; a term that forbids the use stands all the same."""
    assert ruled("silent", commercial=True, accepted=("Silent",)).verdict == "allowed"
    assert ruled("unheard-of", accepted=("unheard-of",)).verdict == "allowed"
    assert ruled("capped", monthly_users=5000, accepted=("capped",)).verdict == "allowed"
    assert ruled("research", commercial=True, accepted=("research",)).verdict == "forbidden"


def test_an_allowed_use_still_has_duties() -> None:
    """Naming, attribution, the policy of uses and the cap are told beside the verdict."""
    found = ruled("capped", commercial=True)
    assert found.verdict == "allowed"
    assert len(found.duties) == 4
    assert any("Built with X" in duty for duty in found.duties)
    assert ruled("open", commercial=True).duties == ()


@pytest.mark.parametrize(
    ("distillation", "verdict"), [("yes", "allowed"), ("conditional", "ask"), ("no", "forbidden"), (None, "ask")]
)
def test_a_hosts_policy_decides_over_training_with_its_answers(distillation: Any, verdict: str) -> None:
    """A rented model has no licence; only what its host says of its answers matters."""
    policies = {"h": DataPolicy(distillation=distillation, evidence="x")}
    assert ruled(None, policies, commercial=True).verdict == "allowed"
    assert ruled(None, policies, trains_on_outputs=True).verdict == verdict
    assert ruled(None, {}, trains_on_outputs=True).verdict == "ask"


def test_the_constraints_state_a_use() -> None:
    """What the configuration says of the work is what licences are held against."""
    limits = Constraints(commercial=True, monthly_users=5, region="eu", trains_on_outputs=True, licences=("mit",))
    assert use_of(limits) == Use(
        commercial=True, monthly_users=5, region="eu", trains_on_outputs=True, accepted=("mit",)
    )
    assert use_of(Constraints()) == Use()
