"""Finding the program in an answer."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.python_code import extract_python

ADD = "def add(a, b):\n    return a + b"
HELPER = "def twice(a):\n    return 2 * a"
USER = "def four(a):\n    return twice(twice(a))"


@pytest.mark.parametrize(
    "text",
    [
        ADD,
        f"```python\n{ADD}\n```",
        f"```\n{ADD}\n```",
        f"```Python3\n{ADD}\n```",
        f"The sign was wrong:\n\n```py\n{ADD}\n```\n\nNow it adds.",
        f"```python\n{ADD}",
        f"1. Change the sign:\n\n{textwrap.indent(f'```python{chr(10)}{ADD}{chr(10)}```', '   ')}\n\n2. Done.",
        f"Here is the function:\n\n{ADD}\n\nIt adds two numbers (both may be negative).",
        f"It was:\n```python\ndef add(a, b):\n    return a - b\n```\nIt must be:\n```python\n{ADD}\n```",
        f"```python\n{ADD}\n```\nRun it:\n```bash\npython main.py\n```",
        f"```python\n{ADD}\n```\nFor example:\n```python\nfrom main import add\nprint(add(1, 2))\n```",
        f"```python\n{ADD}\n```\nIt prints:\n```\n3\n```",
    ],
)
def test_the_function_is_found(text: str) -> None:
    """Fenced, bare, in a list, amid prose; the last definition of several; never an example or another language."""
    assert extract_python(text, ["add"]) == ADD


def test_blocks_that_are_needed_are_joined() -> None:
    """A helper and the imports of earlier blocks come along, in their order; what nobody needs does not."""
    text = f"```python\nimport math\n```\n```python\n{HELPER}\n```\n```python\nx = 1 / 0\n```\n```python\n{USER}\n```"
    assert extract_python(text, ["four"]) == f"{HELPER}\n\n{USER}"
    rounded = f"```python\nimport math\n```\nand\n```python\n{ADD}  # math\n```"
    assert extract_python(rounded, ["add"]) == f"import math\n\n{ADD}  # math"


def test_without_a_name_the_last_block_counts() -> None:
    """A script is what the answer ends with."""
    assert extract_python("```python\nprint(1)\n```\nor shorter\n```python\nprint(2)\n```") == "print(2)"


def test_a_program_with_a_main_part_is_the_script() -> None:
    """What shows afterwards how to call its function is no part of it."""
    program = f"{ADD}\n\nif __name__ == '__main__':\n    print(add(1, 2))"
    assert extract_python(f"```python\n{program}\n```\nOr:\n```python\nprint(add(3, 4))\n```") == program


def test_a_fence_in_a_docstring_ends_nothing() -> None:
    """Only one that stands no deeper than the block's own does."""
    code = 'def add(a, b):\n    """Add.\n\n    ```\n    add(1, 2)\n    ```\n    """\n    return a + b'
    assert extract_python(f"Fixed:\n```python\n{code}\n```\nDone.", ["add"]) == code
    assert extract_python(textwrap.indent(f"```python\n{code}\n```\nDone.", "   "), ["add"]) == code


@pytest.mark.parametrize(
    "code",
    [
        "import sys\n\nfor line in sys.stdin:\n    print(line.upper())",
        "n = 0\nwhile True:\n    try:\n        n += int(input())\n    except EOFError:\n        break\nprint(n)",
        'TEXT = """\nIn here stands\nany prose at all.\n"""\nprint(TEXT)',
        "values = [\n    1,\n    2,\n]\nprint(sum(values))",
        "#!/usr/bin/env python3\nimport os\nprint(os.getcwd())",
        "@cache\ndef f(n):\n    return n\n\n\nclass A:\n    x: int = 1\n\n\nprint(f(A.x))",
        "a, b = 1, 2\nx = a\nassert x == 1\nprint(b)",
    ],
)
def test_bare_scripts_are_whole(code: str) -> None:
    """Every line of a script without fences belongs to it, and the words around it do not."""
    first = code if not code.startswith("a, b") else f"import sys\n{code}"
    assert extract_python(first) == first
    assert extract_python(f"Sure, this does what you want:\n\n{first}\n\nIt stops at the end of input.") == first


@pytest.mark.parametrize(
    "text",
    ["", "I cannot do that.", "```sql\nselect 1\n```", "```python\n```", "x" * 1_000_001, "for example, add them"],
)
def test_no_code_is_none(text: str) -> None:
    """Prose, other languages, empty blocks and endless texts."""
    assert extract_python(text, ["add"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "a[" + "]:" * 400_000,
        "if" + ": " * 400_000 + "x",
        "a(" + ")" * 400_000 + "x",
        "a[]:x\n" * 100_000,
        "x = 1\n" + '"""\n' * 200_000,
        "from " + "a " * 400_000,
        "".join(f"```python\ndef f{i}(): f{i - 1}()\n```\n" for i in range(20_000)),
    ],
    ids=["subscript", "colons", "call", "annotations", "quotes", "import", "chain"],
)
@pytest.mark.timeout(20)
def test_hard_texts_end_soon(text: str) -> None:
    """Long lines and many blocks take no more than a moment."""
    extract_python(text, ["f19999"])


@given(st.text(st.sampled_from("`pythondefclas:=()\n '\"#@x1\ud800"), max_size=200), st.sets(st.just("x")))
def test_any_text_gives_text_or_nothing(text: str, wanted: set[str]) -> None:
    """Whatever was written, there is no exception and no empty program."""
    found = extract_python(text, wanted)
    assert found is None or found.strip()
