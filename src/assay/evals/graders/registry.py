"""Making a grader from its table in a suite: `{ check = "..." }` or `{ grader = "..." }`, other keys are options."""

from __future__ import annotations

from collections.abc import Iterator

from assay import plugins
from assay.checks.registry import make_check
from assay.errors import AssayError, ConfigError, PluginError
from assay.evals.graders.checked import Checked
from assay.evals.graders.grader import Grader
from assay.types import JsonObject

__all__ = ["GROUP", "make_grader", "name_of", "origin_of", "with_inner"]

GROUP = "assay.graders"


def make_grader(spec: JsonObject) -> Grader:
    """The grader that `spec` names, with its other keys as options.

    Raises:
        ConfigError: it names no check and no grader, or both, or an option is wrong.
        PluginError: an unknown check or grader, or one of a plug-in that is none.
    """
    try:
        return _made(spec)
    except AssayError:
        raise
    except Exception as error:  # a plug-in's own, for options that it does not know, say
        raise PluginError(f"{origin_of(spec)} cannot be made: {type(error).__name__}: {error}") from error


def _made(spec: JsonObject) -> Grader:
    if "grader" not in spec:
        return Checked(name_of(spec), make_check(spec))
    if "check" in spec:
        raise ConfigError(f"a grader has either `check` or `grader`, not both: {spec!r}")
    given = dict(spec)
    name = given.pop("grader")
    if not isinstance(name, str):
        known = ", ".join(plugins.names(GROUP))
        raise ConfigError(f'`grader` is a name, as in {{ grader = "judge", ... }}; got {name!r}; known: {known}')
    made = plugins.load(GROUP, name)(**given)
    if not isinstance(made, Grader):
        lacking = [part for part in ("name", "grade", "accepts", "models", "settings") if not hasattr(made, part)]
        raise PluginError(
            f"{GROUP}: {name!r} of {plugins.distribution(GROUP, name)} is no grader: it lacks {', '.join(lacking)}; "
            "derive it from assay.evals.graders.grader.Grader"
        )
    return made


def with_inner(spec: JsonObject) -> Iterator[JsonObject]:
    """A grader's table, and those of the graders and checks within it."""
    yield spec
    inner = spec.get("graders")
    for one in [*(inner if isinstance(inner, list | tuple) else ()), spec.get("of")]:
        if isinstance(one, dict):
            yield from with_inner(one)


def name_of(spec: JsonObject) -> str:
    """What a grader is called beside its score."""
    return str(spec.get("grader", spec.get("check", "")))


def origin_of(spec: JsonObject) -> str:
    """A grader for a message about what broke in it: its name, and its distribution where that is not ours."""
    group, word = (GROUP, "grader") if "grader" in spec else ("assay.checks", "check")
    name = name_of(spec)
    distribution = plugins.distribution(group, name)
    return f"{word} {name!r}" if distribution == "assay" else f"{word} {name!r} of {distribution}"
