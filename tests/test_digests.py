"""The digest of the code behind a module: what counts, and what does not."""

import pytest

from fvc_kedro import digests as module
from fvc_kedro.digests import code_digest


def package(tmp_path, monkeypatch, **modules):
    folder = tmp_path / "fvc_kedro"
    folder.mkdir()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(module, "PACKAGE", folder)
    code_digest.cache_clear()
    module._imports.cache_clear()
    return folder


@pytest.fixture(autouse=True)
def _forget_digests():
    yield
    code_digest.cache_clear()
    module._imports.cache_clear()


def test_the_code_of_a_module_is_all_that_it_imports(tmp_path, monkeypatch):
    modules = {
        "nodes": "from fvc_kedro import near\ndef node():\n    from fvc_kedro.late import function\n",
        "near": "import fvc_kedro.far\nimport numpy\n",
        "far": "",
        "late": "function = 1",
        "apart": "",
    }
    folder = package(tmp_path, monkeypatch, **modules)

    def digest():
        code_digest.cache_clear()
        module._imports.cache_clear()
        return code_digest("fvc_kedro.nodes")

    first = digest()
    (folder / "apart.py").write_text("changed = 1")
    assert digest() == first
    for name in ("nodes", "near", "far", "late"):
        (folder / f"{name}.py").write_text(f"{modules[name]}\nchanged = 1")
        changed = digest()
        assert changed != first, name
        first = changed
    (folder / "page.html.jinja").write_text("<p>")
    assert digest() != first


def test_a_module_that_is_gone_has_no_code():
    assert code_digest("fvc_kedro.of_an_earlier_version") == ""


def test_plots_are_no_part_of_the_code_that_trains():
    closure = module._closure("fvc_kedro.pipelines.svm_training.nodes")
    assert "fvc_kedro.learning.detector" in closure
    assert "fvc_kedro.video.decoding" in closure
    assert not any("reporting" in name for name in closure)
