"""`[guards.NAME]` and the guards of a route: who looks at what is asked and answered, and what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from assay.config.table import Section, read_table
from assay.errors import ConfigError, did_you_mean

__all__ = ["Classifier", "Guard", "Guards", "Principles", "check_guards"]

Text = Annotated[str, Meta(min_length=1)]


class Classifier(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model that sorts texts into those that may pass and those that may not: a safety model, say.

    Attributes:
        model: the deployment or route that is asked, as the kind `guard`.
        policy: what may not pass, in words, for a model that is told so; without it the model is sent the turns of the
            conversation and nothing else, as models that were made for this want it.
        unsafe: its answer begins with one of these words: found.
        safe: it begins with one of these: nothing found. Anything else is no verdict, and the guard has failed.
        max_tokens: of its answer.
    """

    model: str
    policy: Text | None = None
    unsafe: tuple[Text, ...] = ("unsafe", "yes", "block")
    safe: tuple[Text, ...] = ("safe", "no", "allow")
    max_tokens: Annotated[int, Meta(ge=1, le=100_000)] = 100

    def __post_init__(self) -> None:
        if not self.unsafe or not self.safe:
            raise ValueError("`unsafe` and `safe` need a word each")


class Principles(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model that holds an answer against written principles, and may write it anew.

    Attributes:
        model: the deployment or route that is asked, as the kind `guard`; the one that answers may judge itself.
        principles: what an answer must keep to, one sentence each.
        max_tokens: of the verdict, the new answer included.
    """

    model: str
    principles: Annotated[tuple[Text, ...], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=16, le=1_000_000)] = 4000


_ASKING: dict[str, type[Classifier | Principles]] = {"classifier": Classifier, "principles": Principles}


class Guard(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One guard.

    Attributes:
        check: what it looks with: a check, as in `{ check = "patterns", words = ["..."] }`, or a model:
            `{ check = "classifier", model = "..." }`, `{ check = "principles", model = "...", principles = [] }`.
        found: what comes of it when it finds something: `refuse`, or `revise` what was found where that can be done,
            and else refuse.
        on_error: what comes of it when the guard cannot do its work, because its model does not answer, say.
        message: what the client is told of a refusal; default: which guard it was, and what it says.
    """

    check: str | dict[str, Any]
    found: Literal["refuse", "revise"] = "refuse"
    on_error: Literal["refuse", "allow"] = "refuse"
    message: Text | None = None

    @property
    def spec(self) -> dict[str, Any]:
        """The check as a table."""
        return {"check": self.check} if isinstance(self.check, str) else dict(self.check)

    def asking(self, where: str = "check") -> Classifier | Principles | None:
        """How a model is asked; None = none is.

        Raises:
            ConfigError: an option is wrong; `where` is its place in the file.
        """
        options = self.spec
        kind = _ASKING.get(str(options.pop("check", "")))
        return read_table(options, kind, where) if kind is not None else None


class Guards(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The guards of a route, in the order in which they look.

    Attributes:
        before: look at all that is asked, results of tools included, before a model is.
        after: look at the answer before the client has it.
        hold: a streamed answer is kept back until it was looked at. Without it, it is looked at sentence by sentence
            and ends where something is found: for guards that ask no model.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    hold: bool = True

    def __bool__(self) -> bool:
        return bool(self.before or self.after)


def check_guards(guards: Mapping[str, Guard], used: Mapping[str, Guards], targets: Collection[str]) -> None:
    """What the file's guards and routes say of each other.

    Args:
        guards: by name.
        used: the guards of each route.
        targets: names of deployments and routes.

    Raises:
        ConfigError: a name that nothing has, a guard of one sort in the place of another.
    """
    for name, guard in guards.items():
        where = f"guards.{name}.check"
        asking = guard.asking(where)
        if asking is not None and asking.model not in targets:
            raise ConfigError(f"{where}.model: unknown {asking.model!r}; {did_you_mean(asking.model, targets)}")
        if isinstance(asking, Classifier) and guard.found == "revise":
            raise ConfigError(f"guards.{name}.found: a classifier says what may not pass, and writes nothing anew")
    for route, place in used.items():
        for name in (*place.before, *place.after):
            if name not in guards:
                raise ConfigError(f"routes.{route}.guards: unknown {name!r}; {did_you_mean(name, guards)}")
        _check_place(route, place, guards)


def _check_place(route: str, place: Guards, guards: Mapping[str, Guard]) -> None:
    for name in place.before:
        if isinstance(guards[name].asking(), Principles):
            raise ConfigError(f"routes.{route}.guards.before: {name!r} judges an answer; name it in `after`")
    for name in place.after if not place.hold else ():
        if guards[name].asking() is not None:
            raise ConfigError(
                f"routes.{route}.guards: {name!r} asks a model, which looks at whole answers; leave out hold = false"
            )
