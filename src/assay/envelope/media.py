"""Tokens of a request that its bytes do not stand for, at most: media, and what a host writes around a prompt.

The figures are data with sources (`media.toml`). They are bounds and no estimates: money is held by them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from assay.catalog.entry import Entry, NonNegative, Positive, Source

__all__ = ["Unseen", "table", "unseen"]

FILE = Path(__file__).parent / "media.toml"


class Whose(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom an entry is about.

    Attributes:
        models: beginnings of catalogue ids.
        hosts: keys of hosts.
        evidence: key of its source.
    """

    models: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    evidence: str

    def fits(self, model: str, host: str | None) -> bool:
        """Whether it is about this model at this host."""
        return host in self.hosts or model.startswith(self.models)


class Media(Whose, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Most tokens of one image, and of a second of sound."""

    image: Positive
    audio_per_s: Positive | None = None


class Prompts(Whose, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Most tokens that are written around a prompt: without tools and with some."""

    plain: NonNegative
    tools: NonNegative


class Limits(Whose, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an answer's limit does not hold for."""

    thinks_beyond: bool = False


class Table(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    media: tuple[Media, ...]
    prompts: tuple[Prompts, ...]
    limits: tuple[Limits, ...]
    sources: dict[str, Source]


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one model at one host.

    Attributes:
        image: most tokens of an image; None = nobody is known to limit them.
        audio_per_s: most tokens of a second of sound; likewise.
        plain, tools: tokens that are written around a prompt without and with tools.
        thinks_beyond: the limit of an answer does not hold for what is thought before it.
    """

    image: int | None
    audio_per_s: int | None
    plain: int
    tools: int
    thinks_beyond: bool


@cache
def table() -> Table:
    """What comes with assay."""
    return msgspec.toml.decode(FILE.read_bytes(), type=Table)


@cache
def unseen(model: str, host: str | None) -> Unseen:
    """What holds for a model (its catalogue id) at a host (its key; None = not in the table of hosts)."""
    known = table()
    media = next((one for one in known.media if one.fits(model, host)), None)
    prompts = next(one for one in known.prompts if one.fits(model, host))
    limits = next((one for one in known.limits if one.fits(model, host)), None)
    return Unseen(
        image=media.image if media else None,
        audio_per_s=media.audio_per_s if media else None,
        plain=prompts.plain,
        tools=prompts.tools,
        thinks_beyond=limits is not None and limits.thinks_beyond,
    )
