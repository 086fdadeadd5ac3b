"""The evaluation report: one HTML file that needs no network, read from top to bottom."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import polars as pl
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from fvc_kedro.learning.detector import VideoDetector
from fvc_kedro.learning.resampling import METRICS
from fvc_kedro.lineage import Lineage
from fvc_kedro.parameters import EvaluationParameters, ReportingParameters, SvmParameters
from fvc_kedro.pipelines.evaluation.comparison import DETECTOR, METHODS
from fvc_kedro.pipelines.evaluation.summary import metadata_finding
from fvc_kedro.pipelines.reporting.plots import PLOTS
from fvc_kedro.pipelines.reporting.style import POOLED, WITHIN, shown
from fvc_kedro.pipelines.training_rows import ALL_OTHERS, PLAIN, stated

_TEMPLATE = files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
_STYLE = Markup(files(__package__).joinpath("style.css").read_text(encoding="utf-8"))
_SURE, _VERY_SURE = 0.05, 0.01  # p-values of the permutation test
_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
# Of all methods, as many as fit a page; method_comparison has every metric.
_FURTHER_METRICS = ("average_precision", "accuracy", "balanced_accuracy", "mcc", "f1_score", "log_loss", "brier")
# Metrics as the report names them.
TITLES = {
    "roc_auc": POOLED,
    "mean_group_auc": WITHIN,
    "average_precision": "Average precision",
    "base_rate": "Share of fakes, the average precision of chance",
    "equal_error_rate": "Equal error rate",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews correlation",
    "f1_score": "F1 of fake",
    "f1_always_fake": "F1 of always answering fake",
    "log_loss": "Log-loss",
    "brier": "Brier score",
    "expected_calibration_error": "Expected calibration error",
    "tpr_at_1_percent_fpr": "ROC curve: true positive rate at 1 % false positive rate",
    "tpr_at_5_percent_fpr": "ROC curve: true positive rate at 5 % false positive rate",
    "tpr_at_10_percent_fpr": "ROC curve: true positive rate at 10 % false positive rate",
}


def figure_text(value: float | None, low: float | None = None, high: float | None = None, signed: bool = False) -> str:
    """Write a figure with its interval, such as ``0.573 (0.518 to 0.639)``; a dash where it is not known."""
    if value is None:
        return _DASH
    if low is None or high is None:
        return _three_digits(value, signed)
    return f"{_three_digits(value, signed)} ({_three_digits(low, signed)} to {_three_digits(high, signed)})"


def figure_cell(
    value: float | None, low: float | None = None, high: float | None = None, signed: bool = False
) -> Markup:
    """Write a figure as :func:`figure_text` does, its interval apart so that a narrow table can set it below."""
    figure, _, bounds = figure_text(value, low, high, signed).partition(" ")
    return Markup("{} <small>{}</small>").format(figure, bounds) if bounds else Markup("{}").format(figure)


def share_text(value: float | None) -> str:
    """Write a share in percent, such as ``2.1 %``; a dash where it is not known."""
    return _DASH if value is None else f"{100 * value:.1f} %"


def _three_digits(value: float, signed: bool) -> str:
    rounded = round(value, 3) + 0.0  # no minus before a nought
    return format(rounded, "+.3f" if signed else ".3f").replace("-", _MINUS)


def p_value_text(p_value: float) -> str:
    """Write a p-value, such as ``= 0.012``; one that would round to nought, which none is, as ``< 0.001``."""
    return "< 0.001" if p_value < 0.0005 else f"= {p_value:.3f}"


def write_report(
    tables: Mapping[str, pl.DataFrame],
    summary: Mapping[str, float | None],
    detector: VideoDetector,
    plots: Mapping[str, bytes],
    parameters: Mapping[str, Any],
    lineage: Lineage,
) -> str:
    """Write the report.

    Parameters
    ----------
    tables : mapping
        By the names in ``REPORT_TABLES``.
    summary : mapping
        The dataset ``evaluation_summary``.
    detector : VideoDetector
        The final one.
    plots : mapping of str to bytes
        PNG files by the names in ``PLOTS``.
    parameters : mapping
        The groups ``svm``, ``evaluation`` and ``reporting``.
    lineage : Lineage
        What the tables, the summary, the detector and the plots were made from.

    Returns
    -------
    str
        HTML with all pictures in it.
    """
    svm = SvmParameters.model_validate(parameters["svm"])
    evaluation = EvaluationParameters.model_validate(parameters["evaluation"])
    reporting = ReportingParameters.model_validate(parameters["reporting"])
    corpus = _corpus(tables)
    corpora = _corpora(tables, evaluation.shortcut_auc)
    return render_page(
        _TEMPLATE,
        summary=summary,
        svm=svm,
        evaluation=evaluation,
        plots={name: embedded(picture) for name, picture in plots.items()},
        captions={name: plot.caption for name, plot in PLOTS.items()},
        corpus=corpus,
        corpora=corpora,
        headline=_headline(summary),
        comparison=_comparison(tables["method_comparison"], tables["method_tests"]),
        titles=TITLES,
        further_metrics=_FURTHER_METRICS,
        metrics=list(METRICS),
        slices=tables["slices"].to_dicts(),
        mistakes=tables["mistakes"].head(reporting.n_thumbnails).to_dicts(),
        n_mistakes=len(tables["mistakes"]),
        ablation=_ablation(tables["family_ablation"]),
        importance=tables["family_importance"].to_dicts(),
        thresholds=tables["thresholds"].to_dicts(),
        folds=tables["cv_metrics"].to_dicts(),
        detector=detector,
        left_out_one_by_one=summary["n_folds"] == corpus["n_groups"],
        absent=[name for name in METHODS if name not in set(tables["method_comparison"]["method"])],
        origin=_origin(lineage),
        operating=_operating_point(tables["thresholds"]),
    )


def render_page(template: str, **values: Any) -> str:
    """Fill in a template of a page; it finds the style of all pages as ``style``."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "figure": figure_text,
        "cell": figure_cell,
        "share": share_text,
        "p_value": p_value_text,
        "shown": shown,
    }
    return environment.from_string(template).render(style=_STYLE, **values)


def embedded(picture: bytes) -> str:
    """Write a PNG file as an address that needs no file."""
    return "data:image/png;base64," + b64encode(picture).decode()


def _origin(lineage: Lineage) -> dict[str, Any]:
    """Gather which runs made what the page shows, and what of it does not fit the rest."""
    names = (*REPORT_TABLES, *PLOTS, "evaluation_summary", "svm_detector")
    recorded = [name for name in names if name in lineage.records]
    summary = lineage.records.get("evaluation_summary")
    return {
        "fingerprint": summary and summary.fingerprint,
        "unrecorded": [name for name in names if name not in lineage.records],
        "runs": lineage.runs_behind(*names),
        "changed_parameters": lineage.changed_parameters(*recorded),
        "findings": [finding.text for finding in lineage.findings(*names)],
    }


def _operating_point(thresholds: pl.DataFrame) -> dict[str, Any] | None:
    """Choose the threshold that heads the report: that of the least false positive rate that could be measured.

    Not a point of the ROC curve, whose threshold is read off the very videos that it is judged on: nobody would have
    known it beforehand.
    """
    measured = thresholds.drop_nulls(["threshold", "measured_true_positive_rate"]).sort("false_positive_rate")
    return measured.row(0, named=True) if len(measured) else None


def _headline(summary: Mapping[str, float | None]) -> dict[str, Any]:
    """Decide what may be said in a sentence, and what must be said before it."""
    return {
        "few_groups": bool(summary["few_groups"]),
        "claim": claim(summary),
        "metadata_tell": bool(summary["metadata_tell"]),
        "metadata_separate": bool(summary["metadata_separate"]),
        "searched_on_test_videos": bool(summary["searched_on_test_videos"]),
        "below_always_fake": _less(summary["f1_score"], summary["f1_always_fake"]),
    }


def claim(summary: Mapping[str, float | None]) -> str:
    """Say how sure it is that the detector is better than chance.

    The permutation test decides, as intervals know nothing of how training varies; with groups enough, the interval
    must agree. What is not above one half is not better, whatever a test says.
    """
    auc, low, p_value = summary["roc_auc"], summary["roc_auc_low"], summary["roc_auc_p_value"]
    few, above = bool(summary["few_groups"]), low is not None and low > 0.5
    if auc is None:
        return "Not judged: the AUC is not known"
    if auc <= 0.5:
        return "Not better than chance"
    if p_value is None:
        unsure = "" if few or not above else ", though the interval lies above one half"
        return f"Not tested against chance (evaluation.n_permutations is 0 or evaluation.max_rows exceeded){unsure}"
    if 1 / (1 + (summary["n_permutations"] or 0)) > _SURE:
        return f"Too few permutations to tell (at least 19 resolve {_SURE})"
    if p_value > _SURE or not (few or above):
        return "Not shown to be better than chance"
    return (
        "Better than chance" if p_value <= _VERY_SURE or not few else "Some sign of being better than chance, no more"
    )


def _less(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and first < second


def _corpus(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    videos = tables["folds"].filter(repeat=1).select("video_id")
    used = tables["corpus_index"].join(videos, on="video_id", how="semi")
    lost = pl.concat(
        [
            tables[name].select(stage=pl.lit(stage), reason="reason")
            for name, stage in (
                ("rejected_videos", "rejected"),
                ("failed_videos", "not measured"),
                ("failed_scaled_videos", "not scaled"),
            )
        ]
    )
    return {
        "names": _counts(used, "corpus"),
        # What its pipeline calls it; a corpus of somebody else's may bear one of the names.
        "is_demonstration": used.select("corpus", "platform").unique().rows() == [("sample", "sample")],
        "n_groups": used["group"].n_unique(),
        "labels": used.group_by("label").agg(n=pl.len(), n_groups=pl.col("group").n_unique()).sort("label").to_dicts(),
        "mixed_groups": int((used.group_by("group").agg(pl.col("label").n_unique())["label"] == 2).sum()),
        "platforms": _counts(used, "platform"),
        "manipulations": _counts(used.filter(label="fake"), "manipulation"),
        "codecs": _counts(used, "codec"),
        "several_streams": int((used["n_video_streams"] > 1).sum()),
        "facts": [
            (title, unit, *((used[name] / scale).quantile(share) for share in (0.0, 0.5, 1.0)))
            for name, title, unit, scale in (
                ("duration_s", "Duration", "s", 1),
                ("width", "Width", "pixels", 1),
                ("height", "Height", "pixels", 1),
                ("fps", "Frame rate", "frames/s", 1),
                ("bitrate", "Bitrate", "kbit/s", 1000),
            )
        ],
        "lost": lost.group_by("stage", "reason")
        .agg(n=pl.len())
        .sort("n", "stage", "reason", descending=[True, False, False])
        .to_dicts(),
    }


def _corpora(tables: Mapping[str, pl.DataFrame], shortcut_auc: float) -> dict[str, Any] | None:
    """Gather what several corpora tell of one another; None where there is one."""
    matrix = tables["corpus_matrix"]
    if matrix.is_empty():
        return None
    own = matrix.filter(method=DETECTOR, alignment=PLAIN)
    aligned = matrix.filter(pl.col("alignment") != PLAIN, trained_on=ALL_OTHERS)
    aligned_rows = {row["tested_on"]: row for row in aligned.to_dicts()}
    within = {row["tested_on"]: row for row in own.filter(pl.col("trained_on") == pl.col("tested_on")).to_dicts()}
    metadata = matrix.filter(pl.col("method") != DETECTOR)
    findings = {
        str(name): found
        for (name,), part in metadata.group_by("tested_on", maintain_order=True)
        if (found := metadata_finding(part, shortcut_auc)) is not None
    }
    separate = [(name, *found[:3]) for name, found in findings.items() if found[4]]
    tell = [(name, *found[:3]) for name, found in findings.items() if found[3] and not found[4]]
    rows = [
        row | {"aligned": aligned_rows.get(row["tested_on"]), "within": within.get(row["tested_on"])}
        for row in own.filter(trained_on=ALL_OTHERS).to_dicts()
    ]
    false_alarms = tables["corpus_false_alarms"].to_dicts()
    return {
        "rows": rows,
        "not_left_out": sorted(set(own["tested_on"]) - {row["tested_on"] for row in rows}),
        "metadata": [("separate the classes", separate), ("tell part of the label", tell)],
        "metadata_tell_nothing": [name for name, found in findings.items() if not found[3]],
        "mean_roc_auc": own.filter(trained_on=ALL_OTHERS)["roc_auc"].mean(),
        "mean_aligned_roc_auc": aligned["roc_auc"].mean(),
        "false_alarms": false_alarms,
        "n_above_twice": sum(
            row["measured_false_positive_rate"] > 2 * row["false_positive_rate"]
            for row in false_alarms
            if row["measured_false_positive_rate"] is not None
        ),
        "n_measured": sum(row["measured_false_positive_rate"] is not None for row in false_alarms),
    }


def _counts(videos: pl.DataFrame, name: str) -> list[tuple[str, int]]:
    counted = videos.select(stated(name)).to_series().value_counts(sort=False)
    return sorted(((str(value), int(count)) for value, count in counted.rows()), key=lambda pair: (-pair[1], pair[0]))


def _comparison(comparison: pl.DataFrame, tests: pl.DataFrame) -> list[dict[str, Any]]:
    rows = []
    by_method = {row["method"]: row for row in tests.to_dicts()}
    for method in comparison["method"].unique(maintain_order=True):
        figures = {row["metric"]: row for row in comparison.filter(method=method).to_dicts()}
        rows.append(
            {
                "method": method,
                "about": METHODS[method],
                "is_detector": method == DETECTOR,
                "figures": figures,
                "test": by_method.get(method),
            }
        )
    return rows


def _ablation(family_ablation: pl.DataFrame) -> list[dict[str, Any]]:
    order = pl.Enum(["default", "alone", "left out"])
    return family_ablation.sort(
        pl.col("kind").cast(order), pl.col("roc_auc"), descending=[False, True], maintain_order=True
    ).to_dicts()


REPORT_TABLES = (
    "corpus_index",
    "rejected_videos",
    "failed_videos",
    "failed_scaled_videos",
    "folds",
    "cv_metrics",
    "oof_predictions",
    "thresholds",
    "method_predictions",
    "method_comparison",
    "method_tests",
    "family_ablation",
    "family_importance",
    "slices",
    "mistakes",
    "corpus_matrix",
    "corpus_false_alarms",
)


def assemble_report(**inputs: Any) -> str:
    """Write the report from its datasets by name; see :func:`write_report`."""
    return write_report(
        {name: inputs[name] for name in REPORT_TABLES},
        inputs["evaluation_summary"],
        inputs["svm_detector"],
        {name: inputs[name] for name in PLOTS},
        {name: inputs[name] for name in ("svm", "evaluation", "reporting")},
        inputs["lineage"],
    )
