"""The answer holds no credentials, or no personal data, of a form that detectors know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from assay.checks.check import MAX_CHARS, CheckResult, Options, options
from assay.checks.folded import folded
from assay.checks.said import everything
from assay.errors import ConfigError, did_you_mean
from assay.privacy.credentials import CREDENTIALS
from assay.privacy.detector import Detector
from assay.privacy.personal import PERSONAL
from assay.privacy.redaction import Redaction
from assay.types import Request, Response

__all__ = ["Credentials", "Personal"]


class _Detecting:
    """Looks with detectors, in the text as it stands and as a reader takes it."""

    name: ClassVar[str]
    what: ClassVar[str]
    is_quick: ClassVar[bool] = True
    """A look at a short text takes less than to hand it to a thread."""

    def __init__(self, credentials: Sequence[Detector], personal: Sequence[Detector]) -> None:
        self._whole = [one for one in credentials if one.spans_lines]
        self._lines = [one for one in credentials if not one.spans_lines]
        self._personal = personal

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Look for them; the explanation says how many of which sort, and repeats none."""
        text = everything(answer)
        if len(text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"longer than {MAX_CHARS:,} characters, and not looked into")
        plain = folded(text).text
        found = self._found(text) or (self._found(plain) if plain != text else Counter())
        if not found:
            return CheckResult(passed=True, explanation=f"holds no {self.what} of a known form")
        told = ", ".join(sorted(found))
        return CheckResult(passed=False, explanation=f"holds {told}", detail=dict(found))

    def redact(self, text: str) -> str:
        """The text with a placeholder, like `<email-1>`, for each."""
        return self._begin().text(text)

    def _found(self, text: str) -> Counter[str]:
        redaction = self._begin()
        redaction.text(text)
        return redaction.taken

    def _begin(self) -> Redaction:
        return Redaction(self._whole, self._lines, self._personal)


class _CredentialsOptions(Options, frozen=True):
    pass


class Credentials(_Detecting):
    """No key, token, private key or password of a form that tells itself occurs in any part of the answer."""

    name: ClassVar[str] = "credentials"
    what: ClassVar[str] = "credentials"

    def __init__(self, **given: Any) -> None:
        options(self.name, _CredentialsOptions, given)
        super().__init__(CREDENTIALS, ())


class _PersonalOptions(Options, frozen=True):
    only: tuple[str, ...] = ()


class Personal(_Detecting):
    """No mail or machine address, telephone, card, account or identity number occurs in any part of the answer.

    Names and postal addresses pass: no rule can test them. Option `only`: some of the sorts, as `email`, `card`.
    """

    name: ClassVar[str] = "personal"
    what: ClassVar[str] = "personal data"

    def __init__(self, **given: Any) -> None:
        o = options(self.name, _PersonalOptions, given)
        known = {one.name for one in PERSONAL}
        for sort in o.only:
            if sort not in known:
                raise ConfigError(f"check 'personal': unknown sort {sort!r}; {did_you_mean(sort, known)}")
        super().__init__((), [one for one in PERSONAL if not o.only or one.name in o.only])
