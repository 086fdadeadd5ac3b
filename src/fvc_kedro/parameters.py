"""The parameters of every pipeline with their types and ranges: a wrong one stops a run before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

# What measures and decodes is imported where it is needed: it takes half a second, and most commands need none of it.
if TYPE_CHECKING:
    from fvc_kedro.execution import Execution
    from fvc_kedro.forensics import Sampling
    from fvc_kedro.video import Limits

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Kernel = Literal["linear", "rbf"]
FeatureSet = Literal["original", "scaled"]
SCALED_EXPERT = "scaled_copy"  # name of the expert that sees the scaled copies
Rate = Annotated[float, Field(gt=0, lt=1)]


def _known_once(families: list[str]) -> list[str]:
    from fvc_kedro.forensics import FAMILIES  # noqa: PLC0415 - slow to import

    unknown = sorted(set(families) - set(FAMILIES))
    if unknown:
        raise ValueError(f"unknown families {unknown}; there are {sorted(FAMILIES)}")
    if len(set(families)) < len(families):
        raise ValueError(f"a family is named twice in {families}")
    return families


def _no_column(name: str) -> str:
    taken = {
        "video_id",
        "label",
        "group",
        "corpus",
        "repeat",
        "fold",
        "margin",
        "probability",
        "predicted",
        SCALED_EXPERT,
    }
    # Columns of the tables that predictions are joined with.
    taken |= {"video_path", "in_training", "verdict", "sha256", "group_names", "manipulation"}
    taken |= {"aligned_margin", "aligned_probability", "aligned_verdict", "alignment_warning"}
    taken |= {"left_out", "trained_on", "tested_on", "alignment", "method"}
    if name in taken:
        raise ValueError(f"an expert may not be named {name!r}, which names a column of a table already")
    return name


FamilyNames = Annotated[list[str], Field(min_length=1), AfterValidator(_known_once)]


def _known_parts(parts: list[str]) -> list[str]:
    from fvc_kedro.forensics import PARTS  # noqa: PLC0415 - slow to import

    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f"unknown parts {unknown}; there are {list(PARTS)}")
    return _once(parts)


def _once(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError(f"a value stands twice in {values}")
    return values


PartNames = Annotated[list[str], Field(min_length=1), AfterValidator(_known_parts)]
# A column of the predictions, beside their own.
ExpertName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_no_column)]
Strengths = Annotated[list[Annotated[float, Field(ge=1e-6, le=1e6)]], Field(min_length=1), AfterValidator(_once)]


class ParameterError(ValueError):
    """A parameter that is missing, unknown, of the wrong type or out of range."""


class Parameters(BaseModel):
    """Base of the groups of parameters: unknown names are errors, numbers are finite, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Range(Parameters):
    """Closed range above 0 to draw from."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class SampleCorpusParameters(Parameters):
    """How the sample corpus is made."""

    seed: Seed
    pairs: int = Field(ge=1, le=5)
    rate: Range
    scales: list[Annotated[float, Field(gt=0, le=1)]] = Field(min_length=1)
    length_s: Range


class LimitParameters(Parameters):
    """Limits beyond which a video is rejected."""

    max_pixels: int = Field(ge=1)
    max_frames: int = Field(ge=1)
    max_seconds: float = Field(gt=0)

    def to_limits(self) -> Limits:
        """Return the same limits as videos take them."""
        from fvc_kedro.video import Limits  # noqa: PLC0415 - slow to import

        return Limits(self.max_pixels, self.max_frames, self.max_seconds)


class IngestionParameters(Parameters):
    """How a manifest is read."""

    every_video_stands_alone: bool
    limits: LimitParameters


class FeatureParameters(Parameters):
    """What is measured on each video."""

    num_frames: int = Field(ge=1)
    segment_s: float = Field(ge=0.01)
    frames_per_segment: int = Field(ge=1)
    families: FamilyNames

    def to_sampling(self) -> Sampling:
        """Return the same settings as measuring takes them."""
        from fvc_kedro.forensics import Sampling  # noqa: PLC0415 - slow to import

        return Sampling(self.num_frames, self.segment_s, self.frames_per_segment)


class ScalingParameters(Parameters):
    """How letterboxed copies are made and measured."""

    size: int = Field(ge=16, multiple_of=8)
    crf: int = Field(ge=0, le=51)
    preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
    ]  # of libx264
    num_frames: int = Field(ge=1)


class GridParameters(Parameters):
    """Values that the search tries."""

    C: Strengths
    rbf_C: Strengths  # noqa: N815 - scikit-learn's name of it
    kernel: Annotated[list[Kernel], Field(min_length=1), AfterValidator(_once)]


class SearchParameters(Parameters):
    """How the best grid point is found."""

    mode: Literal["per_fold", "global"]
    fraction: float = Field(gt=0, le=1)
    min_videos: int = Field(ge=1)


class VerdictParameters(Parameters):
    """Error rates that the three-way verdict promises."""

    false_positive_rate: Rate
    false_negative_rate: Rate


class RbfApproximationParameters(Parameters):
    """When and by how much the rbf kernel is approximated."""

    above_rows: int = Field(ge=0)
    n_components: int = Field(ge=1)


class SvmParameters(Parameters):
    """How the classifier is trained and cross-validated."""

    n_folds: int = Field(ge=2)
    n_repeats: int = Field(ge=1)
    outer: Literal["stratified_groups", "leave_one_group_out", "leave_one_corpus_out", "auto"]
    corpora_count: Literal["equally", "by_videos"]
    seed: Seed
    unit: Literal["segment", "video"]
    feature_sets: Annotated[list[FeatureSet], Field(min_length=1), AfterValidator(_once)]
    experts: dict[ExpertName, PartNames | None]
    shrinkage: Literal["auto"] | Annotated[float, Field(gt=0, le=1)]
    grid: GridParameters
    n_inner_folds: int = Field(ge=2)
    search: SearchParameters
    rbf_approximation: RbfApproximationParameters
    verdict: VerdictParameters
    false_positive_rates: list[Rate] = Field(min_length=1)

    @model_validator(mode="after")
    def _some_expert(self) -> SvmParameters:
        if "original" in self.feature_sets and not self.parts_by_expert:
            raise ValueError("svm.experts must name at least one expert with its parts")
        return self

    @property
    def parts_by_expert(self) -> dict[str, list[str]]:
        """Parts of each expert; one that is null is left out."""
        return {name: parts for name, parts in self.experts.items() if parts is not None}

    @property
    def families(self) -> set[str]:
        """Families that any expert sees, whole or in part."""
        return {part.partition(".")[0] for parts in self.parts_by_expert.values() for part in parts}


class EvaluationParameters(Parameters):
    """How sure the results are, and what they stand up to."""

    seed: Seed
    n_bootstrap: int = Field(ge=100)
    few_groups: int = Field(ge=2)
    n_permutations: int = Field(ge=0)
    learning_curve: list[Annotated[float, Field(gt=0, lt=1)]]
    n_shuffles: int = Field(ge=1)
    max_rows: int = Field(ge=0)
    small_slice: int = Field(ge=1)
    shortcut_auc: float = Field(gt=0.5, le=1)


class CrossCorpusParameters(Parameters):
    """How another corpus is scored."""

    alignment: Literal["none", "coral"]
    prior_videos: float = Field(gt=0)
    few_groups: int = Field(ge=1)


class ReportingParameters(Parameters):
    """How results are shown, and asked."""

    n_thumbnails: int = Field(ge=1)
    query_memory_mb: int = Field(ge=256)


def _known_engine(name: str) -> str:
    from fvc_kedro.execution import ENGINES  # noqa: PLC0415 - slow to import

    if name not in ENGINES:
        raise ValueError(f"engine must be one of {list(ENGINES)}")
    return name


class ExecutionParameters(Parameters):
    """How many videos are worked on at once."""

    engine: Annotated[str, AfterValidator(_known_engine)]
    workers: int = Field(ge=-1)
    timeout_s: float = Field(gt=0)
    memory_mb: int = Field(ge=1024)

    @model_validator(mode="after")
    def _some_worker(self) -> ExecutionParameters:
        if self.workers == 0:
            raise ValueError("workers must be -1 (one a core) or at least 1, got 0")
        return self

    def to_execution(self) -> Execution:
        """Return the same settings as the engine takes them."""
        from fvc_kedro.execution import Execution  # noqa: PLC0415 - slow to import

        return Execution(self.engine, self.workers, self.timeout_s, self.memory_mb)


class TrackingParameters(Parameters):
    """What of a run goes to MLflow, and what happens where MLflow cannot be used."""

    enabled: bool
    on_failure: Literal["warn", "error"]
    registered_model: str = Field(pattern=r"^[^/:]+$")  # MLflow's rule for names in its registry


GROUPS: dict[str, type[Parameters]] = {
    "sample_corpus": SampleCorpusParameters,
    "ingestion": IngestionParameters,
    "features": FeatureParameters,
    "scaling": ScalingParameters,
    "svm": SvmParameters,
    "evaluation": EvaluationParameters,
    "cross_corpus": CrossCorpusParameters,
    "reporting": ReportingParameters,
    "execution": ExecutionParameters,
    "tracking": TrackingParameters,
}
# What became of parameters of earlier versions.
RENAMED = {
    "svm.families": "svm.experts names the families and places that are trained on",
    "svm.n_features": "all columns are used, as whitening makes a selection unnecessary",
    "svm.segment_score": "the margin of a video is always the mean over its segments",
    "svm.n_calibration_folds": "svm.n_inner_folds serves search and calibration",
    "svm.search.n_folds": "svm.n_inner_folds serves search and calibration",
}
# Given with --params for the catalog alone (globals.yml holds the defaults).
PATH_PARAMETERS = frozenset({"corpus_manifest", "data_root", "evaluate_on", "fvc_root"})
MANIFEST_PARAMETERS = frozenset({"corpus_manifest", "evaluate_on"})  # take several paths, with commas between
CATALOG_PARAMETERS = PATH_PARAMETERS | {"allow_outside"}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Check all parameters of a run.

    Raises
    ------
    ParameterError
        Naming every value that is wrong, unknown or missing, and what is allowed.
    """
    problems = []
    for name in sorted(set(parameters) - set(GROUPS) - CATALOG_PARAMETERS):
        problems.append(
            f"{name}: there is no such parameter; there are {sorted(GROUPS)} and {sorted(CATALOG_PARAMETERS)}"
        )
    if not isinstance(parameters.get("allow_outside", False), bool):
        problems.append(f"allow_outside: write true or false (got {parameters['allow_outside']!r})")
    for name in GROUPS:
        problems += _problems(parameters, name)
    if not problems:
        problems = _unmeasured(parameters)
    _refuse(problems)


def check_group(parameters: Mapping[str, Any], name: str) -> None:
    """Check one group of parameters, as a command does that needs no other.

    Raises
    ------
    ParameterError
        As of all parameters.
    """
    _refuse(_problems(parameters, name))


def _problems(parameters: Mapping[str, Any], name: str) -> list[str]:
    if name not in parameters:
        return [f"{name}: missing"]
    try:
        GROUPS[name].model_validate(parameters[name])
    except ValidationError as error:
        return [_describe(name, problem) for problem in error.errors()]
    return []


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ParameterError(
            "wrong parameters (conf/base/parameters.yml or --params):\n" + "\n".join(f"- {line}" for line in problems)
        )


def _unmeasured(parameters: Mapping[str, Any]) -> list[str]:
    svm = SvmParameters.model_validate(parameters["svm"])
    measured = FeatureParameters.model_validate(parameters["features"]).families
    missing = sorted(svm.families - set(measured)) if "original" in svm.feature_sets else []
    return [f"svm.experts: {missing} are not measured: add them to features.families"] if missing else []


def _describe(group: str, problem: Any) -> str:
    place = ".".join([group, *(str(step) for step in problem["loc"])])
    if place in RENAMED:
        return f"{place}: there is no such parameter any more; {RENAMED[place]}"
    return f"{place}: {problem['msg']} (got {problem['input']!r})"
