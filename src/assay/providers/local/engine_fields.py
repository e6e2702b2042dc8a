"""Fields of a chat or completion request that only the local engine knows.

The engine overlooks what it does not know, so that a misspelt field would change nothing and nobody would be told.
"""

from __future__ import annotations

from assay.dialects.capability import HINTS
from assay.dialects.fields import unmarked
from assay.errors import BadRequest, did_you_mean
from assay.types import Request, Sampling

KNOWN = frozenset({
    "add_generation_prompt", "chat_template_kwargs", "dry_allowed_length", "dry_base", "dry_multiplier",
    "dry_penalty_last_n", "dry_sequence_breakers", "dynatemp_exponent", "dynatemp_range", "ignore_eos", "json_schema",
    "lora", "min_keep", "min_p", "mirostat", "mirostat_eta", "mirostat_tau", "n_discard", "n_indent", "n_keep",
    "n_predict", "n_probs", "parse_tool_calls", "post_sampling_probs", "reasoning_format", "repeat_last_n",
    "repeat_penalty", "response_fields", "return_progress", "return_tokens", "samplers", "t_max_predict_ms",
    "thinking_forced_open", "timings_per_token", "top_n_sigma", "typical_p", "xtc_probability", "xtc_threshold",
})  # fmt: skip
"""Parameters of llama.cpp's server beside OpenAI's."""
_NEUTRAL = {"echo": False, "best_of": 1}  # of completions: said so, they ask for nothing
_NEAR = (*KNOWN, *Sampling.__struct_fields__, "messages", "prompt", "tools", "tool_choice", "response_format")


def require_known(request: Request) -> tuple[str, ...]:
    """Make sure that the engine knows what a client said; returns the hints that it has no use for.

    Raises:
        BadRequest: names the first field that it does not know, and the nearest that it does.
    """
    said = [key for key, value in unmarked(request.extra).items() if value not in (None, _NEUTRAL.get(key))]
    for key in said:
        if key not in KNOWN and key not in HINTS:
            raise BadRequest(
                f"{key}: the local engine has no such parameter; {did_you_mean(key, _NEAR)}",
                code="unsupported",
                field=key,
            )
    return tuple(key for key in said if key in HINTS)
