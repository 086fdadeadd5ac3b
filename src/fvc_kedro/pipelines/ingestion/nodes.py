"""Which rows of a manifest are usable videos, and why the others are not."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import polars as pl

from fvc_kedro.datasets.records import Measurement, MeasurementBatch
from fvc_kedro.execution import Outcomes
from fvc_kedro.learning.folds import TooFewGroupsError
from fvc_kedro.learning.groups import join_groups
from fvc_kedro.parameters import ExecutionParameters, IngestionParameters, SvmParameters
from fvc_kedro.pipelines.measuring import digest, kind_of, some_reasons
from fvc_kedro.pipelines.training_rows import ALL_OTHERS, check_foldable
from fvc_kedro.video import Limits, RefusedVideo, Video
from fvc_kedro.video.decoding import VERSION as DECODING_VERSION

logger = logging.getLogger(__name__)

LABELS = ("real", "fake")
NUMBERED_LABELS = {"0": "real", "1": "fake", "0.0": "real", "1.0": "fake"}
NO_VALUES = ("nan", "none", "null", "na", "n/a", "<na>", "#n/a", "nat")  # what programs write where nothing is known
OPTIONAL_COLUMNS = ("corpus", "platform", "subset", "manipulation")
_NO_CORPUS = "unnamed"  # of a table in memory that does not name its corpus
_ID_STEM_LENGTH = 40
_ID_HASH_DIGITS = 20  # 80 bits: of 100 million videos of one stem, two share an id with a chance of 1 in 240 million
_NAMED = 5  # examples in a message
_FACTS = "facts"
_INSPECTION_VERSION = 3  # raised whenever the facts read from a file may change

INDEX_SCHEMA: dict[str, Any] = {
    "video_id": pl.String,
    "video_path": pl.String,
    "label": pl.String,
    "group": pl.String,
    "group_names": pl.String,
    "corpus": pl.String,
    "platform": pl.String,
    "subset": pl.String,
    "manipulation": pl.String,
    "sha256": pl.String,
    "bytes": pl.Int64,
    "width": pl.Int64,
    "height": pl.Int64,
    "fps": pl.Float64,
    "n_frames": pl.Int64,
    "duration_s": pl.Float64,
    "codec": pl.String,
    "pixel_format": pl.String,
    "bitrate": pl.Float64,
    "rotation": pl.Int64,
    "pixel_aspect_ratio": pl.Float64,
    "displayed_width": pl.Int64,
    "displayed_height": pl.Int64,
    "video_stream": pl.Int64,
    "n_video_streams": pl.Int64,
}
REJECTED_SCHEMA = {
    "row": pl.Int64,
    "video_path": pl.String,
    "label": pl.String,
    "group": pl.String,
    "corpus": pl.String,
    "reason": pl.String,
}


class ManifestError(ValueError):
    """A manifest that no run can be made with; its text says how to mend it."""


def make_video_id(video_path: str) -> str:
    """Name a video after its path: the file's stem, made safe, and the first digits of the path's hash."""
    stem = video_path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    safe = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_")[:_ID_STEM_LENGTH] or "video"
    return f"{safe}-{digest(video_path)[:_ID_HASH_DIGITS]}"


def check_manifest(corpus_manifest: pl.DataFrame, ingestion: dict[str, Any], svm: dict[str, Any]) -> pl.DataFrame:
    """Check the manifest of a corpus to train on before any video is opened.

    Parameters
    ----------
    corpus_manifest : DataFrame
        As of :func:`read_manifest`.
    ingestion, svm : dict
        Parameters.

    Returns
    -------
    DataFrame
        As of :func:`read_manifest`.

    Raises
    ------
    ManifestError
        If a column is missing, a class is missing, or there are too few groups to cross-validate with.
    """
    rows = read_manifest(corpus_manifest, ingestion)
    _check_classes_and_groups(rows, SvmParameters.model_validate(svm))
    return rows


def read_manifest(corpus_manifest: pl.DataFrame, ingestion: dict[str, Any]) -> pl.DataFrame:
    """Read the rows of a manifest, and what speaks against each.

    Parameters
    ----------
    corpus_manifest : DataFrame
        Text columns ``video_path``, ``label``, ``group`` and, where known, ``corpus``, ``platform``, ``subset``,
        ``manipulation``. Other columns are passed over. A label is real or fake, or 0 (real) or 1 (fake). Several
        corpora stand one below the other; groups of the same name are one group, in whatever corpora they stand.
    ingestion : dict
        Parameters.

    Returns
    -------
    DataFrame
        A row for each row of the manifest: its number ``row`` from 1, ``video_id``, the columns above
        and ``reason``, null where nothing speaks against the row so far.

    Raises
    ------
    ManifestError
        If a column is missing.
    """
    alone = IngestionParameters.model_validate(ingestion).every_video_stands_alone
    manifest = corpus_manifest.rename({name: name.strip().lower() for name in corpus_manifest.columns})
    _check_columns(manifest, alone)
    if alone:
        manifest = manifest.with_columns(group=pl.col("video_path"))
    columns = ("video_path", "label", "group", *OPTIONAL_COLUMNS)
    rows = manifest.with_columns(
        [pl.lit("").alias(name) for name in OPTIONAL_COLUMNS if name not in manifest.columns]
    ).select(pl.col(name).cast(pl.String).fill_null("").str.strip_chars() for name in columns)
    rows = rows.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"),
        pl.col("video_path").map_elements(make_video_id, return_dtype=pl.String).alias("video_id"),
        *columns,
    )
    # One name in two Unicode forms, or with a character that nobody sees, would be two groups.
    group = pl.col("group").str.normalize("NFC").str.replace_all(r"\p{Cf}", "")
    label = pl.col("label").str.to_lowercase()
    rows = rows.with_columns(pl.col("corpus").replace("", _NO_CORPUS))
    _warn_of_numbered_labels(rows.select(label)["label"])
    rows = rows.with_columns(label.replace(NUMBERED_LABELS), group).with_columns(reason=_row_reason())
    if not alone:
        _warn_of_similar_groups(rows.filter(pl.col("reason").is_null())["group"])
        _tell_of_shared_groups(rows.filter(pl.col("reason").is_null()))
    rows = _mark_equal_ids(_mark_repeated_paths(rows))
    _warn_of_rejected(rows.drop_nulls("reason"), len(rows), "row")
    return rows


def _check_columns(manifest: pl.DataFrame, alone: bool) -> None:
    missing = [name for name in ("video_path", "label") if name not in manifest.columns]
    if missing and any(name in (*LABELS, *NUMBERED_LABELS) for name in manifest.columns):
        raise ManifestError(
            f"the manifest begins with a video, {manifest.columns}, and lacks a header: put the line "
            "video_path,label,group, in the order of its columns, above it"
        )
    if missing:
        raise ManifestError(
            f"the manifest lacks the columns {missing}; it has {manifest.columns}. "
            "The first line must be video_path,label,group (or with another separator: a semicolon, a tab or |)"
        )
    if "group" not in manifest.columns and not alone:
        raise ManifestError(
            f"the manifest has no column 'group' (it has {manifest.columns}). Name in it what must never be split "
            "between training and test: the source clip, the person, the cascade. If really no two videos share "
            "a source, declare it: --params ingestion.every_video_stands_alone=true"
        )


def _row_reason() -> pl.Expr:
    label, group = pl.col("label"), pl.col("group")
    remedy = "write its source in it, or a name of its own if no other video shares one"
    return (
        pl.when(pl.col("video_path") == "")
        .then(pl.lit("no video_path in this row"))
        .when(label == "")
        .then(pl.lit("no label in this row"))
        .when(label.is_in(("true", "false")))
        .then(
            pl.format(
                "label '{}' is ambiguous (is the video true, or is it true that it is fake?): write real or fake", label
            )
        )
        .when(~label.is_in(LABELS))
        .then(pl.format("label '{}' is not used: only real and fake are", label))
        .when(pl.col("corpus") == ALL_OTHERS)
        .then(pl.lit(f"the corpus is named {ALL_OTHERS!r}, which means all corpora but one in the results: rename it"))
        .when(group == "")
        .then(pl.lit(f"the group cell is empty: {remedy}"))
        .when(group.str.to_lowercase().is_in(NO_VALUES))
        .then(pl.format(f"group '{{}}' is no group: {remedy}", group))
    )


def _warn_of_rejected(rejected: pl.DataFrame, n_rows: int, what: str) -> None:
    if len(rejected):
        logger.warning(
            "%d of %d %ss %s rejected: %s (see rejected_videos)",
            len(rejected),
            n_rows,
            what,
            "is" if len(rejected) == 1 else "are",
            some_reasons(
                (f"row {row} ({path!r})", reason)
                for row, path, reason in rejected.select("row", "video_path", "reason").iter_rows()
            ),
        )


def _warn_of_numbered_labels(labels: pl.Series) -> None:
    n_numbered = labels.is_in(list(NUMBERED_LABELS)).sum()
    if n_numbered:
        logger.warning(
            "%d rows have the label 0 or 1: 0 is read as real and 1 as fake. If the manifest means it the other way "
            "round, write real and fake",
            n_numbered,
        )


def _warn_of_similar_groups(groups: pl.Series) -> None:
    bare = pl.col("group").str.to_lowercase().str.replace_all(r"\s+", "").str.replace(r"\.0+$", "")
    names = groups.unique().sort().to_frame("group").group_by(bare.alias("bare"), maintain_order=True).all()
    similar = names.filter(pl.col("group").list.len() > 1)["group"]
    if len(similar):
        logger.warning(
            "Groups that differ only by case, spaces or a trailing .0 count as different, though they may belong "
            "together: %s%s. Write alike what is one group, or copies may be split between training and test",
            "; ".join(", ".join(map(repr, alike.head(_NAMED))) for alike in similar.head(_NAMED)),
            f" and {len(similar) - _NAMED} more" if len(similar) > _NAMED else "",
        )


def _tell_of_shared_groups(rows: pl.DataFrame) -> None:
    corpora = pl.col("corpus").unique().sort()
    shared = rows.group_by("group").agg(corpora).filter(pl.col("corpus").list.len() > 1).sort("group")
    if len(shared):
        logger.warning(
            "%d groups stand in several corpora and are never split: %s. Where a corpus is left out, its groups are "
            "left out of the others too. If groups bear the same names by chance, rename them",
            len(shared),
            _some([f"{group!r} ({', '.join(names)})" for group, names in shared.iter_rows()]),
        )


def _mark_repeated_paths(rows: pl.DataFrame) -> pl.DataFrame:
    usable = pl.col("reason").is_null()
    first = pl.col("row").filter(usable).min().over("video_path")
    labels = pl.col("label").filter(usable).n_unique().over("video_path")
    names = pl.col("group").filter(usable).unique().sort()
    n_more = names.len().cast(pl.Int64) - _NAMED
    more = pl.when(n_more > 0).then(pl.format(" and {} more", n_more)).otherwise(pl.lit(""))
    groups = pl.format("{}{}", names.head(_NAMED).str.join(", "), more).over("video_path")
    return rows.with_columns(
        reason=pl.when(usable & (labels > 1))
        .then(pl.lit("conflict: the same video is listed both as real and as fake"))
        .when(usable & (pl.col("row") > first))
        .then(pl.format("listed before, in row {} (groups: {})", first, groups))
        .otherwise(pl.col("reason"))
    )


def _mark_equal_ids(rows: pl.DataFrame) -> pl.DataFrame:
    usable = pl.col("reason").is_null()
    first = pl.col("row").filter(usable).min().over("video_id")
    return rows.with_columns(
        reason=pl.when(usable & (pl.col("row") > first))
        .then(pl.format("its id {} is that of another path, in row {}: rename this file", "video_id", first))
        .otherwise(pl.col("reason"))
    )


def _check_classes_and_groups(rows: pl.DataFrame, parameters: SvmParameters) -> None:
    usable = rows.filter(pl.col("reason").is_null())
    counts = {label: usable.filter(pl.col("label") == label).height for label in LABELS}
    if not all(counts.values()):
        seen = dict(rows["label"].value_counts(sort=True).head(_NAMED).iter_rows())
        if usable.is_empty() and len(rows):
            raise ManifestError(f"no row of the manifest can be used: {_most_frequent_reasons(rows)}")
        raise ManifestError(
            f"both classes are needed, the manifest has {counts['real']} usable rows labelled real and "
            f"{counts['fake']} labelled fake (labels seen: {seen}){_and_reasons(rows)}"
        )
    try:
        keys = ("label", "group", "corpus")
        _check_foldable(*(tuple(usable[name]) for name in keys), parameters.model_dump_json())
    except TooFewGroupsError as error:
        if parameters.outer == "leave_one_corpus_out":
            raise ManifestError(f"svm.outer is leave_one_corpus_out: {error}") from error
        raise ManifestError(
            f"the manifest has {usable['group'].n_unique()} groups, too few to cross-validate with (svm.n_folds is "
            f"{parameters.n_folds}, svm.outer {parameters.outer}): {error}"
        ) from error


@lru_cache(maxsize=1)  # half a second a thousand videos; a run asks twice: before it starts and in its first node
def _check_foldable(
    labels: tuple[str, ...], groups: tuple[str, ...], corpora: tuple[str, ...], parameters: str
) -> None:
    videos = pl.DataFrame({"label": labels, "group": groups, "corpus": corpora})
    check_foldable(videos, SvmParameters.model_validate_json(parameters))


def _and_reasons(rows: pl.DataFrame) -> str:
    reasons = _most_frequent_reasons(rows)
    return f"; the most frequent reasons not to use a row: {reasons}" if reasons else ""


def _most_frequent_reasons(rows: pl.DataFrame) -> str:
    kind = pl.col("reason").map_elements(kind_of, return_dtype=pl.String).alias("kind")
    first = pl.col("reason", "row", "video_path").first()
    reasons = rows.drop_nulls("reason").group_by(kind, maintain_order=True).agg(pl.len(), first).drop("kind")
    named = [
        f"{reason} ({count} rows, first row {row}: {path!r})"
        for count, reason, row, path in reasons.sort("len", "row", descending=[True, False]).head(3).iter_rows()
    ]
    return "; ".join(named)


def inspect_video(video: Video, limits: Limits) -> dict[str, Any]:
    """Read a video's container facts, size and content hash.

    Raises
    ------
    UnusableVideoError
        If it is no usable video or beyond a limit.
    """
    info = video.inspect(limits)
    displayed = dict(zip(("displayed_width", "displayed_height"), info.displayed_size, strict=True))
    return {"sha256": video.content_hash, "bytes": video.n_bytes} | asdict(info) | displayed


def _inspect(video: Video, limits: Limits, _: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {_FACTS: inspect_video(video, limits)}


def inspect_videos(
    checked_manifest: pl.DataFrame,
    corpus_videos: Mapping[str, Video],
    ingestion: dict[str, Any],
    execution: dict[str, Any],
) -> MeasurementBatch:
    """Ask for the inspection of every video that the manifest's check left.

    Returns
    -------
    MeasurementBatch
        A measurement for each ``video_id``, or the reason why its path leads to no file.
    """
    limits = IngestionParameters.model_validate(ingestion).limits.to_limits()
    settings = ExecutionParameters.model_validate(execution).to_execution()
    measurements, failures = {}, {}
    for video_id, path in _usable(checked_manifest).select("video_id", "video_path").iter_rows():
        video = corpus_videos[path]
        if isinstance(video, RefusedVideo):
            failures[video_id] = video.reason
            continue
        key = digest("inspect", _INSPECTION_VERSION, DECODING_VERSION, video.stamp, limits)
        measurements[video_id] = Measurement(partial(_inspect, video, limits), {_FACTS: key})
    return MeasurementBatch(measurements, settings, "inspecting videos", failures)


def _usable(checked_manifest: pl.DataFrame) -> pl.DataFrame:
    return checked_manifest.filter(pl.col("reason").is_null())


def index_videos(
    checked_manifest: pl.DataFrame, video_inspections: Outcomes[dict[str, dict[str, Any]]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the manifest's rows into usable videos and rejected ones.

    Two files of equal content and label count once, the first; with different labels they are all
    rejected, as one of the labels must be wrong. Groups that share a video, by path or by content,
    become one group: their other videos are likely copies of one another too. It is named after the first of them in
    alphabetical order; ``group_names`` lists them all, as JSON, on the group's first video, and is null on the others.

    Returns
    -------
    corpus_index, rejected_videos : DataFrame
        Every row of the manifest is in exactly one. The index is sorted by ``video_id``, the rejected
        by ``row``.

    Raises
    ------
    ManifestError
        If no video of a class is usable.
    """
    rows = []
    for row in checked_manifest.iter_rows(named=True):
        video_id = row["video_id"]
        if row["reason"] is None and video_id in video_inspections.failures:
            row["reason"] = video_inspections.failures[video_id]
        rows.append(row | (video_inspections.values[video_id][_FACTS] if row["reason"] is None else {}))
    names = _merge_groups_that_share(rows, "video_path", "sha256")
    _mark_equal_contents(rows)
    used = sorted((row for row in rows if row["reason"] is None), key=lambda row: row["video_id"])
    for row in used:
        row["group_names"] = names.pop(row["group"], None)
    index = pl.DataFrame([_pick(row, INDEX_SCHEMA) for row in used], schema=INDEX_SCHEMA)
    rejected = pl.DataFrame(
        [_pick(row, REJECTED_SCHEMA) for row in rows if row["reason"] is not None], schema=REJECTED_SCHEMA
    )
    checked = checked_manifest.filter(pl.col("reason").is_null())
    _warn_of_rejected(rejected.join(checked, on="row", how="semi"), len(checked), "video")
    lost = sorted(set(checked_manifest["corpus"]) - set(index["corpus"]))
    if lost:
        logger.warning("No video is usable of the corpora %s: rejected_videos tells why", _some(list(map(repr, lost))))
    for label in LABELS:
        if label not in index["label"]:
            raise ManifestError(f"no usable video is labelled {label}{_and_reasons(rejected)}")
    return index, rejected


def _pick(row: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in schema}


def _merge_groups_that_share(rows: list[dict[str, Any]], *facts: str) -> dict[str, str]:
    """Make groups that share a fact one, named after the first; return the names of each, as JSON."""
    grouped = [row for row in rows if _is_group(row["group"])]
    sharing: dict[tuple[str, str], list[str]] = {}
    for row in grouped:
        for fact in facts:
            if row.get(fact):
                sharing.setdefault((fact, row[fact]), []).append(row["group"])
    joined = join_groups([*([row["group"]] for row in grouped), *sharing.values()])
    for row in grouped:
        row["group"] = joined[row["group"]][0]
    return {names[0]: json.dumps(names, ensure_ascii=False) for names in joined.values()}


def _is_group(name: str) -> bool:
    return name != "" and name.lower() not in NO_VALUES


def _mark_equal_contents(rows: list[dict[str, Any]]) -> None:
    by_content: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["reason"] is None:
            by_content.setdefault(row["sha256"], []).append(row)
    for same in by_content.values():
        paths = {label: [row["video_path"] for row in same if row["label"] == label] for label in LABELS}
        if all(paths.values()):
            named = "; ".join(f"{label}: {_some(of_label)}" for label, of_label in paths.items())
            for row in same:
                row["reason"] = f"conflict: equal content with another label ({named})"
        for row in same[1:]:
            row["reason"] = row["reason"] or f"duplicate: equal content as {same[0]['video_path']}"


def _some(values: Sequence[str]) -> str:
    n_more = len(values) - _NAMED
    return ", ".join(values[:_NAMED]) + (f" and {n_more} more" if n_more > 0 else "")
