"""What a check is, and what all of them share: options, targets and reading an answer."""

from __future__ import annotations

import re
import textwrap
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from assay.errors import ConfigError, EvalError, did_you_mean
from assay.types import Request, Response, Value

__all__ = [
    "MAX_CHARS", "Check", "CheckResult", "Options", "alternatives", "fenced_blocks", "options", "outdent", "shorten",
]  # fmt: skip

MAX_CHARS = 1_000_000
"""An answer longer than this is not looked into: it does not pass."""

O = TypeVar("O", bound="Options")  # noqa: E741 - the usual letter of a type variable
# A fence that stands deeper than the block's own is content: the docstring of a function may hold one.
_FENCE = re.compile(r"^([ \t]*)```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^(?:\1|[ ]{0,3})```|\Z)", re.MULTILINE | re.DOTALL)


class CheckResult(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Whether an answer passed, why in one sentence, and what a program may want to know of it."""

    passed: bool
    explanation: str
    detail: dict[str, Any] | None = None


class Check(Protocol):
    """A verifier of one answer, made from keyword options (`ConfigError` if they are wrong).

    Targets are verified before an answer is paid for: a check that looks at its target first is tried on an empty
    answer. One that finds a wrong target only with an answer at hand has a method `verify(target, request)` besides,
    which raises what `check` would raise; `prepare(targets)`, called before with all that come, may save it work.
    """

    name: ClassVar[str]

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Verify `answer`. Whatever a model wrote gives a result and never an exception.

        Args:
            answer: what the model said.
            target: what a suite's sample expects; `None` in a cascade.
            request: what the model was asked, where it is known.

        Raises:
            EvalError: the target is missing or of the wrong kind.
        """
        ...


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of one check."""


def options(name: str, kind: type[O], given: dict[str, Any], *, what: str = "check") -> O:
    """The options of a check, or of what else `what` says, validated.

    Raises:
        ConfigError: names the wrong option, and the nearest known one if it is unknown.
    """
    known = [field.name for field in msgspec.structs.fields(kind)]
    for key in given:
        if key not in known:
            raise ConfigError(f"{what} {name!r} has no option {key!r}; {did_you_mean(key, known)}")
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{what} {name!r}: {error}") from None


def alternatives(check: str, target: object | None) -> list[str]:
    """The accepted texts of a target: one text or number, or a list of them.

    Raises:
        EvalError: there is no target, or it is something else.
    """
    if target is None:
        raise EvalError(f"check {check!r} compares with a target and got none; give each sample a target")
    found = list(target) if isinstance(target, list | tuple) else [target]
    texts = [text for one in found if (text := _as_text(one)) is not None]
    if not texts or len(texts) < len(found):
        raise EvalError(f"check {check!r}: a target is a text, a number or a list of them, not {shorten(repr(target))}")
    return texts


def _as_text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """`(language, content)` of each Markdown code block, also within a list; one not closed ends with the text."""
    return [(language.lower(), outdent(content).strip()) for _, language, content in _FENCE.findall(text)]


def outdent(text: str) -> str:
    """`text` without the indentation that all its lines share; what is not indented stays as it is, blank lines too."""
    return textwrap.dedent(text) if text.lstrip("\n")[:1] in (" ", "\t") else text


def shorten(text: str, limit: int = 120) -> str:
    """`text` fit for an explanation: one line, at most `limit` characters, valid Unicode."""
    line = " ".join(text[: 4 * limit].encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[:limit] + "…"
