"""Hidden tests against model-written Python, run in the sandbox."""

from __future__ import annotations

import ast
import contextlib
import marshal
import secrets
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec

from assay.checks.check import CheckResult, options, shorten
from assay.checks.python_asserts import HiddenTests, prepare
from assay.checks.python_code import extract_python
from assay.checks.python_run import RunOptions
from assay.errors import ConfigError, EvalError
from assay.sandbox.python import Outcome, PythonRoom
from assay.types import Request, Response

__all__ = ["PythonTests"]

_TRIAL = Path(__file__).with_name("python_trial.py").read_text(encoding="utf-8")
_PROGRAM = f"""
import builtins
exec(compile({_TRIAL!r}, "<trial>", "exec"), {{"__name__": "__main__", "__builtins__": dict(vars(builtins))}})
"""


class _TestsOptions(RunOptions, frozen=True):
    prelude: str | None = None
    prelude_file: str | None = None
    own_comparisons: bool = False


class _Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tests: str
    prelude: str = ""
    entry: str | None = None


class PythonTests:
    """The code of the answer passes tests that it has not seen.

    A target is Python text with asserts, at the top or in functions (`test...` without parameters are called, as is
    `check(candidate)` where there is an `entry`), or `{ tests, prelude, entry }`. The tests see the answer's names, or
    import them from `solution`. `entry` names what the answer must define; it is needed for a name that is also a
    built-in. The code is a module named `solution`, so that what stands under `if __name__ == "__main__"` is not run.

    Options: `prelude` or `prelude_file`, Python that runs before the answer's code in the same module; `time_s`, CPU
    seconds for all of it (10; by the clock three times that, at least 30 s); `memory_mib`; `packages` makes installed
    packages importable; `own_comparisons` lets an answer's own class say whether it equals plain data, for tasks that
    ask for such a class.

    Code and tests run in one process, so what is held off is tricks and not a burglar. Held off: ending the program
    (nothing but a line with a secret token, read after the last test, is a pass), printing, patched built-ins and
    modules, exit handlers, trace functions, caught exceptions, objects that equal everything, reading the tests from
    the disk, from standard input or from the stack, endless work. Not held off: code that searches its open
    descriptors, the process's memory or the globals of a function that a test hands it, that changes a library's class
    in place or patches a library while it is called; classes that lie about the module they come from, or whose
    arithmetic says what a tolerance wants to hear. Such code is easily seen in an answer, and escapes nothing but its
    grade.
    """

    name: ClassVar[str] = "tests"

    def __init__(self, **given: Any) -> None:
        o = self._options = options(self.name, _TestsOptions, given)
        if o.prelude is not None and o.prelude_file is not None:
            raise ConfigError("check 'tests': give `prelude` or `prelude_file`, not both")
        self._prelude = o.prelude or ""
        if o.prelude_file is not None:
            self._prelude = _read(o.prelude_file)

    @cached_property
    def _room(self) -> PythonRoom:
        return self._options.room()

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Extract, run, and say which test failed; `detail.stage` says where it ended.

        Raises:
            EvalError: the target or the prelude is wrong.
            SandboxUnavailable: this machine has no walls to run it behind.
        """
        wanted = _target(target)
        tests = _prepared(wanted.tests, wanted.entry)
        code = extract_python(answer.text, tests.names)
        if code is None:
            return _failed("code", f"no Python code in {shorten(answer.text)!r}")
        token = secrets.token_hex(16)
        work = {
            "prelude": f"{self._prelude}\n{wanted.prelude}",
            "code": code,
            "names": sorted(tests.names),
            "builtins": sorted(tests.builtins),
            "modules": tests.modules,
            "own_comparisons": self._options.own_comparisons,
        }
        frames = (marshal.dumps(work), tests.source.encode(), token.encode())
        outcome = self._room.run(_PROGRAM, stdin=b"".join(b"%08x" % len(frame) + frame for frame in frames))
        return _result(_verdict(outcome.stdout, token), outcome, tests, code)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"check 'tests': the prelude {path!r} cannot be read: {error}") from None


def _target(target: object | None) -> _Target:
    if isinstance(target, str):
        return _Target(tests=target)
    try:
        return msgspec.convert(target, _Target)
    except msgspec.ValidationError as error:
        raise EvalError(
            f"check 'tests': a target is a text of Python tests or {{ tests, prelude, entry }}: {error}"
        ) from None


_prepared = lru_cache(maxsize=1024)(prepare)


class _Verdict(NamedTuple):
    passed: bool
    said: dict[str, Any]


def _verdict(stdout: bytes, token: str) -> _Verdict | None:
    """What the trial said, if it came to say anything."""
    for line in stdout.decode("ascii", "replace").splitlines():
        if line.startswith((f"{token} passed ", f"{token} failed ")):
            _, passed, said = line.split(" ", 2)
            with contextlib.suppress(ValueError, SyntaxError):  # code that interferes has no verdict
                return _Verdict(passed == "passed", ast.literal_eval(said))
    return None


def _result(verdict: _Verdict | None, outcome: Outcome, tests: HiddenTests, code: str) -> CheckResult:
    if outcome.stopped is not None:
        return _failed("stopped", f"the code {outcome.stopped}")
    if verdict is None:
        return _failed("ended", f"the program ended before its tests were over (exit code {outcome.exit_code})")
    passed, said = verdict
    stage = said["stage"]
    if stage == "modules":
        raise EvalError(f"check 'tests': the tests import what the sandbox has not: {said['message']}")
    if stage == "prelude":
        raise EvalError(f"check 'tests': the prelude fails: {said['error']}: {said['message']}")
    if stage == "missing":
        return _failed(stage, f"the answer defines no `{said['name']}`")
    if stage == "shadowed":
        explanation = f"the answer redefines the built-in `{said['name']}`, which the tests use (an `entry` may)"
        return _failed(stage, explanation)
    if stage == "code":
        return _failed(stage, f"the code cannot be loaded: {_error(said, code)}")
    if passed:
        return CheckResult(passed=True, explanation=f"all tests passed ({said['asserted']} asserts)")
    return _failed(stage, _failure(said, tests, code), asserted=said["asserted"])


def _failure(said: dict[str, Any], tests: HiddenTests, code: str) -> str:
    """Which assert failed, with the values that it compared last, or what came in its way."""
    if "error" not in said and not said["forged"]:
        return "none of the tests' asserts was reached"
    at = "" if said["assert"] is None else f"assert {shorten(tests.asserts[said['assert']], 160)}"
    compared = f": compared {shorten(said['compared'], 160)}" if "compared" in said else ""
    if said["forged"]:
        return f"{at}{compared} by a method of the answer's own class (option own_comparisons permits it)"
    if said["error"] == "AssertionError" and said["line"] is None and at:
        return f"{at}{compared or ': ' + (said['message'] or 'false')}"
    return f"{_error(said, code)}{' in ' if at else ''}{at}"


def _error(said: dict[str, Any], code: str) -> str:
    words = f"{said['error']}: {said['message']}" if said["message"] else said["error"]
    lines = code.split("\n")
    line = said["line"]
    if line is None or not 0 < line <= len(lines):
        return shorten(words, 160)
    return f"{shorten(words, 160)} at line {line}: {shorten(lines[line - 1].strip())}"


def _failed(stage: str, explanation: str, **more: Any) -> CheckResult:
    return CheckResult(passed=False, explanation=explanation, detail={"stage": stage, **more})
