import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fvc_kedro import execution as engines
from fvc_kedro.execution import DeadWorkerError, Execution, Task, run_all, run_tasks
from fvc_kedro.parameters import ExecutionParameters
from fvc_kedro.video import UnusableVideoError

FULL = Path("/dev/full")
LOCAL = Execution("local", workers=2, timeout_s=3.0)
SERIAL = Execution("serial")


def double(number):
    return 2 * number


def refuse():
    raise UnusableVideoError("no picture in it")


def stumble():
    raise ValueError("odd size")


def fill():
    FULL.write_text("too much")


def fill_as_a_library_does():
    raise RuntimeError("IO Error: could not write: No space left on device")  # without errno


def crash():
    os._exit(7)


def fault():
    os.kill(os.getpid(), signal.SIGSEGV)


def devour():
    return len(bytearray(2 * 2**30))


def hang():
    time.sleep(60)


def note(file):
    file.touch()
    time.sleep(0.2)


def outcomes(tasks, execution):
    return dict(run_tasks(tasks, execution, "testing"))


@pytest.mark.parametrize("execution", [LOCAL, SERIAL])
def test_values_come_back_under_their_names(execution):
    tasks = {str(number): Task(double, (number,)) for number in range(5)}
    assert {name: outcome.value for name, outcome in outcomes(tasks, execution).items()} == {
        str(number): 2 * number for number in range(5)
    }


@pytest.mark.parametrize("execution", [LOCAL, SERIAL])
def test_a_failure_costs_only_its_video(execution):
    tasks = {"a": Task(double, (1,)), "b": Task(refuse, ()), "c": Task(stumble, ())}
    found = outcomes(tasks, execution)
    assert found["a"].value == 2
    assert found["b"].failure == "no picture in it"
    assert found["c"].failure == "unforeseen ValueError: odd size"


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")
@pytest.mark.parametrize("execution", [LOCAL, SERIAL])
@pytest.mark.parametrize("fill", [fill, fill_as_a_library_does])
def test_a_full_disk_stops_the_run_and_is_no_fault_of_a_video(tmp_path, execution, fill, caplog):
    tasks = {"full": Task(fill, (), cost=2.0)}
    tasks |= {str(number): Task(note, (tmp_path / str(number),)) for number in range(50)}
    with pytest.raises(Exception, match="No space left on device"):
        outcomes(tasks, execution)
    n_begun = len(list(tmp_path.iterdir()))
    assert n_begun < 40
    time.sleep(1.0)
    assert len(list(tmp_path.iterdir())) == n_begun  # no worker goes on
    assert not caplog.records


def test_the_first_failures_are_told_as_they_happen(caplog, capsys):
    tasks = {str(number): Task(refuse, ()) for number in range(9)}
    told = []
    for _ in run_tasks(tasks, SERIAL, "testing"):
        told.append(len(caplog.records))
    assert told == [1, 2, 3, 4, 4, 4, 4, 4, 4]
    assert caplog.messages[2:] == ["2: no picture in it", "more videos fail: they are counted at the end"]


def test_a_dead_worker_and_a_hanging_one_cost_only_their_videos():
    tasks = {"crash": Task(crash, ()), "hang": Task(hang, ())}
    tasks |= {str(number): Task(double, (number,)) for number in range(6)}
    found = outcomes(tasks, LOCAL)
    assert "died (exit code 7)" in found["crash"].failure
    assert "time limit of 3 s" in found["hang"].failure
    assert all(found[str(number)].value == 2 * number for number in range(6))


def test_a_fault_of_the_decoder_is_named():
    assert "died (SIGSEGV)" in outcomes({"a": Task(fault, ())}, LOCAL)["a"].failure


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a worker's memory")
def test_a_task_that_needs_too_much_memory_costs_only_itself():
    tasks = {"greedy": Task(devour, ()), "modest": Task(double, (4,))}
    found = outcomes(tasks, Execution(workers=1, memory_mb=1024))
    assert "more memory than a worker may take" in found["greedy"].failure
    assert found["modest"].value == 8
    assert outcomes(tasks, Execution(workers=1, memory_mb=4096))["greedy"].value == 2 * 2**30


def test_frames_are_decoded_ahead_only_where_a_core_would_be_idle():
    n_cores = len(os.sched_getaffinity(0))
    assert Execution().frames_ahead(10 * n_cores) == 0
    assert Execution(workers=n_cores).frames_ahead(n_cores) == 0
    if n_cores > 1:
        assert Execution().frames_ahead(1) > 0


def test_the_dearest_start_first():
    tasks = {name: Task(double, (1,), cost) for name, cost in (("a", 1.0), ("b", 3.0), ("c", 2.0))}
    assert [name for name, _ in run_tasks(tasks, Execution("local", workers=1), "testing")] == ["b", "c", "a"]


def test_nothing_to_do_starts_nothing():
    assert outcomes({}, LOCAL) == {}


@pytest.mark.parametrize("execution", [LOCAL, SERIAL])
def test_values_of_trainings_come_back_under_their_names(execution):
    tasks = {str(number): Task(double, (number,)) for number in range(5)}
    assert dict(run_all(tasks, execution, "testing")) == {str(number): 2 * number for number in range(5)}


@pytest.mark.parametrize("execution", [LOCAL, SERIAL])
@pytest.mark.parametrize(("broken", "error"), [(stumble, ValueError), (refuse, UnusableVideoError)])
def test_any_error_of_a_training_stops_the_run(tmp_path, execution, broken, error):
    tasks = {"broken": Task(broken, (), cost=2.0)}
    tasks |= {str(number): Task(note, (tmp_path / str(number),)) for number in range(50)}
    with pytest.raises(error):
        dict(run_all(tasks, execution, "testing"))
    n_begun = len(list(tmp_path.iterdir()))
    assert n_begun < 40
    time.sleep(1.0)
    assert len(list(tmp_path.iterdir())) == n_begun  # no worker goes on


@pytest.mark.parametrize(("broken", "cause"), [(crash, r"\(exit code 7\)"), (fault, r"\(SIGSEGV\)")])
def test_a_worker_that_dies_in_a_training_stops_the_run_with_its_cause(broken, cause):
    with pytest.raises(DeadWorkerError, match=rf"died during a training {cause}.*execution\.workers lower"):
        dict(run_all({"a": Task(broken, ())}, LOCAL, "testing"))


def test_limits_are_for_videos_and_not_for_trainings():
    tasks = {"long": Task(time.sleep, (1.5,)), "greedy": Task(devour, ())}
    found = dict(run_all(tasks, Execution("local", workers=1, timeout_s=0.5, memory_mb=1024), "testing"))
    assert found == {"long": None, "greedy": 2 * 2**30}


def run_backwards(tasks, execution):
    for name in reversed(tasks):
        yield name, lambda task=tasks[name]: task.function(*task.arguments)


def test_an_engine_more_serves_videos_and_trainings_and_is_a_parameter(monkeypatch):
    monkeypatch.setitem(engines._ENGINES, "cluster", run_backwards)
    settings = {"engine": "cluster", "workers": 2, "timeout_s": 3.0, "memory_mb": 1024}
    cluster = ExecutionParameters.model_validate(settings).to_execution()
    tasks = {name: Task(double, (number,)) for number, name in enumerate("abc")}
    assert list(run_all(tasks, cluster, "testing")) == [("c", 4), ("b", 2), ("a", 0)]
    found = list(run_tasks(tasks | {"d": Task(refuse, ())}, cluster, "testing"))
    assert [name for name, _ in found] == ["d", "c", "b", "a"]
    assert [outcome.value for _, outcome in found] == [None, 4, 2, 0]
    assert found[0][1].failure == "no picture in it"


def test_all_cores_are_meant_by_minus_one():
    assert Execution(workers=-1).n_workers == len(os.sched_getaffinity(0))
    assert Execution(workers=3).n_workers == 3
