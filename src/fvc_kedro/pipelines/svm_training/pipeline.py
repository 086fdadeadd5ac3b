"""Features in; folds, a searched, fitted and judged model for each, and the final detector out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.svm_training.nodes import (
    assemble_training_table,
    choose_thresholds,
    evaluate_folds,
    make_folds,
    predict_out_of_fold,
    search_folds,
    train_detector,
    train_fold_models,
)


def create_pipeline() -> Pipeline:
    """Wire the cross-validated training."""
    return pipeline(
        [
            node(
                assemble_training_table,
                ["segment_features", "features_metadata", "scaled_metadata", "scaled_features", "params:svm"],
                "training_table",
                name="assemble_training_table",
            ),
            node(make_folds, ["training_table", "params:svm"], "folds", name="make_folds"),
            node(search_folds, ["training_table", "folds", "params:svm"], "grid_search", name="search_grid"),
            node(
                train_fold_models,
                ["training_table", "folds", "grid_search", "params:svm"],
                "fold_models",
                name="train_fold_models",
            ),
            node(
                predict_out_of_fold,
                ["training_table", "folds", "fold_models"],
                "oof_predictions",
                name="predict_out_of_fold",
            ),
            node(
                evaluate_folds,
                ["oof_predictions", "grid_search"],
                ["fold_metrics", "cv_metrics"],
                name="evaluate_folds",
            ),
            node(choose_thresholds, ["oof_predictions", "params:svm"], "thresholds", name="choose_thresholds"),
            node(
                train_detector,
                ["training_table", "grid_search", "oof_predictions", "params:svm"],
                "svm_detector",
                name="train_detector",
            ),
        ]
    )
