"""Nodes of ingestion, features, scaling and reporting as plain functions on videos in memory."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from conftest import REPOSITORY
from fvc_kedro.execution import Outcomes
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.thresholds import Verdicts
from fvc_kedro.parameters import LimitParameters
from fvc_kedro.pipelines.feature_engineering.nodes import average_segments, measure_features, tabulate_segments
from fvc_kedro.pipelines.ingestion import nodes as ingestion
from fvc_kedro.pipelines.measuring import failure_table
from fvc_kedro.pipelines.reporting import plots as reporting
from fvc_kedro.pipelines.scaling.nodes import (
    describe_scaled_videos,
    measure_scaled_videos,
    scale_videos,
    tabulate_scaled_features,
)
from fvc_kedro.pipelines.svm_training.nodes import GRID_SCHEMA, evaluate_folds
from fvc_kedro.video import RefusedVideo, UnusableVideoError, VideoArray, VideoFile

PARAMETERS = yaml.safe_load((REPOSITORY / "conf/base/parameters.yml").read_text())
SVM_2 = PARAMETERS["svm"] | {"n_folds": 2}
EXECUTION = PARAMETERS["execution"]
LIMITS = LimitParameters(**PARAMETERS["ingestion"]["limits"]).to_limits()


def video(seed=0, n_frames=20, height=48, width=64, rotation=0):
    pixels = np.random.default_rng(seed).integers(20, 220, (n_frames, height, width, 3), dtype=np.uint8)
    return VideoArray(pixels, rotation=rotation)


def manifest(*rows, columns=("video_path", "label", "group")):
    return pl.DataFrame(rows, schema=list(columns), orient="row")


GOOD = (("a.mp4", "real", "1"), ("b.mp4", "fake", "1"), ("c.mp4", "Real ", "2"), ("d.mp4", "FAKE", "2"))


def check(table, **changes):
    return ingestion.read_manifest(table, PARAMETERS["ingestion"] | changes)


def check_to_train(table, **changes):
    return ingestion.check_manifest(table, PARAMETERS["ingestion"], SVM_2 | changes)


def reasons(checked):
    return checked["reason"].to_list()


def test_a_good_manifest_passes():
    checked = check(manifest(*GOOD))
    assert reasons(checked) == [None] * 4
    assert checked["label"].to_list() == ["real", "fake", "real", "fake"]
    assert checked["row"].to_list() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (manifest(("a.mp4", "real"), columns=("path", "label")), r"lacks the columns \['video_path'\]"),
        (manifest(("a.mp4", "real"), columns=("video_path", "label")), "no column 'group'.*every_video_stands_alone"),
        (manifest(*GOOD[::2]), "2 usable rows labelled real and 0 labelled fake"),
        (manifest(*GOOD[:2]), "1 groups, too few to cross-validate.*at least 3 groups"),
    ],
)
def test_a_wrong_manifest_is_told_how_to_be_mended(table, message):
    with pytest.raises(ingestion.ManifestError, match=message):
        check_to_train(table)


def test_a_manifest_that_can_be_trained_on_passes_unchanged():
    rows = [(f"{label}{group}.mp4", label, f"{group}") for group in range(4) for label in ("real", "fake")]
    assert check_to_train(manifest(*rows)).equals(check(manifest(*rows)))


def test_a_class_of_one_group_is_told_before_anything_is_measured():
    rows = [(f"real{group}.mp4", "real", f"{group}") for group in range(6)] + [("fake.mp4", "fake", "x")]
    with pytest.raises(ingestion.ManifestError, match=r"7 groups, too few.*1 with fake|one class only"):
        check_to_train(manifest(*rows), outer="stratified_groups")


def test_every_video_may_be_declared_to_stand_alone():
    checked = check(manifest(*GOOD).drop("group"), every_video_stands_alone=True)
    assert checked["group"].n_unique() == 4


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("e.mp4", "parody", "1"), "label 'parody' is not used"),
        (("e.mp4", None, "1"), "no label"),
        ((None, "real", "1"), "no video_path"),
        (("e.mp4", "real", ""), "the group cell is empty"),
        (("a.mp4", "real", "9"), "listed before, in row 1 (groups: 1, 9)"),
    ],
)
def test_a_row_that_cannot_be_used_has_a_reason(row, reason):
    checked = check(manifest(*GOOD, row))
    assert reasons(checked)[:4] == [None] * 4
    assert reason in reasons(checked)[4]


def test_a_video_listed_with_both_labels_is_not_used_at_all():
    checked = check(manifest(*GOOD, ("a.mp4", "fake", "1")))
    assert reasons(checked)[0] == reasons(checked)[4] == "conflict: the same video is listed both as real and as fake"


def test_one_group_in_two_unicode_forms_is_one_group():
    names = ["caf\u00e9", "cafe\u0301", "caf\u00e9\u200b"]
    checked = check(manifest(*((f"{number}.mp4", "real", name) for number, name in enumerate(names))))
    assert checked["group"].unique().to_list() == ["caf\u00e9"]


@pytest.mark.parametrize(("limit", "value"), [("max_pixels", 3071), ("max_frames", 19), ("max_seconds", 0.79)])
def test_a_video_over_a_limit_is_told_which(limit, value):
    assert ingestion.inspect_video(video(), LIMITS)["width"] == 64
    with pytest.raises(UnusableVideoError, match=f"over a limit.*{limit}"):
        ingestion.inspect_video(video(), replace(LIMITS, **{limit: value}))


def test_failures_of_one_kind_are_told_once(caplog):
    reasons = {f"v{number}": f"missing: there is no file /{number}.mp4" for number in range(6)} | {
        "v6": "empty: 0 bytes"
    }
    index = pl.DataFrame({"video_id": sorted(reasons), "video_path": [f"{name}.mp4" for name in sorted(reasons)]})
    failure_table(index, reasons, "measured", "failed_videos")
    assert caplog.messages == [
        "7 of 7 videos could not be measured: v0.mp4, missing: there is no file /0.mp4; v6.mp4, empty: 0 bytes and 5 "
        "more (see failed_videos)"
    ]


def test_inspections_are_asked_for_usable_rows_only():
    checked = check(manifest(*GOOD, ("e.mp4", "parody", "1")))
    videos = {name: video(seed) for seed, name in enumerate(("a.mp4", "b.mp4", "c.mp4"))}
    videos["d.mp4"] = RefusedVideo("outside")
    batch = ingestion.inspect_videos(checked, videos, PARAMETERS["ingestion"], EXECUTION)
    assert len({one.keys["facts"] for one in batch.measurements.values()}) == 3
    assert batch.failures == {checked["video_id"][3]: "outside"}
    assert batch.measurements[checked["video_id"][0]].function(("facts",))["facts"]["n_frames"] == 20


def inspection(sha256):
    record = {"bytes": 9, "width": 64, "height": 48, "fps": 25.0, "n_frames": 20, "duration_s": 0.8, "bitrate": 1e5}
    record |= {"pixel_aspect_ratio": 1.0, "displayed_width": 64, "displayed_height": 48}
    record |= {"video_stream": 0, "n_video_streams": 1}
    return record | {"codec": "h264", "pixel_format": "yuv420p", "rotation": 0, "sha256": sha256}


def indexed(rows, hashes):
    checked = check(manifest(*rows))
    values = {v: {"facts": inspection(h)} for v, h in zip(checked["video_id"], hashes, strict=True) if h}
    failures = {v: "truncated" for v, h in zip(checked["video_id"], hashes, strict=True) if not h}
    return ingestion.index_videos(checked, Outcomes(values, failures))


MORE = (*GOOD, ("e.mp4", "real", "3"), ("f.mp4", "fake", "3"))


def test_equal_content_with_equal_label_counts_once(caplog):
    caplog.clear()
    index, rejected = indexed(MORE, list("pqrspt"))
    assert len(index) == 5
    assert [record.message for record in caplog.records] == [
        "1 of 6 videos is rejected: row 5 ('e.mp4'), duplicate: equal content as a.mp4 (see rejected_videos)"
    ]
    assert rejected["reason"].to_list() == ["duplicate: equal content as a.mp4"]


def test_equal_content_with_another_label_counts_not_at_all():
    index, rejected = indexed(MORE, list("pqrstp"))
    assert len(index) == 4
    assert set(rejected["reason"]) == {"conflict: equal content with another label (real: a.mp4; fake: f.mp4)"}


def test_a_reason_names_a_few_of_many():
    groups = [("same.mp4", "real", f"g{number:04}") for number in range(1000)]
    copies = [(f"{number:04}.mp4", ("real", "fake")[number % 2], "5") for number in range(1000)]
    index, rejected = indexed([*GOOD, *groups, *copies], [*"pqrs", *"t" * 1000, *"u" * 1000])
    assert len(index) == 5
    assert rejected["reason"].unique().sort().to_list() == [
        "conflict: equal content with another label (real: 0000.mp4, 0002.mp4, 0004.mp4, 0006.mp4, 0008.mp4 and 495 "
        "more; fake: 0001.mp4, 0003.mp4, 0005.mp4, 0007.mp4, 0009.mp4 and 495 more)",
        "listed before, in row 5 (groups: g0000, g0001, g0002, g0003, g0004 and 995 more)",
    ]


def test_groups_that_share_a_video_become_one():
    rows = (*MORE, ("a.mp4", "real", "2"), ("g.mp4", "fake", "4"), ("h.mp4", "real", "5"))
    index, rejected = indexed(rows, [*"pqrst", "u", "v", "u", "w"])
    groups = dict(index.select("video_path", "group").iter_rows())
    assert groups == {
        "a.mp4": "1",
        "b.mp4": "1",
        "c.mp4": "1",
        "d.mp4": "1",
        "e.mp4": "3",
        "f.mp4": "3",
        "h.mp4": "5",
    }
    assert names_of(index) == {"1": ["1", "2"], "3": ["3", "4"], "5": ["5"]}
    assert len(rejected) == 2


def names_of(index):
    """Names of each group, which only its first video bears."""
    first = index.unique("group", keep="first", maintain_order=True)
    assert index["group_names"].is_not_null().sum() == len(first)
    return {group: json.loads(names) for group, names in first.select("group", "group_names").iter_rows()}


def test_groups_that_share_videos_in_a_chain_become_one():
    links = [(f"v{number}.mp4", "real", f"g{(number + 1) // 2:02}") for number in range(40)]
    index, _ = indexed([*GOOD, *links], [*"pqrs", *(f"c{number // 2}" for number in range(40))])
    assert names_of(index) == {"1": ["1"], "2": ["2"], "g00": [f"g{number:02}" for number in range(21)]}


def test_what_is_no_group_joins_no_groups():
    rows = [("a.mp4", "real", "nan"), ("e.mp4", "real", "nan"), ("e.mp4", "real", "3")]
    index, _ = indexed([*GOOD, *rows], [*"pqrsptt"])
    assert names_of(index) == {"1": ["1"], "2": ["2"], "3": ["3"]}


def test_names_of_groups_are_never_taken_apart_or_put_together():
    rows = (*GOOD, ("e.mp4", "real", "1+2"), ("f.mp4", "fake", "C++"), ("g.mp4", "fake", "C"))
    index, _ = indexed(rows, [*"pqrstuv"])
    assert names_of(index) == {name: [name] for name in ("1", "1+2", "2", "C", "C++")}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["t.mp4", "u.mp4", "v.mp4", "w.mp4"]),
            st.sampled_from(["real", "fake"]),
            st.sampled_from(["1", "2", "3", "4", "1+2", "C", "C++"]),
            st.sampled_from(["h1", "h2", "h3", "h4"]),
        ),
        max_size=8,
    )
)
def test_no_group_shares_a_video_or_a_name_with_another(extra):
    rows = [*GOOD, *(row[:3] for row in extra)]
    index, rejected = indexed(rows, [*"pqrs", *(row[3] for row in extra)])
    groups = pl.concat(table.select("video_path", "group") for table in (index, rejected)).group_by("video_path")
    assert groups.agg(pl.col("group").n_unique())["group"].max() == 1
    groups = names_of(index)
    assert all(names[0] == group for group, names in groups.items())
    every_name = [name for names in groups.values() for name in names]
    assert len(set(every_name)) == len(every_name)
    first_group = {path: group for path, _, group in reversed(rows)}
    for path, group in index.select("video_path", "group").iter_rows():
        assert first_group[path] in groups[group]
        assert groups[group] == sorted(groups[group])


def test_failures_keep_their_reason_and_tables_their_schema():
    index, rejected = indexed(MORE, ["p", "q", "r", "s", "t", ""])
    assert rejected.row(0) == (6, "f.mp4", "fake", "3", "unnamed", "truncated")
    assert dict(index.schema) == ingestion.INDEX_SCHEMA
    assert dict(rejected.schema) == ingestion.REJECTED_SCHEMA
    assert index["video_id"].is_sorted()


def in_corpora(*corpora):
    return manifest(*MORE).with_columns(corpus=pl.Series(corpora))


def test_a_corpus_of_which_nothing_is_usable_is_named(caplog):
    checked = check(in_corpora(*"aaaaab"))
    values = {v: {"facts": inspection(v)} for v in checked["video_id"][:5]}
    index, _ = ingestion.index_videos(checked, Outcomes(values, {checked["video_id"][5]: "truncated"}))
    assert index["corpus"].unique().to_list() == ["a"]
    assert "No video is usable of the corpora 'b'" in caplog.text


def test_no_corpus_may_be_named_like_all_others():
    assert "which means all corpora but one" in check(in_corpora(*"aaaaa", "all others"))["reason"][5]


def test_a_corpus_without_any_group_stops_with_the_reason():
    """As another corpus may be, whose rows are not counted before."""
    with pytest.raises(ingestion.ManifestError, match=r"no usable video .* the group cell is empty: .* \(2 rows"):
        indexed([("a.mp4", "real", ""), ("b.mp4", "fake", "")], ["", ""])


def test_a_corpus_without_a_usable_video_of_a_class_stops():
    with pytest.raises(ingestion.ManifestError, match="no usable video is labelled fake"):
        indexed(GOOD, ["p", "", "r", ""])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["u.mp4", "v.mp4", "w.mp4", ""]),
            st.sampled_from(["real", "fake", "parody", ""]),
            st.sampled_from(["1", "2", ""]),
            st.sampled_from(["h1", "h2", ""]),
        ),
        max_size=8,
    )
)
def test_every_row_is_in_exactly_one_table(extra):
    rows = [*GOOD, *(row[:3] for row in extra)]
    index, rejected = indexed(rows, [*"pqrs", *(row[3] for row in extra)])
    assert len(index) + len(rejected) == len(rows)
    assert index["video_id"].n_unique() == len(index)
    assert rejected["reason"].null_count() == 0
    assert index["sha256"].n_unique() == len(index)


def index_of(videos):
    rows = [
        {"row": number, "platform": "", "subset": "", "manipulation": "", "reason": None, "bytes": 1}
        | {"video_id": f"v{number}", "video_path": path, "label": ("real", "fake")[number % 2], "group": str(number)}
        | {"corpus": "one"}
        | {"group_names": json.dumps([str(number)]), "sha256": clip.content_hash}
        | {name: getattr(clip.info, name) for name in clip.info.__slots__}
        | dict(zip(("displayed_width", "displayed_height"), clip.info.displayed_size, strict=True))
        for number, (path, clip) in enumerate(videos.items())
    ]
    return pl.DataFrame([{name: row[name] for name in ingestion.INDEX_SCHEMA} for row in rows])


def test_features_are_tabulated_as_measured_and_failures_named(caplog):
    videos = {"a.mp4": video(1), "b.mp4": video(2), "c.mp4": video(3)}
    index = index_of(videos)
    parameters = PARAMETERS["features"] | {"families": ["classic", "chroma"], "segment_s": 0.3}
    batch = measure_features(index, videos, parameters, EXECUTION)
    values = {name: one.function(("classic", "chroma")) for name, one in batch.measurements.items() if name != "v1"}
    table, failed = tabulate_segments(index, Outcomes(values, {"v1": "hung"}), parameters)
    assert table.select("video_id", "segment").rows() == [(v, s) for v in ("v0", "v2") for s in range(3)]
    np.testing.assert_allclose(table["end_s"], np.tile([0.8 / 3, 1.6 / 3, 0.8], 2))
    assert table.columns == [
        *("video_id", "label", "group", "corpus", "segment", "start_s", "end_s"),
        *feature_names(["classic", "chroma"]),
    ]
    expected = [value for name in ("v0", "v2") for value in values[name]["classic"]["noise_mean"]]
    assert table["noise_mean"].to_list() == expected
    assert failed.rows() == [("v1", "b.mp4", "hung")]
    assert caplog.messages == ["1 of 3 videos could not be measured: b.mp4, hung (see failed_videos)"]
    averaged = average_segments(table)
    assert averaged.columns == ["video_id", "label", "group", "corpus", *feature_names(["classic", "chroma"])]
    np.testing.assert_allclose(averaged["noise_mean"], [np.mean(expected[:3]), np.mean(expected[3:])])


def test_a_feature_that_a_segment_lacks_is_averaged_over_the_others():
    table = pl.DataFrame(
        {
            "video_id": ["a", "a", "b"],
            "label": ["real"] * 3,
            "group": ["g"] * 3,
            "corpus": ["c"] * 3,
            "segment": [0, 1, 0],
        }
        | {"start_s": [0.0, 3.0, 0.0], "end_s": [3.0, 6.0, 3.0], "f": [None, 4.0, None]},
        schema_overrides={"f": pl.Float64},
    )
    assert average_segments(table).rows() == [("a", "real", "g", "c", 4.0), ("b", "real", "g", "c", None)]


def test_a_file_that_changed_after_ingestion_is_not_measured_under_its_old_hash():
    videos = {"a.mp4": video(1), "b.mp4": video(2)}
    index = index_of(videos)
    batch = measure_features(index, {"a.mp4": video(1), "b.mp4": video(9)}, PARAMETERS["features"], EXECUTION)
    batch.measurements["v0"].function(("classic",))
    with pytest.raises(UnusableVideoError, match="changed since ingestion"):
        batch.measurements["v1"].function(("classic",))


def test_a_file_that_changed_after_ingestion_is_not_scaled(tmp_path):
    videos = {"a.mp4": video(1), "b.mp4": video(2)}
    batch = scale_videos(index_of(videos), videos | {"b.mp4": video(9)}, PARAMETERS["scaling"], EXECUTION)
    with pytest.raises(UnusableVideoError, match="changed since ingestion"):
        batch.recipes["v1"].write(tmp_path / "copy.mp4")


def test_measurements_are_keyed_by_content_and_settings():
    videos = {"a.mp4": video(1), "b.mp4": video(1), "c.mp4": video(3)}
    batch = measure_features(index_of(videos), videos, PARAMETERS["features"], EXECUTION)
    keys = [one.keys["classic"] for one in batch.measurements.values()]
    assert keys[0] == keys[1] != keys[2]
    fewer = measure_features(index_of(videos), videos, PARAMETERS["features"] | {"num_frames": 3}, EXECUTION)
    assert fewer.measurements["v0"].keys["classic"] != keys[0]


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    """Index, copies and geometry of a wide and a tall video."""
    folder = tmp_path_factory.mktemp("copies")
    videos = {"a.mp4": video(1), "b.mp4": video(2, rotation=90)}
    index = index_of(videos)
    batch = scale_videos(index, videos, PARAMETERS["scaling"], EXECUTION)
    copies = {}
    for name, recipe in batch.recipes.items():
        recipe.write(folder / f"{name}.mp4")
        copies[name] = VideoFile(folder / f"{name}.mp4")
    return index, Outcomes(copies), describe_scaled_videos(index, Outcomes(copies), PARAMETERS["scaling"])


def measure_copies(scaled, **changes):
    index, copies, metadata = scaled
    batch = measure_scaled_videos(metadata, copies, PARAMETERS["scaling"], PARAMETERS["svm"] | changes, EXECUTION)
    values = {name: one.function(tuple(one.keys)) for name, one in batch.measurements.items()}
    return tabulate_scaled_features(index, metadata, copies, Outcomes(values))


def test_scaled_copies_are_not_measured_by_default(scaled):
    table, failed = measure_copies(scaled)
    assert table.is_empty()
    assert failed.is_empty()


@pytest.mark.parametrize("feature_sets", [["scaled"], ["original", "scaled"]])
def test_scaled_copies_are_measured_where_they_are_used(scaled, feature_sets):
    table, failed = measure_copies(scaled, feature_sets=feature_sets)
    assert table["video_id"].to_list() == ["v0", "v1"]
    assert failed.is_empty()
    features = feature_names(["classic", "scaled_copy"])
    assert table.columns == [
        *("video_id", "label", "group", "corpus"),
        *(f"scaled_{name}" for name in features),
        "scaled_scale_factor",
    ]
    assert table["scaled_scale_factor"].to_list() == [4, 4]
    assert table.select(pl.col("^scaled_.*$").is_finite()).row(0).count(True) > 15
    assert table.schema == measure_copies(scaled)[0].schema  # nothing measured, and still the same columns


def test_scaled_copies_and_their_geometry(scaled):
    _, outcomes, table = scaled
    copies = outcomes.values
    wide, tall = table.iter_rows(named=True)
    assert (wide["content_width"], wide["content_height"]) == (256, 192)
    assert (tall["content_width"], tall["content_height"]) == (192, 256)
    for row in (wide, tall):
        assert row["padding_left"] + row["content_width"] + row["padding_right"] == 256
        assert row["padding_top"] + row["content_height"] + row["padding_bottom"] == 256
        assert row["scale_factor"] == 4
        assert row["n_frames"] == 20
    for name, row in zip(("v0", "v1"), (wide, tall), strict=True):
        luma = next(copies[name].frames()).luma
        assert luma.shape == (256, 256)
        x, y = row["content_x"], row["content_y"]
        inside = luma[y : y + row["content_height"], x : x + row["content_width"]]
        assert inside.std() > 10
        assert abs(int(luma[1, 1]) - 16) <= 1 or (x == 0 and y == 0)


def predictions():
    generator = np.random.default_rng(0)
    probability = generator.uniform(size=12)
    return pl.DataFrame(
        {
            "video_id": [f"v{number:02d}" for number in range(12)],
            "label": ["real", "fake"] * 4 + ["fake"] * 4,
            "group": [str(number // 2) for number in range(12)],
            "corpus": ["one"] * 12,
            "repeat": [1] * 12,
            "fold": [1] * 4 + [2] * 4 + [3] * 4,
            "margin": probability - 0.5,
            "probability": probability,
            "predicted": np.where(probability >= 0.5, "fake", "real"),
        }
    )


def test_plots_are_drawn_also_where_a_fold_has_one_class():
    points = [("linear", 1.0, 0.51, True), ("rbf", 1.0, 0.52, False)]
    rows = [(1, fold, kernel, c, score, 0.1, chosen, 12) for fold in (1, 2, 3) for kernel, c, score, chosen in points]
    grid = pl.DataFrame(rows, schema=GRID_SCHEMA, orient="row")
    _, cv_metrics = evaluate_folds(predictions(), grid)
    assert cv_metrics["test_roc_auc"].null_count() == 1
    videos = {f"{number}.mp4": video(number) for number in range(12)}
    index = index_of(videos).with_columns(video_id=predictions()["video_id"])
    detector = SimpleNamespace(verdicts_=Verdicts(0.2, float("inf"), 0.1, 0.1, 0.0, 0.0))
    figures = [
        reporting.plot_confusion_matrix(predictions()),
        reporting.plot_roc(predictions()),
        reporting.plot_precision_recall(predictions()),
        reporting.plot_reliability(predictions()),
        reporting.plot_scores(predictions(), detector),
        reporting.plot_fold_comparison(cv_metrics),
        reporting.plot_grid(grid),
        reporting.plot_verdicts(predictions(), index, videos, PARAMETERS["reporting"] | {"n_thumbnails": 5}),
    ]
    assert all(isinstance(figure, Figure) for figure in figures)
    assert len(figures[-1].axes) == 5
    ticks = [label.get_text() for label in figures[-3].axes[0].get_xticklabels()]
    assert ticks == [f"{fold}\nlinear\n1" for fold in (1, 2, 3)]
    cells = [text.get_text() for text in figures[-2].axes[0].texts]
    assert sorted(cells) == ["0.510\nchosen 3 times", "0.520\nchosen 0 times"]


def test_the_search_of_the_final_detector_is_not_counted_among_those_of_the_folds():
    rows = [(1, 1, "linear", 1.0, 0.6, 0.1, True, 12), (None, None, "linear", 1.0, 0.9, 0.1, True, 12)]
    figure = reporting.plot_grid(pl.DataFrame(rows, schema=GRID_SCHEMA, orient="row"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.600\nchosen 1 times"]


@pytest.mark.parametrize(("rotation", "shape", "aspect"), [(0, (48, 64), 45 / 64), (90, (64, 48), 64 / 45)])
def test_thumbnails_are_turned_and_as_wide_as_players_show_them(rotation, shape, aspect):
    videos = {f"{number}.mp4": video(number) for number in range(12)}
    facts = {"rotation": pl.lit(rotation), "pixel_aspect_ratio": pl.lit(64 / 45)}
    index = index_of(videos).with_columns(video_id=predictions()["video_id"], **facts)
    figure = reporting.plot_verdicts(predictions(), index, videos, PARAMETERS["reporting"])
    for axes in figure.axes:
        assert axes.images[0].get_array().shape[:2] == shape
        assert axes.get_aspect() == pytest.approx(aspect)


class DamagedVideo:
    """A video that lacks its second half."""

    def __init__(self, whole):
        self._whole = whole

    def frames(self, indices=None):
        wanted = list(range(20) if indices is None else indices)
        yield from self._whole.frames([index for index in wanted if index < 10])
        if min(wanted) >= 10:
            raise UnusableVideoError("damaged")


def test_a_thumbnail_of_a_damaged_video_is_of_a_whole_frame():
    videos = {f"{number}.mp4": video(number) for number in range(12)}
    index = index_of(videos).with_columns(video_id=predictions()["video_id"])
    damaged = {name: DamagedVideo(one) for name, one in videos.items()}
    figure = reporting.plot_verdicts(predictions(), index, damaged, PARAMETERS["reporting"])
    assert all(len(axes.images) == 1 for axes in figure.axes)
