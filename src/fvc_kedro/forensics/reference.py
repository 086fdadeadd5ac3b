"""The registry written out for readers: docs/features.md is made by ``kedro features``."""

from __future__ import annotations

from collections.abc import Iterable

from fvc_kedro.forensics.family import Family
from fvc_kedro.forensics.registry import FAMILIES

_HEAD = """# Features

Made from the registry by `kedro features > docs/features.md`; a test keeps it so.

Features are measured on segments of a video (`features.segment_s`) and averaged over the segments for
`features_metadata`. Figures of single frames are aggregated over the frames of a segment:

| ending | over the frames of a segment |
| --- | --- |
| `mean`, `std`, `p10`, `p50`, `p90` | mean, standard deviation, 10th, 50th and 90th percentile |
| `jump` | largest distance from the median over the median distance (at least 1 % of the median), at most 100 |
| `mode_share` | share of frames at the most frequent value |

A standard deviation is missing with fewer than two frames, a jump with fewer than three. Where `features.num_frames`
are fewer than the video has, `std`, `jump` and percentiles follow a little how many frames of a segment are looked at.

The families of bins and counts keep the mean alone; the family `region` keeps mean and standard deviation. Luma
of limited range is brought to 0-255. *Unchanged by* names what may differ between two videos of one scene
without changing the value much; resolution stands there where a resized copy measures alike. Cost is processor
time next to decoding, at 720p and 25 frames a second, of a family measured alone
(`python benchmarks/extraction.py`); families together cost less than their sum, as they share passes.

| family | what it looks for | features | cost | trained on by default |
| --- | --- | --- | --- | --- |
"""


def features_markdown(trained_on: Iterable[str] = ()) -> str:
    """Write every family and every column of the registry as Markdown.

    Parameters
    ----------
    trained_on : iterable of str
        Families that are trained on by default.
    """
    chosen = set(trained_on)
    rows = [
        f"| [{name}](#{name}) | {family.about} | {len(family.features)} | {_cost(family)} | "
        f"{'yes' if name in chosen else 'no'} |"
        for name, family in FAMILIES.items()
    ]
    return _HEAD + "\n".join(rows) + "\n" + "".join(_section(name, family) for name, family in FAMILIES.items())


def _cost(family: Family) -> str:
    return "not measured" if family.cost is None else f"{family.cost:.2f} of decoding"


def _section(name: str, family: Family) -> str:
    frames = "every sampled frame" if family.every_frame else "at most `features.frames_per_segment` frames a segment"
    successor = ", each with its successor" if family.looks_ahead else ""
    missing = f"Missing where {family.missing}." if family.missing else "Never missing."
    lines = [
        f"\n## {name}\n",
        f"{family.about} After {family.source}. Looks at {frames}{successor}. Cost: {_cost(family)}. {missing}\n",
        "| column | definition | unit | unchanged by |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{column}` | {feature.definition} | {feature.unit} | {feature.unchanged_by} |"
            for column, feature in family.features.items()
        ),
    ]
    return "\n".join(lines) + "\n"
