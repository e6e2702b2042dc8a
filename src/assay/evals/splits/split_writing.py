"""Changing the side of samples in their files: of each line nothing changes but the value of `split`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from assay.errors import SuiteError
from assay.evals.splits.splitting import Plan
from assay.evals.suites.samples import SampleLine, Split, read_line
from assay.evals.suites.suite_files import SuiteFiles, read_raw_lines
from assay.evals.suites.writing import replaced

__all__ = ["with_split", "write_split"]

# A string, or a sign of the structure; everything else between is numbers, words and white space.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)


def write_split(files: SuiteFiles, plan: Plan) -> None:
    """Write what a plan changes, file by file; each is exchanged in one step.

    Raises:
        SuiteError: a file cannot be read or written.
    """
    becomes = {move.sample: move.becomes for move in plan.moves}
    for path in sorted({files.samples(move.kind) for move in plan.moves}):
        lines = read_raw_lines(path)
        with replaced(path) as new:
            for line in lines:
                new.write(line.data if line.id not in becomes else with_split(line.data, becomes[line.id]))


def with_split(line: bytes, split: Split) -> bytes:
    """A line of a suite with another `split`; all its other bytes stay.

    Raises:
        SuiteError: it is no sample.
    """
    span = _value_of_split(line)
    if span is not None:
        changed = line[: span[0]] + f'"{split}"'.encode() + line[span[1] :]
    else:
        end = line.rindex(b"}")
        changed = line[:end].rstrip() + f', "split": "{split}"'.encode() + line[end:]
    _check(line, changed, split)
    return changed


def _value_of_split(line: bytes) -> tuple[int, int] | None:
    """Where the value of the object's own key `split` stands; the last one counts, as for every reader of JSON."""
    depth, key, found = 0, None, None
    tokens = list(_TOKEN.finditer(line))
    for token, following in pairwise(tokens):
        sign = token[0]
        if sign in (b"{", b"["):
            depth += 1
        elif sign in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and sign.startswith(b'"'):
            if following[0] == b":":
                key = msgspec.json.decode(sign)
            elif key == "split":
                found = token.span()
    return found


def _check(line: bytes, changed: bytes, split: Split) -> None:
    before, after = read_line(line, "a sample"), read_line(changed, "a sample whose split was changed")
    if _but_split(before) != _but_split(after) or after.split != split:
        raise SuiteError(f"sample {before.id!r} could not be given another split; write it by hand")


def _but_split(entry: SampleLine) -> Mapping[str, object]:
    return msgspec.structs.asdict(entry) | {"split": None}
