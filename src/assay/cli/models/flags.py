"""Flags of `assay models`, each short for a condition that `--where` takes too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import click

__all__ = ["FLAGS", "Flag", "flags", "stated"]

F = TypeVar("F", bound=Callable[..., Any])


class Flag(NamedTuple):
    """One flag.

    Attributes:
        conditions: what it stands for; `{}` is its value.
        takes: what its value is; empty = it is a switch.
    """

    name: str
    conditions: tuple[str, ...]
    help: str
    takes: str = ""

    @property
    def key(self) -> str:
        """What click calls it."""
        return "only_" + self.name.strip("-").replace("-", "_")


FLAGS = (
    Flag("--open", ("ecosystem=open-weight",), "Models whose weights can be had."),
    Flag("--hosted", ("ecosystem=hosted",), "Models that can only be rented."),
    Flag("--openness", ("openness={}",), "How open: open-weight, open-recipe or open-source.", "LEVEL"),
    Flag("--variant", ("variant={}",), "base, instruct or reasoning.", "VARIANT"),
    Flag("--domain", ("domain={}",), "Tuned for a field: code, maths ...", "FIELD"),
    Flag("--maker", ("maker~{}",), "Who makes it.", "NAME"),
    Flag("--family", ("family={}",), "A family's key, as --families lists them.", "KEY"),
    Flag("--host", ("hosts={}",), "Offered at this host.", "KEY"),
    Flag("--licence", ("licence={}",), "Licence of the weights; several with |.", "ID"),
    Flag("--commercial", ("commercial=allowed",), "Terms that plainly allow commercial use."),
    Flag("--modality", ("input={}",), "Takes text, image, audio, video or document.", "KIND"),
    Flag("--language", ("languages={}",), "Made for this language, by its maker's word.", "CODE"),
    Flag("--engine", ("engines={}",), "Served by vllm, sglang, tgi, llama.cpp, ollama ...", "NAME"),
    Flag("--form", ("forms={}",), "Published as gguf, awq, gptq, fp8 ...", "NAME"),
    Flag("--min-context", ("context_tokens>={}",), "Shortest context, in tokens: 128k.", "TOKENS"),
    Flag("--max-parameters", ("parameters<={}",), "Most parameters: 8B.", "COUNT"),
    Flag("--max-usd-in", ("input_usd_per_mtok<={}",), "Highest list price of a million input tokens.", "USD"),
    Flag("--max-usd-out", ("output_usd_per_mtok<={}",), "Highest list price of a million output tokens.", "USD"),
    Flag("--reasoning", ("reasoning!=none",), "Can think before it answers."),
    Flag("--tools", ("tools=yes",), "Calls functions."),
    Flag("--structured-output", ("structured_output=yes",), "Answers by JSON schema."),
    Flag("--unretired", ("status!=retired?", "retires>today?"), "Not known to be retired by its maker."),
)


def flags(command: F) -> F:
    """All of them, as options of a command."""
    for flag in reversed(FLAGS):
        given: dict[str, Any] = {"multiple": True, "metavar": flag.takes} if flag.takes else {"is_flag": True}
        command = click.option(flag.name, flag.key, help=flag.help, **given)(command)
    return command


def stated(given: Mapping[str, Any]) -> list[str]:
    """The conditions that the given flags stand for."""
    found: list[str] = []
    for flag in FLAGS:
        value = given.get(flag.key)
        values: Sequence[str] = value if isinstance(value, tuple) else ("",) if value else ()
        found += [condition.format(one) for one in values for condition in flag.conditions]
    return found
