"""The key of a deployment, which stands in the environment and nowhere else."""

from __future__ import annotations

import os

from assay.config.schema import Deployment
from assay.errors import AuthFailed

__all__ = ["api_key"]


def api_key(deployment: Deployment) -> str | None:
    """The key, read anew with each call; None = the deployment names no variable.

    Raises:
        AuthFailed: the variable holds none, or one that cannot stand in a header.
    """
    name = deployment.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise AuthFailed(f"the environment variable {name} holds no key")
    if not key.isprintable():
        raise AuthFailed(f"the environment variable {name} holds a key with line breaks or control characters")
    return key
