"""Scripts of the model on cases: what counts as the same output, and what is told when it is not."""

from __future__ import annotations

from typing import Any

import pytest

from assay.checks.check import CheckResult
from assay.checks.script import Script
from assay.errors import ConfigError, EvalError, SandboxError, SandboxUnavailable
from assay.sandbox.python import PythonRoom
from assay.types import Response, Text

SUM = "import sys\nprint(sum(map(int, sys.stdin.read().split())))"


@pytest.fixture(scope="module", autouse=True)
def walls() -> None:
    """Without a sandbox nothing here can run, and nothing pretends to."""
    try:
        PythonRoom().run("pass")
    except SandboxUnavailable as error:
        pytest.skip(str(error))


def graded(code: str, *cases: dict[str, Any], **options: Any) -> CheckResult:
    """What the check says of an answer with this code."""
    answer = Response(parts=(Text(text=f"Here:\n```python\n{code}\n```"),))
    return Script(**options).check(answer, {"cases": list(cases)}, None)


def test_every_case_must_be_right() -> None:
    """The first that is not is named, with the line; those before it are counted."""
    one, two = {"stdin": "1 2", "stdout": "3\n"}, {"stdin": "", "stdout": "0"}
    result = graded(SUM, one, two)
    assert result.passed
    assert result.detail == {"right": 2, "of": 2}
    result = graded("print(3)", one, two)
    assert result.explanation == "case 2: line 1: expected '0', got '3'"
    assert result.detail == {"right": 1, "of": 2}


def test_a_case_has_arguments_and_files_of_its_own() -> None:
    """They are there for one run, in an otherwise empty folder."""
    code = "import os, sys\nprint(open(sys.argv[1]).read(), sorted(os.listdir('.')))\nopen('left', 'w').write('x')"
    case = {"argv": ["in/å.txt"], "files": {"in/å.txt": "ø"}, "stdout": "ø ['in']\n"}
    assert graded(code, case, case).passed


@pytest.mark.parametrize(
    ("printed", "wanted", "options", "same"),
    [
        ("a  \nb\n\n", "a\nb", {}, True),
        ("a\r\nb", "a\nb\n", {}, True),
        (" a", "a", {}, False),
        ("a\n\nb", "a\nb", {}, False),
        ("a b", "a\nb", {}, False),
        ("a b", " a\n\nb ", {"whitespace": "any"}, True),
        ("ab", "a b", {"whitespace": "any"}, False),
        ("a\n", "a\n", {"whitespace": "exact"}, True),
        ("a", "a\n", {"whitespace": "exact"}, False),
        ("", "", {}, True),
        ("a", "", {}, False),
        ("", "a", {}, False),
        ("x = 0.3334, y=2", "x = 0.3333, y=2.0", {"abs_tol": 0.001}, True),
        ("x = 0.3354", "x = 0.3333", {"abs_tol": 0.001}, False),
        ("y = 0.3333", "x = 0.3333", {"abs_tol": 0.001}, False),
        ("1001", "1000", {"rel_tol": 0.01}, True),
        ("1001", "1000", {}, False),
        ("1e999", "1", {"rel_tol": 0.1}, False),
    ],
)
def test_which_output_is_the_same(printed: str, wanted: str, options: dict[str, Any], same: bool) -> None:
    """White space and numbers count as the options say; everything else counts."""
    result = graded(f"import sys\nsys.stdout.write({printed!r})", {"stdout": wanted}, **options)
    assert result.passed == same, result.explanation


def test_the_exit_code_counts() -> None:
    """Right output before a crash is not enough; a code that is asked for is right."""
    result = graded("print(3)\n1 / 0", {"stdout": "3"})
    assert result.explanation == "case 1: expected exit code 0, got 1: ZeroDivisionError: division by zero"
    assert graded("import sys\nprint('no')\nsys.exit(2)", {"stdout": "no", "exit_code": 2}).passed


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass", "used more than 1 s of CPU"),
        ("while True: print('x' * 10_000)", "wrote more than"),
        ("x = 'x' * (1 << 40)", "MemoryError"),
        ("print(", "SyntaxError"),
        ("x = '\ud800'", "expected exit code 0"),
    ],
)
def test_what_cannot_run_fails(code: str, said: str) -> None:
    """Endless, greedy and broken programs get a reason."""
    result = graded(code, {"stdout": ""}, time_s=1)
    assert not result.passed
    assert said in result.explanation


def test_expected_output_is_nowhere_to_be_read() -> None:
    """A program that prints whatever it can find does not find what is expected of it."""
    code = "import os, sys\nfor folder, _, names in os.walk('..'):\n    for name in names:\n"
    code += "        print(open(os.path.join(folder, name), errors='replace').read())\n"
    code += "print(sys.argv, dict(os.environ), sys.stdin.read())"
    result = graded(code, {"stdout": "SECRET-77"})
    assert not result.passed
    assert "got 'SECRET-77'" not in result.explanation


def test_no_code_fails() -> None:
    """Prose is no program."""
    assert "no Python code" in Script().check(Response(), {"cases": [{"stdout": ""}]}, None).explanation


@pytest.mark.parametrize(
    "target", [None, "3", {}, {"cases": []}, {"cases": [{"stdin": "1"}]}, {"cases": [{"out": ""}]}]
)
def test_a_wrong_target_is_the_suites_fault(target: object) -> None:
    """It leaves the sample unscored instead of failing the model."""
    with pytest.raises(EvalError, match="a target is"):
        Script().check(Response(), target, None)


def test_a_file_outside_is_the_suites_fault() -> None:
    """Files of a case stay in its folder."""
    with pytest.raises(SandboxError, match="relative path"):
        graded("pass", {"stdout": "", "files": {"../x": ""}})


def test_wrong_options_are_refused() -> None:
    """When the check is made."""
    with pytest.raises(ConfigError, match="whitespace"):
        Script(whitespace="some")
