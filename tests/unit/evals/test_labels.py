"""People's verdicts: read, checked, and matched to the answers that were read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import SuiteError
from assay.evals.judging.labels import (
    HumanLabel,
    Labels,
    answer_digest,
    check_labels,
    labelled,
    read_labels,
    verdicts_of,
)
from assay.evals.suites.suite import Suite
from assay.ledger.rows import ResultRow, RunRow
from assay.ledger.store import SqliteLedger


def row(sample: str, answer: str | None = "yes", value: float | None = 1.0, **more: Any) -> ResultRow:
    """A result."""
    values: dict[str, Any] = {
        "run_id": "r1", "sample_id": sample, "kind": "words", "value": value, "unscored": None, "scores": b"[]",
        "answer": answer, "cost_basis": "none", "cached": False, "created_at": 0.0,
    }  # fmt: skip
    return ResultRow(**{**values, **more})


def head(run: str) -> RunRow:
    """A run."""
    return RunRow(
        id=run, suite="s", suite_digest="d", target="m", target_digest="t", config_digest="c", seed=0, created_at=0.0,
        version="1",
    )  # fmt: skip


def write(folder: Path, *lines: str) -> Path:
    """A file of labels."""
    file = folder / "labels.jsonl"
    file.write_text("\n".join(lines))
    return file


def test_a_label_is_of_the_answer_it_names(tmp_path: Path) -> None:
    """By run, by the words of the answer in hex of any case, by both, or of any answer; the most exact one counts."""
    digest = answer_digest("yes")
    found = read_labels(
        write(
            tmp_path,
            '{"sample": "a", "value": 0}',
            '{"sample": "a", "value": 1, "run": "r2"}',
            f'{{"sample": "b", "value": 1, "answer_sha256": "{digest.upper()}", "by": "Ann"}}',
            "",
            f'{{"sample": "c", "value": 0, "answer_sha256": "{digest}", "run": "r1"}}',
        )
    )
    assert len(found) == 4
    assert found.runs == ["r2", "r1"]
    assert (found.of(row("a")), found.of(row("a", run_id="r2"))) == (0, 1)
    assert (found.of(row("b")), found.of(row("b", "no")), found.of(row("b", None))) == (1, None, None)
    assert (found.of(row("c")), found.of(row("c", run_id="r2"))) == (0, None)
    assert found.of(row("z")) is None


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"sample": "a", "value": 2}', "line 2"),
        ('{"sample": "a", "value": true}', "line 2"),
        ('{"sample": "a"}', "value"),
        ('{"sample": "a", "value": 1, "ran": "r1"}', "ran"),
        ("yes", "line 2"),
        ('{"sample": "x", "value": 0}', "is 0 here and 1 in line 1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, match: str) -> None:
    """Values are 0 or 1, fields are known, and two lines about one answer agree."""
    with pytest.raises(SuiteError, match=match):
        read_labels(write(tmp_path, '{"sample": "x", "value": 1}', line))


def test_no_labels_are_refused(tmp_path: Path) -> None:
    """An empty file, and none at all."""
    with pytest.raises(SuiteError, match="no labels"):
        read_labels(write(tmp_path, ""))
    with pytest.raises(SuiteError, match="cannot read the labels"):
        read_labels(tmp_path / "nowhere.jsonl")


def test_saying_it_twice_is_no_contradiction(tmp_path: Path) -> None:
    """Two people of one opinion are one label."""
    assert len(read_labels(write(tmp_path, '{"sample": "x", "value": 1}', '{"sample": "x", "value": 1}'))) == 1


def test_labels_are_checked_against_the_suite(tiny: Callable[[int], Suite]) -> None:
    """An unknown sample, and a label that could be of either of two runs' answers, are refused."""
    suite = tiny(3)
    with pytest.raises(SuiteError, match="no sample 'w01'; did you mean 'w001'"):
        check_labels(Labels([HumanLabel(sample="w01", value=1)], "f"), suite, 1)
    plain = Labels([HumanLabel(sample="w001", value=1)], "f")
    check_labels(plain, suite, 1)
    with pytest.raises(SuiteError, match="which of 2 runs' answers"):
        check_labels(plain, suite, 2)
    check_labels(Labels([HumanLabel(sample="w001", value=1, run="r1")]), suite, 2)


async def test_the_ledger_has_what_was_read(ledger: SqliteLedger) -> None:
    """Graders' value and people's of each labelled answer, repeats apart; other samples are not looked at."""
    await ledger.open_run(head("r1"))
    for one in (row("a", value=0.0), row("a", "no", 1.0, repeat=1), row("b"), row("c", value=None, unscored="Timeout")):
        await ledger.add_result(one)
    labels = Labels(
        [
            HumanLabel(sample="a", value=1, answer_sha256=answer_digest("yes")),
            HumanLabel(sample="a", value=0, answer_sha256=answer_digest("no")),
            HumanLabel(sample="c", value=1),
        ]
    )
    assert await labelled(labels, ledger, "r1") == {("a", 0): (0.0, 1.0), ("a", 1): (1.0, 0.0), ("c", 0): (None, 1.0)}
    assert await verdicts_of(labels, ledger, "r1") == {("a", 0): 1.0, ("a", 1): 0.0, ("c", 0): 1.0}
    assert await labelled(labels, ledger, "r2") == {}
