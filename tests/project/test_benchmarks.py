import json
import subprocess
import sys

import pytest

from conftest import REPOSITORY


def test_the_extraction_benchmark_prints_its_keys(tmp_path):
    command = ["benchmarks/extraction.py", "--json", "--repeats", "1", "--no-families", "--only", "sparse_seek_speedup"]
    done = subprocess.run([sys.executable, *command], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert set(result) == {"sparse_seek_speedup"}
    assert result["sparse_seek_speedup"] > 1


def test_the_training_benchmark_prints_its_keys():
    command = [sys.executable, "benchmarks/training.py", "--json", "--quick"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert {"search_speedup", "search_auc", "search_auc_baseline", "auc_difference"} < set(result)
    assert {"search_speedup_default", "search_speedup_whitened", "search_auc_whitened"} < set(result)
    assert {"nystroem_auc_difference", "independent_nystroem_auc_difference", "nystroem_speedup"} < set(result)
    assert {"million_rows_seconds", "million_rows_peak_mb"} < set(result)
    assert result["search_speedup"] > 1
    difference = abs(result["search_auc"] - result["search_auc_baseline"])
    assert result["auc_difference"] == pytest.approx(difference, abs=1e-3)
