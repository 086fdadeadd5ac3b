"""FakeAVCeleb (Khalid et al., 2021)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.datasets.text_table import read_text_table
from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing, quoted

_METADATA = "meta_data.csv"
_TYPES = ("RealVideo-RealAudio", "RealVideo-FakeAudio", "FakeVideo-RealAudio", "FakeVideo-FakeAudio")
_COLUMNS = ("source", "target1", "target2", "method", "type")
_PERSON = re.compile(r"id\d+")

_Key = tuple[str, str, str]  # type, person and file name


def _key(path: str) -> _Key | None:
    *folders, name = path.split("/")
    kind = next((folder for folder in folders if folder in _TYPES), None)
    return (kind, folders[-1], name) if kind else None


def _evidence(listing: Listing) -> str:
    found = listing.named(_METADATA)
    return f"{quoted(found[0])}, and folders like {_TYPES[0]}" if found and any(map(_key, listing.videos)) else ""


def _read(listing: Listing) -> Reading:
    rows: dict[_Key, dict[str, str]] = {}
    for path in listing.named(_METADATA):
        table = read_text_table(listing.root / path, _COLUMNS)
        # The published header names the file's name "path", and its folder not at all.
        file_name = "filename" if "filename" in table.columns else "path"
        missing = [name for name in (*_COLUMNS, file_name) if name not in table.columns]
        if missing:
            raise FileError(
                f"{listing.root / path}, line 1 lacks the columns {missing}; it has {table.columns}: download it anew"
            )
        rows.update({(row["type"], row["source"], row[file_name]): row for row in table.iter_rows(named=True)})
    keys = set(map(_key, listing.videos))
    absent = ["/".join(key) for key in rows if key not in keys]
    return Reading(
        lambda path: _entry_of(path, rows),
        {"named in meta_data.csv, but there is no such file": absent},
        ["Only the picture is measured: of the videos with a fake picture, the sound may be real or fake"],
    )


def _entry_of(path: str, rows: Mapping[_Key, Mapping[str, str]]) -> Entry | str:
    key = _key(path)
    if key is None:
        return f"in no folder {', '.join(_TYPES[:-1])} or {_TYPES[-1]}"
    if key not in rows:
        return "no row of meta_data.csv names it"
    if key[0] == "RealVideo-FakeAudio":
        return "RealVideo-FakeAudio: its picture, which is what is measured, is that of a real video with another sound"
    row = rows[key]
    targets = [row[name] for name in ("target1", "target2") if _PERSON.fullmatch(row[name])]
    people = tuple(dict.fromkeys([row["source"], *targets]))
    return Entry("fake", people, manipulation=row["method"]) if key[0].startswith("Fake") else Entry("real", people)


LAYOUT = Layout(
    title="FakeAVCeleb",
    needs="meta_data.csv, and videos in folders RealVideo-RealAudio, FakeVideo-RealAudio and FakeVideo-FakeAudio",
    groups="a fake joins the people that meta_data.csv names: the source, whose video it is, and the targets",
    evidence=_evidence,
    read=_read,
)
