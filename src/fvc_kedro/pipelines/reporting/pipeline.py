"""What was trained and evaluated in; the plots, the report and the database of all tables out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.reporting.database import TABLES, gather_tables
from fvc_kedro.pipelines.reporting.plots import (
    plot_confusion_matrix,
    plot_family_ablation,
    plot_fold_comparison,
    plot_grid,
    plot_importance,
    plot_learning_curve,
    plot_methods,
    plot_mistakes,
    plot_permutations,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_scores,
    plot_slices,
    plot_verdicts,
)
from fvc_kedro.pipelines.reporting.report import REPORT_PLOTS, REPORT_TABLES, assemble_report

_VIDEOS = ["corpus_index", "corpus_videos", "params:reporting"]


def create_pipeline() -> Pipeline:
    """Wire the reporting."""
    return pipeline(
        [
            node(plot_confusion_matrix, "oof_predictions", "confusion_matrix_plot", name="plot_confusion_matrix"),
            node(plot_roc, "oof_predictions", "roc_plot", name="plot_roc"),
            node(plot_precision_recall, "oof_predictions", "precision_recall_plot", name="plot_precision_recall"),
            node(plot_scores, ["oof_predictions", "svm_detector"], "score_plot", name="plot_scores"),
            node(plot_reliability, "method_predictions", "reliability_plot", name="plot_reliability"),
            node(plot_fold_comparison, "cv_metrics", "fold_comparison_plot", name="plot_fold_comparison"),
            node(plot_grid, "grid_search", "grid_heat_map", name="plot_grid"),
            node(plot_methods, "method_comparison", "method_comparison_plot", name="plot_methods"),
            node(plot_permutations, "permutation_test", "permutation_plot", name="plot_permutations"),
            node(plot_learning_curve, "learning_curve", "learning_curve_plot", name="plot_learning_curve"),
            node(plot_family_ablation, "family_ablation", "family_ablation_plot", name="plot_family_ablation"),
            node(plot_importance, "family_importance", "family_importance_plot", name="plot_family_importance"),
            node(plot_slices, "slices", "slice_plot", name="plot_slices"),
            node(plot_verdicts, ["oof_predictions", *_VIDEOS], "verdict_thumbnails", name="plot_verdicts"),
            node(plot_mistakes, ["mistakes", *_VIDEOS], "mistake_thumbnails", name="plot_mistakes"),
            node(
                assemble_report,
                {name: name for name in (*REPORT_TABLES, *REPORT_PLOTS, "evaluation_summary", "svm_detector")}
                | {name: f"params:{name}" for name in ("svm", "evaluation", "reporting")},
                "evaluation_report",
                name="write_report",
            ),
            node(
                gather_tables,
                {name: name for name in ("fold_metrics", *TABLES)},
                "results_database",
                name="build_results_database",
            ),
        ]
    )
