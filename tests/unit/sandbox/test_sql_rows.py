"""What leaves a box is read back as it was, and nothing that it could write does harm."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import SandboxError
from assay.sandbox.rows import Rows, read_line, write_line

values = (
    st.none()
    | st.integers(-(2**127), 2**127)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",)))
    | st.binary()
)


@given(st.lists(st.tuples(values, values), max_size=5), st.booleans())
def test_rows_come_back_as_they_were(rows: list[tuple[object, object]], truncated: bool) -> None:
    """Whole numbers of any size, infinities, bytes and any text keep value and type."""
    sent = Rows(("a", 'b"\n'), rows, truncated)  # type: ignore[arg-type]
    assert read_line(write_line(sent)) == sent


def test_what_is_no_number_comes_back() -> None:
    """NaN has no form in JSON and is packed."""
    got = read_line(write_line(Rows(("a",), [(math.nan,)])))
    assert isinstance(got, Rows)
    assert math.isnan(got.rows[0][0])  # type: ignore[arg-type]


def test_an_error_comes_back_as_an_error() -> None:
    """Its text is kept, up to a length."""
    got = read_line(write_line(SandboxError("x" * 10_000)))
    assert isinstance(got, SandboxError)
    assert str(got) == "x" * 500


@pytest.mark.parametrize(
    "line",
    [
        b"", b"null", b"[]", b"{}", b"7", b'"error"', b"[" * 100_000, b'{"columns": 1, "rows": [], "truncated": 0}',
        b'{"columns": ["a"], "rows": [[1, 2]], "truncated": false}', b'{"columns": ["a"], "rows": [[{"hex": "zz"}]]}',
        b'{"columns": ["a"], "rows": [[{"float": []}]], "truncated": false}', b"\xff\xfe", b"1" * 10_000,
        b'{"columns": ["a"], "rows": [[["nested"]]], "truncated": false}',
    ],
    ids=range(14),
)  # fmt: skip
def test_forged_lines_are_a_sandbox_error(line: bytes) -> None:
    """Whoever broke out of the engine may write what he likes."""
    with pytest.raises(SandboxError, match="cannot be read"):
        read_line(line)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_result_or_a_sandbox_error(line: bytes) -> None:
    """No bytes raise anything else."""
    with contextlib.suppress(SandboxError):
        assert isinstance(read_line(line), Rows | SandboxError)
