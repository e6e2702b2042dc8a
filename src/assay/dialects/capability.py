"""What an upstream can be told: each feature of a request is kept, emulated or rejected, and never silently dropped.

Each dialect that writes requests has a table of `Rule`s for the features it does not simply keep; a host's quirks
correct it (`quirks.capabilities = {"json_schema" = "reject"}`), and an operator may have features left out on purpose
(`quirks.ignore = ["seed"]`). A writer asks a `Fit` about each feature that a request uses. What is emulated, or left
out with leave, is noted: the names go into a header of the answer and into the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from assay.dialects.fields import MARK
from assay.errors import ConfigError, RequestError, did_you_mean
from assay.types import Request

__all__ = ["FEATURES", "HINTS", "QUIRKS", "Fit", "Rule", "Verdict", "check_quirks"]

Verdict = Literal["keep", "emulate", "reject"]

FEATURES: dict[str, str] = {
    "max_tokens": "a limit of the answer's length",
    "temperature": "sharper or flatter drawing of tokens",
    "top_p": "drawing from the most probable tokens by their share",
    "top_k": "drawing from the most probable tokens by their number",
    "stop": "texts that end the answer",
    "seed": "repeatable drawing, as far as the provider manages",
    "n": "several answers to one request",
    "frequency_penalty": "fewer repetitions, by count",
    "presence_penalty": "fewer repetitions, by presence",
    "logprobs": "log-probabilities of the answer's tokens",
    "logit_bias": "raising or lowering single tokens",
    "reasoning_effort": "how long a reasoning model thinks",
    "reasoning_tokens": "how many tokens a reasoning model may think",
    "reasoning": "reasoning of earlier turns sent back",
    "json": "an answer that is some JSON",
    "json_schema": "an answer that follows a JSON schema",
    "json_schema.strict": "a provider's promise to hold the schema exactly",
    "grammar": "an answer that follows a GBNF grammar",
    "tools": "functions that the model may call",
    "tools.native": "a provider's own tools, run on its side",
    "tools.strict": "arguments that follow the schema exactly",
    "tool_choice.none": "tools are there and must not be called",
    "tool_choice.required": "some tool must be called",
    "tool_choice.named": "one named tool must be called",
    "tool_choice.allowed": "only some of the tools may be called",
    "parallel_tool_calls": "at most one tool call in an answer",
    "tool_result.error": "a tool's answer marked as an error",
    "tool_result.media": "images or files in a tool's answer",
    "system.later": "system messages after the first turn",
    "message.name": "a name for who speaks",
    "image.data": "images sent along",
    "image.url": "images by their address",
    "image.detail": "how closely an image is looked at",
    "audio": "sounds",
    "video.data": "videos sent along",
    "video.url": "videos by their address",
    "document.data": "files sent along",
    "document.url": "files by their address",
    "document.id": "files by a provider's id",
    "refusal": "refusals of earlier turns sent back",
    "citations": "notes on the texts of earlier turns sent back",
    "prefill": "the answer's beginning given as the last message",
    "dimensions": "vectors of a shorter length",
    "tokens": "inputs given as token numbers",
}
"""Every feature that a table, or a host's quirks, may speak of."""

HINTS = frozenset({
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "cache_control", "stream_options", "verbosity", "encoding_format", "inference_geo", "include_obfuscation",
    "include", "max_tool_calls", "prompt_cache_options", "reasoning.context", "reasoning.generate_summary",
    "reasoning.mode", "reasoning.summary", "truncation", "context_management", "diagnostics", "speed",
    "user_profile_id", "workspace_id", "prediction",
})  # fmt: skip
"""Fields of clients that change billing, tracing or caching and not what is answered: left out for another format, and
noted."""


QUIRKS = frozenset({
    "capabilities", "ignore", "auth", "exact", "tools", "max_tokens_field", "seed_field", "grammar", "top_k",
    "developer_role", "stream_options", "reasoning_field", "reasoning_details", "prefill_field", "longest_call_id",
    "call_id_length", "encrypted_reasoning", "default_max_tokens", "thinking", "schema_dialect", "sign_calls",
    "call_ids", "count_form", "budget_field",
})  # fmt: skip
"""Every quirk that some format or engine understands; a host that speaks several has those of all."""

_PLAIN: dict[str, Any] = {"modalities": ["text"]}
"""Fields of clients with the value that says what every format means."""


class Rule(NamedTuple):
    """What becomes of one feature.

    Attributes:
        verdict: `keep`, `emulate` or `reject`.
        why: for `emulate` what is done instead, for `reject` why it cannot be.
    """

    verdict: Verdict
    why: str = ""


def check_quirks(quirks: Mapping[str, Any], own: Iterable[str] = ()) -> None:
    """Whether a deployment's quirks can be understood, so that a mistake is told to its owner and to no client.

    Args:
        quirks: of the deployment, its host's included.
        own: names that its format, a plug-in's, has besides `QUIRKS`.

    Raises:
        ConfigError: an unknown quirk, feature or verdict; names the nearest known one.
    """
    for name in quirks:
        if name not in (known := QUIRKS.union(own)):
            raise ConfigError(f"quirks: unknown {name!r}; {did_you_mean(name, known)}")
    capabilities, ignored = quirks.get("capabilities", {}), quirks.get("ignore", ())
    if not isinstance(capabilities, Mapping):
        raise ConfigError(f"quirks.capabilities: must be a table of features, not {capabilities!r}")
    if not isinstance(ignored, list | tuple):
        raise ConfigError(f"quirks.ignore: must be a list of features, not {ignored!r}")
    for feature, verdict in capabilities.items():
        if feature not in FEATURES:
            raise ConfigError(f"quirks.capabilities: unknown feature {feature!r}; {did_you_mean(feature, FEATURES)}")
        if verdict not in get_args(Verdict):
            raise ConfigError(f"quirks.capabilities.{feature}: must be keep, emulate or reject, not {verdict!r}")
    for feature in ignored:
        if feature not in FEATURES:
            raise ConfigError(f"quirks.ignore: unknown feature {feature!r}; {did_you_mean(str(feature), FEATURES)}")


class Fit:
    """Whether the features of one request fit one upstream.

    Args:
        table: the dialect's rules; a feature that is not in it is kept.
        quirks: of the host: `capabilities` and `ignore`, see the module; `upstream`, which only our own providers set.
        upstream: its name for messages, where the quirks give none.
        shared: fields of parts and tools that clients of other formats write as this one does.

    Raises:
        RequestError: the quirks name a feature or a verdict that there is not.
    """

    def __init__(
        self,
        table: Mapping[str, Rule],
        quirks: Mapping[str, Any],
        upstream: str,
        shared: frozenset[str] = frozenset(),
    ) -> None:
        self._table = table
        self.shared = shared
        self._overruled: Mapping[str, Any] = quirks.get("capabilities") or {}
        self._ignored = frozenset(quirks.get("ignore") or ())
        self._upstream = upstream = str(quirks.get("upstream", upstream))
        self._noted: dict[str, None] = {}
        for feature in (*self._overruled, *self._ignored):
            if feature not in FEATURES:
                raise RequestError(f"quirks of {upstream}: there is no feature {feature!r}", field="quirks")
        for feature, verdict in self._overruled.items():
            if verdict not in get_args(Verdict):
                raise RequestError(f"quirks of {upstream}: {feature} = {verdict!r} is no verdict", field="quirks")

    @property
    def emulated(self) -> tuple[str, ...]:
        """What was emulated or left out with leave, in the order of writing."""
        return tuple(self._noted)

    def takes(self, feature: str, path: str) -> bool:
        """Whether to write the feature as it is; False: emulate it, or leave it out. That is noted then.

        Args:
            feature: one of `FEATURES`.
            path: the client's field, for the error.

        Raises:
            RequestError: it can be neither kept nor emulated; names the field.
        """
        rule = self.rule(feature)
        if rule.verdict == "keep":
            return True
        if feature in self._ignored or rule.verdict == "emulate":
            self.note(feature)
            return False
        raise self.reject(path, rule.why or FEATURES[feature])

    def rule(self, feature: str) -> Rule:
        """The rule for a feature, as the host's quirks have it."""
        assert feature in FEATURES, feature  # noqa: S101 - a writer's mistake, not a client's
        known = self._table.get(feature, Rule("keep"))
        verdict = self._overruled.get(feature)
        return known if verdict is None or verdict == known.verdict else Rule(verdict)

    def note(self, what: str) -> None:
        """Note an emulation that a writer does on its own account."""
        self._noted[what] = None

    def reject(self, path: str, why: str) -> RequestError:
        """The error for what this upstream cannot be told."""
        return RequestError(f"{path}: {self._upstream} cannot be told this ({why})", field=path)

    def foreign(self, request: Request, dialect: str) -> None:
        """See to the fields that a client said in another format and that no field of ours holds.

        Hints are left out and noted.

        Raises:
            RequestError: naming the first field that changes the answer.
        """
        if request.origin is None or request.origin == dialect:
            return
        for key, value in request.extra.items():
            if value is None or key.startswith(MARK) or value == _PLAIN.get(key):
                continue
            if key in HINTS or key in self._ignored:
                self.note(key)
                continue
            raise RequestError(
                f"{key}: {self._upstream} cannot be told this field of the format {request.origin!r}{_meant(key)}",
                field=key,
            )


_STATE = frozenset({"previous_response_id", "conversation"})
"""Fields of Responses that name turns which the provider keeps."""
_FIELDS = ("messages", "model", "stream", "tools", "tool_choice", "system", *HINTS, *FEATURES)


def _meant(key: str) -> str:
    """The end of the message about a field: what to do instead, or a known one that it looks like."""
    if key in _STATE:
        return "; send the whole conversation in `input`"
    import difflib  # only mistakes need it

    near = difflib.get_close_matches(key, _FIELDS, n=1, cutoff=0.8)
    return f"; did you mean {near[0]!r}?" if near and near[0] != key else ""
