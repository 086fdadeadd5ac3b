"""FaceForensics++ (Roessler et al., 2019) with DeepFakeDetection (Dufour and Gully, 2019)."""

from __future__ import annotations

import re

from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing, quoted

_METHODS = {
    name.lower(): name
    for name in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter", "DeepFakeDetection")
}
_ORIGINALS = {"original_sequences", "original", "originals", "youtube", "actors"}
_COMPRESSIONS = {"raw", "c0", "c23", "c40"}
_SEQUENCES = re.compile(r"(?P<first>\d{3})(_(?P<second>\d{3}))?")
_ACTORS = re.compile(r"(?P<first>\d{2})(_(?P<second>\d{2}))?__.+")


def _evidence(listing: Listing) -> str:
    found: dict[str, str] = {}
    for path in listing.videos:
        entry = _entry_of(path)
        if isinstance(entry, Entry) and entry.label == "fake":
            found.setdefault(entry.manipulation, path)
    return "; ".join(f"videos of {method} such as {quoted(path)}" for method, path in list(found.items())[:2])


def _entry_of(path: str) -> Entry | str:
    *folders, name = path.split("/")
    lowered = [folder.lower() for folder in folders]
    if "masks" in lowered:
        return "a mask of where the face was changed"
    method = next((_METHODS[folder] for folder in lowered if folder in _METHODS), "")
    if not method and not _ORIGINALS.intersection(lowered):
        return "neither in a folder of originals nor of a method"
    stem = name.rpartition(".")[0]
    match = _SEQUENCES.fullmatch(stem) or _ACTORS.fullmatch(stem)
    if not match or bool(match["second"]) != bool(method):
        expected = "033_097 or 01_02__scene__ABCDEFGH" if method else "033 or 01__scene"
        return f"its name is not like {expected}"
    numbers = [number for number in (match["first"], match["second"]) if number]
    sources = tuple(number if len(number) == 3 else f"actor {number}" for number in numbers)
    subset = next((folder for folder in lowered if folder in _COMPRESSIONS), "")
    return Entry("fake" if method else "real", sources, subset, method)


LAYOUT = Layout(
    title="FaceForensics++",
    needs="videos named like 033_097 or 01_02__scene__ABCDEFGH in a folder Deepfakes, Face2Face, FaceSwap, "
    "NeuralTextures, FaceShifter or DeepFakeDetection",
    groups="033_097 is sequence 033 with the face or expression of 097, and joins both; 01_02__scene joins the actors "
    "01 and 02; all compressions of a video are in its group",
    evidence=_evidence,
    read=lambda _: Reading(_entry_of),
)
