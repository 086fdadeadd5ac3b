"""Out-of-fold predictions and metrics in; the summary, the plots and the database of all tables out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.reporting.ablation import ablate_families, plot_family_ablation
from fvc_kedro.pipelines.reporting.database import TABLES, gather_tables
from fvc_kedro.pipelines.reporting.nodes import (
    plot_confusion_matrix,
    plot_fold_comparison,
    plot_grid,
    plot_precision_recall,
    plot_roc,
    plot_verdicts,
    summarise_evaluation,
)


def create_pipeline() -> Pipeline:
    """Wire the reporting."""
    return pipeline(
        [
            node(
                summarise_evaluation,
                ["oof_predictions", "cv_metrics", "rejected_videos", "failed_videos", "params:reporting"],
                "evaluation_summary",
                name="summarise_evaluation",
            ),
            node(plot_confusion_matrix, "oof_predictions", "confusion_matrix_plot", name="plot_confusion_matrix"),
            node(plot_roc, "oof_predictions", "roc_plot", name="plot_roc"),
            node(plot_precision_recall, "oof_predictions", "precision_recall_plot", name="plot_precision_recall"),
            node(plot_fold_comparison, "cv_metrics", "fold_comparison_plot", name="plot_fold_comparison"),
            node(plot_grid, "grid_search", "grid_heat_map", name="plot_grid"),
            node(
                ablate_families,
                ["training_table", "segment_features", "features_metadata", "folds", "params:svm", "params:reporting"],
                "family_ablation",
                name="ablate_families",
            ),
            node(plot_family_ablation, "family_ablation", "family_ablation_plot", name="plot_family_ablation"),
            node(
                plot_verdicts,
                ["oof_predictions", "corpus_index", "corpus_videos", "params:reporting"],
                "verdict_thumbnails",
                name="plot_verdicts",
            ),
            node(
                gather_tables,
                {name: name for name in ("fold_metrics", *TABLES)},
                "results_database",
                name="build_results_database",
            ),
        ]
    )
