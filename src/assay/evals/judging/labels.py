"""What people say of answers: one JSONL line per answer that somebody read.

    {"sample": "t17", "value": 1, "run": "019a3f...", "answer_sha256": "9f86d0..."}

`value` is 1 for right and 0 for wrong. `run` and `answer_sha256` say which answer was read: that of one run, or any
answer with these words (`answer_digest`). A line that names neither is of the only run there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from assay.errors import SuiteError, did_you_mean
from assay.evals.suites.suite import Suite
from assay.ledger.rows import ResultRow
from assay.ledger.store import Ledger

__all__ = [
    "HumanLabel", "Labels", "Verdicts", "answer_digest", "check_labels", "labelled", "read_labels", "verdicts_of",
]  # fmt: skip

Verdicts = Mapping[tuple[str, int], float]
"""What people say of a run's answers: by sample and repeat, 1 = right, 0 = wrong."""

_PAGE = 500


class HumanLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line.

    Attributes:
        sample: id of the sample that was answered.
        value: 1 = a person calls the answer right, 0 = wrong.
        run: id of the run whose answer was read; None = of any run.
        answer_sha256: hex digest of the answer; None = whatever the answer was.
        by: who read it, for people.
    """

    sample: str
    value: Literal[0, 1]
    run: str | None = None
    answer_sha256: str | None = None
    by: str | None = None

    def fits(self, row: ResultRow) -> bool:
        """Whether this is about the answer of a result."""
        if self.sample != row.sample_id or self.run not in (None, row.run_id):
            return False
        return self.answer_sha256 is None or (
            row.answer is not None and self.answer_sha256.lower() == answer_digest(row.answer)
        )

    @property
    def exactness(self) -> int:
        """How much it says about which answer was read; the most exact label counts."""
        return (self.run is not None) + 2 * (self.answer_sha256 is not None)


class Labels:
    """The labels of one file."""

    def __init__(self, labels: Iterable[HumanLabel], file: str = "") -> None:
        self.file = file
        self.by_sample: dict[str, list[HumanLabel]] = {}
        for label in labels:
            self.by_sample.setdefault(label.sample, []).append(label)

    def __len__(self) -> int:
        return sum(map(len, self.by_sample.values()))

    @property
    def runs(self) -> list[str]:
        """Ids of the runs that are named."""
        named = (label.run for found in self.by_sample.values() for label in found)
        return list(dict.fromkeys(run for run in named if run is not None))

    def of(self, row: ResultRow) -> int | None:
        """What a person says of this answer; None where nobody read it."""
        fitting = [label for label in self.by_sample.get(row.sample_id, ()) if label.fits(row)]
        return max(fitting, key=lambda label: label.exactness).value if fitting else None


def answer_digest(answer: str) -> str:
    """sha256 (hex) of an answer as the ledger keeps it."""
    return hashlib.sha256(answer.encode("utf-8", "surrogatepass")).hexdigest()


def read_labels(file: Path | str) -> Labels:
    """Read labels.

    Raises:
        SuiteError: the file cannot be read, a line is no label, or two lines contradict each other; names the line.
    """
    place = Path(file)
    try:
        lines = place.read_bytes().splitlines()
    except OSError as error:
        raise SuiteError(f"cannot read the labels in {place}: {error.strerror}") from error
    seen: dict[tuple[str, str | None, str | None], tuple[int, HumanLabel]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label = _label(line, f"{place}, line {number}")
        before, other = seen.setdefault((label.sample, label.run, label.answer_sha256), (number, label))
        if other.value != label.value:
            raise SuiteError(
                f"{place}, line {number}: sample {label.sample!r} is {label.value} here and {other.value} in line "
                f"{before}; settle which, or name the answer that each is about (answer_sha256, run)"
            )
    if not seen:
        raise SuiteError(f'{place}: no labels; a line is {{"sample": "ID", "value": 0 or 1}}')
    return Labels([label for _, label in seen.values()], str(place))


def _label(line: bytes, where: str) -> HumanLabel:
    try:
        return msgspec.json.decode(line, type=HumanLabel)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{where}: {error}") from error


def check_labels(labels: Labels, suite: Suite, runs: int) -> None:
    """Make sure that labels can be used for so many runs of a suite, before anything is asked.

    Raises:
        SuiteError: a sample is not in the suite, or it is not said which of several runs' answers was read.
    """
    known = {sample.id for sample in suite.samples}
    for sample, found in labels.by_sample.items():
        if sample not in known:
            raise SuiteError(
                f"{labels.file}: suite {suite.name!r} has no sample {sample!r}; {did_you_mean(sample, known)}"
            )
        if runs > 1 and any(not label.exactness for label in found):
            raise SuiteError(
                f"{labels.file}: the label of sample {sample!r} does not say which of {runs} runs' answers was read; "
                "name its run or answer_sha256"
            )


async def verdicts_of(labels: Labels, ledger: Ledger, run_id: str) -> Verdicts:
    """What people say of a run's answers; only those of labelled samples are read."""
    return {place: human for place, (_, human) in (await labelled(labels, ledger, run_id)).items()}


async def labelled(labels: Labels, ledger: Ledger, run_id: str) -> dict[tuple[str, int], tuple[float | None, float]]:
    """By sample and repeat, graders' value and people's of each labelled answer of a run.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found: dict[tuple[str, int], tuple[float | None, float]] = {}
    ids = list(labels.by_sample)
    for start in range(0, len(ids), _PAGE):
        some = ids[start : start + _PAGE]
        marks = ", ".join("?" * len(some))
        for row in await ledger.rows(
            ResultRow,
            f"select * from results where run_id = ? and sample_id in ({marks})",  # noqa: S608 - only question marks
            (run_id, *some),
        ):
            human = labels.of(row)
            if human is not None:
                found[row.sample_id, row.repeat] = (row.value, float(human))
    return found
