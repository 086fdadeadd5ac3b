from pathlib import Path

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import MemoryDataset
from parse import parse

from conftest import REPOSITORY
from fvc_kedro.hooks import InputsHook, MissingInputError, location

WHOLE = ("__default__", "demo")  # made of others
CATALOG = REPOSITORY / "conf/base/catalog.yml"


@pytest.fixture(scope="module")
def registered(project):
    bootstrap_project(project)
    return dict(pipelines)


@pytest.fixture(scope="module")
def catalog():
    return yaml.safe_load(CATALOG.read_text())


@pytest.fixture(scope="module")
def entries(catalog):
    return {name: entry for name, entry in catalog.items() if not name.startswith("_")}


def datasets(registered):
    return {name for pipeline in registered.values() for name in pipeline.datasets() if not name.startswith("param")}


def entry_of(entries, name):
    """Name of the entry that a dataset is made from: its own, or a factory's whose pattern it fits."""
    if name in entries:
        return name
    fitting = [pattern for pattern in entries if "{" in pattern and parse(pattern, name)]
    assert len(fitting) == 1, f"{name} is in the catalog {len(fitting)} times"
    return fitting[0]


def test_every_dataset_is_in_the_catalog_and_every_entry_is_used(registered, entries):
    assert {entry_of(entries, name) for name in datasets(registered)} == set(entries)


def test_kedro_finds_every_dataset_in_the_catalog(project, registered):
    with KedroSession.create(project_path=project) as session:
        catalog = session.load_context().catalog
        found = {name: catalog.get(name) for name in datasets(registered)}
    assert not [name for name, dataset in found.items() if dataset is None or isinstance(dataset, MemoryDataset)]
    places = [str(place) for name in found if (place := location(catalog, name)) is not None]
    shared = {place for place in places if places.count(place) > 1}
    # Batches of trials, folds and the two readings of a manifest share their folder or file.
    assert {Path(place).name for place in shared} == {"trials", "svm", "manifest.csv"}


def test_the_catalog_stays_short():
    assert len(CATALOG.read_text().splitlines()) <= 210


def test_plots_and_nothing_else_are_named_so(registered, entries):
    for name in datasets(registered):
        drawn = entries[entry_of(entries, name)]["type"] == "fvc_kedro.datasets.PlotDataset"
        assert name.endswith("_plot") == drawn, name


def test_every_dataset_has_a_layer(entries):
    for name, entry in entries.items():
        assert entry["metadata"]["kedro-viz"]["layer"], name


def test_every_node_has_a_name_of_its_own_in_the_namespace_of_its_pipeline(registered):
    names = [node.name for name, pipeline in registered.items() if name not in WHOLE for node in pipeline.nodes]
    assert len(names) == len(set(names))
    for registered_name, pipeline in registered.items():
        for node in pipeline.nodes:
            namespace, _, name = node.name.rpartition(".")
            assert name.isidentifier()
            assert node.namespace == namespace
            own = {"cross_corpus": "other_corpus"}.get(registered_name, registered_name)
            assert namespace.split(".")[0] == own or registered_name in WHOLE


def test_another_corpus_is_read_and_measured_by_the_same_functions(registered):
    def functions(*names):
        return {node.func for name in names for node in registered[name].nodes}

    assert functions("feature_engineering") < functions("cross_corpus")
    assert len(functions("ingestion") & functions("cross_corpus")) == 2
    written = registered["cross_corpus"].outputs() | registered["cross_corpus"].all_outputs()
    assert all(name.startswith(("other_corpus.", "other_")) for name in written)


def test_the_default_pipeline_is_the_sum_of_the_stages(registered):
    stages = ("ingestion", "feature_engineering", "scaling", "svm_training", "evaluation", "reporting")
    nodes = {node.name for stage in stages for node in registered[stage].nodes}
    assert {node.name for node in registered["__default__"].nodes} == nodes


def test_the_demo_is_the_default_pipeline_on_the_sample_corpus(registered):
    demo, default = registered["demo"], registered["__default__"]
    assert {node.name for node in demo.nodes} == {
        *(node.name for node in default.nodes),
        *(node.name for node in registered["sample_corpus"].nodes),
    }
    assert {name for name in demo.inputs() if not name.startswith("params:")} == {
        "sample_clips",
        "demo_videos",
        "lineage",
    }


def test_the_demo_starts_from_an_empty_folder(project, registered, tmp_path):
    elsewhere = {"data_root": str(tmp_path), "corpus_manifest": str(tmp_path / "none.csv")}
    with KedroSession.create(project_path=project, runtime_params=elsewhere) as session:
        catalog = session.load_context().catalog
        InputsHook().before_pipeline_run({"project_path": str(project)}, registered["demo"], catalog)
        with pytest.raises(MissingInputError, match="corpus_manifest is not there"):
            InputsHook().before_pipeline_run({"project_path": str(project)}, registered["ingestion"], catalog)


def test_every_pipeline_has_a_readme():
    folder = REPOSITORY / "src/fvc_kedro/pipelines"
    for pipeline in folder.glob("*/pipeline.py"):
        assert (pipeline.parent / "README.md").stat().st_size > 200


def test_locks_carry_no_addresses():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (REPOSITORY / name).read_text()
        assert "://" not in text
        assert "--" not in text
