"""The tasks that advice knows: what each needs of a model, what is assumed of it, and how it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from assay.catalog.model import Modality
from assay.errors import ConfigError, did_you_mean
from assay.types import Value

__all__ = ["TASKS", "USE_CASES", "Task", "task_named"]


class Task(Value, frozen=True, kw_only=True):
    """One kind of work, as most teams have it; every number is an assumption that a flag replaces.

    Attributes:
        says: what the work is, in a few words.
        need: which published figures speak of it (`assay.catalog.weather.NEEDS`).
        first: what decides among those who can do it: `quality`, then price; or `price`, above `floor`.
        floor: least share of the catalogue's measured models that a candidate must be above to count as able.
        input_tokens, output_tokens: of one request.
        thinks: `output_tokens` count what is thought before the answer.
        requests_per_day: of a team that says nothing.
        latency_s: until the first token, where somebody waits; `None` = nobody does.
        answer_s: until a whole answer, on a machine of one's own, waited for or not: past it work is not done there.
        modalities: taken besides text.
        domain: models made for another field are not asked; those made for this one are.
        own_device: it runs on the device itself, not at a host.
        device: on which, where none is named.
        checkable: a check that knows no right answer tells most wrong ones as they come, so that a small model may
            try first.
        easy_share: share of the requests that a small model gets right, until an eval says how many.
        kind, check, bar: of the suite that would refute the advice.
        profile: failure that such work cannot afford, for gates (`assay suite profiles`).
    """

    name: str
    says: str
    need: str
    first: Literal["quality", "price"] = "quality"
    floor: float = 0.0
    input_tokens: int
    output_tokens: int
    thinks: bool = False
    requests_per_day: float = 1_000.0
    latency_s: float | None = None
    answer_s: float = 120.0
    modalities: tuple[Modality, ...] = ()
    domain: str | None = None
    own_device: bool = False
    device: str | None = None
    checkable: bool = False
    easy_share: float = 0.7
    kind: str
    check: str
    bar: float = 0.8
    profile: str | None = None


_ALL = (
    Task(
        name="reasoning", says="complex reasoning: plans, proofs, diagnoses", need="reasoning",
        input_tokens=2_000, output_tokens=3_000, thinks=True, requests_per_day=500, answer_s=600.0,
        kind="reasoning.answer", check="numeric", profile="wrong-explanation",
    ),
    Task(
        name="long-documents", says="questions on long documents", need="long-context", first="price", floor=0.7,
        input_tokens=60_000, output_tokens=800, requests_per_day=300, answer_s=300.0, kind="documents.answer",
        check="contains", profile="wrong-explanation",
    ),
    Task(
        name="chat", says="real-time chat: somebody waits for each answer", need="chat", first="price", floor=0.6,
        input_tokens=1_500, output_tokens=300, requests_per_day=2_000, latency_s=2.0, kind="chat.answer",
        check="contains", profile="leakage",
    ),
    Task(
        name="multimodal", says="reading images, scans and diagrams", need="multimodal", first="price", floor=0.5,
        input_tokens=2_000, output_tokens=400, modalities=("image",), kind="images.read", check="fields",
    ),
    Task(
        name="bulk", says="high-volume cheap work: labels, routing, short rewrites", need="instructions", first="price",
        floor=0.3, input_tokens=600, output_tokens=60, requests_per_day=100_000, kind="bulk.label", check="choice",
    ),
    Task(
        name="edge", says="work on the device itself: a phone, a laptop, a box in the field", need="instructions",
        input_tokens=500, output_tokens=150, requests_per_day=200, own_device=True, device="orin-nano-8gb",
        kind="edge.answer", check="normalised", bar=0.7,
    ),
    Task(
        name="bilingual", says="answers in two languages", need="bilingual", first="price", floor=0.6,
        input_tokens=1_200, output_tokens=400, kind="bilingual.answer", check="contains",
    ),
    Task(
        name="code", says="writing and mending code", need="code",
        input_tokens=4_000, output_tokens=1_200, latency_s=10.0, domain="code", easy_share=0.6, kind="code.write",
        check="tests", profile="unsafe-action",
    ),
    Task(
        name="sql", says="questions on tables, answered by queries", need="code",
        input_tokens=2_500, output_tokens=200, domain="code", checkable=True, kind="sql.query", check="sql",
        profile="leakage",
    ),
    Task(
        name="extraction", says="taking fields out of texts", need="instructions", first="price", floor=0.3,
        input_tokens=1_500, output_tokens=200, requests_per_day=5_000, checkable=True, easy_share=0.8,
        kind="fields.extract", check="fields",
    ),
    Task(
        name="classification", says="giving each text one of a few labels", need="instructions", first="price",
        floor=0.3, input_tokens=500, output_tokens=10, requests_per_day=5_000, easy_share=0.8, kind="texts.classify",
        check="choice",
    ),
    Task(
        name="agents", says="calling tools, step by step", need="tools",
        input_tokens=8_000, output_tokens=800, requests_per_day=500, kind="tools.call", check="tool-calls",
        profile="unsafe-action",
    ),
)  # fmt: skip

TASKS: Mapping[str, Task] = {task.name: task for task in _ALL}
"""By name."""
USE_CASES = ("reasoning", "long-documents", "chat", "multimodal", "bulk", "edge", "bilingual")
"""Those that `assay advise --use-cases` shows."""


def task_named(name: str) -> Task:
    """The task of this name.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}; {did_you_mean(name, TASKS)}")
    return TASKS[name]
