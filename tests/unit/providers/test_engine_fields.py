"""Fields that the local engine knows, and those that it would overlook."""

from __future__ import annotations

from typing import Any

import pytest

from assay.errors import BadRequest
from assay.providers.local.engine_fields import require_known
from assay.types import Request


def request(**extra: Any) -> Request:
    """A request with fields that no field of ours holds."""
    return Request(model="m", origin="openai", extra=extra)


def test_its_own_parameters_pass() -> None:
    """What llama.cpp's server takes beside OpenAI's fields is left as it is; nulls and neutral values say nothing."""
    assert (
        require_known(request(min_p=0.1, repeat_penalty=1.1, mirostat=2, temprature=None, echo=False, best_of=1)) == ()
    )


def test_hints_are_told_as_left_out() -> None:
    """What changes billing or tracing only is no reason to refuse; that it had no effect is noted."""
    assert require_known(request(user="u", store=True, min_p=0.1)) == ("user", "store")


@pytest.mark.parametrize(
    ("field", "words"),
    [("temprature", "did you mean 'temperature'?"), ("repeat_penalti", "did you mean 'repeat_penalty'?"), ("echo", "")],
)
def test_what_it_would_overlook_is_refused_by_name(field: str, words: str) -> None:
    """A misspelt field must not be lost without a word."""
    with pytest.raises(BadRequest, match=field) as caught:
        require_known(request(**{field: 1}))
    assert words in str(caught.value)
    assert caught.value.field == field
    assert len(str(caught.value)) < 150  # its parameters are too many to be listed
