"""Two corpora in one run, through real Kedro sessions."""

from pathlib import Path

import polars as pl
import pytest

from conftest import REPOSITORY, TINY, make_tiny_corpus
from fvc_kedro.cli import _configuration, _places
from fvc_kedro.results import Results


@pytest.fixture(scope="module")
def two_corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    return [make_tiny_corpus(root / name, seed=seed, group_name=name) for seed, name in enumerate(("first", "second"))]


@pytest.fixture(scope="module")
def run_of_two(two_corpora, tmp_path_factory, run_pipeline):
    settings = TINY | {"svm": {"n_folds": 3, "n_repeats": 1, "outer": "leave_one_corpus_out"}}
    parameters = {
        "corpus_manifest": ",".join(map(str, two_corpora)),
        "data_root": str(tmp_path_factory.mktemp("out")),
        **settings,
    }
    run_pipeline(**parameters)
    return parameters


def test_the_corpus_stands_in_every_table(run_of_two, load_dataset):
    index = load_dataset("corpus_index", **run_of_two)
    assert index.group_by("corpus").len().sort("corpus").rows() == [("first", 12), ("second", 12)]
    assert set(index["video_path"].str.split("/").list.first()) == {"first", "second"}
    corpora = dict(index.select("video_id", "corpus").rows())
    tables = ("segment_features", "features_metadata", "training_table", "folds", "oof_predictions")
    for name in (*tables, "method_predictions"):
        table = load_dataset(name, **run_of_two)
        assert dict(table.select("video_id", "corpus").rows()) == corpora, name
    folds = load_dataset("folds", **run_of_two)
    assert folds.select("fold", "corpus").unique().sort("fold").rows() == [(1, "first"), (2, "second")]


def test_each_corpus_is_scored_by_the_detector_of_the_other(run_of_two, load_dataset):
    left_out = load_dataset("left_out_predictions", **run_of_two)
    oof = load_dataset("oof_predictions", **run_of_two)
    assert left_out.equals(oof.drop("repeat", "fold").sort("video_id"))
    matrix = load_dataset("corpus_matrix", **run_of_two)
    assert matrix.filter(method="svm").select("trained_on", "tested_on").rows() == [
        *(("all others", name) for name in ("first", "second")),
        *((trained, tested) for trained in ("first", "second") for tested in ("first", "second")),
    ]
    assert (matrix.filter(method="svm")["roc_auc"] > 0.9).all()  # sharp or blurred, in both
    assert load_dataset("evaluation_summary", **run_of_two)["left_out_corpora_roc_auc"] > 0.9


def test_the_report_and_the_database_tell_of_both(run_of_two, load_dataset):
    report = load_dataset("evaluation_report", **run_of_two)
    assert 'id="corpora"' in report
    assert 'id="false-alarms"' in report
    assert "first 12" in report
    database = load_dataset("results_database", **run_of_two)
    query = "SELECT corpus, COUNT(*) FROM left_out_predictions GROUP BY corpus ORDER BY corpus"
    assert database.sql(query).fetchall() == [("first", 12), ("second", 12)]
    assert load_dataset("slices", **run_of_two).filter(slice_by="corpus")["slice"].to_list() == ["first", "second"]


def test_the_order_of_the_manifests_makes_no_difference(run_of_two, two_corpora, run_pipeline, tmp_path, load_dataset):
    turned = run_of_two | {"corpus_manifest": ",".join(map(str, two_corpora[::-1])), "data_root": str(tmp_path)}
    run_pipeline("ingestion", **turned)
    for name in ("checked_manifest", "corpus_index"):
        assert load_dataset(name, **turned).equals(load_dataset(name, **run_of_two))


def test_a_group_and_a_content_that_both_have_stay_together(two_corpora, run_pipeline, tmp_path, load_dataset, caplog):
    """The second corpus has a video of the first under another name and group."""
    second = make_tiny_corpus(tmp_path / "shared", n_groups=4, seed=7, group_name="shared")
    first_video = next((two_corpora[0].parent / "videos").glob("3_real.mp4"))
    (second.parent / "videos" / "copy.mp4").write_bytes(first_video.read_bytes())
    rows = pl.read_csv(second, infer_schema=False)
    copied = pl.DataFrame([("videos/copy.mp4", "real", "shared 0")], schema=rows.schema, orient="row")
    named_alike = rows.with_columns(group=pl.col("group").replace("shared 1", "first 5"))
    pl.concat([named_alike, copied]).write_csv(second)
    parameters = {"corpus_manifest": f"{two_corpora[0]},{second}", "data_root": str(tmp_path / "out"), **TINY}
    run_pipeline("ingestion", **parameters)
    index = load_dataset("corpus_index", **parameters)
    spread = index.group_by("group").agg(pl.col("corpus").unique().sort()).filter(pl.col("corpus").list.len() == 2)
    assert spread.sort("group").rows() == [("first 3", ["first", "shared"]), ("first 5", ["first", "shared"])]
    rejected = load_dataset("rejected_videos", **parameters)
    assert rejected.select("corpus").to_series().to_list() == ["shared"]
    assert rejected["reason"].item().startswith("duplicate: equal content")
    assert "1 groups stand in several corpora" in caplog.text


def test_the_manifests_are_the_same_ones_in_any_order_and_spelling(run_of_two, two_corpora, monkeypatch):
    """As a command reads them from a configuration."""
    monkeypatch.chdir(two_corpora[0].parent)
    root = run_of_two["data_root"]
    places = _places(_configuration("catalog", None, root, str(REPOSITORY / "conf")))
    lineage = Results(places, root).lineage
    assert lineage.manifest("checked_manifest") == ",".join(sorted(map(str, two_corpora)))
    spelt = {"turned": f"{two_corpora[1]}, {two_corpora[0]}", "one": str(two_corpora[0])}
    told = {
        name: [
            reason
            for reason in Results(places | {"corpus_manifest": Path(given)}, root).why_not_current({})
            if reason.startswith("the results are of the corpus")
        ]
        for name, given in spelt.items()
    }
    assert told["turned"] == []
    assert len(told["one"]) == 1
