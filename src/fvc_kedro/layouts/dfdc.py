"""The Deepfake Detection Challenge's training parts (Dolhansky et al., 2020)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing, quoted

_METADATA = "metadata.json"


def _evidence(listing: Listing) -> str:
    beside: dict[str, list[str]] = {}
    for video in listing.videos:
        folder, _, name = video.rpartition("/")
        beside.setdefault(folder, []).append(name)
    for path in listing.named(_METADATA):
        names = beside.get(path.rpartition("/")[0], [])
        text = listing.read_text(path) if names else ""
        if '"label"' in text and any(f'"{name}"' in text for name in names):
            return f"{quoted(path)} tells the labels of the videos beside it"
    return ""


def _read(listing: Listing) -> Reading:
    entries = {}
    for path in listing.named(_METADATA):
        prefix = path[: -len(_METADATA)]
        entries.update({prefix + name: entry for name, entry in _metadata(listing, path).items()})
    videos = set(listing.videos)
    return Reading(
        lambda path: _entry_of(path, entries),
        {"named in a metadata.json, but there is no such file": [path for path in entries if path not in videos]},
        ["metadata.json names no people: the same actor may be in several groups"],
    )


def _metadata(listing: Listing, path: str) -> dict[str, Any]:
    try:
        entries = json.loads(listing.read_text(path))
    except json.JSONDecodeError as error:
        raise FileError(
            f"{listing.root / path}, line {error.lineno} is no JSON ({error.msg}): download the part anew"
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of thousands of digits
        raise FileError(f"{listing.root / path} is no readable JSON ({error}): download the part anew") from error
    if not isinstance(entries, dict):
        raise FileError(
            f'{listing.root / path}, line 1 is not like {{"aaa.mp4": {{"label": "FAKE"}}}}: download the part anew'
        )
    return entries


def _entry_of(path: str, entries: Mapping[str, Any]) -> Entry | str:
    if path not in entries:
        return "no metadata.json beside it names it"
    entry = entries[path]
    if not isinstance(entry, dict) or entry.get("label") is None:
        return "metadata.json tells no label of it"
    for name in ("label", "original", "split"):
        if not isinstance(entry.get(name), str | None):
            return f"its {name} in metadata.json is no text"
    label, original = entry["label"], entry.get("original")
    if label not in ("REAL", "FAKE"):
        return f"its label in metadata.json is {label[:60]!r}, not REAL or FAKE"
    if label == "FAKE" and not original:
        return "a fake whose original metadata.json does not name"
    return Entry(label.lower(), (original or path.rpartition("/")[2],), entry.get("split") or "")


LAYOUT = Layout(
    title="DFDC",
    needs='a metadata.json like {"aaa.mp4": {"label": "FAKE", "split": "train", "original": "bbb.mp4"}} beside the '
    "videos that it names",
    groups="a fake belongs to its original, across the part folders",
    evidence=_evidence,
    read=_read,
)
