"""The digest of some samples: all that decides their scores, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.errors import SuiteError
from assay.evals.suites.digest import samples_digest
from assay.evals.suites.suite import read_suite

SAMPLE: dict[str, Any] = {"id": "a", "input": "Q?", "target": "yes", "context_files": ["doc.txt"], "meta": {"n": 1}}
KIND = '[kinds.k]\nsamples = "k.jsonl"\ngraders = [{ check = "schema", schema_file = "schema.json" }]\n'


def write(folder: Path, *samples: dict[str, Any], kind: str = KIND, doc: str = "text", schema: str = "{}") -> Path:
    """A suite."""
    folder.mkdir(exist_ok=True)
    (folder / "suite.toml").write_text(f'name = "s"\nversion = "1"\n{kind}')
    (folder / "k.jsonl").write_text("".join(json.dumps(one) + "\n" for one in samples))
    (folder / "doc.txt").write_text(doc)
    (folder / "schema.json").write_text(schema)
    return folder


def digest(folder: Path, *ids: str) -> str:
    """Of these samples, or of all."""
    suite = read_suite(folder)
    samples = suite.of("k")
    return samples_digest(samples.named(ids) if ids else samples, suite.kinds["k"])


def test_it_stays_when_nothing_that_decides_changes(tmp_path: Path) -> None:
    """Another folder, line, order, origin and neighbours: the same digest."""
    b = {**SAMPLE, "id": "b"}
    first = digest(write(tmp_path / "one", SAMPLE, b))
    assert digest(write(tmp_path / "two", b, {**SAMPLE, "meta": {"n": 2}, "origin": {"file": "x"}})) == first
    assert digest(write(tmp_path / "three", {**SAMPLE, "id": "c"}, SAMPLE, b), "a", "b") == first


@pytest.mark.parametrize(
    "change",
    [
        {"doc": "other"},
        {"schema": '{"type": "object"}'},
        {"kind": KIND + "repeats = 3\n"},
        {
            "kind": KIND.replace("check = ", "weight = 1, check = ").replace("weight = 1, ", "")
            + 'label = "private-only"\n'
        },
        {"input": "R?"},
        {"target": "no"},
        {"follow_ups": ["And then?"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_changes_with_what_decides(tmp_path: Path, change: dict[str, Any]) -> None:
    """A document, a file of a grader, repeats, the label, the question, the answer, what follows."""
    first = digest(write(tmp_path / "one", SAMPLE))
    options = {name: change[name] for name in change if name in ("doc", "schema", "kind")}
    sample = {**SAMPLE, **{name: change[name] for name in change if name not in options}}
    assert digest(write(tmp_path / "two", sample, **options)) != first


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    """A grader's file that was removed after the suite was read is named."""
    suite = read_suite(write(tmp_path / "one", SAMPLE))
    (tmp_path / "one" / "schema.json").unlink()
    with pytest.raises(SuiteError, match=r"schema\.json"):
        samples_digest(suite.of("k"), suite.kinds["k"])
