"""The report as a file that can be marked as out of date."""

from __future__ import annotations

from html import escape
from pathlib import Path

from kedro_datasets.text import TextDataset

_MARK = '<div class="notice warn" id="out-of-date"><b>Out of date.</b> '
_PLACE = "<body>\n"


class ReportDataset(TextDataset):
    """An HTML page; :meth:`mark` tells its readers that the results have changed since."""

    def mark(self, text: str) -> None:
        """Write a notice at the head of the page, once."""
        path = Path(str(self._filepath))
        page = path.read_text(encoding="utf-8")
        if _MARK not in page and _PLACE in page:
            path.write_text(page.replace(_PLACE, f"{_PLACE}{_MARK}{escape(text)}</div>\n", 1), encoding="utf-8")
