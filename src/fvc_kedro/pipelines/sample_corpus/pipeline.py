"""The clips in; real and tampered versions of them, and their manifest, out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines.sample_corpus.nodes import design_sample_corpus


def create_pipeline() -> Pipeline:
    """Wire the making of the sample corpus."""
    return Pipeline(
        [
            Node(
                func=design_sample_corpus,
                inputs=["sample_clips", "params:sample_corpus", "params:execution"],
                outputs=["sample_videos", "sample_manifest"],
                name="design_sample_corpus",
            )
        ],
        namespace="sample_corpus",
        prefix_datasets_with_namespace=False,
    )
