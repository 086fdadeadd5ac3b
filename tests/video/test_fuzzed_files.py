"""Files broken at random: each is measured or refused with a reason, and none brings down more than itself.

Bounded here; `make fuzz` sets FUZZ_CASES for a longer run.
"""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from formats import CASES as FORMATS
from formats import Shown

from clips import write_clip
from fvc_kedro.execution import Execution, Task, run_tasks
from fvc_kedro.forensics import FAMILIES, Sampling, measure
from fvc_kedro.video import Limits, VideoFile
from fvc_kedro.video.encoding import Encoding
from fvc_kedro.video.geometry import Letterbox
from fvc_kedro.video.handle import VideoRecipe

CASES = int(os.environ.get("FUZZ_CASES", "150"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
LIMITS = Limits(max_pixels=4e6, max_frames=10_000, max_seconds=36_000)
SEEDS = {
    "a.mp4": {},
    "b.mp4": {"container_options": {"movflags": "faststart"}},
    "c.mkv": {"options": {"g": "4"}},
    "d.ts": {},
    "e.avi": {"codec": "mpeg4"},
    "f.mpg": {"codec": "mpeg2video"},
    "g.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime"}},
    "h.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "i.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "j.gif": {"codec": "gif", "pix_fmt": "gray"},
    "k.mkv": {"codec": "ffv1", "pix_fmt": "yuv422p10le"},
    "l.flv": {"codec": "flv"},
    "m.wmv": {"codec": "wmv2"},
}
# One file for each oddity that real files have.
ODD = {case.oddity: case for case in FORMATS if isinstance(case.expected, Shown) and case.oddity != "none"}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    ramp = np.add.outer(np.arange(48), np.arange(64)) % 200 + 20
    pixels = np.stack([np.roll(ramp, number, axis=1) for number in range(12)]).astype(np.uint8)
    for case in ODD.values():
        case.make(folder / case.name)
    usual = [write_clip(folder / name, pixels, **settings) for name, settings in SEEDS.items()]
    return [*usual, *(folder / case.name for case in ODD.values())]


def broken(content: bytes, generator: np.random.Generator) -> bytes:
    """Break a file in one to three of the ways that files break."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 4)):
        if not data:
            break
        place = int(generator.integers(len(data)))
        length = int(generator.integers(1, max(2, len(data) // 4)))
        match generator.integers(7):
            case 0:  # flipped bits anywhere
                for spot in generator.integers(0, len(data), int(generator.integers(1, 40))):
                    data[spot] ^= 1 << int(generator.integers(8))
            case 1:  # flipped bits in the header
                for spot in generator.integers(0, min(len(data), 1000), int(generator.integers(1, 20))):
                    data[spot] = int(generator.integers(256))
            case 2:  # cut short
                del data[place:]
            case 3:  # a hole
                data[place : place + length] = bytes(len(data[place : place + length]))
            case 4:  # a stretch missing
                del data[place : place + length]
            case 5:  # a stretch twice
                data[place:place] = data[place : place + length]
            case 6:  # an extreme number
                value = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x80\x00\x00\x00")
                data[place : place + 4] = value[int(generator.integers(4))]
    return bytes(data)


def work_on(path: Path) -> list[float | None]:
    """Do with a file what the pipelines do."""
    video = VideoFile(path)
    video.inspect(LIMITS)
    values = measure(video, list(FAMILIES), Sampling(20, segment_s=1.0, frames_per_segment=4))
    VideoRecipe(video, Letterbox(64), Encoding(preset="ultrafast")).write(path.with_suffix(".scaled.mp4"))
    return [value for columns in values.values() for column in columns.values() for value in column]


def test_a_broken_file_costs_no_more_than_itself(seeds, tmp_path):
    generator = np.random.default_rng(SEED)
    tasks = {}
    for number in range(CASES):
        seed = seeds[int(generator.integers(len(seeds)))]
        path = tmp_path / f"{number:05d}{seed.suffix}"
        path.write_bytes(broken(seed.read_bytes(), generator))
        tasks[path.name] = Task(work_on, (path,))
    outcomes = dict(run_tasks(tasks, Execution(workers=2, timeout_s=60, memory_mb=2048), "fuzzing"))
    assert len(outcomes) == CASES
    unforeseen = {name: one.failure for name, one in outcomes.items() if one.failure and "unforeseen" in one.failure}
    dead = {name: one.failure for name, one in outcomes.items() if one.failure and "process died" in one.failure}
    for name in {**unforeseen, **dead}:
        print(f"kept for a look: {tmp_path / name}")
    assert not unforeseen
    assert not dead
    measured = [one.value for one in outcomes.values() if one.failure is None]
    refused = [one.failure for one in outcomes.values() if one.failure is not None]
    assert measured, "nothing was left to measure: the fuzzer breaks too much"
    assert refused, "nothing was refused: the fuzzer breaks too little"
    assert np.isfinite([value for values in measured for value in values if value is not None]).all()
    assert all(reason.strip() for reason in refused)
    print(f"\n{len(measured)} measured, {len(refused)} refused:")
    for reason, count in Counter(re.sub(r"\d+", "N", reason) for reason in refused).most_common():
        print(f"{count:6} {reason}")
