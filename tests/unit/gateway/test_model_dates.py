"""What `/v1/models` says of the end of a model, in both forms."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from assay.access.key import ANYTHING
from assay.catalog.load import builtin
from assay.catalog.model import Model
from assay.config.schema import Deployment
from assay.gateway.models import Models, Targets
from assay.gateway.visit import Visit
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.routing.fallback import Fixed

PLAIN = msgspec.structs.replace(
    builtin().find("openai/gpt-4o"), status=None, deprecated=None, retires=None, successor=None
)


class Client:
    """A visit that shows these headers and asks for no page."""

    terms = ANYTHING

    def __init__(self, **headers: str) -> None:
        self._headers = headers

    def header(self, name: str) -> str | None:
        """A header, as `Visit` gives it."""
        return self._headers.get(name.replace("-", "_"))

    def parameter(self, name: str) -> str | None:
        """None is given."""
        return None


OPENAI = cast(Visit, Client())
ANTHROPIC = cast(Visit, Client(anthropic_version="2023-06-01"))


def deployment(model: Model | None, *, private: bool | None = None) -> LiveDeployment:
    """One at a host."""
    config = Deployment(model="m/m", dialect="openai", private=private)
    return LiveDeployment(name="d", config=config, provider=cast(Any, None), model=model)


def ending(**facts: Any) -> LiveDeployment:
    """One whose model has this end."""
    return deployment(msgspec.structs.replace(PLAIN, **facts))


def said(targets: Targets, name: str, visit: Visit = OPENAI) -> dict[str, Any]:
    """What is said beside the form."""
    models = Models(since_s=0.0)
    one = models.one(name, targets, visit)
    (same,) = [row for row in models.listed(targets, visit)["data"] if row["id"] == name]
    assert one == same
    return {key: one[key] for key in ("status", "deprecated", "retires", "successor") if key in one}


@pytest.mark.parametrize("visit", [OPENAI, ANTHROPIC])
def test_the_end_of_a_model_is_told_in_both_forms(visit: Visit) -> None:
    """Days and successor as the catalogue has them; nothing is said of what is not known to end."""
    facts = {"status": "deprecated", "retires": "2027-01-14", "successor": "Next"}
    targets = {"old": ending(**facts), "new": ending(), "strange": deployment(None)}
    assert said(targets, "old", visit) == facts
    assert said(targets, "new", visit) == said(targets, "strange", visit) == {}


def test_a_route_ends_with_the_first_of_its_models() -> None:
    """Routes in routes count; a model without a day comes after those with one."""
    targets: dict[str, LiveDeployment | LiveRoute] = {
        "late": ending(retires="2028"),
        "soon": ending(retires="2027-01-14"),
        "some-day": ending(status="deprecated"),
        "inner": LiveRoute(name="inner", candidates=("late", "soon"), policy=Fixed()),
        "outer": LiveRoute(name="outer", candidates=("some-day", "inner"), policy=Fixed()),
        "vague": LiveRoute(name="vague", candidates=("some-day",), policy=Fixed()),
    }
    assert said(targets, "outer") == {"retires": "2027-01-14"}
    assert said(targets, "vague") == {"status": "deprecated"}


def test_what_is_ones_own_does_not_end() -> None:
    """A maker cannot take back weights that a team runs."""
    own = deployment(msgspec.structs.replace(PLAIN, retires="2027"), private=True)
    assert said({"own": own}, "own") == {}
