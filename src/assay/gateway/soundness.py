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
    if sampling.temperature is not None and not sampling.temperature >= 0:
        raise _outside("temperature", sampling.temperature, "at least 0")
    if sampling.top_p is not None and not 0 <= sampling.top_p <= 1:
        raise _outside("top_p", sampling.top_p, "from 0 to 1")
    if not request.tools:
        return
    seen: set[str] = set()
    for number, tool in enumerate(request.tools):
        if tool.native is None and tool.name in seen:
            raise RequestError(
                f"tools.{number}: another tool is called {tool.name!r} too; a call could mean either", field="tools"
            )
        seen.add(tool.name)


def _outside(field: str, value: float, limits: str) -> RequestError:
    return RequestError(f"{field} must be {limits}, not {value:g}", field=field)
