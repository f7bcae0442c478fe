"""Records in, tables, figures and a page out. Works offline and without torch; equal records give equal bytes."""

from reports.report import Report, build, gather

__all__ = ["Report", "build", "gather"]
