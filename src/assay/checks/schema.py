"""The answer is JSON that a JSON schema accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from assay.checks.check import CheckResult, Options, options, shorten
from assay.checks.json_text import objects_in, parse
from assay.errors import ConfigError, EvalError
from assay.types import JsonObject, Request, Response

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["Schema"]


class _SchemaOptions(Options, frozen=True):
    schema: dict[str, Any] | None = None
    schema_file: str | None = None
    fenced: bool = False
    within: bool = False


class Schema:
    """The text is strict JSON and valid under a schema: option `schema`, `schema_file`, or else the request's own.

    A request that asks for JSON without a schema is met by any JSON object. Option `fenced` (false) accepts one
    Markdown code block; `within` (false) any text around JSON objects, of which one must be valid. References to other
    documents are not followed: nothing is fetched.
    """

    name: ClassVar[str] = "schema"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _SchemaOptions, given)
        if self._options.schema is not None and self._options.schema_file is not None:
            raise ConfigError("check 'schema': give `schema` or `schema_file`, not both")
        schema = self._options.schema
        if self._options.schema_file is not None:
            schema = _read(self._options.schema_file)
        self._validator = None if schema is None else _validator(schema, ConfigError)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Parse the text and validate it; `detail.errors` lists the first ten violations."""
        validator = self._validator if self._validator is not None else _of_request(request)
        if self._options.within:
            return _within(validator, answer.text)
        parsed = parse(answer.text, fenced=self._options.fenced)
        if parsed.error is not None:
            return CheckResult(passed=False, explanation=f"not JSON: {shorten(parsed.error)}")
        try:
            errors = _first_errors(validator, parsed.value)
        except RecursionError:
            return CheckResult(passed=False, explanation="nested too deeply to be validated")
        if not errors:
            return CheckResult(passed=True, explanation="valid JSON under the schema")
        return CheckResult(passed=False, explanation=errors[0], detail={"errors": errors})


def _within(validator: Validator, text: str) -> CheckResult:
    """Whether one of the JSON objects in a text is valid."""
    errors: list[str] = []
    for value in objects_in(text):
        try:
            errors = _first_errors(validator, value)
        except RecursionError:
            errors = ["nested too deeply to be validated"]
        if not errors:
            return CheckResult(passed=True, explanation="holds a JSON object that is valid under the schema")
    if not errors:
        return CheckResult(passed=False, explanation=f"no JSON object in {shorten(text)!r}")
    return CheckResult(passed=False, explanation=errors[0], detail={"errors": errors})


def _read(path: str) -> JsonObject:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"check 'schema': {path!r} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"check 'schema': {path!r} holds no JSON object")
    return found


def _of_request(request: Request | None) -> Validator:
    output = request.output if request is not None else None
    if output is not None and output.schema is not None:
        return _validator(output.schema, EvalError)
    if output is not None and output.kind == "json":
        return _validator({"type": "object"}, EvalError)
    raise EvalError("check 'schema' has no schema: set `schema` or `schema_file`, or ask for one in the request")


def _validator(schema: JsonObject, kind: type[ConfigError | EvalError]) -> Validator:
    import jsonschema
    import referencing

    try:
        chosen = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        chosen.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError) as error:
        raise kind(f"check 'schema': the schema is not valid: {shorten(str(error))}") from None
    registry: referencing.Registry[Any] = referencing.Registry()  # an empty one fetches nothing
    return chosen(schema, registry=registry)


def _first_errors(validator: Validator, value: Any) -> list[str]:
    import referencing.exceptions

    found: list[str] = []
    try:
        for error in validator.iter_errors(value):
            found.append(f"{shorten(error.json_path, 60)}: {shorten(error.message)}")
            if len(found) == 10:
                break
    except referencing.exceptions.Unresolvable as error:
        raise EvalError(f"check 'schema': the schema refers to {shorten(str(error))}, which is not in it") from None
    return found
