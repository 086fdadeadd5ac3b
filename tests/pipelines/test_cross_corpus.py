"""The trained detector on a corpus it does not know, and on one it does."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from conftest import make_tiny_corpus
from evaluations import COLUMNS, EVALUATION, PARAMETERS, SVM, index_of, key_table, segments_of, training_of, untrained
from fvc_kedro.forensics import feature_names
from fvc_kedro.learning.alignment import NotAlignableError
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.learning.thresholds import Verdicts
from fvc_kedro.parameters import SvmParameters
from fvc_kedro.pipelines.cross_corpus.nodes import (
    METRIC_SCHEMA,
    PREDICTION_SCHEMA,
    alignment_warnings,
    evaluate_other_corpus,
    judge_other_corpus,
    plot_other_roc,
)
from fvc_kedro.pipelines.cross_corpus.report import write_other_report
from fvc_kedro.pipelines.training_rows import TrainingDataError, rows_of
from fvc_kedro.results import Results

KEYS = key_table(8)
SEGMENTS = segments_of(KEYS, separation=1.0)
OTHER = key_table(6).with_columns(video_id="o" + pl.col("video_id"), group="o" + pl.col("group"))
OTHER_SEGMENTS = segments_of(OTHER, separation=1.0, seed=9)


def make_detector(verdicts=None):
    table = training_of(SEGMENTS)
    rows = rows_of(table, COLUMNS)
    fitted = untrained(table).fit(rows.features, rows.y, rows.groups, rows.videos)
    fitted.verdicts_ = verdicts
    return fitted


@pytest.fixture(scope="module")
def detector():
    return make_detector(Verdicts(0.3, 0.7, 0.05, 0.05, 0.0, 0.0))


def judged(
    detector,
    other=OTHER,
    segments=OTHER_SEGMENTS,
    index=None,
    trained_index=None,
    table=None,
    unit="segment",
    **cross_corpus,
):
    return judge_other_corpus(
        segments,
        index_of(other) if index is None else index,
        index_of(KEYS) if trained_index is None else trained_index,
        training_of(SEGMENTS) if table is None else table,
        detector,
        unit,
        PARAMETERS["cross_corpus"] | cross_corpus,
    )


def named(keys, names_of_group):
    """An index whose groups bear the given names, each on its first video."""
    groups = keys["group"].to_list()
    names = [
        json.dumps(names_of_group.get(group, [group])) if groups.index(group) == number else None
        for number, group in enumerate(groups)
    ]
    return index_of(keys, group_names=names)


def known_groups(predictions):
    return predictions.filter("in_training")["group"].unique().sort().to_list()


def figures(predictions, alignment="none"):
    found = evaluate_other_corpus(predictions, EVALUATION).filter(alignment=alignment)
    return dict(found.select("metric", "value").rows())


def page_of(predictions):
    return write_other_report(predictions, evaluate_other_corpus(predictions, EVALUATION), b"picture")


def test_every_video_of_another_corpus_is_judged(detector):
    found = judged(detector)
    assert found.columns == [*PREDICTION_SCHEMA, "stream", "colour"]
    assert found.select("video_id", "label", "group", "corpus").equals(OTHER)
    assert not found["in_training"].any()
    verdicts = detector.verdicts_(found["probability"].to_numpy())
    assert found["verdict"].to_list() == verdicts.tolist()
    assert {"authentic", "tampered"} <= set(verdicts)
    np.testing.assert_allclose(found["margin"], found["stream"] + found["colour"])
    metrics = evaluate_other_corpus(found, EVALUATION)
    assert dict(metrics.schema) == METRIC_SCHEMA
    shares = ["fakes_called_fake", "reals_called_fake"]
    assert metrics["metric"].to_list() == [*METRICS, *shares, "n_videos", "n_groups", "n_left_out"]
    assert set(metrics["alignment"]) == {"none"}
    value, low, high = metrics.select("value", "low", "high").row(0)
    assert value > 0.95
    assert low <= value <= high
    assert figures(found)["n_videos"] == 24
    assert figures(found)["n_left_out"] == 0
    assert isinstance(plot_other_roc(found), Figure)


def test_a_shared_group_is_left_out_and_counted(detector, caplog):
    other = OTHER.with_columns(group=pl.when(pl.col("group") == "og00").then(pl.lit("g03")).otherwise(pl.col("group")))
    found = judged(detector, other, segments_of(other, separation=1.0, seed=9))
    assert known_groups(found) == ["g03"]
    assert len(found) == 24
    numbers = figures(found)
    assert (numbers["n_videos"], numbers["n_groups"], numbers["n_left_out"]) == (20, 5, 4)
    assert "4 videos share a group or their content" in caplog.text


def test_wrong_videos_of_a_shared_group_change_no_figure(detector):
    found = judged(detector)
    turned = pl.when(pl.col("group") == "og00").then(1 - pl.col("probability")).otherwise(pl.col("probability"))
    known = found.with_columns(in_training=pl.col("group") == "og00")
    assert figures(known) == figures(known.with_columns(probability=turned))


def test_a_video_of_equal_content_takes_its_group_along(detector):
    """As in ingestion: the other videos of its group are likely copies of it."""
    index = index_of(OTHER, sha256=["v005", *OTHER["video_id"].to_list()[1:]])
    found = judged(detector, index=index)
    assert known_groups(found) == ["og00"]
    assert figures(found)["n_left_out"] == 4


def test_a_group_is_known_though_ingestion_joined_it_with_another(detector):
    """Groups that share a video are one in the index, which lists the names of them all."""
    found = judged(detector, trained_index=named(KEYS, {"g00": ["g00", "og02"]}))
    assert known_groups(found) == ["og02"]
    found = judged(detector, index=named(OTHER, {"og04": ["g07", "og04"]}))
    assert known_groups(found) == ["og04"]


def test_a_group_is_known_though_the_video_that_bears_its_names_was_not_measured(detector):
    first = pl.col("video_id").is_in(KEYS.unique("group", keep="first")["video_id"].to_list())
    names = {"trained_index": named(KEYS, {"g00": ["g00", "og02"]}), "index": named(OTHER, {"og04": ["g07", "og04"]})}
    table = training_of(SEGMENTS.filter(~first))
    other_first = pl.col("video_id").is_in(OTHER.unique("group", keep="first")["video_id"].to_list())
    found = judged(detector, segments=OTHER_SEGMENTS.filter(~other_first), table=table, **names)
    assert known_groups(found) == ["og02", "og04"]


@pytest.mark.parametrize(
    ("trained", "other", "known"),
    [
        ("a+b", "a", False),
        ("a", "a+b", False),
        ("a+b", "a+b", True),
        ("C++", "C", False),
        ("C", "C++", False),
        ("C++", "C++", True),
        ("clip 1", "clip 10", False),
        ("C", "c", False),
    ],
)
def test_a_group_is_known_by_its_whole_name(detector, trained, other, known):
    found = judged(detector, index=named(OTHER, {"og00": [other]}), trained_index=named(KEYS, {"g00": [trained]}))
    assert known_groups(found) == (["og00"] if known else [])


NAMES = st.lists(st.text("aC+", min_size=1, max_size=3), min_size=1, max_size=2)


@settings(max_examples=40, deadline=None)
@given(st.lists(NAMES, min_size=8, max_size=8), st.lists(NAMES, min_size=6, max_size=6))
def test_groups_are_known_by_the_lists_of_their_names(detector, trained_names, other_names):
    trained = dict(zip(KEYS["group"].unique().sort(), trained_names, strict=True))
    other = dict(zip(OTHER["group"].unique().sort(), other_names, strict=True))
    found = judged(detector, index=named(OTHER, other), trained_index=named(KEYS, trained))
    every_name = {name for names in trained_names for name in names}
    assert known_groups(found) == [group for group, names in other.items() if every_name & set(names)]


def test_videos_of_the_training_corpus_that_were_not_trained_on_are_unknown(detector):
    """They were rejected or could not be measured, so nothing of them was learnt."""
    more = pl.concat([KEYS, KEYS.head(1).with_columns(video_id=pl.lit("vx"), group=pl.lit("og01"))])
    assert not judged(detector, trained_index=index_of(more))["in_training"].any()


@pytest.mark.parametrize(("left", "counts"), [("real", "12 real and 0 fake"), ("fake", "0 real and 12 fake")])
def test_one_class_is_an_error_that_counts(detector, left, counts):
    found = judged(detector).with_columns(in_training=pl.col("label") != left)
    with pytest.raises(TrainingDataError, match=f"of the 24 videos judged, 12 share a group.* {counts} ones"):
        evaluate_other_corpus(found, EVALUATION)


def test_features_that_were_not_measured_are_an_error_with_a_remedy(detector):
    with pytest.raises(TrainingDataError, match=r"2 features .*chroma.*svm.feature_sets=\[original\]"):
        judged(detector, segments=OTHER_SEGMENTS.drop(COLUMNS[-2:]))


def test_a_corpus_that_could_not_be_measured_is_an_error(detector):
    with pytest.raises(TrainingDataError, match="rejected_videos and failed_videos in the folder other_corpus"):
        judged(detector, segments=OTHER_SEGMENTS.clear())


def test_the_unit_is_that_of_the_training(detector):
    by_video, by_segment = judged(detector, unit="video"), judged(detector)
    assert by_video["video_id"].to_list() == by_segment["video_id"].to_list()
    assert not by_video["margin"].equals(by_segment["margin"])  # extreme values are cut after or before the mean
    np.testing.assert_allclose(by_video["margin"], by_segment["margin"], atol=0.02)


def test_a_detector_without_thresholds_gives_no_verdict():
    assert set(judged(make_detector())["verdict"]) == {"inconclusive"}


def test_an_expert_that_abstains_has_no_evidence(detector):
    first = pl.col("video_id") == "ov000"
    silent = OTHER_SEGMENTS.with_columns(pl.when(~first).then(pl.col(feature_names(["bitstream"]))))
    found = judged(detector, segments=silent)
    assert found.filter(pl.col("stream").is_null())["video_id"].to_list() == ["ov000"]
    assert found["margin"][0] == pytest.approx(found["colour"][0])


@pytest.mark.parametrize("name", PREDICTION_SCHEMA)
def test_no_expert_may_be_named_as_a_column_of_the_predictions(name):
    with pytest.raises(ValueError, match=f"may not be named '{name}'"):
        SvmParameters.model_validate(SVM | {"experts": {name: ["chroma"]}})


# Aligned to the batch

# As if measured on other encoders; both corpora have two equal segments a video.
SHIFTED = OTHER_SEGMENTS.with_columns(pl.col(COLUMNS) * 0.7 + 1.5)
ALIGNED = ["aligned_margin", "aligned_probability", "aligned_verdict", "alignment_warning"]


def test_without_alignment_nothing_is_said_of_it(detector):
    found = judged(detector)
    assert all(found[name].null_count() == len(found) for name in ALIGNED)
    page = page_of(found)
    assert "aligned" not in page.replace("cross_corpus.alignment=coral</code> scores a second time, aligned", "")


def test_both_scores_stand_side_by_side(detector, caplog):
    plain, found = judged(detector, segments=SHIFTED), judged(detector, segments=SHIFTED, alignment="coral")
    assert found.drop(ALIGNED).equals(plain.drop(ALIGNED))
    batch = SHIFTED["video_id"].to_numpy().astype(str)
    wanted = detector.aligned_to(SHIFTED, batch).score_videos(SHIFTED, batch)
    np.testing.assert_allclose(found["aligned_margin"], wanted["margin"])
    np.testing.assert_allclose(found["aligned_probability"], wanted["probability"])
    assert found["aligned_verdict"].to_list() == detector.verdicts_(wanted["probability"].to_numpy()).tolist()
    with caplog.at_level("INFO"):
        metrics = evaluate_other_corpus(found, EVALUATION)
    assert "detector as it is: " in caplog.text
    assert "detector aligned to the batch (coral): " in caplog.text
    both = metrics.filter(metric="reals_called_fake")
    assert both["alignment"].to_list() == ["none", "coral"]
    assert both["value"][0] > both["value"][1] + 0.3
    row = metrics.row(by_predicate=(pl.col("metric") == "roc_auc") & (pl.col("alignment") == "coral"), named=True)
    assert row["difference"] == pytest.approx(row["value"] - figures(plain)["roc_auc"])
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]
    assert len(plot_other_roc(found).axes[0].lines) == 3


def test_the_shares_called_fake_are_those_of_the_probabilities(detector):
    found = judged(detector, segments=SHIFTED)
    for label in ("fake", "real"):
        called = (found.filter(label=label)["probability"] >= 0.5).mean()
        assert figures(found)[f"{label}s_called_fake"] == pytest.approx(called)


def test_labels_play_no_part_in_alignment(detector):
    turned = OTHER.with_columns(label=pl.when(pl.col("label") == "real").then(pl.lit("fake")).otherwise(pl.lit("real")))
    segments = SHIFTED.drop("label").join(turned.select("video_id", "label"), on="video_id", maintain_order="left")
    found = [
        judged(detector, *corpus, alignment="coral", few_groups=7) for corpus in ((OTHER, SHIFTED), (turned, segments))
    ]
    assert (found[0]["label"] != found[1]["label"]).all()
    assert found[0].drop("label").equals(found[1].drop("label"))


def of_two(other=OTHER):
    """A corpus of eight groups and one of six, whose features are shifted to opposite sides."""
    keys = key_table(8).with_columns(
        video_id="p" + pl.col("video_id"), group="p" + pl.col("group"), corpus=pl.lit("two")
    )
    parts = [segments_of(part, separation=1.0, seed=9) for part in (other, keys)]
    shifted = [part.with_columns(pl.col(COLUMNS) + by) for part, by in zip(parts, (2, -2), strict=True)]
    return [other, keys], shifted


def test_each_of_several_corpora_is_aligned_by_itself(detector):
    keys, segments = of_two()
    found = judged(detector, pl.concat(keys), pl.concat(segments), alignment="coral", few_groups=1)
    for own, parts in zip(keys, segments, strict=True):
        alone = judged(detector, own, parts, alignment="coral", few_groups=1)
        assert found.join(own, on="video_id", how="semi").equals(alone)
    numbers = {alignment: figures(found, alignment) for alignment in ("none", "coral")}
    assert numbers["coral"]["roc_auc"] > numbers["none"]["roc_auc"] + 0.2
    for name in ("one", "two"):
        shares = found.filter(corpus=name).group_by("label").agg((pl.col("aligned_probability") >= 0.5).mean())
        called = dict(shares.rows())
        assert called["fake"] > called["real"] + 0.5


def test_warnings_name_the_corpus_where_there_are_several(detector):
    keys, segments = of_two()
    found = judged(detector, pl.concat(keys), pl.concat(segments), alignment="coral", few_groups=7)
    (few,) = [text for text in alignment_warnings(found) if "groups" in text]
    assert few.startswith("corpus one: the batch has 6 groups")
    assert few in page_of(found)
    of_one_class = found.with_columns(
        label=pl.when(pl.col("corpus") == "two").then(pl.lit("fake")).otherwise(pl.col("label"))
    )
    (rare,) = [text for text in alignment_warnings(of_one_class) if "labelled" in text]
    assert rare.startswith("corpus two: 100% of the batch are labelled fake")


def test_a_corpus_of_known_groups_alone_is_scored_and_not_warned_of(detector):
    keys, segments = of_two()
    groups = {group: [group, f"g0{number}"] for number, group in enumerate(keys[0]["group"].unique().sort())}
    found = judged(
        detector, pl.concat(keys), pl.concat(segments), named(pl.concat(keys), groups), alignment="coral", few_groups=9
    )
    known = found.filter(corpus="one")
    assert known["in_training"].all()
    assert known["aligned_margin"].equals(known["margin"].alias("aligned_margin"))
    assert all("8 groups" in text or "evidence" in text for text in alignment_warnings(found))


def test_videos_of_known_groups_are_not_aligned_to_but_scored(detector):
    first = pl.col("group") == "og00"
    far = SHIFTED.with_columns(pl.when(first).then(pl.col(name) + 9).otherwise(pl.col(name)) for name in COLUMNS)
    known = named(KEYS, {"g00": ["g00", "og00"]})
    found, other = (
        judged(detector, segments=segments, trained_index=known, alignment="coral") for segments in (SHIFTED, far)
    )
    assert found.filter(~first).equals(other.filter(~first))
    assert other.filter(first)["aligned_margin"].is_finite().all()


def test_few_groups_are_warned_of_with_number_and_remedy(detector, caplog):
    found = judged(detector, alignment="coral", few_groups=7)
    text = "the batch has 6 groups, fewer than cross_corpus.few_groups, 7"
    assert set(found["alignment_warning"]) == {alignment_warnings(found)[0]}
    assert text in found["alignment_warning"][0]
    assert "align more videos of the same origin" in found["alignment_warning"][0]
    assert text in page_of(found)
    assert text in caplog.text
    assert alignment_warnings(judged(detector, alignment="coral", few_groups=6)) == []


@pytest.mark.parametrize(("label", "rare"), [("real", "fake"), ("fake", "real")])
def test_a_batch_that_looks_like_one_class_is_warned_of(detector, label, rare):
    others = OTHER.filter(pl.col("label") == label)
    segments = OTHER_SEGMENTS.filter(pl.col("label") == label)
    found = judged(detector, others, segments, alignment="coral", few_groups=1)
    assert f"holds hardly any {rare} video" in found["alignment_warning"][0]
    # Half of a batch of one class is moved across the threshold.
    assert 0.2 < (found["aligned_margin"] > 0).mean() < 0.8


def test_a_rare_class_among_the_labels_is_warned_of(detector):
    found = judged(detector, alignment="coral", few_groups=1)
    most = found.with_columns(
        label=pl.when(pl.col("video_id") == "ov000").then(pl.lit("real")).otherwise(pl.lit("fake"))
    )
    assert alignment_warnings(found) == []
    assert "96% of the batch are labelled fake" in alignment_warnings(most)[0]
    assert "add real videos" in page_of(most)
    assert alignment_warnings(most.with_columns(aligned_margin=pl.lit(None, pl.Float64))) == []


def test_the_page_shows_both_scores_with_intervals_and_verdicts(detector):
    found = judged(detector, segments=SHIFTED, alignment="coral")
    page = page_of(found)
    value = f"{figures(found, 'coral')['roc_auc']:.3f} <small>("
    assert value in page
    assert "data:image/png;base64,cGljdHVyZQ==" in page
    assert "http" not in page.replace("http-equiv", "")
    for column, name in (("verdict", "as it is"), ("aligned_verdict", "aligned")):
        for label in ("real", "fake"):
            counts = [
                found.filter(pl.col("label") == label, pl.col(column) == verdict).height
                for verdict in ("authentic", "inconclusive", "tampered")
            ]
            cells = "".join(f"<td>{count}</td>" for count in counts)
            assert f"<tr><td>{name}</td><td>{label}</td>{cells}</tr>" in page


def test_a_detector_trained_before_alignment_is_an_error_with_a_remedy():
    old = make_detector()
    del old.moments_
    assert judged(old)["aligned_margin"].null_count() == 24
    with pytest.raises(NotAlignableError, match="kedro run --pipelines svm_training"):
        judged(old, alignment="coral")


def results(root, name):
    return pl.read_parquet(root / f"other_corpus/{name}.parquet")


@pytest.fixture(scope="module")
def trained(tiny_run, tmp_path_factory):
    """What a later run finds: the results of the one before, in a folder of their own."""
    folder = tmp_path_factory.mktemp("trained") / "out"
    shutil.copytree(tiny_run["data_root"], folder)
    return tiny_run | {"data_root": str(folder)}


def test_a_run_judges_another_corpus(trained, run_pipeline, tmp_path):
    other = make_tiny_corpus(tmp_path / "other", n_groups=4, seed=5, group_name="scene")
    root = Path(trained["data_root"])
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.parquet")}
    run_pipeline("cross_corpus", evaluate_on=str(other), **trained)
    predictions, metrics = results(root, "predictions"), results(root, "metrics")
    assert predictions.columns[: len(PREDICTION_SCHEMA)] == list(PREDICTION_SCHEMA)
    assert "whole_picture" in predictions.columns
    assert len(predictions) == 8
    assert set(predictions["group"]) == {f"scene {number}" for number in range(4)}
    assert not predictions["in_training"].any()
    assert metrics.filter(metric="roc_auc")["value"].item() > 0.9
    assert metrics.filter(metric="n_groups")["value"].item() == 4
    for name in ("corpus_index", "segment_features", "features_metadata", "rejected_videos", "failed_videos"):
        assert (root / f"other_corpus/{name}.parquet").exists()
    assert (root / "other_corpus/roc.png").stat().st_size > 3000
    assert "Does it work on another corpus?" in (root / "other_corpus/report.html").read_text()
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before  # nothing of the corpus trained on is written


def test_a_run_aligns_to_another_corpus(trained, run_pipeline, tmp_path):
    other = make_tiny_corpus(tmp_path / "other", n_groups=4, seed=5, group_name="scene")
    root = Path(trained["data_root"])
    settings = trained | {"cross_corpus": {"alignment": "coral"}}
    run_pipeline("cross_corpus", evaluate_on=str(other), **settings)
    predictions, metrics = results(root, "predictions"), results(root, "metrics")
    assert predictions["aligned_probability"].is_between(0, 1).all()
    assert set(metrics["alignment"]) == {"none", "coral"}
    page = (root / "other_corpus/report.html").read_text()
    assert "the batch has 4 groups" in page
    assert "the batch has 4 groups" in predictions["alignment_warning"][0]
    places = {"lineage": root / "lineage", "other_metrics": root / "other_corpus/metrics.parquet"}
    *_, plain, aligned = Results(places, None).text_of_last_run().splitlines()
    assert re.match(r"  AUC       [01]\.\d{3}   \(", plain)
    assert re.match(r"  aligned   [01]\.\d{3}   \(", aligned)


def test_a_run_on_the_corpus_trained_on_leaves_everything_out(trained, run_pipeline):
    with pytest.raises(TrainingDataError, match="of the 12 videos judged, 12 share a group or their content"):
        run_pipeline("cross_corpus", evaluate_on=trained["corpus_manifest"], **trained)


def test_copies_under_other_group_names_are_recognised(trained, run_pipeline, tmp_path):
    same = tmp_path / "same/manifest.csv"
    shutil.copytree(Path(trained["corpus_manifest"]).parent, same.parent)
    same.write_text(same.read_text().replace("group ", "renamed "))
    with pytest.raises(TrainingDataError, match="12 share a group or their content"):
        run_pipeline("cross_corpus", evaluate_on=str(same), **trained)
