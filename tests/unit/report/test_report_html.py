"""The page as text: self-contained, escaped, the same each time, and plain about missing libraries."""

from __future__ import annotations

import builtins
import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from invented import decision, kind, result, view_of

from assay.decision.changed import Change
from assay.decision.decision import Status
from assay.errors import ReportError
from assay.report import page as page_module
from assay.report.again import again_view
from assay.report.markdown import markdown
from assay.report.page import page
from assay.report.shown import Passage, passage
from assay.report.view import AnswerView, DecisionView, Samples, SampleView, TurnView, Words

HOSTILE = '</script></pre></title><img src=x onerror=alert(1)><svg onload=alert(2)>"\' onmouseover="x'
_VOID = {"meta", "br", "img", "input", "link", "hr"}


class Reader(HTMLParser):
    """Collects what a page asks for and runs, and checks that its elements close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.handlers: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note its addresses, handlers and id."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
                self.asked.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if name == "id":
                self.ids.append(value or "")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As a start, closed at once."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Must close what was opened last."""
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text.append(data)


def with_samples(view: DecisionView, text: str = HOSTILE) -> DecisionView:
    """The view with one private sample, everything in which somebody else wrote."""
    answer = AnswerView(
        letter="A", name="small", outcome="failed", text=passage(text), words=(Words(grader="exact", passed=False,
        text=text),),
    )  # fmt: skip
    shown = SampleView(
        id=text, kind=text, label="private-only", turns=(TurnView(role="user", text=passage(text)),),
        target=passage(text), answers=(answer, msgspec.structs.replace(answer, text=Passage(head="", withheld="no"))),
    )  # fmt: skip
    return msgspec.structs.replace(view, samples=Samples(shown=(shown,), found=1, private=True))


@pytest.fixture(scope="module")
def sampled_page(small_view: DecisionView) -> str:
    """The page of `small` with a hostile, private sample."""
    return page(with_samples(small_view))


def test_the_page_asks_for_nothing(sampled_page: str) -> None:
    """Every address in it is a place inside it, in elements, styles and plots alike."""
    text = sampled_page
    found = Reader(text)
    assert found.asked
    assert all(address.startswith("#") for address in found.asked)
    assert {address[1:] for address in found.asked} <= set(found.ids)
    assert all(address.startswith("#") for address in re.findall(r"url\(\s*['\"]?([^)'\"]+)", text))
    assert "@import" not in text
    assert not set(found.tags) & {"link", "img", "iframe", "object", "embed", "form", "base"}


def test_ids_are_unique(large_page: str) -> None:
    """The plots of a page do not share ids, large as it may be."""
    ids = Reader(large_page).ids
    assert len(ids) == len(set(ids))


def test_hostile_text_stays_text(sampled_page: str) -> None:
    """Whoever wrote it, sample, answer, grader, name or reason: it is shown, and nothing of it runs."""
    made = decision(kind(HOSTILE, result(HOSTILE, Status.FAILED, 1, 9, engine_s=1.0, reason=HOSTILE),
                         result("b", Status.FAILED, 2, 8, engine_s=1.0), moves=(HOSTILE,), reason=HOSTILE))  # fmt: skip
    for text in (sampled_page, page(view_of(made))):
        found = Reader(text)
        assert found.handlers == []
        assert "img" not in found.tags
        assert found.tags.count("script") == 1
        assert any(HOSTILE in piece for piece in found.text)


def test_only_our_script_may_run(small_page: str) -> None:
    """The policy in the head forbids all requests and every script but the one with this digest."""
    text = small_page
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.replace("&#39;", "'").startswith("default-src 'none'; style-src 'unsafe-inline'; script-src")
    assert digest in policy.replace("&#43;", "+")


def test_the_same_view_gives_the_same_plots(small_page: str, small_fragment: str) -> None:
    """Drawn twice, every plot is the same to the letter: no clock and no chance goes into it."""
    plots = re.findall(r"<svg.*?</svg>", small_page, re.DOTALL)
    assert plots
    assert plots == re.findall(r"<svg.*?</svg>", small_fragment, re.DOTALL)


def test_private_text_is_announced(sampled_page: str, small_page: str) -> None:
    """A page that holds private-only text says so at its top; one that does not, does not."""
    assert "Contains private data" in sampled_page
    assert "Contains private data" not in small_page


def test_plots_have_words_and_follow_the_page(small_page: str) -> None:
    """Each plot has a role, a title, colours of the style sheet and no style sheet of its own."""
    plots = re.findall(r"<svg.*?</svg>", small_page, re.DOTALL)
    assert len(plots) >= 6
    for plot in plots:
        assert 'role="img"' in plot
        assert re.search(r"<title id=\"[^\"]+\">[^<]+</title>", plot)
        assert "<style" not in plot
        assert not re.search(r"#[0-9a-f]{6}", plot)


def test_a_name_that_looks_like_mathematics_is_a_name() -> None:
    """Dollars and letters that no font of the plots has do not stop a report."""
    made = decision(kind("$x^$ 日本", result("$\\frac$", Status.FAILED, 1, 9, engine_s=1.0),
                         result("b\x07", Status.CHOSEN, 19, 1, engine_s=2.0)))  # fmt: skip
    text = page(view_of(made))
    assert "$\\frac$" in text
    assert "\x07" not in text


def test_a_fragment_fits_into_another_page(small_fragment: str) -> None:
    """Its style reaches only what is inside it, its ids begin with the decision's, and it has no script."""
    text = small_fragment
    found = Reader(text)
    assert "script" not in found.tags
    assert all(one.startswith("assay-01a0b1c2d3e4") for one in found.ids)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    flat = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    depth, selectors, piece = 0, [], ""
    for letter in flat:
        if letter == "{":
            if depth == 0:
                selectors.append(piece.strip())
            depth, piece = depth + 1, ""
        elif letter == "}":
            depth, piece = depth - 1, ""
        else:
            piece += letter
    assert all(".assay" in one or one.startswith("@") for one in selectors), selectors


def test_decisions_without_anything_to_plot() -> None:
    """Nobody could be asked: the page says so and draws what there is."""
    made = decision(
        kind("a", result("x", Status.UNPROVEN, reason="no key in $X"), reason="no candidate could be asked")
    )
    text = page(view_of(made))
    assert "nobody could be asked" in text
    assert "no key in $X" in text


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_a_missing_library_is_named(library: str, small_view: DecisionView, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error says what to install and which forms need nothing."""
    load = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == library:
            raise ImportError(f"No module named {library!r}", name=library)
        return load(name, *rest, **more)

    page_module._environment.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ReportError, match=rf"needs {library}.*assay\[report\].*--format md"):
        page(small_view)


def test_eleven_kinds_and_twelve_candidates(large_page: str) -> None:
    """A large decision stays one page below half a MB, its kinds folded."""
    assert len(large_page) < 500_000
    assert large_page.count('<details class="kind"') == 11
    assert '<details class="kind" id="assay-01a0b1c2d3e4-k0">' in large_page


def test_early_verdicts_are_marked() -> None:
    """What rests on a test is told apart from what is certain, in both forms; without any, nothing is said of it."""
    early = decision(kind("sql", result("small", Status.FAILED, 1, 5, early=True), result("big", Status.CHOSEN, 18, 2)))
    drawn = page(view_of(early))
    assert drawn.count("failed, early") == 1
    assert "Early: samples were left out" in drawn
    assert "| failed, early |" in markdown(view_of(early))
    assert "arly" not in page(view_of(decision(kind("sql", result("big", Status.CHOSEN, 18, 2))))).partition("<main")[2]


def test_what_a_decision_made_again_changes() -> None:
    """What has changed, who does a kind now and why; of an old one that tells nothing, that it cannot be told."""
    before = decision(kind("sql", result("small", Status.CHOSEN, 18, 2)), id="0" * 32)
    after = decision(kind("sql", result("small", Status.NOT_NEEDED), result("big", Status.CHOSEN, 18, 2)))
    found = again_view(before, after)
    assert found.changes is None
    price = Change(about="price", subject=HOSTILE, fact="USD per hour", before=2.0, after=1.0)
    for changed, said in ((None, "cannot be told what has changed"), ((), "Nothing that decides has changed"),
                          ((price,), "2 -&gt; 1 (-50%)")):  # fmt: skip
        view = msgspec.structs.replace(view_of(after), again=msgspec.structs.replace(found, changes=changed))
        drawn = page(view)
        assert said in drawn
        assert (
            "sql: small -&gt; big<small>small: not-needed: not-needed for a reason</small><small>big: chosen" in drawn
        )
        assert "<img" not in drawn
        assert "### Made again" in markdown(view)
        assert "big. small: not-needed" in markdown(view)
    assert "Made again" not in page(view_of(after))
