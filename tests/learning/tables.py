"""Made-up tables to learn from."""

import numpy as np
import polars as pl

from fvc_kedro.learning.candidates import svm_candidates
from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.rows import Rows


def make_rows(values, y, groups, videos=None, name="f"):
    """Rows of an array; each is a video, unless told otherwise."""
    videos = np.array([f"v{number:04d}" for number in range(len(y))]) if videos is None else videos
    return Rows(pl.DataFrame(values, schema=[f"{name}{n}" for n in range(values.shape[1])]), y, groups, videos)


def corpus(n_groups=12, a_group=6, n_columns=4, separation=1.0, seed=0):
    """Videos of one row, half of each group fake; the first column follows the label."""
    generator = np.random.default_rng(seed)
    y = np.tile([0, 1], n_groups * a_group // 2)
    groups = np.repeat([f"g{number:02d}" for number in range(n_groups)], a_group)
    values = generator.normal(size=(len(y), n_columns))
    values[:, 0] += separation * (2 * y - 1)
    return make_rows(values, y, groups)


def in_segments(rows, counts, seed=0):
    """The same videos, cut into as many segments as said, each with some noise of its own."""
    index = np.repeat(np.arange(len(rows)), np.resize(counts, len(rows)))
    cut = rows.take(index)
    noise = np.random.default_rng(seed).normal(0, 0.1, cut.features.shape)
    return Rows(cut.features + pl.DataFrame(noise, schema=cut.features.columns), cut.y, cut.groups, cut.videos)


def with_columns(rows, **columns):
    """The same rows with more columns, or other ones; arrays or expressions."""
    made = {
        name: pl.Series(name, values, pl.Float64, nan_to_null=True) if isinstance(values, np.ndarray) else values
        for name, values in columns.items()
    }
    return Rows(rows.features.with_columns(**made), rows.y, rows.groups, rows.videos)


def linear(*C):
    return svm_candidates(["linear"], C or (0.1,), [], seed=0)


def rbf(*C):
    return svm_candidates(["rbf"], [], C or (1,), seed=0)


def detector(rows, candidates=None, **settings):
    """A detector with one expert for all columns, unless told otherwise; not fitted."""
    settings = {"experts": {"all": rows.features.columns}} | settings
    return VideoDetector(candidates=linear() if candidates is None else candidates, **settings)


def fit(model, rows, chosen=None):
    return model.fit(rows.features, rows.y, rows.groups, rows.videos, chosen)


def fitted(rows, candidates=None, chosen=None, **settings):
    return fit(detector(rows, candidates, **settings), rows, chosen)


def score(model, rows):
    return model.score_videos(rows.features, rows.videos)


def rings(n_rows=600, seed=0):
    """Points inside a ring around the middle and outside it, with some of the labels wrong."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n_rows, 2))
    inside = (values**2).sum(axis=1) < 1.4
    return values, np.where(generator.random(n_rows) < 0.1, inside, ~inside).astype(np.int64)


def copied_noise(seed, n_clips=20, n_copies=10, n_columns=8):
    """Random vectors, each there as a clip and its slightly changed copies, labelled by clip.

    So many that the five folds are balanced: what is short in training is in excess in the test part, and pooled
    over folds of different prevalence, noise ranks below chance.
    """
    generator = np.random.default_rng(seed)
    clips = np.repeat(generator.normal(size=(n_clips, n_columns)), n_copies, axis=0)
    y = np.repeat(generator.permutation(np.arange(n_clips) % 2), n_copies)
    groups = np.repeat([f"g{number:02d}" for number in range(n_clips)], n_copies)
    return make_rows(clips + 0.05 * generator.normal(size=clips.shape), y, groups)
