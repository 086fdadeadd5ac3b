"""The project's pipelines by name."""

from kedro.pipeline import Pipeline

from fvc_kedro.pipelines import (
    cross_corpus,
    evaluation,
    feature_engineering,
    ingestion,
    reporting,
    sample_corpus,
    scaling,
    svm_training,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Name every pipeline.

    ``__default__`` is all that a labelled corpus goes through; ``demo`` makes the sample corpus and does
    the same with it.
    """
    stages = {
        "ingestion": ingestion.create_pipeline(),
        "feature_engineering": feature_engineering.create_pipeline(),
        "scaling": scaling.create_pipeline(),
        "svm_training": svm_training.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    default = sum(stages.values(), Pipeline([]))
    sample = {"corpus_manifest": "sample_manifest", "corpus_videos": "demo_videos"}
    return {
        "sample_corpus": sample_corpus.create_pipeline(),
        **stages,
        "cross_corpus": cross_corpus.create_pipeline(),
        "demo": sample_corpus.create_pipeline()
        + Pipeline(default, inputs=sample, prefix_datasets_with_namespace=False),
        "__default__": default,
    }
