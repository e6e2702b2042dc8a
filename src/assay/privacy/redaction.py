"""Taking out of texts what should not be kept: credentials always, personal data where that is wanted.

This is a filter and no promise: detectors find what has a form, and names, addresses and what is said in words pass.
What may leave is for the privacy label to say (`assay.privacy.label`), never for this.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from assay.privacy.credentials import CREDENTIALS, known
from assay.privacy.detector import Detector, longest_run
from assay.privacy.personal import PERSONAL

__all__ = ["Redaction", "Redactor", "placeholders"]

_PLACEHOLDER = re.compile(r"<([a-z-]{1,20})-(\d{1,6})>")
_SEPARATORS = str.maketrans("", "", " -().\t")
_NUMBERS_FROM = 10**8  # no card, account or telephone is smaller


def placeholders(text: str) -> set[str]:
    """What stands in a text for things that were taken out."""
    return {match[0] for match in _PLACEHOLDER.finditer(text)}


class Redactor:
    """What is taken out.

    Args:
        personal: personal data too: mail and machine addresses, telephone, card, account and identity numbers.
        secrets: texts that are known to be secret, wherever they stand; those of less than 6 characters are passed
            over.
    """

    def __init__(self, *, personal: bool, secrets: Iterable[str] = ()) -> None:
        told = known(secrets)
        detectors = (*((told,) if told is not None else ()), *CREDENTIALS)
        self._whole = tuple(detector for detector in detectors if detector.spans_lines)
        self._lines = tuple(detector for detector in detectors if not detector.spans_lines)
        self._personal = PERSONAL if personal else ()

    def begin(self) -> Redaction:
        """The redaction of texts that belong together: within it, equal things have equal placeholders."""
        return Redaction(self._whole, self._lines, self._personal)


class Redaction:
    """Texts that belong together.

    Attributes:
        taken: how many pieces of text were taken out, by what they were: `email`, `secret` and so on.
    """

    def __init__(self, whole: Sequence[Detector], lines: Sequence[Detector], personal: Sequence[Detector]) -> None:
        self.taken: Counter[str] = Counter()
        self._whole = whole
        self._lines = lines
        self._personal = personal
        self._placeholders: dict[tuple[str, str], str] = {}
        self._last: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """The text with a placeholder, like `<email-1>`, for each thing that was found."""
        self._reserve(text)
        text = self._searched(self._whole, text, 0)
        return "\n".join(self._line(line) for line in text.split("\n"))

    def value(self, value: Any) -> Any:
        """A JSON value with all of its texts redacted, keys of objects and texts of JSON inside texts included.

        A number that is one (of a card, say) becomes a text.
        """
        self._reserve_all(value)
        return self._walk(value)

    def json(self, text: str) -> str:
        """JSON text, which stays JSON; what cannot be read as JSON is redacted as a text."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return self.text(text)
        before = self.taken.total()
        changed = self.value(value)
        return text if self.taken.total() == before else msgspec.json.encode(changed).decode()

    def _walk(self, value: Any) -> Any:
        match value:
            case str():
                return self.json(value) if value[:1] in ("{", "[") else self.text(value)
            case dict():
                return {self.text(key): self._walk(one) for key, one in value.items()}
            case list() | tuple():
                return [self._walk(one) for one in value]
            case bool():
                return value
            case int() if value >= _NUMBERS_FROM:
                written = str(value) if value < 10**40 else ""
                redacted = self.text(written)
                return redacted if redacted != written else value
            case _:
                return value

    def _line(self, line: str) -> str:
        line = self._searched(self._lines, line, 0)
        return self._searched(self._personal, line, longest_run(line)) if self._personal else line

    def _searched(self, detectors: Sequence[Detector], text: str, digits: int) -> str:
        lowered = text.lower()
        for detector in detectors:
            if detector.may_be_in(lowered, digits):
                text = self._replaced(detector, text)
        return text

    def _replaced(self, detector: Detector, text: str) -> str:
        pieces, last = [], 0
        for start, end in detector.find(text):
            pieces += [text[last:start], self._placeholder(detector.name, text[start:end])]
            last = end
        return "".join((*pieces, text[last:])) if pieces else text

    def _placeholder(self, name: str, found: str) -> str:
        self.taken[name] += 1
        key = (name, found.translate(_SEPARATORS).casefold() if name != "secret" else found)
        placeholder = self._placeholders.get(key)
        if placeholder is None:
            self._last[name] += 1
            placeholder = self._placeholders[key] = f"<{name}-{self._last[name]}>"
        return placeholder

    def _reserve(self, text: str) -> None:
        """Placeholders that are there already keep their meaning: new ones get numbers above theirs."""
        if "<" in text:
            for name, number in _PLACEHOLDER.findall(text):
                self._last[name] = max(self._last[name], int(number))

    def _reserve_all(self, value: Any) -> None:
        match value:
            case str():
                self._reserve(value)
            case dict():
                for key, one in value.items():
                    self._reserve(key)
                    self._reserve_all(one)
            case list() | tuple():
                for one in value:
                    self._reserve_all(one)
            case _:
                pass
