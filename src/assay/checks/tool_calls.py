"""The answer calls the right tools with the right arguments, and none that it must not call."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from assay.checks.argument_types import schema_fault
from assay.checks.arguments import Expected, difference
from assay.checks.check import CheckResult, Options, options, shorten
from assay.checks.json_text import parse
from assay.checks.python_calls import python_calls
from assay.checks.written_calls import written_calls
from assay.errors import ConfigError, EvalError
from assay.numerals import plural
from assay.types import JsonObject, Request, Response

__all__ = ["ToolCalls"]

MAX_CALLS = 200
"""An answer with more calls than this does not pass."""


class _ToolCallsOptions(Options, frozen=True):
    order: Literal["any", "same"] = "any"
    extra_arguments: Literal["forbid", "allow"] = "forbid"
    strings: Literal["loose", "exact"] = "loose"
    forbid: tuple[str, ...] = ()
    expect: Literal["calls", "none", "any"] | None = None
    from_text: bool = False
    types: Literal["target", "schema"] = "target"


class _Call(NamedTuple):
    name: str
    arguments: JsonObject | None
    fault: str | None = None


class ToolCalls:
    """The tool calls of the answer are those of the target, each once.

    A target is a list of `{ name, arguments = { argument = value | [alternatives] } }`. A list always means
    alternatives, so that a list value is written within one (`[["a", "b"]]`); an alternative `""` lets the argument be
    absent; objects follow the same rule inside. 1 equals 1.0, but neither true nor "1". Texts are compared without
    case, white space and the signs `,./-_*^`, except where a digit follows (1.5 is not 15, -5 not 5), or exactly
    (`strings = "exact"`).

    Options: `order` = `any` or `same`; `extra_arguments` = `forbid` or `allow` those that the target has not; `forbid`
    = names of tools of which any call fails; `expect` = `calls`, `none` or `any`; `from_text`: where there is no call,
    those written into the text count, as JSON or as Python (`f(a=1)`, of tools that the request offers or the target
    names); `types` = `schema`: arguments must also be what the tool's schema says, required ones there.

    Without `expect`, a target with calls expects them; an empty or missing one expects nothing where something is
    forbidden, and else an empty one (`[]`) expects no call. `expect = "calls"` without a target is any call of a tool
    that the request offers; `any` with one permits no call, or exactly those.
    """

    name: ClassVar[str] = "tool-calls"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _ToolCallsOptions, given)
        if "" in self._options.forbid:
            raise ConfigError("check 'tool-calls': `forbid` has an empty name")

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Compare; the explanation names the first difference."""
        wanted = _target(target)
        expect = self._expect(target, wanted)
        calls = self._calls(answer, wanted, request)
        wrong = self._wrong(calls, wanted, expect, request)
        detail = {"calls": [shorten(call.name, 60) for call in calls[:20]]}
        if wrong is not None:
            return CheckResult(passed=False, explanation=wrong, detail=detail)
        said = plural(len(calls), "call") + (" as expected" if wanted and calls else ", none that is wrong")
        return CheckResult(passed=True, explanation=said, detail=detail)

    def _expect(self, target: object | None, wanted: tuple[Expected, ...]) -> str:
        expect = self._options.expect
        if expect == "none" and wanted:
            raise EvalError("check 'tool-calls': the target has calls, but the option says expect = \"none\"")
        if expect is not None:
            return expect
        if wanted:
            return "calls"
        if self._options.forbid:
            return "any"
        if target is None:
            raise EvalError("check 'tool-calls' has no target: give a list of calls, or set `expect` or `forbid`")
        return "none"

    def _calls(self, answer: Response, wanted: tuple[Expected, ...], request: Request | None) -> list[_Call]:
        calls = [_read(call.name, call.arguments) for call in answer.tool_calls]
        if calls or not self._options.from_text:
            return calls
        written = written_calls(answer.text)
        if not written:
            tools = request.tools if request is not None else ()
            names = {*(tool.name for tool in tools), *(one.name for one in wanted), *self._options.forbid}
            places = {tool.name: tuple((tool.parameters or {}).get("properties", ())) for tool in tools}
            written = python_calls(answer.text, names, places)
        return [_read(name, arguments) for name, arguments in written]

    def _wrong(
        self, calls: list[_Call], wanted: tuple[Expected, ...], expect: str, request: Request | None
    ) -> str | None:
        """The first thing that is wrong, if something is."""
        for call in calls:
            if call.name in self._options.forbid:
                return f"calls {call.name!r}, which is forbidden"
        if len(calls) > MAX_CALLS:
            return f"makes more than {MAX_CALLS} calls"
        if expect == "none":
            return f"calls {shorten(calls[0].name, 60)!r}, but no call is right here" if calls else None
        if not calls:
            return None if expect == "any" else "makes no tool call"
        unknown = _unknown(calls, request)
        if unknown is not None:
            return f"calls {shorten(unknown, 60)!r}, which the request does not offer"
        mismatch = self._mismatch(calls, wanted) if wanted else None
        if mismatch is not None or self._options.types == "target":
            return mismatch
        return _ill_typed(calls, request)

    def _mismatch(self, calls: list[_Call], wanted: tuple[Expected, ...]) -> str | None:
        faults = [[self._fault(call, one) for call in calls] for one in wanted]
        if self._options.order == "same":
            for place, (one, call) in enumerate(zip(wanted, calls, strict=False)):
                if (fault := faults[place][place]) is not None:
                    return _told(fault, one, call)
            return _count(len(wanted), len(calls))
        if len(calls) != len(wanted):
            return _count(len(wanted), len(calls))
        matched = _matching([[fault is None for fault in row] for row in faults])
        open_ = next((place for place in range(len(wanted)) if place not in matched.values()), None)
        if open_ is None:
            return None
        left = [place for place in range(len(calls)) if place not in matched]
        nearest = min(left, key=lambda place: calls[place].name != wanted[open_].name)
        return _told(faults[open_][nearest] or "is called too often", wanted[open_], calls[nearest])

    def _fault(self, call: _Call, wanted: Expected) -> str | None:
        """Why a call is not the wanted one, if it is not."""
        if call.name != wanted.name:
            return f"expected a call of {wanted.name!r}, got {shorten(call.name, 60)!r}"
        if call.arguments is None:
            return call.fault
        o = self._options
        try:
            return difference(
                call.arguments, wanted.arguments, loose=o.strings == "loose", extra=o.extra_arguments == "allow"
            )
        except (RecursionError, ValueError):  # repr of a huge integer is refused by Python
            return "has arguments nested too deeply or too large"


def _target(target: object | None) -> tuple[Expected, ...]:
    if target is None:
        return ()
    try:
        return msgspec.convert(target, tuple[Expected, ...])
    except msgspec.ValidationError as error:
        raise EvalError(f"check 'tool-calls': a target is a list of {{ name, arguments }}: {error}") from None


def _read(name: str, arguments: str) -> _Call:
    if not arguments.strip():
        return _Call(name, {})
    value, error = parse(arguments)
    if error is not None:
        return _Call(name, None, f"arguments are not JSON: {shorten(error)}")
    return _Call(name, value) if isinstance(value, dict) else _Call(name, None, "arguments are not a JSON object")


def _unknown(calls: list[_Call], request: Request | None) -> str | None:
    """A called name that the request has no tool for."""
    offered = {tool.name for tool in request.tools} if request is not None else set()
    return next((call.name for call in calls if call.name not in offered), None) if offered else None


def _ill_typed(calls: list[_Call], request: Request | None) -> str | None:
    """The first call whose arguments its tool's schema does not permit."""
    schemas = {tool.name: tool.parameters for tool in (request.tools if request is not None else ())}
    for call in calls:
        schema = schemas.get(call.name)
        if schema is None:
            continue
        fault = call.fault if call.arguments is None else schema_fault(call.arguments, schema)
        if fault is not None:
            return f"{shorten(call.name, 60)}: {fault}"
    return None


def _count(wanted: int, found: int) -> str | None:
    return None if wanted == found else f"expected {plural(wanted, 'call')}, got {found}"


def _told(fault: str, wanted: Expected, call: _Call) -> str:
    return fault if call.name != wanted.name else f"{shorten(call.name, 60)}: {fault}"


def _matching(fits: list[list[bool]]) -> dict[int, int]:
    """Call -> wanted call, as many as can be, each used once (augmenting paths)."""
    matched: dict[int, int] = {}

    def place(one: int, seen: set[int]) -> bool:
        for other, fit in enumerate(fits[one]):
            if fit and other not in seen:
                seen.add(other)
                if other not in matched or place(matched[other], seen):
                    matched[other] = one
                    return True
        return False

    for one in range(len(fits)):
        place(one, set())
    return matched
