"""The clips in; real and tampered versions of them, and their manifest, out."""

from kedro.pipeline import Pipeline, node, pipeline

from fvc_kedro.pipelines.sample_corpus.nodes import design_sample_corpus


def create_pipeline() -> Pipeline:
    """Wire the making of the sample corpus."""
    return pipeline(
        [
            node(
                design_sample_corpus,
                ["sample_clips", "params:sample_corpus", "params:execution"],
                ["sample_videos", "sample_manifest"],
                name="design_sample_corpus",
            )
        ]
    )
