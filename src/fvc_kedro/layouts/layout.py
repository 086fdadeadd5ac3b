"""What a layout is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fvc_kedro.layouts.listing import Listing


class Entry(NamedTuple):
    """What a layout tells of a video.

    Attributes
    ----------
    label : str
        real or fake.
    sources : tuple of str
        What the video is made from, and must not be split from: first that of the picture, then that of the face or
        voice put into it.
    """

    label: str
    sources: tuple[str, ...]
    subset: str = ""
    manipulation: str = ""
    platform: str = ""


@dataclass(frozen=True)
class Reading:
    """A folder as a layout reads it.

    Attributes
    ----------
    entry_of : callable
        For the path of a video, its entry or the reason why it is left out.
    absent : dict
        Names of videos that lists name and that are not there, by reason.
    warnings : sequence of str
        What cannot be known from the folder.
    """

    entry_of: Callable[[str], Entry | str]
    absent: Mapping[str, list[str]] = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Layout:
    """How a corpus lies in its folder.

    Attributes
    ----------
    title : str
        The corpus.
    needs : str
        What a folder must hold to be read so.
    groups : str
        How groups are made.
    evidence : callable
        What of it a listing holds, in words; empty where it is not all there.
    read : callable
        Reads a listing that holds it.
    """

    title: str
    needs: str
    groups: str
    evidence: Callable[[Listing], str]
    read: Callable[[Listing], Reading]
