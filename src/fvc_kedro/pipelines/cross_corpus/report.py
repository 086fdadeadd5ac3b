"""The page on another corpus: what the detector is worth there, as it is and aligned."""

from __future__ import annotations

from importlib.resources import files

import polars as pl

from fvc_kedro.pipelines.cross_corpus.nodes import alignment_warnings
from fvc_kedro.pipelines.reporting.report import TITLES, embedded, render_page
from fvc_kedro.pipelines.training_rows import PLAIN

_TEMPLATE = files(__package__).joinpath("other_report.html.jinja").read_text(encoding="utf-8")
_TITLES = {name: TITLES[name] for name in ("roc_auc", "mean_group_auc")} | {
    "fakes_called_fake": "Share of fakes called fake, at a probability of one half",
    "reals_called_fake": "Share of reals called fake, at a probability of one half",
    **{name: TITLES[name] for name in ("average_precision", "base_rate", "balanced_accuracy", "log_loss", "brier")},
}
VERDICTS = ("authentic", "inconclusive", "tampered")


def write_other_report(other_predictions: pl.DataFrame, other_metrics: pl.DataFrame, other_roc_plot: bytes) -> str:
    """Write the page.

    Parameters
    ----------
    other_predictions, other_metrics : DataFrame
    other_roc_plot : bytes
        A PNG file.

    Returns
    -------
    str
        HTML with the picture in it.
    """
    figures = {(row["metric"], row["alignment"]): row for row in other_metrics.to_dicts()}
    unseen = other_predictions.filter(~pl.col("in_training"))
    is_aligned = ("roc_auc", "coral") in figures
    columns = {PLAIN: "verdict", "coral": "aligned_verdict"} if is_aligned else {PLAIN: "verdict"}
    return render_page(
        _TEMPLATE,
        figures=figures,
        numbers={name: int(figures[name, PLAIN]["value"]) for name in ("n_videos", "n_groups", "n_left_out")},
        titles=_TITLES,
        is_aligned=is_aligned,
        warnings=alignment_warnings(other_predictions),
        verdicts=[
            (
                alignment,
                label,
                [unseen.filter(pl.col("label") == label, pl.col(column) == verdict).height for verdict in VERDICTS],
            )
            for alignment, column in columns.items()
            for label in ("real", "fake")
        ],
        verdict_names=VERDICTS,
        roc=embedded(other_roc_plot),
    )
