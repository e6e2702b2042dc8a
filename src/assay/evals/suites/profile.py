"""Profiles: small suites that ship, each for one failure that a team cannot afford.

A profile is a suite's folder with a file `prompts.toml` beside: what a deployment should tell the model for its kinds.
Its samples are about an invented company; a team copies them, and puts its own documents, tools and secrets in.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from assay.errors import SuiteError, did_you_mean
from assay.evals.suites.suite import Suite, read_suite
from assay.types import Value

__all__ = ["Profile", "profile", "profile_names"]

_FOLDER = Path(__file__).parents[1] / "profiles"


class Profile(Value, frozen=True, kw_only=True):
    """One profile.

    Attributes:
        failure: what must not happen.
        prompts: kind -> what a deployment should tell the model.
    """

    name: str
    failure: str
    suite: Suite
    prompts: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.suite.folder)

    def files(self) -> dict[str, bytes]:
        """All that its suite needs besides `suite.toml`, by place in the folder."""
        paths = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        found = {path.relative_to(self.folder).as_posix(): path for path in paths}
        return {name: path.read_bytes() for name, path in found.items() if name not in ("suite.toml", "prompts.toml")}

    def tables(self) -> str:
        """Its part of a `suite.toml`, with its comments: all but name, version and description of the suite."""
        _, _, rest = (self.folder / "suite.toml").read_text("utf-8").partition("\n\n")
        return rest


def profile_names() -> tuple[str, ...]:
    """Of all profiles that ship, sorted."""
    return tuple(sorted(path.parent.name for path in _FOLDER.glob("*/suite.toml")))


def profile(name: str) -> Profile:
    """A profile that ships.

    Raises:
        SuiteError: there is none of this name.
    """
    if name not in profile_names():
        raise SuiteError(f"no profile {name!r}; {did_you_mean(name, profile_names())}")
    suite = read_suite(_FOLDER / name)
    told = tomllib.loads((_FOLDER / name / "prompts.toml").read_text("utf-8"))["kinds"]
    prompts = {kind: settings["system"] for kind, settings in told.items()}
    return Profile(name=name, failure=suite.description, suite=suite, prompts=prompts)
