"""The program that runs in the sandbox: it loads an answer's code, then the hidden tests, and reports.

Read as text and run there, never imported: only the standard library, and one file. Standard input brings frames, each
a length of eight hex digits and its bytes: a marshalled dictionary (`prelude`, `code`, `names`, `builtins`, `modules`,
`own_comparisons`), the tests, a token. The tests are read when the answer has been loaded, the token when they are
over. Standard output gets one line: the token, `passed` or `failed`, and what there is to say as a literal.

What the answer prints goes nowhere; the descriptors of standard input and output are others by then. This module's
globals and the tests' have built-ins of their own, which nothing the answer patches reaches.
"""

from __future__ import annotations

import builtins
import marshal
import operator
import reprlib
import types
from os import O_RDWR, _exit, devnull, dup, dup2, read, write
from os import open as open_descriptor
from sys import addaudithook, modules, setprofile

TYPE_CHECKING = False  # typing takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ANSWER, TESTS = "<answer>", "<tests>"
MAX_LOOKED_AT = 100_000  # values of a container that are looked at for comparisons of the answer's own
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__")
CLAIMS = ("==", "<", "<=", ">", ">=", "in")  # what an object could claim to be; that it is not is what one expects
LOOKS = (
    "sys._getframe", "sys._current_", "sys.settrace", "sys.setprofile", "sys.monitoring",
    "gc.get_", "ctypes.dlsym", "ctypes.call_function", "ctypes.cdata", "ctypes.string_at", "ctypes.wstring_at",
)  # fmt: skip
FRAMES = ("tb_frame", "gi_frame", "cr_frame", "ag_frame")
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda one, other: one in other,
    "not in": lambda one, other: one not in other,
    "is": operator.is_,
    "is not": operator.is_not,
}


class Guard:
    """No look at the stack or at all objects, where the tests and what they expect are to be found.

    It is an audit hook, which nothing can take off (https://docs.python.org/3/library/audit_events.html). The error is
    the one that the standard library is prepared for where an interpreter has no stack to show.
    """

    def __init__(self) -> None:
        self._up = False
        addaudithook(self._hook)

    def __enter__(self) -> None:
        self._up = True

    def __exit__(self, *_: object) -> None:
        self._up = False

    def profile(self, function: Callable[[Any, str, Any], None] | None) -> None:
        """Set a profile function of ours, which the guard else takes for the answer's."""
        up, self._up = self._up, False
        setprofile(function)
        self._up = up

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._up and (event.startswith(LOOKS) or (event == "object.__getattr__" and arguments[1] in FRAMES)):
            raise ValueError("no look into the interpreter is permitted here")


class Watch:
    """What the tests have done so far: the assert they are at, the last comparison, a forged one."""

    def __init__(self, own_comparisons: bool, mocks: bool, guard: Guard) -> None:
        self.asserted = 0
        self.number: int | None = None
        self.compared: tuple[str, Any, Any] | None = None
        self.forged = False
        self._own_comparisons, self._mocks, self._guard = own_comparisons, mocks, guard
        self._asked = False

    def at(self, number: int) -> bool:
        """Called before each assert."""
        self.asserted += 1
        self.number, self.compared = number, None
        return True

    def compare(self, signs: tuple[str, ...], *operands: Any) -> Any:
        """Called for each comparison: what Python gives, unless a class of the answer's decides over plain data."""
        result: Any = True
        for sign, one, other in zip(signs, operands, operands[1:], strict=False):
            self.compared = (sign, one, other)
            known = is_scalar(one) and is_scalar(other)  # most are, and watching takes five times as long as comparing
            result = SIGNS[sign](one, other) if known else self._watched(sign, one, other)
            if len(signs) > 1 and not result:
                break
        return result

    def _watched(self, sign: str, one: Any, other: Any) -> Any:
        result = self._observed(sign, one, other)
        if sign in CLAIMS and not self._own_comparisons and self._decided(one, other) and result:
            self.forged = True
            raise AssertionError("compares by a method of the answer's own class")
        return result

    def _observed(self, sign: str, one: Any, other: Any) -> Any:
        """Compare; `_asked` tells whether a comparison of the answer's making, or a mock's, was asked on the way."""
        self._asked = False
        self._guard.profile(self._called)
        try:
            return SIGNS[sign](one, other)
        finally:
            self._guard.profile(None)

    def _called(self, frame: Any, event: str, _: Any) -> None:
        if event == "call" and (frame.f_code.co_name in COMPARISONS or frame.f_code.co_name == "<lambda>"):
            borrowed = not self._mocks and frame.f_globals.get("__name__") == "unittest.mock"
            self._asked |= borrowed or frame.f_code.co_filename == ANSWER

    def _decided(self, one: Any, other: Any) -> bool:
        here, there = compares_itself(one), compares_itself(other)
        return here != there or (self._asked and not here)


def is_scalar(value: Any) -> bool:
    """Whether a value is of a class that nobody can have made. By identity: a class may lie about its equals."""
    kind = type(value)
    return kind is int or kind is str or kind is float or kind is bool or value is None


def compares_itself(value: Any) -> bool:
    """Whether a value, or one inside it, is of a class with comparisons of the answer's making."""
    waiting = [value]
    for _ in range(MAX_LOOKED_AT):
        if not waiting:
            break
        one = waiting.pop()
        if is_scalar(one):
            continue
        kind = type(one)
        if any(made_by_answer(owner) for owner in type.mro(kind)):
            return True
        if issubclass(kind, list | tuple | set | frozenset):
            waiting.extend(list(one)[:MAX_LOOKED_AT])
        elif issubclass(kind, dict):
            waiting.extend([*dict.keys(one), *dict.values(one)][:MAX_LOOKED_AT])
    return False


def made_by_answer(owner: type) -> bool:
    """Whether a class has comparisons that the answer's code defines, whatever module it says that it is from."""
    methods = [method for name, method in vars(owner).items() if name in COMPARISONS]
    files = [getattr(getattr(method, "__code__", None), "co_filename", None) for method in methods]
    return ANSWER in files or bool(methods and owner.__module__ == "solution")


def main() -> None:
    """Load, test, report, and end without giving the answer's exit handlers a turn."""
    source, sink = dup(0), dup(1)
    nowhere = open_descriptor(devnull, O_RDWR)
    for descriptor in (0, 1, 2):
        dup2(nowhere, descriptor)
    work = marshal.loads(frame(source))  # noqa: S302 - it comes from the process that started us
    own_builtins = dict(vars(builtins))
    solution = modules["solution"] = types.ModuleType("solution")
    vars(solution)["__builtins__"] = vars(builtins)  # and not those of this module, which exec would give it
    guard = Guard()
    wrong = unfit(work, vars(solution), own_builtins, guard)
    tests = frame(source).decode()  # from here on the answer's code could see them
    # In the body of a class Python asks the globals as a plain dictionary, but not the built-ins: so both know them.
    names = TestNames({"__builtins__": TestNames(own_builtins, vars(solution))}, vars(solution))
    mocks = any(name.startswith("unittest") for name in work["modules"])
    watch = Watch(work["own_comparisons"], mocks, guard)
    passed, said = (False, wrong) if wrong else tested(tests, names, watch, guard)
    token = frame(source)
    line = token + (b" passed " if passed else b" failed ") + ascii(said).encode("ascii") + b"\n"
    while line:
        line = line[write(sink, line) :]
    _exit(0)


def frame(source: int) -> bytes:
    """The next frame of standard input."""
    return exactly(source, int(exactly(source, 8), 16))


def exactly(source: int, size: int) -> bytes:
    """So many bytes, or an end."""
    found = b""
    while len(found) < size:
        more = read(source, size - len(found))
        if not more:
            _exit(3)
        found += more
    return found


def unfit(
    work: dict[str, Any], names: dict[str, Any], own_builtins: dict[str, Any], guard: Guard
) -> dict[str, Any] | None:
    """Load the answer, put back what it patched, and say why it cannot be tested, if it cannot."""
    try:
        used = {name: imported(name) for name in work["modules"]}
    except ImportError as error:
        return {"stage": "modules", "message": plain(str(error))}
    originals = {name: dict(vars(module)) for name, module in used.items()}
    if (wrong := loaded(work, names, guard)) is not None:
        return wrong
    modules.update(used)
    for name, module in used.items():
        vars(module).update(originals[name])
    for name in work["names"]:
        if name not in names:
            return {"stage": "missing", "name": name}
    for name in work["builtins"]:
        if name in names and names[name] is not own_builtins[name]:
            return {"stage": "shadowed", "name": name}
    return None


def loaded(work: dict[str, Any], names: dict[str, Any], guard: Guard) -> dict[str, Any] | None:
    """Run the prelude and the answer's code; what there is to say if one fails."""
    for stage, name, file in (("prelude", "prelude", "<prelude>"), ("code", "solution", ANSWER)):
        names["__name__"] = name  # what classes say they come from
        try:
            with guard:
                exec(compile(work[stage], file, "exec", dont_inherit=True), names)  # noqa: S102 - this is the sandbox
        except BaseException as error:  # noqa: BLE001 - whatever it raises is told
            return {"stage": stage, **described(error)}
    return None


class TestNames(dict):  # type: ignore[type-arg]  # typing is not imported
    """Names that the tests see: their own, then the answer's as they are at the moment."""

    def __init__(self, own: dict[str, Any], answers: dict[str, Any]) -> None:
        super().__init__(own)
        self._answers = answers

    def __missing__(self, name: str) -> Any:
        return self._answers[name]


def tested(tests: str, names: dict[str, Any], watch: Watch, guard: Guard) -> tuple[bool, dict[str, Any]]:
    """Run the tests; they pass when no assert failed and at least one was there."""
    names |= {"__name__": "__main__", "__at__": watch.at, "__compare__": watch.compare}
    said: dict[str, Any] = {"stage": "tests"}
    passed = False
    try:
        with guard:
            exec(compile(tests, TESTS, "exec", dont_inherit=True), names)  # noqa: S102 - this is the sandbox
        passed = watch.asserted > 0 and not watch.forged
    except BaseException as error:  # noqa: BLE001 - an exit, an interrupt and an error alike fail the tests
        said |= described(error)
    if not passed and watch.compared is not None:
        sign, one, other = watch.compared
        said["compared"] = f"{shown(one)} {sign} {shown(other)}"
    said |= {"forged": watch.forged, "assert": watch.number, "asserted": watch.asserted}
    return passed, said


def imported(name: str) -> types.ModuleType:
    """A module that the tests import, loaded before the answer can touch it."""
    __import__(name)
    return modules[name]


def described(error: BaseException) -> dict[str, Any]:
    """The error's class and words, and the last line of the answer that it came through."""
    try:
        message = plain(error.msg if isinstance(error, SyntaxError) else str(error))
    except BaseException:  # noqa: BLE001 - the answer's own exception may raise anything when it is asked
        message = ""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == ANSWER else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == ANSWER:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"error": plain(type(error).__name__), "message": message, "line": line}


def shown(value: Any) -> str:
    """A short form of any value."""
    try:
        return plain(reprlib.repr(value))
    except BaseException:  # noqa: BLE001 - the answer's own class may raise anything when it is asked
        return f"<{plain(type(value).__name__)}>"


def plain(text: str) -> str:
    """At most 300 characters of exactly the type `str`, so that no method of the answer's is called on it."""
    return str.encode(text, "utf-8", "replace")[:300].decode("utf-8", "replace")


if __name__ == "__main__":
    main()
