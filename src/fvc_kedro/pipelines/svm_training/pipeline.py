"""Features in; folds, the detector of each with its search, predictions and metrics, and the final detector out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines.svm_training.nodes import (
    assemble_training_table,
    choose_thresholds,
    collect_cross_validation,
    collect_left_out,
    evaluate_folds,
    finish_detector,
    leave_corpora_out,
    make_folds,
    plan_cross_validation,
)


def create_pipeline() -> Pipeline:
    """Wire the cross-validated training."""
    return Pipeline(
        [
            Node(
                func=assemble_training_table,
                inputs=["segment_features", "scaled_features", "params:svm"],
                outputs="training_table",
                name="assemble_training_table",
            ),
            Node(func=make_folds, inputs=["training_table", "params:svm"], outputs="folds", name="make_folds"),
            Node(
                func=plan_cross_validation,
                inputs=["training_table", "folds", "params:svm", "params:execution"],
                outputs="detector_trials",
                name="cross_validate_detector",
            ),
            Node(
                func=collect_cross_validation,
                inputs="detector_trials",
                outputs=["fold_models", "oof_predictions", "grid_search"],
                name="collect_fold_models",
            ),
            Node(
                func=evaluate_folds,
                inputs=["oof_predictions", "grid_search"],
                outputs=["fold_metrics", "cv_metrics"],
                name="evaluate_folds",
            ),
            Node(
                func=leave_corpora_out,
                inputs=["training_table", "params:svm", "params:execution"],
                outputs="left_out_trials",
                name="leave_corpora_out",
            ),
            Node(
                func=collect_left_out,
                inputs=["left_out_trials", "oof_predictions"],
                outputs="left_out_predictions",
                name="collect_left_out",
            ),
            Node(
                func=choose_thresholds,
                inputs=["oof_predictions", "left_out_predictions", "params:svm"],
                outputs="thresholds",
                name="choose_thresholds",
            ),
            Node(
                func=finish_detector,
                inputs=["detector_trials", "oof_predictions", "left_out_predictions", "params:svm"],
                outputs="svm_detector",
                name="train_detector",
            ),
        ],
        namespace="svm_training",
        prefix_datasets_with_namespace=False,
    )
