"""A decision or a run as a page: HTML, Markdown, JSON, notebook."""

from assay.report.reading import open_report, read_report
from assay.report.report import Report

__all__ = ["Report", "open_report", "read_report"]
