"""From a folder to the manifest of its corpus, and what is to be said about it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import polars as pl

from fvc_kedro.datasets.errors import FileError
from fvc_kedro.layouts import NAMES
from fvc_kedro.layouts.layout import Entry, Layout, Reading
from fvc_kedro.layouts.listing import Listing, list_folder, quoted
from fvc_kedro.learning.groups import join_groups

COLUMNS = ("video_path", "label", "group", "platform", "subset", "manipulation", "corpus")
_LABELS = ("real", "fake")
_NAMED = 3  # examples of what is left out


@dataclass(frozen=True)
class Manifest:
    """A manifest and what is to be said about it.

    Attributes
    ----------
    table : DataFrame
        Text columns :data:`COLUMNS`, sorted by ``video_path``.
    left_out : dict
        Paths that are not in it, by reason.
    notes : list of str
        Lines for the user.
    leads_outside : bool
        Whether videos lie outside the folder of the manifest, which a run must be told to allow.
    """

    table: pl.DataFrame
    left_out: dict[str, list[str]]
    notes: list[str]
    leads_outside: bool


def make_manifest(
    folder: Path, home: Path, layout: str = "auto", group_by: str = "sources", corpus: str | None = None
) -> Manifest:
    """Make the manifest of a corpus from its folder.

    Parameters
    ----------
    folder : Path
        Where the corpus was unpacked.
    home : Path
        Folder that the manifest will lie in; paths are relative to it.
    layout : str
        One of :data:`fvc_kedro.layouts.NAMES`, or auto: the first that fits.
    group_by : {"sources", "footage"}
        Whether a fake joins the groups of all that it is made from, or belongs to that of its picture alone.
    corpus : str, optional
        Name of the corpus, which the groups begin with too; if not given, that of the layout or, for plain folders, of
        the folder.

    Raises
    ------
    FileError
        If the folder has no video, no layout fits, a list of the corpus cannot be read, or a class is missing.
    """
    listing = list_folder(folder)
    name, how = _choose(listing, folder) if layout == "auto" else (layout, _check(listing, folder, layout))
    chosen = _layout(name)
    reading = chosen.read(listing)
    prefix = _prefix(listing.root, home.resolve())
    entries, left_out = _read_all(listing, reading, prefix)
    _check_classes(entries, left_out, folder, chosen)
    corpus = corpus.strip() if corpus else name if name != "folders" else _as_text(listing.root.name)
    groups = _groups(entries, " ".join(dict.fromkeys((name, corpus))), group_by)
    rows = [
        (_written(prefix + path), entry.label, groups[path], entry.platform, entry.subset, entry.manipulation, corpus)
        for path, entry in entries.items()
    ]
    table = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    notes = [
        f"layout: {name}, {chosen.title} ({how})",
        f"groups: {chosen.groups}" + ("; of two sources, only that of the picture" if group_by == "footage" else ""),
        *_counts(table),
        *(f"left out: {len(names)}, {reason} ({_some(names)})" for reason, names in left_out.items()),
        *(f"warning: {warning}" for warning in (*reading.warnings, *_warnings(table, entries, group_by))),
    ]
    leads_outside = listing.n_linked > 0 or prefix.startswith("../")
    if leads_outside:
        notes.append("warning: videos lie outside the manifest's folder: kedro run needs --params allow_outside=true")
    return Manifest(table, left_out, notes, leads_outside)


def _layout(name: str) -> Layout:
    layout: Layout = import_module(f"fvc_kedro.layouts.{name}").LAYOUT
    return layout


def _choose(listing: Listing, folder: Path) -> tuple[str, str]:
    for name in NAMES:
        if evidence := _layout(name).evidence(listing):
            return name, f"found {evidence}"
    needs = "; ".join(f"{name}: {_layout(name).needs}" for name in NAMES)
    raise FileError(
        f"no layout fits {folder}, which holds videos such as {quoted(listing.videos[0])}; looked for {needs}. Sort "
        "the videos into folders real and fake, or write the manifest by hand"
    )


def _check(listing: Listing, folder: Path, name: str) -> str:
    evidence = _layout(name).evidence(listing)
    if not evidence:
        raise FileError(
            f"{folder} does not lie like {name}, which needs {_layout(name).needs}; it holds videos such as "
            f"{quoted(listing.videos[0])}"
        )
    return f"as asked; found {evidence}"


def _read_all(listing: Listing, reading: Reading, prefix: str) -> tuple[dict[str, Entry], dict[str, list[str]]]:
    """Part the videos into entries and those that are left out, by reason."""
    entries: dict[str, Entry] = {}
    reasons = dict(listing.left_out)
    for path in listing.videos:
        entry = reading.entry_of(path) if _is_text(prefix + path) else "its path is not UTF-8: rename it"
        if isinstance(entry, str):
            reasons[path] = entry
        elif not all(map(str.strip, entry.sources)):
            reasons[path] = "what it is made from has no name in the corpus's list"
        elif not all(map(_is_text, (*entry.sources, entry.subset, entry.manipulation, entry.platform))):
            reasons[path] = "the corpus's list holds text that is not UTF-8 about it"
        else:
            entries[path] = entry
    left_out: dict[str, list[str]] = {}
    for path, reason in reasons.items():
        left_out.setdefault(reason, []).append(path)
    return entries, left_out | {reason: names for reason, names in reading.absent.items() if names}


def _prefix(root: Path, home: Path) -> str:
    way = Path(os.path.relpath(root, home)).as_posix()
    return "" if way == "." else f"{way}/"


def _is_text(path: str) -> bool:
    return _as_text(path) == path


def _as_text(name: str) -> str:
    """Replace the bytes of a file's name that are not UTF-8."""
    return name.encode(errors="replace").decode()


def _written(path: str) -> str:
    """Write a path so that it is read again as it is.

    White space around a cell is passed over, a path that begins with ~ is not relative, and a spreadsheet takes
    one that begins with a sign for a formula.
    """
    return f"./{path}" if path != path.strip() or path.startswith(tuple("=+-@~")) else path


def _check_classes(
    entries: Mapping[str, Entry], left_out: Mapping[str, list[str]], folder: Path, layout: Layout
) -> None:
    counts = Counter(entry.label for entry in entries.values())
    if not all(counts[label] for label in _LABELS):
        reasons = "".join(f"; {len(names)} left out: {reason} ({_some(names)})" for reason, names in left_out.items())
        raise FileError(
            f"both classes are needed, and {folder} has {counts['real']} real and {counts['fake']} fake videos as "
            f"{layout.title}{reasons}"
        )


def _groups(entries: Mapping[str, Entry], prefix: str, group_by: str) -> dict[str, str]:
    sources = {path: entry.sources[:1] if group_by == "footage" else entry.sources for path, entry in entries.items()}
    joined = join_groups(sources.values())
    return {path: f"{prefix} {joined[names[0]][0]}" for path, names in sources.items()}


def _counts(table: pl.DataFrame) -> Iterator[str]:
    labels = Counter(table["label"])
    yield "videos: " + ", ".join(f"{labels[label]} {label}" for label in _LABELS)
    sizes = Counter(table["group"])
    yield (
        f"groups: {len(sizes)}, of which {len(_groups_of_both(table))} hold both classes; the largest holds "
        f"{max(sizes.values())} videos"
    )


def _groups_of_both(table: pl.DataFrame) -> set[str]:
    real, fake = (set(table.filter(label=label)["group"]) for label in _LABELS)
    return real & fake


def _warnings(table: pl.DataFrame, entries: Mapping[str, Entry], group_by: str) -> Iterator[str]:
    swapped = any(len(entry.sources) > 1 for entry in entries.values())
    if swapped and group_by == "footage":
        yield "a face may be in a picture of one group and in the footage of another, so on both sides of a split"
    for label in _LABELS:
        of_label = table.filter(label=label)
        group, count = of_label["group"].value_counts(sort=True).row(0)
        if count > 1 and 2 * count > len(of_label):
            share = f"{count} of the {len(of_label)} {label} videos"
            yield f"one group, {quoted(group)}, holds {share}: folds will be uneven" + (
                ", as its sources are combined with one another. --group-by footage groups by the picture alone"
                if swapped and group_by == "sources"
                else ""
            )
    if not _groups_of_both(table):
        yield (
            "no group holds both classes: if fakes were made from real videos of the corpus, their names do not tell, "
            "and a video and its fake may be on both sides of a split"
        )
    subsets = table.filter(pl.col("subset") != "").group_by("subset", maintain_order=True).agg(pl.col("label").unique())
    for subset, labels in subsets.iter_rows():
        if len(labels) == 1:
            videos = f"all videos of the subset {quoted(subset)}"
            yield f"{videos} are {labels[0]}: what they have in common may tell the label"


def _some(names: list[str]) -> str:
    n_more = len(names) - _NAMED
    return ", ".join(map(quoted, names[:_NAMED])) + (f" and {n_more} more" if n_more > 0 else "")
