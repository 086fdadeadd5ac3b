"""Plain folders of real and of fake videos."""

from __future__ import annotations

import re
import unicodedata

from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing

_LABELS = {
    **dict.fromkeys(("real", "original", "authentic", "pristine", "genuine"), "real"),
    **dict.fromkeys(("fake", "manipulated", "tampered", "forged", "deepfake", "synthetic"), "fake"),
}
_SUBSETS = {"train": "train", "training": "train", "val": "validation", "valid": "validation"}
_SUBSETS |= {"validation": "validation", "test": "test", "testing": "test"}
# 0_real, Real Videos, original_sequences
_AROUND = re.compile(r"^\d+[ _-]+|s?([ _-](videos?|clips?|sequences|samples))?$")
_SUFFIX = re.compile(
    r"[ _.-]+(real|fake|original|orig|org|source|src|authentic|manipulated|tampered|forged|edited|deepfake|"
    r"face[ _-]?swap(ped)?|swap(ped)?)$"
)


def _label(folder: str) -> str:
    return _LABELS.get(_AROUND.sub("", folder.strip().lower()), "")


def _stem(name: str) -> str:
    stem = unicodedata.normalize("NFC", name.rpartition(".")[0]).casefold()
    while (shorter := _SUFFIX.sub("", stem)) not in ("", stem):
        stem = shorter
    return stem


def _evidence(listing: Listing) -> str:
    found: dict[str, str] = {}
    for path in listing.videos:
        for folder in path.split("/")[:-1]:
            if label := _label(folder):
                found.setdefault(label, folder)
    return f"folders {found['real']!r} and {found['fake']!r}" if len(found) == 2 else ""


def _entry_of(path: str) -> Entry | str:
    *folders, name = path.split("/")
    place = next((place for place in reversed(range(len(folders))) if _label(folders[place])), None)
    if place is None:
        return "no folder of its path is named real or fake"
    label = _label(folders[place])
    subset = next((_SUBSETS[folder.lower()] for folder in folders if folder.lower() in _SUBSETS), "")
    below = "/".join(folder for folder in folders[place + 1 :] if folder.lower() not in _SUBSETS)
    return Entry(label, (_stem(name),), subset, below if label == "fake" else "")


LAYOUT = Layout(
    title="plain folders",
    needs="videos in folders named real and fake, or original, authentic, pristine and manipulated, tampered, forged, "
    "deepfake, synthetic",
    groups="videos of equal name are one group, letter case and endings such as _fake, _swapped, -edited or _original "
    "aside; each other video stands alone. The label is that of the nearest folder whose name tells it",
    evidence=_evidence,
    read=lambda _: Reading(
        _entry_of,
        warnings=[
            "What else shares a source cannot be known from folders: where a person, a scene or an original is in "
            "several groups, write one name in the group column of their rows, or scores will be too high"
        ],
    ),
)
