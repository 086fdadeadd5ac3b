import numpy as np
import polars as pl
import pytest
from kedro.io import DatasetError
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

METADATA = ["bytes", "width", "height", "fps", "n_frames", "duration_s", "bitrate"]


@pytest.fixture(scope="module")
def corpus_index(run_pipeline, tmp_path_factory):
    root = tmp_path_factory.mktemp("sample")
    manifest = str(root / "01_raw/sample/manifest.csv")
    run_pipeline("sample_corpus", data_root=str(root))
    run_pipeline("ingestion", data_root=str(root), corpus_manifest=manifest)
    return pl.read_parquet(root / "02_intermediate/corpus_index.parquet")


def test_every_clip_has_real_and_tampered_versions(corpus_index):
    counts = corpus_index.group_by("group").agg(
        real=(pl.col("label") == "real").sum(), fake=(pl.col("label") == "fake").sum()
    )
    assert len(counts) == 27
    assert counts["real"].min() >= 2
    assert counts["fake"].min() == 3
    assert corpus_index.filter(pl.col("label") == "fake")["manipulation"].n_unique() == 10


@pytest.mark.parametrize(
    "model",
    [make_pipeline(StandardScaler(), LogisticRegression()), HistGradientBoostingClassifier(min_samples_leaf=5)],
    ids=["linear", "boosted trees"],
)
def test_metadata_alone_stays_at_chance(corpus_index, model):
    table = corpus_index.select(METADATA).to_numpy()
    y = (corpus_index["label"] == "fake").to_numpy().astype(int)
    groups = corpus_index["group"].to_numpy()
    pooled, within = [], []
    for seed in range(5):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        scores = cross_val_predict(model, np.log1p(table), y, groups=groups, cv=folds, method="predict_proba")[:, 1]
        pooled.append(roc_auc_score(y, scores))
        within.append(np.mean([roc_auc_score(y[groups == clip], scores[groups == clip]) for clip in set(groups)]))
    assert abs(np.mean(pooled) - 0.5) < 0.08
    assert abs(np.mean(within) - 0.5) < 0.08


def test_pairs_share_resolution_length_and_rate(corpus_index):
    pairs = corpus_index.with_columns(pair=pl.col("video_path").str.replace("_(real|fake)", ""))
    for column in ("width", "height", "fps", "n_frames", "codec", "pixel_format"):
        assert pairs.group_by("pair").agg(pl.col(column).n_unique())[column].max() == 1


def test_pairs_share_their_size_in_bytes(corpus_index):
    """At an equal rate factor, the tampered ones were larger in two of three pairs, by up to 70 %."""
    pair = pl.col("video_path").str.replace("_(real|fake)", "")
    pairs = corpus_index.with_columns(pair=pair).pivot("label", index="pair", values="bytes")
    difference = (pairs["fake"] / pairs["real"]).log()
    assert difference.abs().max() < 0.1
    assert abs(difference.mean()) < 0.01


def test_versions_that_cannot_be_made_stop_the_run_and_leave_no_manifest(run_pipeline, tmp_path):
    changed = {"scales": [0.001], "pairs": 1}
    with pytest.raises(
        DatasetError, match=r"54 of 54 videos could not be made.*: a scale of 0\.001 is too small for \d+ by"
    ):
        run_pipeline("sample_corpus", data_root=str(tmp_path), sample_corpus=changed)
    assert not (tmp_path / "01_raw/sample/manifest.csv").exists()
