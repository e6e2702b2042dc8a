"""What looks like personal data or a credential in samples that may leave the house."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from assay.evals.lint.finding import Finding, about_samples
from assay.evals.lint.material import Glance, Material
from assay.numerals import plural, verb
from assay.privacy.redaction import Redactor
from assay.types import Label

__all__ = ["find_personal_data"]


def find_personal_data(material: Material) -> Iterator[Finding]:
    """Kinds whose samples hold what a detector takes for personal, and that are not labelled `private-only`."""
    redactor = Redactor(personal=True)
    for members in material.of.values():
        found: list[Glance] = []
        taken: Counter[str] = Counter()
        for one in members:
            if one.label == Label.PRIVATE_ONLY:
                continue
            redaction = redactor.begin()
            redaction.text(one.text)
            if redaction.taken:
                taken.update(redaction.taken.keys())
                found.append(one)
        if found:
            what = ", ".join(f"{name} in {count}" for name, count in taken.most_common())
            yield about_samples(
                "personal-data", "warning", found,
                f"{len(found)} of {plural(len(members), 'sample')} {verb(len(found), 'holds', 'hold')} what looks like "
                f"personal data ({what}), "
                "and may be sent to any deployment",
                'set label = "private-only" in the kind; what was made up needs none',
            )  # fmt: skip
