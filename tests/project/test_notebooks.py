import os

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import REPOSITORY, copy_project


@pytest.mark.parametrize("name", ["5b_svm.ipynb"])
def test_the_notebook_runs_from_top_to_bottom(name, tiny_run, tmp_path):
    import shutil

    project = copy_project(tmp_path / "fvc")
    shutil.copytree(tiny_run["data_root"], project / "data", dirs_exist_ok=True)
    globals_file = project / "conf/local/globals.yml"
    globals_file.parent.mkdir(exist_ok=True)
    globals_file.write_text(f'corpus_manifest: "{tiny_run["corpus_manifest"]}"\n')
    notebook = nbformat.read(REPOSITORY / "notebooks" / name, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "IPYTHONDIR", str(tmp_path / "ipython"))
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(project / "notebooks")}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = ["image/png" in output.get("data", {}) for output in outputs]
    assert sum(shown) == 3
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    assert next(plot for plot, text in zip(shown, texts, strict=True) if plot or text)  # the verdicts, before all else
    assert not any("INFO" in text or "WARNING" in text for text in texts)
    assert all(text.count("\n") < 30 for text in texts)
    assert any("whole_picture: " in output.get("text", "") for output in outputs)
    assert any("over 6 groups" in output.get("text", "") for output in outputs)
    assert any("avg_f1" in output.get("text", "") and "std_f1" in output.get("text", "") for output in outputs)
