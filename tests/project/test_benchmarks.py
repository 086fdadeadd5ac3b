import json
import subprocess
import sys

from conftest import REPOSITORY


def test_the_extraction_benchmark_prints_its_keys(tmp_path):
    command = ["benchmarks/extraction.py", "--json", "--repeats", "1", "--no-families", "--only", "sparse_seek_speedup"]
    done = subprocess.run([sys.executable, *command], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert set(result) == {"sparse_seek_speedup"}
    assert result["sparse_seek_speedup"] > 1
