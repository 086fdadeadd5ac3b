"""UADFV (Yang et al., 2019)."""

from __future__ import annotations

import re

from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing

_NAME = re.compile(r"(?P<number>\d{4})(?P<fake>_fake)?")


def _evidence(listing: Listing) -> str:
    labels = {entry.label for entry in map(_entry_of, listing.videos) if isinstance(entry, Entry)}
    return "videos like real/0000 and fake/0000_fake" if len(labels) == 2 else ""


def _entry_of(path: str) -> Entry | str:
    *folders, name = path.split("/")
    label = next((folder.lower() for folder in reversed(folders) if folder.lower() in ("real", "fake")), None)
    match = _NAME.fullmatch(name.rpartition(".")[0])
    if label is None or match is None or (label == "fake") != bool(match["fake"]):
        return "not like real/0000 or fake/0000_fake"
    return Entry(label, (match["number"],), manipulation="face swap" if label == "fake" else "")


LAYOUT = Layout(
    title="UADFV",
    needs="videos like real/0000 and fake/0000_fake",
    groups="0000_fake is made from 0000, and both are one group",
    evidence=_evidence,
    read=lambda _: Reading(
        _entry_of, warnings=["Who is in a video is not known from its name: the same person may be in several groups"]
    ),
)
