"""The Fake Video Corpus (Papadopoulou et al., 2018): its lists, and videos named by their platform's id."""

from __future__ import annotations

from collections.abc import Mapping

from fvc_kedro.datasets.fvc_lists import fvc_manifest, read_lists
from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing

_LISTS = ("fvc.csv", "fvc_dup.csv")

_Row = tuple[str, str, str]  # label, cascade and platform


def _lists(listing: Listing) -> list[str]:
    return [path for path in listing.named(*_LISTS) if "/" not in path]


def _evidence(listing: Listing) -> str:
    return " and ".join(map(repr, _lists(listing)))


def _read(listing: Listing) -> Reading:
    manifest = fvc_manifest(read_lists(listing.root / path for path in _lists(listing)), listing.videos)
    rows: dict[str, list[_Row]] = {}
    for path, *row in manifest.select("video_path", "label", "group", "platform").iter_rows():
        rows.setdefault(path, []).append((row[0], row[1], row[2]))
    absent = sorted(rows.keys() - set(listing.videos))
    return Reading(lambda path: _entry_of(path, rows), {"listed, but there is no file of that id": absent})


def _entry_of(path: str, rows: Mapping[str, list[_Row]]) -> Entry | str:
    if path not in rows:
        return "no row of the lists has its id, or another file has it too"
    used = [row for row in rows[path] if row[0] in ("real", "fake")]
    if not used:
        return f"its label is {rows[path][0][0][:60]!r}, not real or fake"
    if len({label for label, _, _ in used}) > 1:
        return "it is listed both as real and as fake"
    return Entry(used[0][0], tuple(cascade for _, cascade, _ in used), platform=used[0][2])


LAYOUT = Layout(
    title="Fake Video Corpus",
    needs="FVC.csv or FVC_dup.csv, and videos named by their platform's id",
    groups="a video belongs to its cascade; one that is listed in several joins them",
    evidence=_evidence,
    read=_read,
)
