"""Training table, folds and fold models in; the detector beside its rivals, its tests and the headline out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.evaluation.ablation import plan_ablation, tabulate_ablation
from fvc_kedro.pipelines.evaluation.comparison import compare_methods, plan_comparison, tabulate_predictions
from fvc_kedro.pipelines.evaluation.importance import permute_families
from fvc_kedro.pipelines.evaluation.learning_curve import plan_learning_curve, tabulate_learning_curve
from fvc_kedro.pipelines.evaluation.permutation import plan_permutations, tabulate_permutations
from fvc_kedro.pipelines.evaluation.slices import find_mistakes, slice_results
from fvc_kedro.pipelines.evaluation.summary import summarise_evaluation

_MEASURED = ["training_table", "segment_features", "features_metadata"]
_TRAINED = ["training_table", "folds", "params:svm", "params:evaluation", "params:execution"]


def create_pipeline() -> Pipeline:
    """Wire the evaluation."""
    return pipeline(
        [
            node(
                plan_comparison,
                [*_MEASURED, "corpus_index", "folds", "grid_search", "params:svm", "params:execution"],
                "comparison_trials",
                name="cross_validate_methods",
            ),
            node(
                tabulate_predictions,
                ["comparison_trials", "folds"],
                "method_predictions",
                name="tabulate_method_predictions",
            ),
            node(
                compare_methods,
                ["method_predictions", "params:evaluation"],
                ["method_comparison", "method_tests"],
                name="compare_methods",
            ),
            node(plan_permutations, _TRAINED, "permutation_trials", name="cross_validate_permuted_labels"),
            node(tabulate_permutations, "permutation_trials", "permutation_test", name="tabulate_permutations"),
            node(plan_learning_curve, _TRAINED, "learning_curve_trials", name="cross_validate_fewer_groups"),
            node(
                tabulate_learning_curve,
                ["learning_curve_trials", "params:evaluation"],
                "learning_curve",
                name="tabulate_learning_curve",
            ),
            node(
                plan_ablation,
                [*_MEASURED, "folds", "params:svm", "params:evaluation", "params:execution"],
                "ablation_trials",
                name="cross_validate_families",
            ),
            node(
                tabulate_ablation,
                ["ablation_trials", "params:evaluation"],
                "family_ablation",
                name="tabulate_ablation",
            ),
            node(
                permute_families,
                ["training_table", "folds", "fold_models", "params:evaluation"],
                "family_importance",
                name="permute_families",
            ),
            node(
                slice_results,
                ["method_predictions", "corpus_index", "params:evaluation"],
                "slices",
                name="slice_results",
            ),
            node(find_mistakes, ["oof_predictions", "corpus_index"], "mistakes", name="find_mistakes"),
            node(
                summarise_evaluation,
                [
                    "method_comparison",
                    "permutation_test",
                    "cv_metrics",
                    "folds",
                    "rejected_videos",
                    "failed_videos",
                    "params:svm",
                    "params:evaluation",
                ],
                "evaluation_summary",
                name="summarise_evaluation",
            ),
        ]
    )
