"""Celeb-DF, versions 1 and 2 (Li et al., 2020)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing

_FOLDERS = ("celeb-real", "youtube-real", "celeb-synthesis")
_LIST = "list_of_testing_videos.txt"
_PERSON = re.compile(r"(?<![A-Za-z0-9])id\d+(?![A-Za-z0-9])")

_Key = tuple[str, str]  # the corpus's folder in small letters, and the file's name


def _key(path: str) -> _Key | None:
    *folders, name = path.split("/")
    folder = next((folder.lower() for folder in folders if folder.lower() in _FOLDERS), None)
    return (folder, name) if folder else None


def _evidence(listing: Listing) -> str:
    there = {key[0] for key in map(_key, listing.videos) if key}
    if "celeb-synthesis" not in there or len(there) == 1:
        return ""
    return f"folders {', '.join(sorted(there))}"


def _read(listing: Listing) -> Reading:
    listed: dict[_Key, str] = {}
    for path in listing.named(_LIST):
        for number, line in enumerate(listing.read_text(path).splitlines(), start=1):
            _, _, video = line.strip().partition(" ")
            key = _key(video)
            if key:
                listed[key] = video
            elif line.strip():
                raise FileError(
                    f"{listing.root / path}, line {number}: {line[:60]!r} is not like '1 YouTube-real/00170.mp4': "
                    "download the list anew"
                )
    keys = set(map(_key, listing.videos))
    absent = [video for key, video in listed.items() if key not in keys]
    return Reading(
        lambda path: _entry_of(path, listed),
        {"named in List_of_testing_videos.txt, but there is no such file": absent},
        ["Who is in the videos of YouTube-real is not known: each is a group of its own"],
    )


def _entry_of(path: str, listed: Mapping[_Key, str]) -> Entry | str:
    key = _key(path)
    if key is None:
        return "in no folder Celeb-real, YouTube-real or Celeb-synthesis"
    folder, name = key
    stem = name.rpartition(".")[0]
    subset = ("test" if key in listed else "train") if listed else ""
    if folder == "youtube-real":
        return Entry("real", (f"YouTube-real {stem}",), subset, platform="youtube")
    people = tuple(dict.fromkeys(_PERSON.findall(stem)))
    if not people:
        return "its name is not like id0_0000 or id0_id1_0000"
    if folder == "celeb-real":
        return Entry("real", people, subset, platform="youtube")
    return Entry("fake", people, subset, "Celeb-synthesis", "youtube")


LAYOUT = Layout(
    title="Celeb-DF",
    needs="videos in folders Celeb-synthesis and Celeb-real or YouTube-real",
    groups="id0_id1_0000 is a video of person id0 with the face of id1, and joins both; a video of YouTube-real stands "
    "alone",
    evidence=_evidence,
    read=_read,
)
