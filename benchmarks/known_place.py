"""What the measures see when they are told where to look: an upper bound for finding the place blindly.

Run it after `kedro run --pipelines sample_corpus`:

    python benchmarks/known_place.py [--sample data/01_raw/sample] [--seeds 6] [--workers 2]

The place of a spatial manipulation is where a tampered video differs from its real twin. Both twins are
compared there, inside against the ring around, as the family `region` does with a face. It prints one JSON
object: for each family and side of the comparison the area under the ROC curve of a linear machine on folds of
whole clips, pooled over the videos and within clips, averaged over seeds of the folds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from fvc_kedro.forensics.family import FrameExtractor
from fvc_kedro.forensics.region import FACE_MEASURES, compare
from fvc_kedro.forensics.view import View
from fvc_kedro.learning.metrics import mean_group_auc, roc_auc
from fvc_kedro.video import Frame, VideoFile
from fvc_kedro.video.frame import Rectangle
from fvc_kedro.video.sampling import uniform_indices

N_FRAMES = 12
FAMILIES = ("cooccurrence", "spectrum", "sharpness", "noise", "blockiness", "temporal")
PLACES = {"inside": "face", "ring": "ring", "difference": "difference"}
C = 0.01


def place_of_change(real: Frame, fake: Frame) -> Rectangle:
    """Box around nine tenths of where two frames differ most, on even pixels, at least 40 pixels each way."""
    difference = cv2.GaussianBlur(cv2.absdiff(real.luma, fake.luma).astype(np.float32), (0, 0), 5)
    height, width = difference.shape
    places = np.argwhere(difference > max(2.0, 0.25 * float(difference.max())))
    if len(places) == 0:
        places = np.array([[height // 2, width // 2]])
    low, high = np.percentile(places, 5, axis=0), np.percentile(places, 95, axis=0)
    size = np.clip(high - low, 40, 0.6 * np.array([height, width])) // 2 * 2
    corner = np.clip((low + high - size) / 2, 0, np.array([height, width]) - size) // 2 * 2
    return int(corner[1]), int(corner[0]), int(size[1]), int(size[0])


def measure_pair(folder: Path, stem: str) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of a real video and its tampered twin at the place of change."""
    twins = [VideoFile(folder / f"{stem}_{label}.mp4") for label in ("real", "fake")]
    sampled = uniform_indices(twins[0].info.n_frames - 1, N_FRAMES)
    frames = [{frame.index: frame for frame in twin.frames(np.union1d(sampled, sampled + 1))} for twin in twins]
    extractors = [FrameExtractor("at", FACE_MEASURES, lambda pair: compare(*pair)) for _ in twins]
    for index in sampled.tolist():
        place = place_of_change(frames[0][index], frames[1][index])
        for extractor, shown in zip(extractors, frames, strict=True):
            extractor.update((View(shown[index], View(shown[index + 1])), place))
    return extractors[0].result(), extractors[1].result()


def judge(values: NDArray[np.float64], y: NDArray[np.int64], groups: NDArray[np.str_], seeds: int) -> dict[str, float]:
    machine = SVC(kernel="linear", C=C, class_weight="balanced")
    model = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), machine)
    figures = []
    for seed in range(seeds):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        scores = cross_val_predict(model, values, y, groups=groups, cv=folds, method="decision_function")
        figures.append((roc_auc(y, scores), mean_group_auc(y, scores, groups)))
    pooled, within = np.mean(figures, axis=0)
    return {"roc_auc": round(float(pooled), 3), "mean_group_auc": round(float(within), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, default=Path("data/01_raw/sample"), help="folder of the sample corpus")
    parser.add_argument("--seeds", type=int, default=6, help="splits into folds to average over (default: 6)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    arguments = parser.parse_args()
    manifest = pl.read_csv(arguments.sample / "manifest.csv")
    spatial = manifest.filter(~pl.col("manipulation").is_in(["none", "frame_freeze", "frame_deletion"]))
    stems = [Path(path).stem.removesuffix("_fake") for path in spatial["video_path"]]
    pairs = Parallel(arguments.workers)(delayed(measure_pair)(arguments.sample / "videos", stem) for stem in stems)
    table = pl.DataFrame([figures for pair in pairs for figures in pair], infer_schema_length=None)
    y = np.tile([0, 1], len(stems))
    groups = np.repeat(spatial["group"].to_numpy().astype(np.str_), 2)
    results = {}
    for side, prefix in PLACES.items():
        for family in ("", *FAMILIES):
            columns = [name for name in table.columns if name.startswith(f"at_{prefix}_{family}")]
            values = table.select(columns).to_numpy().astype(np.float64)
            results[f"{family or 'all six'}, {side}"] = judge(values, y, groups, arguments.seeds)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
