"""Training table, predictions and models in; the detector beside its baselines, its tests and the headline out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines.evaluation.ablation import plan_ablation, tabulate_ablation
from fvc_kedro.pipelines.evaluation.comparison import compare_methods, plan_comparison, tabulate_predictions
from fvc_kedro.pipelines.evaluation.corpora import measure_false_alarms, plan_corpora, tabulate_corpora
from fvc_kedro.pipelines.evaluation.importance import permute_parts
from fvc_kedro.pipelines.evaluation.learning_curve import plan_learning_curve, tabulate_learning_curve
from fvc_kedro.pipelines.evaluation.permutation import plan_permutations, tabulate_permutations
from fvc_kedro.pipelines.evaluation.slices import find_mistakes, slice_results
from fvc_kedro.pipelines.evaluation.summary import summarise_evaluation
from fvc_kedro.pipelines.evaluation.trainings import announce_trainings

_TRAINED = ["training_table", "folds", "svm_detector"]


def create_pipeline() -> Pipeline:
    """Wire the evaluation."""
    return Pipeline(
        [
            Node(
                func=announce_trainings,
                inputs=[*_TRAINED, "params:svm", "params:evaluation"],
                outputs=None,
                name="announce_trainings",
            ),
            Node(
                func=plan_comparison,
                inputs=["training_table", "corpus_index", "folds", "svm_detector", "params:execution"],
                outputs="comparison_trials",
                name="cross_validate_baselines",
            ),
            Node(
                func=tabulate_predictions,
                inputs=["oof_predictions", "comparison_trials", "folds"],
                outputs="method_predictions",
                name="tabulate_method_predictions",
            ),
            Node(
                func=compare_methods,
                inputs=["method_predictions", "params:evaluation"],
                outputs=["method_comparison", "method_tests"],
                name="compare_methods",
            ),
            Node(
                func=plan_permutations,
                inputs=["training_table", "svm_detector", "params:svm", "params:evaluation", "params:execution"],
                outputs="permutation_trials",
                name="cross_validate_permuted_labels",
            ),
            Node(
                func=tabulate_permutations,
                inputs=["oof_predictions", "permutation_trials"],
                outputs="permutation_test",
                name="tabulate_permutations",
            ),
            Node(
                func=plan_learning_curve,
                inputs=[*_TRAINED, "params:evaluation", "params:execution"],
                outputs="learning_curve_trials",
                name="cross_validate_fewer_groups",
            ),
            Node(
                func=tabulate_learning_curve,
                inputs=["oof_predictions", "folds", "learning_curve_trials", "params:evaluation"],
                outputs="learning_curve",
                name="tabulate_learning_curve",
            ),
            Node(
                func=plan_ablation,
                inputs=[*_TRAINED, "params:evaluation", "params:execution"],
                outputs="ablation_trials",
                name="cross_validate_parts",
            ),
            Node(
                func=tabulate_ablation,
                inputs=["oof_predictions", "ablation_trials", "svm_detector", "params:evaluation"],
                outputs="family_ablation",
                name="tabulate_ablation",
            ),
            Node(
                func=permute_parts,
                inputs=["training_table", "folds", "fold_models", "params:evaluation"],
                outputs="family_importance",
                name="permute_parts",
            ),
            Node(
                func=plan_corpora,
                inputs=["training_table", "corpus_index", "svm_detector", "params:svm", "params:execution"],
                outputs="corpus_trials",
                name="cross_validate_corpora",
            ),
            Node(
                func=tabulate_corpora,
                inputs=[
                    "training_table",
                    "corpus_trials",
                    "left_out_trials",
                    "left_out_predictions",
                    "params:evaluation",
                    "params:cross_corpus",
                ],
                outputs="corpus_matrix",
                name="tabulate_corpora",
            ),
            Node(
                func=measure_false_alarms,
                inputs=["left_out_predictions", "params:svm", "params:evaluation"],
                outputs="corpus_false_alarms",
                name="measure_false_alarms",
            ),
            Node(
                func=slice_results,
                inputs=["oof_predictions", "corpus_index", "params:evaluation"],
                outputs="slices",
                name="slice_results",
            ),
            Node(
                func=find_mistakes,
                inputs=["oof_predictions", "corpus_index"],
                outputs="mistakes",
                name="find_mistakes",
            ),
            Node(
                func=summarise_evaluation,
                inputs=[
                    "method_comparison",
                    "permutation_test",
                    "cv_metrics",
                    "folds",
                    "corpus_matrix",
                    "rejected_videos",
                    "failed_videos",
                    "params:svm",
                    "params:evaluation",
                ],
                outputs="evaluation_summary",
                name="summarise_evaluation",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )
