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
    """Name every pipeline; ``__default__`` is all that a labelled corpus goes through."""
    stages = {
        "ingestion": ingestion.create_pipeline(),
        "feature_engineering": feature_engineering.create_pipeline(),
        "scaling": scaling.create_pipeline(),
        "svm_training": svm_training.create_pipeline(),
        "evaluation": evaluation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    return {
        "sample_corpus": sample_corpus.create_pipeline(),
        **stages,
        "cross_corpus": cross_corpus.create_pipeline(),
        "__default__": sum(stages.values(), Pipeline([])),
    }
