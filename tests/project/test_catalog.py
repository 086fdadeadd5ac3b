from pathlib import Path

import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def registered(project):
    bootstrap_project(project)
    return dict(pipelines)


@pytest.fixture(scope="module")
def catalog():
    return yaml.safe_load((REPOSITORY / "conf/base/catalog.yml").read_text())


def test_every_dataset_is_in_the_catalog_and_every_entry_is_used(registered, catalog):
    used = {name for pipeline in registered.values() for name in pipeline.datasets() if not name.startswith("param")}
    entries = {name for name in catalog if not name.startswith("_")}
    assert used == entries


def test_every_dataset_has_a_layer(catalog):
    for name, entry in catalog.items():
        if not name.startswith("_"):
            assert entry["metadata"]["kedro-viz"]["layer"], name


def test_every_node_has_a_name_of_its_own(registered):
    names = [node.name for name, pipeline in registered.items() if name != "__default__" for node in pipeline.nodes]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_the_default_pipeline_is_the_sum_of_the_stages(registered):
    stages = ("ingestion", "feature_engineering", "scaling", "svm_training", "evaluation", "reporting")
    nodes = {node.name for stage in stages for node in registered[stage].nodes}
    assert {node.name for node in registered["__default__"].nodes} == nodes


def test_every_pipeline_has_a_readme():
    folder = REPOSITORY / "src/fvc_kedro/pipelines"
    for pipeline in folder.glob("*/pipeline.py"):
        assert (pipeline.parent / "README.md").stat().st_size > 200


def test_locks_carry_no_addresses():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (REPOSITORY / name).read_text()
        assert "://" not in text
        assert "--" not in text
