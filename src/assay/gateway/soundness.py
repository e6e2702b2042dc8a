"""What is wrong in a request whatever its format: values that no provider takes."""

from __future__ import annotations

from assay.errors import RequestError
from assay.types import Request


def check(request: Request) -> None:
    """Look at values that every format calls alike.

    Raises:
        RequestError: naming the field.
    """
    sampling = request.sampling
    if sampling.temperature is not None:
        _bound("temperature", sampling.temperature, None)
    if sampling.top_p is not None:
        _bound("top_p", sampling.top_p, 1)
    if not request.tools:
        return
    seen: set[str] = set()
    for number, tool in enumerate(request.tools):
        if tool.native is None and tool.name in seen:
            raise RequestError(
                f"tools.{number}: another tool is called {tool.name!r} too; a call could mean either", field="tools"
            )
        seen.add(tool.name)


def _bound(field: str, value: float, most: float | None) -> None:
    if value >= 0 and (most is None or value <= most):
        return
    limits = "at least 0" if most is None else f"from 0 to {most:g}"
    raise RequestError(f"{field} must be {limits}, not {value:g}", field=field)
