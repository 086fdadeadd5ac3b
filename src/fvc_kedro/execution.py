"""How many tasks are worked on at once, and what happens when one of them fails.

Videos and trainings go through the same engines. :func:`run_tasks` maps picklable functions over videos: one that fails
costs that video. :func:`run_all` maps them over trainings: one that fails stops the run. An engine for a cluster is one
more entry of ``_ENGINES``: a function that runs tasks and yields, for each, its name and a callable that returns
its value or raises what went wrong. The progress bar appears when the engine's generator is there.
"""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from fvc_kedro.video import UnusableVideoError

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FRAMES_AHEAD = 4
_FAILURES_TOLD = 3  # as they happen
_FULL = (errno.ENOSPC, errno.EDQUOT)
_WATCH = "end with parent"
_BAR = "{desc}: {n_fmt} of {total_fmt} {unit}s |{bar}| {elapsed} so far, about {remaining} left"
_DIED_AT_ONCE = (
    "the worker processes died before they did anything. If this is your own script: each worker imports it, so what "
    'runs a session must stand under if __name__ == "__main__": (docs/python.md). Else what they printed says why'
)


class DeadWorkerError(RuntimeError):
    """A worker process died during a training, or all of them before they did anything."""


def end_with_parent() -> None:
    """Let this process end as soon as the process that started it has ended, be it killed.

    A thread waits for that; it is started once. The main process has no such parent and is left alone.
    """
    parent = multiprocessing.parent_process()
    # Asked of the threads, as a flag would be copied into a forked process, and a thread is not.
    if parent is not None and _WATCH not in {thread.name for thread in threading.enumerate()}:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name=_WATCH, daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def leave_script_of_parent() -> None:
    """End this process if it is a worker that runs its parent's script again, which lacks the guard, to import it.

    Each worker would begin the whole run anew, before multiprocessing stops it where it starts workers itself.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # what multiprocessing asks, too
        sys.exit(1)  # the parent says why


@dataclass(frozen=True, slots=True)
class Execution:
    """How tasks are run.

    Parameters
    ----------
    engine : str
        ``local`` runs tasks in processes of this machine: one that crashes or hangs costs that task
        alone. ``serial`` runs them in this process, one after another, which is handy in a debugger.
    workers : int
        Processes at once; -1 for one a core.
    timeout_s : float or None
        Longest a task may take, in seconds, before it counts as failed (``local`` only); None sets no limit.
    memory_mb : int or None
        Most memory that a worker may take, in MiB, before its task counts as failed (``local`` only, on
        Linux); None sets no limit.
    """

    engine: str = "local"
    workers: int = -1
    timeout_s: float | None = 600.0
    memory_mb: int | None = 4096

    @property
    def n_workers(self) -> int:
        """Number of processes."""
        return _available_cores() if self.workers == -1 else self.workers

    def frames_ahead(self, n_videos: int) -> int:
        """Frames to decode ahead on a second thread of each worker: some where cores would be idle, else none."""
        return _FRAMES_AHEAD if 2 * min(n_videos, self.n_workers) <= _available_cores() else 0


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Task:
    """Work on one video, or one training.

    Parameters
    ----------
    function : callable
        Picklable.
    arguments : tuple
        Its arguments, picklable.
    cost : float
        Expected effort, in any unit: dearer tasks start earlier.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """What became of a batch: a value or, in words, the reason of the failure, for each video id."""

    values: dict[str, T] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value of one task, or the reason why there is none."""

    value: Any = None
    failure: str | None = None


def run_tasks(tasks: Mapping[str, Task], execution: Execution, description: str) -> Iterator[tuple[str, Outcome]]:
    """Run tasks and yield each outcome when it is there, in no particular order, with a progress bar.

    Whatever goes wrong with a video is its outcome: an unusable file, a crashed worker, a task beyond
    the time limit. The first failures are logged at once; what was not foreseen, with its traceback.

    Raises
    ------
    DeadWorkerError
        If the worker processes die before they did anything.
    OSError
        If the disk is full, which is no fault of a video.
    """
    n_failed = 0
    with closing(_with_progress(tasks, execution, description, "video")) as results:
        for name, result in results:
            outcome = _outcome(name, result, execution.timeout_s)
            if outcome.failure is not None and n_failed <= _FAILURES_TOLD:
                n_failed += 1
                with tqdm.external_write_mode():  # the progress bar steps aside
                    if n_failed <= _FAILURES_TOLD:
                        logger.warning("%s: %s", name, outcome.failure)
                    else:
                        logger.warning("more videos fail: they are counted at the end")
            yield name, outcome


def run_all(tasks: Mapping[str, Task], execution: Execution, description: str) -> Iterator[tuple[str, Any]]:
    """Run trainings and yield each value when it is there, in no particular order, with a progress bar.

    The limits of time and memory, which are meant for videos, do not apply. The first error stops the run, and the
    workers with it.

    Raises
    ------
    DeadWorkerError
        If a worker process dies.
    """
    unlimited = replace(execution, timeout_s=None, memory_mb=None)
    with closing(_with_progress(tasks, unlimited, description, "training")) as results:
        for name, result in results:
            try:
                value = result()
            except ProcessExpired as error:
                raise DeadWorkerError(
                    f"a worker process died during a training ({_cause_of_death(error.exitcode)}), as one does that "
                    "runs out of memory: set execution.workers lower. The next run takes up where this one was"
                ) from error
            yield name, value


def _with_progress(
    tasks: Mapping[str, Task], execution: Execution, description: str, unit: str
) -> Generator[tuple[str, Callable[[], Any]]]:
    if not tasks:
        return
    with (
        closing(_ENGINES[execution.engine](tasks, execution)) as results,
        tqdm(total=len(tasks), desc=description, unit=unit, dynamic_ncols=True, bar_format=_BAR) as progress,
    ):
        for named_result in results:
            yield named_result
            progress.update()  # a serial task runs when its result is asked for


def _outcome(name: str, result: Callable[[], Any], timeout_s: float | None) -> Outcome:
    try:
        return Outcome(result())
    except UnusableVideoError as error:
        return Outcome(failure=str(error))
    except TimeoutError:
        return Outcome(failure=f"gave no result within the time limit of {timeout_s:g} s (execution.timeout_s)")
    except ProcessExpired as error:
        cause = _cause_of_death(error.exitcode)
        return Outcome(
            failure=f"the worker process died ({cause}), as a decoder does that meets what it was not written for"
        )
    except MemoryError:
        return Outcome(failure="needs more memory than a worker may take (execution.memory_mb)")
    except Exception as error:
        if is_disk_full(error):
            raise
        logger.exception("Unforeseen error with the video %s", name)
        return Outcome(failure=f"unforeseen {type(error).__name__}: {error}")


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error says that the disk is full, or the user's share of it."""
    # Some libraries, as DuckDB and polars, leave no number of the error, only its words.
    return getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error)


def _cause_of_death(exit_code: int) -> str:
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"exit code {exit_code}"


def _run_serially(tasks: Mapping[str, Task], _: Execution) -> Generator[tuple[str, Callable[[], Any]]]:
    for name, task in tasks.items():
        yield name, partial(task.function, *task.arguments)


def _run_locally(tasks: Mapping[str, Task], execution: Execution) -> Generator[tuple[str, Callable[[], Any]]]:
    """Start workers and wait for the first; return the generator of results."""
    pool = ProcessPool(
        max_workers=min(execution.n_workers, len(tasks)),
        context=_process_context(),
        initializer=_start_worker,
        initargs=(execution.memory_mb,),
    )
    try:
        with tqdm(bar_format="starting workers", leave=False):
            pool.schedule(_do_nothing).result()
    except BaseException as error:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()
        if isinstance(error, BrokenProcessPool | ProcessExpired):
            raise DeadWorkerError(_DIED_AT_ONCE) from error
        raise
    return _results(pool, tasks, execution)


def _results(
    pool: ProcessPool, tasks: Mapping[str, Task], execution: Execution
) -> Generator[tuple[str, Callable[[], Any]]]:
    left = dict(sorted(tasks.items(), key=lambda item: (-item[1].cost, item[0])))  # the dearest first
    with pool:
        futures: dict[Any, str] = {
            pool.schedule(_pickled_value, args=(task.function, task.arguments), timeout=execution.timeout_s): name
            for name, task in left.items()
        }
        try:
            for future in as_completed(futures):
                if isinstance(future.exception(), BrokenProcessPool):
                    break
                del left[futures[future]]
                yield futures[future], partial(_value, future)
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise
    if len(left) == len(tasks):
        raise DeadWorkerError(_DIED_AT_ONCE)
    if left:  # a worker died between two tasks or sending a result, and took what the others share with it
        yield from _run_locally(left, execution)


def _do_nothing() -> None:
    pass


def _pickled_value(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """Pickle the value here: a worker that dies while it sends one holds the lock that the others wait for."""
    return pickle.dumps(function(*arguments))


def _value(future: Any) -> Any:
    return pickle.loads(future.result())


def _start_worker(memory_mb: int | None) -> None:
    end_with_parent()
    if memory_mb is not None:
        _limit_memory(memory_mb)


def _limit_memory(memory_mb: int) -> None:
    """Let this process ask for no more than so much memory: an allocation beyond it fails, the machine does not."""
    if sys.platform == "linux":
        _, ceiling = resource.getrlimit(resource.RLIMIT_DATA)
        limit = memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit if ceiling < 0 else min(limit, ceiling), ceiling))


def _process_context() -> Any:
    """Choose how workers start: never by forking this process, whose threads a child would wait for."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fvc_kedro.forensics"])
    # Ctrl-C is for this process, which ends its workers; one that is starting would print a traceback. They inherit
    # the mask.
    resource_tracker.ensure_running()  # which sets the mask itself
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


_ENGINES: dict[str, Callable[[Mapping[str, Task], Execution], Generator[tuple[str, Callable[[], Any]]]]] = {
    "local": _run_locally,
    "serial": _run_serially,
}
ENGINES = _ENGINES.keys()
