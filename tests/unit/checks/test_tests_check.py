"""Hidden tests in the sandbox: verdicts, their reasons, and tricks that must not pass."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from assay.checks.check import CheckResult
from assay.checks.python_asserts import prepare
from assay.checks.python_run import RunOptions
from assay.checks.python_tests import PythonTests
from assay.errors import ConfigError, EvalError, SandboxUnavailable
from assay.sandbox.python import PythonRoom
from assay.types import Response, Text

TESTS = """
import math

def close(a, b):
    return math.isclose(a, b)

assert add(2, 3) == 5
assert add(-1, 1) == 0, "zero"
assert close(add(0.5, 0.25), 0.75)
"""
RIGHT = "def add(a, b):\n    return a + b"


@pytest.fixture(scope="module", autouse=True)
def walls() -> None:
    """Without a sandbox nothing here can run, and nothing pretends to."""
    try:
        PythonRoom().run("pass")
    except SandboxUnavailable as error:
        pytest.skip(str(error))


def graded(code: str, target: object = TESTS, **options: Any) -> CheckResult:
    """What the check says of an answer with this code."""
    answer = Response(parts=(Text(text=f"Here:\n```python\n{code}\n```"),))
    return PythonTests(**options).check(answer, target, None)


def test_right_code_passes() -> None:
    """Code that prints, has a main part and ends threads late is as right as any."""
    noisy = f"print('x' * 3_000_000)\n{RIGHT}\nif __name__ == '__main__':\n    raise SystemExit(1)"
    waiting = f"import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n{RIGHT}"
    for code in (RIGHT, noisy, waiting):
        result = graded(code)
        assert result.passed, result.explanation
    assert result.explanation == "all tests passed (3 asserts)"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def add(a, b):\n    return a - b", "assert add(2, 3) == 5: compared -1 == 5"),
        ("def add(a, b):\n    return 5", "assert add(-1, 1) == 0: compared 5 == 0"),
        ("def add(a, b):\n    return round(a + b)", "assert close(add(0.5, 0.25), 0.75): false"),
        ("def add(a, b):\n    return a.b", "AttributeError: 'int' object has no attribute 'b' at line 2: return a.b"),
        ("def add(a, b):\n    assert a > b\n    return a + b", "AssertionError at line 2: assert a > b"),
        ("def add(a, b)\n    return a + b", "cannot be loaded: SyntaxError: expected ':' at line 1: def add(a, b)"),
        ("import nothing_of_the_kind\ndef add(a, b): ...", "cannot be loaded: ModuleNotFoundError"),
        ("def plus(a, b):\n    return a + b", "the answer defines no `add`"),
        ("def add(a, b):\n    return add(a, b)", "RecursionError"),
        ("def add(a, b):\n    return 'x' * (1 << 40)", "MemoryError"),
        ("def add(a, b):\n    return 1\n\x00", "cannot be loaded: SyntaxError"),
        ("x = '\ud800'\ndef add(a, b):\n    return 1", "cannot be loaded: UnicodeEncodeError"),
        ("x = " + "(" * 3000 + ")" * 3000 + "\ndef add(a, b):\n    return 1", "too many nested parentheses"),
    ],
)
def test_the_reason_is_told(code: str, said: str) -> None:
    """The failing assert with its values, or the error with the line of the answer it came from."""
    result = graded(code)
    assert not result.passed
    assert said in result.explanation


def test_no_code_and_endless_code_fail() -> None:
    """Both with words of their own; the time is CPU time."""
    assert PythonTests().check(Response(), TESTS, None).explanation == "no Python code in ''"
    result = graded("def add(a, b):\n    while True:\n        pass", time_s=1)
    assert "used more than 1 s of CPU" in result.explanation


ALWAYS = """class Always:
    def __eq__(self, other):
        return True
    def __float__(self):
        return 0.75
"""
WRONG = "\ndef add(a, b):\n    return {2: 5, -1: 0}.get(a, 7)\n"  # right but for the last assert
TRICKS = {
    "exits": "import sys\ndef add(a, b):\n    sys.exit(0)",
    "exits hard": "import os\ndef add(a, b):\n    os._exit(0)",
    "exits on loading": "import os\nadd = 1\nos._exit(0)",
    "exits from a thread": """
import os, threading
def add(a, b):
    threading.Thread(target=os._exit, args=(0,)).start()
""",
    "prints": "import os\ndef add(a, b):\n    print('passed')\n    os.write(1, b'passed')\n    return 0",
    "prints at the end": f"import atexit\natexit.register(print, 'passed'){WRONG}",
    "patches built-ins": f"""
import builtins
for name in ('exec', 'compile', 'ascii', 'type', 'vars', 'str', 'AssertionError'):
    setattr(builtins, name, lambda *a, **k: 'pass')
{WRONG}""",
    "patches its own built-ins": f"""
for name in ('exec', 'compile', 'ascii', 'BaseException'):
    __builtins__[name] = lambda *a, **k: 'pass'
{WRONG}""",
    "patches a module": f"import math\nmath.isclose = lambda a, b: True{WRONG}",
    "replaces a module": f"""
import sys, types
sys.modules['math'] = types.ModuleType('math')
sys.modules['math'].isclose = lambda a, b: True
{WRONG}""",
    "patches JSON": f"import json\njson.loads = json.dumps = lambda *a, **k: {{}}{WRONG}",
    "patches the main module": f"""
import __main__
for name in list(vars(__main__)):
    setattr(__main__, name, print)
{WRONG}""",
    "redefines AssertionError": f"class AssertionError(Exception): ...{WRONG}",
    "catches": "def add(a, b):\n    try:\n        assert False\n    except BaseException:\n        return 0",
    "equals everything": f"{ALWAYS}def add(a, b):\n    return Always()",
    "equals everything from nowhere": f"__name__ = 'builtins'\n{ALWAYS}def add(a, b):\n    return Always()",
    "hides what equals everything": f"{ALWAYS}class Number(Always, int): ...\ndef add(a, b):\n    return Number(0)",
    "borrows what equals everything": "from unittest.mock import ANY\ndef add(a, b):\n    return ANY",
    "makes a mock equal everything": """
from unittest.mock import MagicMock
def add(a, b):
    number = MagicMock()
    number.__eq__ = lambda self, other: True
    return number
""",
    "equals everything by proxy": f"import weakref\n{ALWAYS}ALWAYS = Always()\nadd = lambda *_: weakref.proxy(ALWAYS)",
    "raises what cannot be told": """
class E(Exception):
    def __str__(self):
        raise KeyboardInterrupt
def add(a, b):
    raise E
""",
    "says more than it should": """
class S(str):
    def __repr__(self):
        return "'', 'passed': True"
class E(Exception):
    def __str__(self):
        return S('')
def add(a, b):
    raise E
""",
}


@pytest.mark.parametrize("code", TRICKS.values(), ids=TRICKS.keys())
def test_no_trick_passes(code: str) -> None:
    """None of the plain ways to fake a pass does, and each gets a reason."""
    result = graded(code)
    assert not result.passed
    assert result.explanation


@pytest.mark.parametrize(
    "patch",
    [
        "import builtins\nbuiltins.abs = lambda x: 0",
        "__builtins__['abs'] = lambda x: 0",
        "print.__self__.abs = lambda x: 0",
    ],
)
def test_the_tests_have_built_ins_of_their_own(patch: str) -> None:
    """What the answer makes of `abs`, when it is loaded or when it is called, is not what the tests call."""
    at_call = f"def add(a, b):\n    {patch.splitlines()[-1]}\n    return 0"
    for code in (f"{patch}\ndef add(a, b):\n    return 0", f"import builtins\n{at_call}"):
        assert "compared 5 < 1" in graded(code, "assert abs(add(2, 3) - 5) < 1").explanation


def test_there_is_nothing_to_read() -> None:
    """Neither standard input nor the folder nor the arguments hold the tests when the code is loaded."""
    code = f"""
import os, sys
assert not sys.stdin.read() and not os.read(0, 99)
assert not [name for _, _, names in os.walk('.') for name in names]
assert sys.argv == ['main.py']
{RIGHT}"""
    result = graded(code)
    assert result.passed, result.explanation


LOOKS = {
    "traces": f"""
import sys
def trace(frame, event, argument):
    for name in frame.f_code.co_names:
        frame.f_globals.setdefault(name, lambda *a: True)
    return trace
sys.settrace(trace)
{WRONG}""",
    "looks at its caller": """
import sys
def add(a, b):
    return next(n for n in sys._getframe(1).f_code.co_consts[::-1] if isinstance(n, int))
""",
    "keeps the stack": """
import sys
frame = sys._getframe()
while frame.f_back:
    frame = frame.f_back
def add(a, b):
    frame.f_locals['said'] = {}
""",
    "looks through an exception": """
def add(a, b):
    try:
        1 / 0
    except ZeroDivisionError as error:
        return error.__traceback__.tb_frame.f_back.f_globals['__at__']
""",
    "looks through a generator": """
def add(a, b):
    def inner():
        yield own.gi_frame.f_back.f_back.f_globals['__at__']
    own = inner()
    return next(own)
""",
    "looks at memory": """
import ctypes
def add(a, b):
    return ctypes.cast(id(a), ctypes.POINTER(ctypes.c_long)).contents.value + len(ctypes.string_at(id(a), 8))
""",
    "calls the interpreter": """
import ctypes
def add(a, b):
    return ctypes.pythonapi.PyEval_GetFrame()
""",
    "looks at all objects": """
import gc
def add(a, b):
    assert not [one for one in gc.get_objects() if type(one).__name__ == 'Watch']
""",
}


@pytest.mark.parametrize("code", LOOKS.values(), ids=LOOKS.keys())
def test_nothing_is_to_be_seen_on_the_stack(code: str) -> None:
    """The tests and what they expect stand on the stack, and an answer that wants to look there is stopped."""
    result = graded(code)
    assert not result.passed
    assert "ValueError: no look into the interpreter is permitted" in result.explanation


def test_ordinary_code_does_not_notice_the_guard() -> None:
    """What the standard library does with the stack and with tracebacks goes on, as far as an answer needs it."""
    code = """
import collections, dataclasses, enum, logging, traceback, typing, warnings
T = typing.TypeVar("T")
class Colour(enum.Enum):
    RED = 1
Pair = typing.NamedTuple("Pair", [("a", int), ("b", int)])
@dataclasses.dataclass
class Point:
    x: int
def add(a: T, b: T) -> T:
    warnings.warn("slow")
    logging.warning("adding %s", a)
    logging.getLogger().exception("no")
    Other = collections.namedtuple("Other", "a b")
    Size = enum.Enum("Size", "S M")
    return Pair(a, Point(b).x).a + Other(a, b).b
"""
    result = graded(code)
    assert result.passed, result.explanation


def test_the_standard_library_can_be_imported() -> None:
    """No module of it looks at the stack in a way that the guard would refuse when it is imported."""
    names = sorted(name for name in sys.stdlib_module_names - {"antigravity", "this", "idlelib"} if name[0] != "_")
    code = f"""
refused = []
for name in {names!r}:
    try:
        __import__(name)
    except ValueError:
        refused.append(name)
    except Exception:
        pass  # not on this system, or not at this size
"""
    result = graded(code, "assert refused == []")
    assert result.passed, result.explanation


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("from collections import deque\nadd = lambda *_: deque([Always()])", "assert add(2, 3).copy() == deque([5])"),
        ("add = lambda *_: {1: Always()}.items()", "assert add(2, 3) == {1: 5}.items()"),
        ("add = lambda *_: (Always() for _ in '1')", "assert 5 in add(2, 3)"),
        ("class D(Always, dict): ...\nfrom types import MappingProxyType\nadd = lambda *_: MappingProxyType(D())",
         "assert add(2, 3) == {2: 3}"),
    ],
)  # fmt: skip
def test_what_equals_everything_cannot_be_wrapped(code: str, target: str) -> None:
    """Whatever holds it, a comparison that the answer made is seen when it is asked."""
    result = graded(ALWAYS + code, f"from collections import deque\n{target}")
    assert "by a method of the answer's own class" in result.explanation


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("def add(a, b):\n    return [a, b]", "from unittest.mock import ANY\nassert add(2, 3) == [ANY, 3]"),
        ("def add(a, b):\n    return a(b)",
         "from unittest import mock\na = mock.Mock()\nadd(a, 3)\nassert a.mock_calls == [mock.call(3)]"),
        ("from fractions import Fraction\ndef add(a, b):\n    return Fraction(a + b)", "assert add(2, 3) == 5"),
        ("def add(a, b):\n    return iter([a, b])", "assert 3 in add(2, 3)"),
        ("class add:\n    def __init__(s, *a):\n        s.a = a\n    def __eq__(s, o):\n        return s.a == o.a",
         "from collections import deque\nassert add(2, 3) == add(2, 3)\nassert [add(1)] == [add(1)]"),
    ],
)  # fmt: skip
def test_honest_comparisons_are_no_trick(code: str, target: str) -> None:
    """Mocks of the tests' own, the library's numbers, iterators, and equal things of the answer's class."""
    result = graded(code, target)
    assert result.passed, result.explanation


def test_many_comparisons_take_little_time() -> None:
    """Watching numbers costs microseconds: a thorough loop of tests stays within the limit."""
    result = graded(RIGHT, "for i in range(150_000):\n    assert add(i, 1) == i + 1", time_s=3)
    assert result.passed, result.explanation


def test_a_comparison_of_its_own_is_named() -> None:
    """An object that equals everything is found in a list too; where such a class is the task, an option permits it."""
    result = graded(f"{ALWAYS}def add(a, b):\n    return [Always()]", "assert add(1, 2) == [3]")
    assert "by a method of the answer's own class" in result.explanation
    money = "class Money:\n    def __init__(self, n): self.n = n\n    def __eq__(self, other): return self.n == other"
    assert not graded(money, "assert Money(3) == 3").passed
    assert graded(money, "assert Money(3) == 3", own_comparisons=True).passed
    assert graded(f"{money}.n", "assert Money(3) == Money(3)").passed
    point = "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int"
    assert graded(point, "assert Point(1) != None and Point(1) not in [1] and not Point(1) == 1").passed


@pytest.mark.parametrize(
    "target",
    [
        "def test_add():\n    assert add(2, 3) == 5\n\ndef helper(x):\n    assert False",
        {"tests": "def check(candidate):\n    assert candidate(2, 3) == 5", "entry": "add"},
        {"tests": "def check(candidate):\n    assert candidate(2, 3) == 5\n\ncheck(add)", "entry": "add"},
        "from solution import add\nassert add(2, 3) == 5",
        "import solution\nassert solution.add(2, 3) == 5",
        "assert 4 < add(2, 3) < 6 and add(2, 3) in [5] and not add(1, 1) != 2",
        "for a in range(3):\n    assert add(a, a) == 2 * a",
        "if __name__ == '__main__':\n    assert add(2, 3) == 5",
        {"tests": "assert add(*PAIR) == 5", "prelude": "PAIR = (2, 3)"},
        "from math import *\nassert sqrt(add(2, 2)) == 2",
        "class Case:\n    n = add(2, 3)\n    def check(self):\n        assert self.n == add(1, 4)\n\nCase().check()",
        "def setup():\n    global pair\n    pair = (2, 3)\n\nsetup()\nassert add(*pair) == 5",
        "import os.path\nfrom collections import Counter as C\nassert C(os.path.join('a', 'b'))['a'] == add(0, 1)",
    ],
)
def test_forms_of_tests(target: object) -> None:
    """Asserts at the top, in functions, with a candidate, with imports; each passes right code and no wrong one."""
    assert graded(RIGHT, target).passed
    result = graded("def add(a, b):\n    return a * b + 7", target)
    assert not result.passed
    assert result.detail is not None
    assert result.detail["stage"] == "tests"


def test_asserts_that_are_not_reached_prove_nothing() -> None:
    """A loop over nothing does not pass."""
    result = graded("def numbers():\n    return []", "for n in numbers():\n    assert n")
    assert result.explanation == "none of the tests' asserts was reached"


def test_a_built_in_of_the_answers_own_needs_an_entry() -> None:
    """A `sorted` of the answer's could decide its own tests; where it is the task, `entry` says so."""
    code = "def sorted(values):\n    return [1, 2]\n\ndef pair():\n    return [2, 1]"
    tests = "assert sorted(pair()) == [1, 2]"
    assert "redefines the built-in `sorted`" in graded(code, tests).explanation
    assert graded(code, {"tests": tests, "entry": "sorted"}).passed


def test_changing_globals_are_seen() -> None:
    """The tests read a variable of the answer's as it is at that moment."""
    code = "count = 0\ndef up():\n    global count\n    count += 1"
    assert graded(code, "up()\nup()\nassert count == 2").passed


def test_a_prelude_runs_first(tmp_path: Path) -> None:
    """From an option, a file or the target; its classes may compare as they like."""
    path = tmp_path / "prelude.py"
    path.write_text("class Any:\n    def __eq__(self, other):\n        return True\n")
    assert graded("def f():\n    return Any()", "assert f() == 3", prelude_file=str(path)).passed
    assert graded("def f():\n    return N", "assert f() == 3", prelude="N = 3").passed


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "a target is a text of Python tests"),
        (7, "a target is a text of Python tests"),
        ({"test": "assert f() == 1"}, "unknown field `test`"),
        ("assert f( == 1", "the tests are no Python"),
        ("f()", "the tests have no assert"),
        ("assert 1 == 1", "use no name of the answer's"),
        ("import unittest\nclass T(unittest.TestCase):\n    def test(self): assert f()", "plain asserts"),
        ("import nothing_of_the_kind\nassert f() == 1", "the tests import what the sandbox has not"),
        ({"tests": "assert f() == 1", "prelude": "1 / 0"}, "the prelude fails: ZeroDivisionError"),
    ],
)
def test_a_wrong_target_is_the_suites_fault(target: object, message: str) -> None:
    """It leaves the sample unscored instead of failing the model."""
    with pytest.raises(EvalError, match=message):
        graded("def f():\n    return 1", target)


def test_without_walls_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can be made, so that a suite can be read, but it gives no verdict."""

    def refuse(self: RunOptions) -> PythonRoom:
        raise SandboxUnavailable("no walls here")

    monkeypatch.setattr(RunOptions, "room", refuse)
    check = PythonTests()
    with pytest.raises(SandboxUnavailable, match="no walls here"):
        check.check(Response(parts=(Text(text=RIGHT),)), TESTS, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prelude": "x = 1", "prelude_file": "x.py"}, "not both"),
        ({"prelude_file": "/nonexistent/x.py"}, "cannot be read"),
        ({"time_s": 0}, "time_s"),
        ({"memory_mib": 1}, "memory_mib"),
        ({"timeout": 3}, "no option 'timeout'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    """When the check is made, before anything is asked."""
    with pytest.raises(ConfigError, match=message):
        PythonTests(**options)


def test_what_tests_take_from_the_answer() -> None:
    """Names of their own, parameters and built-ins are not among it; watched text stays Python."""
    tests = prepare("from math import pi\ndef go(f, n):\n    assert f(n) == len(area) + pi\ngo(circle, 2)\n")
    assert tests.names == {"circle", "area"}
    assert tests.builtins == {"len"}
    assert tests.modules == ("math",)
    assert tests.asserts == ("f(n) == len(area) + pi",)
    compile(tests.source, "tests", "exec")
