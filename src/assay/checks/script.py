"""A small program written by the model, run on cases: what it prints is what is wanted."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from assay.checks.check import CheckResult, options, shorten
from assay.checks.numeric import Tolerance
from assay.checks.python_code import extract_python
from assay.checks.python_run import RunOptions
from assay.errors import EvalError
from assay.numerals import plural
from assay.sandbox.python import Outcome, PythonRoom
from assay.types import Request, Response

__all__ = ["Script"]

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


class _ScriptOptions(RunOptions, frozen=True):
    whitespace: Literal["lines", "any", "exact"] = "lines"
    abs_tol: Tolerance = 0.0
    rel_tol: Tolerance = 0.0


class _Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stdout: str
    stdin: str = ""
    argv: tuple[str, ...] = ()
    files: dict[str, str] = {}
    exit_code: int = 0


class _Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cases: Annotated[tuple[_Case, ...], Meta(min_length=1)]


class Script:
    """The answer's Python program prints what each case wants and ends with its exit code (0 if it names none).

    A target is `{ cases = [{ stdout, stdin, argv, files, exit_code }] }`; `files` are texts by relative path. Each case
    is a run of its own in the sandbox, in a fresh folder, and the program never sees what is expected of it.

    Options: `whitespace` = `lines` (white space at line ends and empty lines at the end do not count), `any` (runs of
    white space are alike) or `exact`; `abs_tol`, `rel_tol`: numbers are compared with this tolerance; `time_s`, CPU
    seconds of one case (10; by the clock three times that, at least 30 s); `memory_mib`; `packages` makes installed
    packages importable.
    """

    name: ClassVar[str] = "script"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _ScriptOptions, given)

    @cached_property
    def _room(self) -> PythonRoom:
        return self._options.room()

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Run case by case until one fails; `detail.right`, `detail.of` count the cases.

        Raises:
            EvalError: the target is wrong.
            SandboxUnavailable: this machine has no walls to run it behind.
        """
        cases = _cases(target)
        code = extract_python(answer.text)
        if code is None:
            return CheckResult(passed=False, explanation=f"no Python code in {shorten(answer.text)!r}")
        for right, case in enumerate(cases):
            wrong = self._wrong(code, case)
            if wrong is not None:
                detail = {"right": right, "of": len(cases)}
                return CheckResult(passed=False, explanation=f"case {right + 1}: {wrong}", detail=detail)
        detail = {"right": len(cases), "of": len(cases)}
        return CheckResult(
            passed=True, explanation=f"the output of all {plural(len(cases), 'case')} is right", detail=detail
        )

    def _wrong(self, code: str, case: _Case) -> str | None:
        """Why the program is wrong in this case, if it is."""
        files = {name: text.encode() for name, text in case.files.items()}
        outcome = self._room.run(code, files=files, stdin=case.stdin.encode(), argv=case.argv)
        if outcome.stopped is not None:
            return f"the program {outcome.stopped}"
        if outcome.exit_code != case.exit_code:
            return f"expected exit code {case.exit_code}, got {outcome.exit_code}{_last_words(outcome)}"
        return self._difference(case.stdout, outcome.stdout.decode("utf-8", "replace"))

    def _difference(self, wanted: str, found: str) -> str | None:
        """The first line that differs, if one does."""
        here, there = self._units(wanted), self._units(found)
        for number, (one, other) in enumerate(zip(here, there, strict=False), 1):
            if not self._same(one, other):
                return f"line {number}: expected {shorten(one)!r}, got {shorten(other)!r}"
        if len(here) == len(there):
            return None
        if len(here) > len(there):
            return f"line {len(there) + 1}: expected {shorten(here[len(there)])!r}, got the end"
        return f"line {len(here) + 1}: expected the end, got {shorten(there[len(here)])!r}"

    def _units(self, text: str) -> list[str]:
        """What is compared one by one: lines, or all words as one."""
        text = text.replace("\r\n", "\n")
        if self._options.whitespace == "exact":
            return text.split("\n")
        if self._options.whitespace == "any":
            return [" ".join(text.split())]
        return [line.rstrip() for line in text.rstrip().split("\n")]

    def _same(self, wanted: str, found: str) -> bool:
        """Equal, or equal but for numbers within the tolerance."""
        o = self._options
        if wanted == found or not (o.abs_tol or o.rel_tol):
            return wanted == found
        here, there = _NUMBER.split(wanted), _NUMBER.split(found)
        if len(here) != len(there) or here[::2] != there[::2]:
            return False
        pairs = zip(map(float, here[1::2]), map(float, there[1::2]), strict=True)
        return all(one == other or abs(one - other) <= max(o.abs_tol, o.rel_tol * abs(one)) for one, other in pairs)


def _cases(target: object | None) -> tuple[_Case, ...]:
    try:
        cases = msgspec.convert(target, _Target).cases
    except msgspec.ValidationError as error:
        raise EvalError(
            f"check 'script': a target is {{ cases = [{{ stdout, stdin, argv, files, exit_code }}] }}: {error}"
        ) from None
    return cases


def _last_words(outcome: Outcome) -> str:
    """The last line of standard error, where a Python error has its name."""
    lines = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
    return f": {shorten(lines[-1])}" if lines else ""
