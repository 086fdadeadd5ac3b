"""A run killed at a random moment leaves no process, semaphore or half file, and the next one gives the same tables."""

import json
import subprocess
import sys

import pytest

from conftest import REPOSITORY

GROUPS = ["ingestion,feature_engineering,scaling", "svm_training,evaluation,reporting"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for what is left in /proc and /dev/shm")
def test_killed_runs_leave_nothing_behind_and_are_taken_up():
    command = ["benchmarks/kills.py", "--json", "--kills", "1", "--runner", "ParallelRunner", "--pipelines", *GROUPS]
    done = subprocess.run([sys.executable, *command], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for found in json.loads(done.stdout).values():
        assert found.pop("kills") == 1
        del found["slowest_end_s"], found["folders_in_shared_memory"]  # of which other programs make some
        assert not any(found.values()), done.stderr
