"""What decides the scores of some samples, as a digest: it stays when a suite grows around them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from assay.errors import SuiteError
from assay.evals.suites.grader_files import with_files
from assay.evals.suites.regular import regular
from assay.evals.suites.sample import Sample
from assay.evals.suites.suite import Kind, Samples

__all__ = ["samples_digest"]

_TELLS_NOTHING = ("where", "split", "group", "synthetic", "origin", "meta")
"""Fields of a sample that decide no score."""


def samples_digest(samples: Samples, kind: Kind) -> str:
    """sha256 (hex) of what is asked, what is right, and how it is graded; in whatever order the samples stand.

    Documents, images and tools are in it as the model is shown them, files that graders name by their content. Models
    that grade are not: `assay.evals.graders.identity.judges_digest` is of those.

    Raises:
        SuiteError: a file cannot be read.
    """
    contents = cache(_content)
    whole = hashlib.sha256(msgspec.json.encode([kind.name, kind.repeats, kind.reducer]))
    for one in sorted(_sample(sample, contents) for sample in samples):
        whole.update(one)
    return whole.hexdigest()


def _sample(sample: Sample, contents: Callable[[str], str]) -> bytes:
    said = msgspec.to_builtins(sample)
    for field in _TELLS_NOTHING:
        said.pop(field, None)
    said["graders"] = [with_files(spec, contents) for spec in sample.graders]
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


def _content(path: str) -> str:
    try:
        with regular(Path(path)).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SuiteError(f"cannot read {path}, which a grader names: {error.strerror}") from error
