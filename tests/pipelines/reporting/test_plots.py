"""Every plot as it is drawn: nothing is cut off, no words lie on others, no legend lies on data."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from evaluations import PARAMETERS, folds_of, key_table
from fvc_kedro.datasets import PlotDataset
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.learning.thresholds import Verdicts
from fvc_kedro.pipelines.evaluation.ablation import ABLATION_SCHEMA
from fvc_kedro.pipelines.evaluation.comparison import COMPARISON_SCHEMA, METHODS
from fvc_kedro.pipelines.evaluation.importance import IMPORTANCE_SCHEMA
from fvc_kedro.pipelines.evaluation.learning_curve import CURVE_SCHEMA
from fvc_kedro.pipelines.evaluation.permutation import PERMUTATION_SCHEMA
from fvc_kedro.pipelines.evaluation.slices import SLICE_SCHEMA
from fvc_kedro.pipelines.reporting import plots
from fvc_kedro.pipelines.reporting.style import shortened, shown
from fvc_kedro.pipelines.svm_training.nodes import GRID_SCHEMA
from fvc_kedro.video import VideoArray

REPORTING = PARAMETERS["reporting"]
LONG = "a_long_name_of_a_video_that_nobody_would_want_to_read_and_that_tells_its_label_last_fake"


def compared():
    rows = [(method, metric, 0.55, 0.501, 0.6789, 0, -0.1, 0.1) for method in METHODS for metric in METRICS]
    return pl.DataFrame(rows, schema=COMPARISON_SCHEMA, orient="row")


def ablated(low=-0.104, high=0.093):
    rows = [("default", "default", 9, 0.525, 0.49, 0.57, 0.5, 0.0, 0.0, 0.0)]
    rows += [(f"family_{n}", "alone", 9, 0.5 + n / 99, 0.4, 0.67, 0.5, 0.0, 0.0, 0.0) for n in range(16)]
    rows += [(f"expert_{n}", "left out", 9, 0.5, 0.4, 0.6, 0.5, 0.0, low, high) for n in range(4)]
    return pl.DataFrame(rows, schema=ABLATION_SCHEMA, orient="row")


def curve():
    rows = [
        {"n_groups": n, "roc_auc": 0.6, "roc_auc_low": 0.5, "roc_auc_high": 0.7, "mean_group_auc": 0.65} for n in (4, 9)
    ]
    return pl.DataFrame(rows, schema_overrides=CURVE_SCHEMA)


def sliced(name=LONG):
    rows = [
        ("platform", name, 2000, 3000, 900, n % 2 == 0, 0.6, 0.5, 0.7, 0.2, 0.2, 0.3, 0.1, 0.1, 0.2) for n in range(9)
    ]
    return pl.DataFrame(rows, schema=SLICE_SCHEMA, orient="row")


def predicted(repeats=3):
    generator = np.random.default_rng(0)
    keys = folds_of(key_table(12), n_repeats=repeats)
    probability = generator.uniform(size=len(keys)).round(2)
    named = np.where(probability >= 0.5, "fake", "real")
    return keys.with_columns(probability=pl.Series(probability), predicted=pl.Series(named))


def folds(n_repeats, n_folds=5):
    rows = [
        (1 + n // n_folds, 1 + n, 0.9, 0.95, 1.0, ("linear", "rbf")[n % 2], (0.001, 10.0)[n % 2])
        for n in range(n_repeats * n_folds)
    ]
    names = ["repeat", "fold", "test_roc_auc", "test_f1", "test_accuracy", "kernel", "C"]
    return pl.DataFrame(rows, schema=names, orient="row")


def searched(values):
    rows = [(1, 1, "linear", value, 0.6, 0.1, value == values[0], 12) for value in values]
    return pl.DataFrame(rows, schema=GRID_SCHEMA, orient="row")


def thumbnails(n, shape=(36, 64), name=LONG):
    """Mistakes with long names, and their videos; upright ones where the shape is."""
    names = [f"{name}-{number}" for number in range(n)]
    mistakes = pl.DataFrame(
        {"video_id": names, "label": ["fake"] * n, "probability": [0.01] * n},
        schema={"video_id": pl.String, "label": pl.String, "probability": pl.Float64},
    )
    facts = {"n_frames": 1, "rotation": 0, "pixel_aspect_ratio": 1.0}
    index = mistakes.select("video_id", video_path="video_id").with_columns(
        **{name: pl.lit(value) for name, value in facts.items()}
    )
    picture = VideoArray(np.full((1, *shape), 128, np.uint8))
    return plots.plot_mistakes(mistakes, index, dict.fromkeys(names, picture), REPORTING)


DETECTOR = SimpleNamespace(verdicts_=Verdicts(0.05, 0.061, 0.1, 0.1, 0.0, 0.0))
PERMUTED = pl.DataFrame([(n, 0.4 + n / 500, 0.5) for n in range(100)], schema=PERMUTATION_SCHEMA, orient="row")
FIGURES = {
    "methods": lambda: plots.plot_methods(compared()),
    "ablation": lambda: plots.plot_family_ablation(ablated()),
    "ablation of little": lambda: plots.plot_family_ablation(ablated(-0.00104, 0.0009)),
    "importance": lambda: plots.plot_importance(
        pl.DataFrame([("region.difference", 5, 0.01, -0.02, 0.05)] * 9, schema=IMPORTANCE_SCHEMA, orient="row")
    ),
    "slices": lambda: plots.plot_slices(sliced()),
    "learning curve": lambda: plots.plot_learning_curve(curve()),
    "permutations": lambda: plots.plot_permutations(PERMUTED),
    "roc": lambda: plots.plot_roc(predicted()),
    "roc of a fold": lambda: plots.plot_roc_of_part(predicted(1), "fold_1"),
    "precision and recall": lambda: plots.plot_precision_recall(predicted()),
    "reliability": lambda: plots.plot_reliability(predicted()),
    "scores": lambda: plots.plot_scores(predicted(), DETECTOR),
    "confusion": lambda: plots.plot_confusion_matrix(predicted()),
    "three folds": lambda: plots.plot_fold_comparison(folds(1, 3)),
    "fifty folds": lambda: plots.plot_fold_comparison(folds(10)),
    "a grid of one": lambda: plots.plot_grid(searched([1.0])),
    "a wide grid": lambda: plots.plot_grid(searched([1e-05, 0.001, 0.1, 1.0, 10.0, 1000.0])),
    "one thumbnail": lambda: thumbnails(1),
    "twelve thumbnails": lambda: thumbnails(12),
    "upright thumbnails": lambda: thumbnails(5, (64, 20)),
    "no thumbnail": lambda: thumbnails(0),
}


@pytest.mark.parametrize("name", FIGURES)
def test_words_lie_inside_the_picture_and_apart(name):
    figure = FIGURES[name]()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    words = [label for axes in figure.axes for label in words_of(axes)] + [text for text in [figure._suptitle] if text]
    boxes = {word: word.get_window_extent(renderer) for word in words if word.get_text() and word.get_visible()}
    assert boxes
    width, height = canvas.get_width_height()
    for word, box in boxes.items():
        assert -1 <= box.x0 < box.x1 <= width + 1, word.get_text()
        assert -1 <= box.y0 < box.y1 <= height + 1, word.get_text()
    for (first, box), (second, other) in combinations(boxes.items(), 2):
        assert not overlap(box, other), (first.get_text(), second.get_text())
    for legend in figure.legends:
        box = legend.get_window_extent(renderer)
        assert box.x0 >= -1
        assert box.x1 <= width + 1
        assert not [word.get_text() for word, other in boxes.items() if overlap(box, other)]
        assert not any(overlap(box, axes.get_window_extent(renderer)) for axes in figure.axes)
    assert not any(axes.get_legend() for axes in figure.axes)


def words_of(axes):
    shown_ticks = [
        label
        for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim())))
        for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)  # none where shared
        if low <= place <= high
    ]
    return [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *shown_ticks]


def matrix(corpora):
    rows = [(trained, tested, "svm", "none", *[0.5] * 6) for trained in corpora for tested in corpora]
    columns = ["trained_on", "tested_on", "method", "alignment"]
    columns += [f"{metric}{end}" for metric in ("roc_auc", "mean_group_auc") for end in ("", "_low", "_high")]
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.mark.parametrize("name", [r"$\frac{$", "$x_$"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda name: plots.plot_slices(sliced(name)),
        lambda name: thumbnails(2, name=name),
        lambda name: plots.plot_corpus_matrix(matrix([name, "other"])),
        lambda name: plots.plot_roc_of_part(predicted(1), name, {name: "probability"}),
    ],
    ids=["slices", "thumbnails", "corpus matrix", "roc of a part"],
)
def test_a_name_with_dollar_signs_is_written_as_it_stands(draw, name, tmp_path):
    figure = draw(name)
    PlotDataset(filepath=str(tmp_path / "plot.png")).save(figure)
    words = [word for word in figure.findobj(Text) if name in word.get_text()]
    assert words
    assert not any(word.get_parse_math() for word in words)


def overlap(first, second):
    """Tell whether two boxes share more than a pixel's edge."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return width > 1 and height > 1


def test_a_name_is_shortened_in_its_middle():
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abcd…ghijk"
    assert len(shortened(LONG, 34)) == 34
    assert shortened(LONG, 34).endswith("last_fake")


def test_the_detector_is_called_so_whatever_its_name_in_a_table():
    assert shown("svm") == "detector (svm)"
    assert shown("default") == "detector"
    assert shown("whole_picture") == "whole picture"
