"""Is a text a clear refusal to answer from the data at hand? By rule, so that it is scored the same every time."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["abstains"]

_MAX_CHARS = 400

_WANT = r"(?:answer|respond|repl|provide|give|tell|determine|compute|derive|say|find)"
_DATA = r"(?:data|dataset|information|database|schema|tables?|columns?|records?)"
_CANNOT = r"(?:can ?not|can't|could not|couldn't|unable to|not able to|impossible to|inability to|not possible to)"
_HAS_NOT = (
    r"(?:lacks?|lacking|lack of|without|insufficient|inadequate|not enough|missing|no (?:such|relevant|suitable)"
    r"|(?:do|does|did)(?: not|n't) (?:have|possess|hold|contain|include|cover|store)|not having|not equipped with)"
)
_IS_NOT = (
    r"(?:unavailable|not available|isn't available|aren't available|missing|insufficient|inadequate|not sufficient"
    r"|not within|beyond|lacking"
    r"|(?:do|does)(?: not|n't) (?:contain|include|hold|cover|have|allow|permit|support|suffice))"
)
_REFUSALS = re.compile(
    rf"\bunanswerable\b"
    rf"|\b{_CANNOT} (?:\w+ ){{0,3}}?(?:be )?{_WANT}"
    rf"|\b{_HAS_NOT} (?:\w+ ){{0,4}}?{_DATA}\b"
    rf"|\b{_DATA}\b[^.;!?]{{0,60}}?\b{_IS_NOT}\b"
    rf"|\banswering\b[^.;!?]{{0,40}}?\b(?:not possible|impossible|not feasible|beyond)\b"
)


def abstains(text: str, words: Iterable[str] | None = None) -> bool:
    """Whether a short text says that the question cannot be answered.

    Args:
        text: what was said, without a query that reads data.
        words: texts of which one must occur, without case; `None` = `UNANSWERABLE` and the usual English sentences that
            data is lacking or an answer not possible.
    """
    line = " ".join(text.replace("’", "'").replace("''", "'").split()).lower()
    if not line or len(line) > _MAX_CHARS:
        return False
    if words is not None:
        return any(re.search(rf"(?<!\w){re.escape(' '.join(word.lower().split()))}(?!\w)", line) for word in words)
    return _REFUSALS.search(line) is not None
