"""What changes beside the answers: price, context, what requests may hold, licence, where data goes and how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from assay.catalog.terms import DataPolicy
from assay.inference.deployment import LiveDeployment
from assay.inference.reach import below
from assay.inference.spine import Spine
from assay.types import Value

__all__ = ["Difference", "differences"]

_UNKNOWN = "not known"


class Difference(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One fact that is not the same; of a route, those of all deployments below it.

    `lost`: the old one had it and the new one has it not, or nobody knows that it has.
    """

    fact: str
    old: str
    new: str
    lost: bool


class _Fact(NamedTuple):
    """A fact of a deployment, and how it is told; `rank`: less is a loss, None = no rank, another value is another."""

    name: str
    value: Callable[[LiveDeployment], object]
    rank: Callable[[object], float] | None = None


def differences(spine: Spine, old: str, new: str) -> tuple[Difference, ...]:
    """The facts in which two targets differ, those first that are lost.

    Raises:
        ConfigError: there is no such target.
    """
    before, after = list(below(spine, old)), list(below(spine, new))
    found = [one for fact in _FACTS if (one := _difference(fact, before, after)) is not None]
    return tuple(sorted(found, key=lambda one: not one.lost))


def _difference(fact: _Fact, before: list[LiveDeployment], after: list[LiveDeployment]) -> Difference | None:
    old, new = ([fact.value(one) for one in side] for side in (before, after))
    told = [", ".join(dict.fromkeys(map(_told, side))) for side in (old, new)]
    if told[0] == told[1]:
        return None
    # What every old deployment can do, every new one must: a route answers by any of its own.
    lost = fact.rank is not None and min(map(fact.rank, new)) < min(map(fact.rank, old))
    return Difference(fact=fact.name, old=told[0], new=told[1], lost=lost)


def _told(value: object) -> str:
    match value:
        case None:
            return _UNKNOWN
        case bool():
            return "yes" if value else "no"
        case tuple():
            return "+".join(map(str, value)) or "none"
        case int():
            return f"{value:,}"
    return str(value)


def _yes(value: object) -> float:
    return float(value is True)


def _size(value: object) -> float:
    return float(value) if isinstance(value, int) else 0.0


def _context(live: LiveDeployment) -> int | None:
    if live.config.dialect == "local":
        return live.config.engine.context_tokens
    return live.model.context_tokens if live.model is not None else None


def _takes(what: str) -> Callable[[LiveDeployment], bool | None]:
    def takes(live: LiveDeployment) -> bool | None:
        given = live.model.input if live.model is not None else None
        return None if given is None else what in given

    return takes


def _of_model(fact: str) -> Callable[[LiveDeployment], object]:
    return lambda live: getattr(live.model, fact) if live.model is not None else None


def _of_policy(fact: str) -> Callable[[LiveDeployment], object]:
    def value(live: LiveDeployment) -> object:
        if live.config.is_private:
            return "stays with the team"
        policy: DataPolicy | None = live.terms.policy
        return getattr(policy, fact) if policy is not None else None

    return value


def _price(live: LiveDeployment) -> str | None:
    price = live.price.price
    return f"{price.input:g} in, {price.output:g} out" if price is not None else None


def _host(live: LiveDeployment) -> str:
    if live.config.runs_here:
        return "this machine"
    return live.config.host or live.config.base_url or live.config.dialect


def _facts() -> Iterator[_Fact]:
    yield _Fact("model", lambda live: live.config.model)
    yield _Fact("host", _host)
    yield _Fact("price, USD per million tokens", _price)
    yield _Fact("private", lambda live: live.config.is_private, _yes)
    yield _Fact("context, tokens", _context, _size)
    yield _Fact("longest answer, tokens", _of_model("max_output_tokens"), _size)
    yield _Fact("tools", _of_model("tools"), _yes)
    yield _Fact("answers by schema", _of_model("structured_output"), _yes)
    yield from (_Fact(f"takes {what}", _takes(what), _yes) for what in ("image", "audio", "video", "document"))
    yield _Fact("reasoning", _of_model("reasoning"))
    yield _Fact("knowledge ends", _of_model("knowledge_cutoff"))
    yield _Fact("licence", _of_model("licence"))
    yield _Fact("inputs train the host's models", _of_policy("trains_on_inputs"))
    yield _Fact("inputs are kept, days", _of_policy("retention_days"))
    yield _Fact("data can stay in", _of_policy("regions"))


_FACTS = tuple(_facts())
