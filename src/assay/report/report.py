"""A report: one view, written as a page, as Markdown or as JSON, and shown by notebooks as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from assay.report.markdown import markdown
from assay.report.view import View
from assay.report.written import written

Format = Literal["html", "md", "json"]
_ID_CHARS = 12


class Report:
    """One decision or run, ready to be written. A notebook shows it as the page without its frame.

    Attributes:
        view: every figure that it shows.
    """

    def __init__(self, view: View) -> None:
        self.view = view

    @property
    def verdict(self) -> str:
        """The verdict in a sentence."""
        return self.view.verdict

    @property
    def file_name(self) -> str:
        """`report-<id>`, without an ending; the id is cut to what names it in this ledger."""
        return f"report-{self.view.source.id[:_ID_CHARS]}"

    def html(self) -> str:
        """One self-contained page: it asks for nothing from outside and reads without a script.

        Raises:
            ReportError: the libraries of the extra `report` are not installed.
        """
        from assay.report.page import page

        return page(self.view)

    def markdown(self) -> str:
        """For a pull request: verdict, kinds, reasons and method; no sample's text."""
        return markdown(self.view)

    def json(self) -> str:
        """The view with stable keys, samples included."""
        return msgspec.json.format(msgspec.json.encode(self.view), indent=2).decode() + "\n"

    def text(self, form: Format) -> str:
        """The whole report in one of its forms.

        Raises:
            ReportError: for `html`, as `html`.
        """
        return {"html": self.html, "md": self.markdown, "json": self.json}[form]()

    def write(self, path: Path | str, form: Format = "html") -> Path:
        """Write it to a file, in one step.

        Raises:
            ReportError: the file cannot be written, or the libraries for a page are not installed.
        """
        return written(path, self.text(form))

    def _repr_html_(self) -> str:
        from assay.report.page import fragment

        return fragment(self.view)

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def __repr__(self) -> str:
        return f"Report({self.view.source.what} {self.view.source.id}: {self.verdict})"
