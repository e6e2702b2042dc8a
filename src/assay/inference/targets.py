"""What can be called, by name, and which of it the hard constraints leave for a request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from assay.config.budget import Limit
from assay.config.schema import Constraints
from assay.envelope.candidate import Candidate
from assay.envelope.constraints import inability, lacks_key, removals, standing, unfit
from assay.envelope.overflow import letters_of, overflow
from assay.errors import ConfigError, did_you_mean
from assay.inference.allowance import Allowance
from assay.inference.breaker import WELL
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.privacy.label import at_least, labelled
from assay.routing.fallback import Fixed
from assay.routing.protocol import Health, Rolled
from assay.types import Label, Request


class Targets:
    """Deployments and routes by name, under one set of constraints.

    Attributes:
        rolled: by route, the weights of its split that a rollout has set; exchanged as a whole when that moves on.
    """

    def __init__(
        self,
        by_name: Mapping[str, LiveDeployment | LiveRoute],
        constraints: Constraints,
        limits: Mapping[str, Limit] | None = None,
    ) -> None:
        self.by_name = dict(by_name)
        self.constraints = constraints
        self._standing: dict[tuple[str, Label], tuple[int, Candidate, str | None]] = {}
        self.allowance = Allowance(constraints, limits)
        self.rolled: Mapping[str, Rolled] = {}

    def route(self, name: str) -> LiveRoute:
        """The route of this name; a deployment is a route of itself alone.

        Raises:
            ConfigError: there is neither.
        """
        target = self.by_name.get(name)
        if target is None:
            raise ConfigError(f"unknown model {name!r}; {did_you_mean(name, self.by_name)}")
        if isinstance(target, LiveRoute):
            return target
        return _alone(name)

    def removed(self, route: LiveRoute, request: Request, label: Label) -> tuple[tuple[str, str], ...]:
        """`(candidate, reason)` of each candidate of a route that the hard constraints take out."""
        reasons: dict[str, str | None] = {}
        for name in route.candidates:
            target = self.by_name[name]
            if isinstance(target, LiveDeployment):
                reasons[name] = self.reason(target, request, label)
            else:
                reasons[name] = self._removed_inside(target, request, label)
        if len(reasons) > 1:
            reasons |= self._overflowing(reasons, request)
        if not any(reasons.values()):  # as mostly
            return ()
        return tuple([(name, reason) for name, reason in reasons.items() if reason is not None])

    def reason(self, live: LiveDeployment, request: Request, label: Label) -> str | None:
        """Why the hard constraints take out a deployment, whatever else there is to choose from; None = they do not.

        What hangs on the label alone is found out once a second: it changes with days, and with hours where prices do.
        """
        candidate, second = live.candidate, int(time.time())
        known = self._standing.get((live.name, label))
        if known is None or known[0] != second or known[1] is not candidate:
            barred = standing(candidate, label, self.constraints)
            known = self._standing[live.name, label] = (second, candidate, barred)
        return known[2] or unfit(candidate, request)

    def faults(self, names: Iterable[str]) -> dict[str, Health]:
        """How those of the deployments stand that are not simply well."""
        now, found = time.monotonic(), {}
        for name in names:
            target = self.by_name[name]
            if isinstance(target, LiveDeployment) and (health := target.breaker.health(now)) is not WELL:
                found[name] = health
        return found

    def _overflowing(self, reasons: Mapping[str, str | None], request: Request) -> dict[str, str]:
        """Of those that are left, who finds the prompt too long, where another does not; else its host is the judge."""
        found: dict[str, str] = {}
        left, letters = 0, letters_of(request)
        for name, removed in reasons.items():
            if removed is None:
                left += 1
                one = self.by_name[name]
                if not isinstance(one, LiveDeployment) or one.context_tokens is None or letters <= one.context_tokens:
                    continue
                reason = overflow(one.config, one.model, request)
                if reason is not None:
                    found[name] = reason
        return found if len(found) < left else {}

    def unable(self, route: LiveRoute, request: Request) -> bool:
        """Whether no candidate could handle what the request holds, even if all were allowed."""
        targets = (self.by_name[name] for name in route.candidates)
        return all(
            inability(target.config, target.model, request) is not None
            if isinstance(target, LiveDeployment)
            else self.unable(target, request)
            for target in targets
        )

    def keyless(self, route: LiveRoute, request: Request, label: Label) -> bool:
        """Whether no candidate has its key, and each would be allowed with one."""
        return all(
            self._wants_only_a_key(target, request, label)
            if isinstance(target, LiveDeployment)
            else self.keyless(target, request, at_least(label, target.label))
            for target in (self.by_name[name] for name in route.candidates)
        )

    def _wants_only_a_key(self, target: LiveDeployment, request: Request, label: Label) -> bool:
        keyed = target.candidate._replace(deployment=msgspec.structs.replace(target.config, api_key_env=None))
        return lacks_key(target.config) and removals(keyed, labelled(request, label), self.constraints) is None

    def _removed_inside(self, target: LiveRoute, request: Request, label: Label) -> str | None:
        """Why no candidate of a route inside another one is left; None = some are."""
        inside = self.removed(target, request, at_least(label, target.label))
        if len(inside) < len(target.candidates):
            return None
        return "; ".join(f"{candidate}: {reason}" for candidate, reason in inside)


@lru_cache(maxsize=1024)  # asked for with each request
def _alone(name: str) -> LiveRoute:
    return LiveRoute(name=name, candidates=(name,), policy=Fixed())
