"""Index and videos in; a row of features for each video, and the videos that failed, out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.feature_engineering.nodes import measure_features, tabulate_features


def create_pipeline() -> Pipeline:
    """Wire the measuring of features."""
    return pipeline(
        [
            node(
                measure_features,
                ["corpus_index", "corpus_videos", "params:features", "params:execution"],
                "feature_measurements",
                name="measure_features",
            ),
            node(
                tabulate_features,
                ["corpus_index", "feature_measurements", "params:features"],
                ["features_metadata", "failed_videos"],
                name="tabulate_features",
            ),
        ]
    )
