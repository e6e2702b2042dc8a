"""Metrics and filters of lm-eval as graders, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from assay.errors import SuiteError
from assay.evals.formats.shapes import list_of, table_of
from assay.evals.suites.samples import GraderSpec
from assay.types import JsonObject

__all__ = ["graders_of", "metric_of"]

_IGNORES = ("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore")
_WITHOUT_EFFECT = ("take_first", "remove_whitespace")
_CHOICES = ("acc", "acc_norm", "exact_match")


def graders_of(config: Mapping[str, Any], form: str, note: Callable[[str], None]) -> tuple[GraderSpec, ...]:
    """The graders of a task.

    Raises:
        SuiteError: none of its metrics, or not its filter, has a grader.
    """
    listed = list_of(config.get("metric_list"), "metric_list")
    metrics = {str(one.get("metric")): one for one in listed if isinstance(one, Mapping)}
    if form == "multiple_choice":
        if metrics and not any(one in metrics for one in _CHOICES):
            raise SuiteError(f"its metrics {', '.join(metrics)} have no grader here")
        return ({"check": "choice"},)
    metrics = metrics or {"exact_match": {}}
    if "exact_match" not in metrics:
        raise SuiteError(f"its metrics {', '.join(metrics)} have no grader here; name one with --grader")
    if len(metrics) > 1:
        others = ", ".join(one for one in metrics if one != "exact_match")
        note(f"of its metrics exact_match is carried over, and not {others}")
    return (_exact_match(metrics["exact_match"], _filter(config, note)),)


def _exact_match(metric: Mapping[str, Any], filtered: JsonObject) -> GraderSpec:
    ignored = {key: metric.get(key) for key in _IGNORES if metric.get(key)}
    if not ignored and not filtered:
        return {"check": "exact"}
    drop = [str(one) for one in list_of(ignored.get("regexes_to_ignore"), "regexes_to_ignore")]
    drop += ["[0-9]"] if ignored.get("ignore_numbers") else []
    case = bool(ignored.get("ignore_case")) or bool(filtered.get("case"))
    spec = {"check": "normalised", "case": case, "punctuation": bool(ignored.get("ignore_punctuation"))}
    return {
        **spec,
        **({"drop": drop} if drop else {}),
        **{key: value for key, value in filtered.items() if key != "case"},
    }


def _filter(config: Mapping[str, Any], note: Callable[[str], None]) -> JsonObject:
    """What the first of its filters does, as options of `normalised`."""
    filters = [table_of(one, "filter") for one in list_of(config.get("filter_list"), "filter_list")]
    if len(filters) > 1:
        note(f"of its {len(filters)} filters the first is carried over: {filters[0].get('name')}")
    found: JsonObject = {}
    for one in list_of(filters[0].get("filter"), "filter") if filters else []:
        step = table_of(one, "filter")
        name = str(step.get("function"))
        if name == "regex" and "extract" not in found and step.get("group_select", 0) in (0, -1):
            found["extract"] = str(step.get("regex_pattern", r"#### (\-?[0-9\.\,]+)"))
            found["which"] = "last" if step.get("group_select", 0) == -1 else "first"
        elif name in ("lowercase", "uppercase"):
            found["case"] = True
        elif name not in _WITHOUT_EFFECT:
            raise SuiteError(f"its filter {name!r} has no grader here; name one with --grader")
    return found


def metric_of(spec: GraderSpec) -> JsonObject:
    """The keys of a task that grade as a grader does.

    Raises:
        SuiteError: lm-eval has none that does.
    """
    rest = {key: value for key, value in spec.items() if key != "check"}
    metric: JsonObject = {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}
    if spec == {"check": "exact"}:
        return {"metric_list": [metric]}
    if spec.get("check") != "normalised" or set(rest) - {"case", "punctuation", "drop", "extract", "which"}:
        raise SuiteError(f"its grader {spec.get('check') or spec.get('grader')!r} is no metric of lm-eval")
    metric |= {"ignore_case": rest.get("case", True), "ignore_punctuation": rest.get("punctuation", True)}
    metric |= {"regexes_to_ignore": rest["drop"]} if rest.get("drop") else {}
    if "extract" not in rest:
        return {"metric_list": [metric]}
    select = {"group_select": -1 if rest.get("which") == "last" else 0}
    steps = [{"function": "regex", "regex_pattern": rest["extract"], **select}, {"function": "take_first"}]
    return {"metric_list": [metric], "filter_list": [{"name": "extract", "filter": steps}]}
