"""Which groups of videos belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def join_groups(linked: Iterable[Sequence[str]]) -> dict[str, list[str]]:
    """Join groups that are linked, directly or through others.

    Parameters
    ----------
    linked : iterable of sequences of str
        Names that belong together. A sequence of one name makes it known and links nothing.

    Returns
    -------
    dict
        For each name all the names that it is joined with, itself among them, in alphabetical order. The first may
        name the joined group.
    """
    linked = list(linked)
    names = sorted({name for some in linked for name in some})
    numbers = {name: number for number, name in enumerate(names)}
    ends = np.array([(numbers[some[0]], numbers[name]) for some in linked for name in some], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), np.bool_), tuple(ends.T)), shape=(len(names), len(names)))
    joined: dict[int, list[str]] = {}
    for name, component in zip(names, connected_components(graph, directed=False)[1] if names else [], strict=True):
        joined.setdefault(component, []).append(name)
    return {name: members for members in joined.values() for name in members}
