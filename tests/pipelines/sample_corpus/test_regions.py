"""Where a picture is tampered with: drawn places and faces."""

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fvc_kedro.forensics.faces import FaceTracker
from fvc_kedro.pipelines.sample_corpus.regions import Ellipse, FaceRegion, shows_face
from fvc_kedro.pipelines.sample_corpus.tampering import FaceBlend, FaceJitter, FaceSwap, Reenactment, Resynthesis
from fvc_kedro.video import Frame, VideoArray

FPS = 10.0
HEIGHT, WIDTH = 240, 320
STEP = 4  # pixels that the portrait moves to the right in each picture


def portrait_over(background, n=20):
    """Let the astronaut's head, 120 pixels wide and high, move over a background."""
    head = cv2.resize(astronaut()[:256, 96:352, ::-1], (120, 120), interpolation=cv2.INTER_AREA)
    pictures = []
    for number in range(n):
        picture = background.copy()
        left = 40 + STEP * number
        picture[60:180, left : left + 120] = head
        pictures.append(picture)
    return pictures


def textured(seed=3):
    noise = np.random.default_rng(seed).integers(60, 190, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
    return cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


PORTRAIT = portrait_over(textured())
DRAWN = Ellipse(0.8, 0.85, 0.12, 0.12)
ON_FACE = FaceRegion(DRAWN, 0.25, FPS)
SIZE = 180  # of the donor's head, which is flipped


def donor():
    """Return a video of another size, in which the astronaut, flipped, stays at the bottom right."""
    picture = np.full((360, 400, 3), 90, np.uint8)
    head = cv2.resize(astronaut()[:256, 96:352, ::-1], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    picture[-SIZE:, -SIZE:] = head[:, ::-1]
    return VideoArray(np.repeat(picture[None], 3, axis=0), fps=FPS)


ON_FACES = {
    "face_swap": FaceSwap(ON_FACE, ON_FACE, donor()),
    "resynthesis": Resynthesis(ON_FACE, 3.0, (8.0, -8.0, 8.0)),
    "reenactment": Reenactment(ON_FACE, 2.0, 10.0, 0.5, 0.7, 1),
    "face_blend": FaceBlend(ON_FACE, 0.05, 0.05, 1.05, 1.1, 10.0, 1.0),
    "face_jitter": FaceJitter(ON_FACE, 1.0, 5.0, 1),
}


def face_boxes(pictures):
    tracker = FaceTracker()
    faces = [tracker.update(Frame.from_bgr(picture, n, n / FPS)) for n, picture in enumerate(pictures)]
    return [face.box for face in faces]


@pytest.mark.parametrize("change", ON_FACES.values(), ids=ON_FACES)
def test_a_face_is_hit_in_every_picture_and_followed(change):
    changed = list(change(iter(PORTRAIT)))
    middles = []
    for before, after, (x, y, width, height) in zip(PORTRAIT, changed, face_boxes(PORTRAIT), strict=True):
        different = np.any(before != after, axis=2)
        rows, columns = np.nonzero(different)
        margin_x, margin_y = 0.25 * width, 0.25 * height
        assert x - margin_x <= columns.min() <= columns.max() <= x + width + margin_x
        assert y - margin_y <= rows.min() <= rows.max() <= y + height + margin_y
        inner = different[y + height // 4 : y + 3 * height // 4, x + width // 4 : x + 3 * width // 4]
        assert inner.mean() > 0.6
        middles.append(columns.mean())
    assert middles[-1] - middles[0] == pytest.approx(STEP * (len(PORTRAIT) - 1), abs=6)


def test_a_swapped_face_is_scaled_onto_the_face():
    """The donor's face, found where it has been laid, has the place and size of the face that it covers."""
    plain = textured()
    before, after = PORTRAIT[:6], list(ON_FACES["face_swap"](iter(PORTRAIT[:6])))
    assert max(np.abs(shot[:, 250:].astype(int) - plain[:, 250:]).max() for shot in after) == 0
    for (x, y, width, height), (new_x, new_y, new_width, new_height) in zip(
        face_boxes(before), face_boxes(after), strict=True
    ):
        assert abs(new_width - width) <= 8
        assert abs(new_height - height) <= 8
        assert abs(new_x + new_width / 2 - x - width / 2) <= 6
        assert abs(new_y + new_height / 2 - y - height / 2) <= 6


def test_a_donor_that_is_the_video_itself_changes_nothing_but_what_rounding_does():
    itself = FaceSwap(ON_FACE, ON_FACE, VideoArray(np.stack(PORTRAIT), fps=FPS))
    for before, after in zip(PORTRAIT, itself(iter(PORTRAIT)), strict=True):
        assert np.abs(before.astype(int) - after).max() <= 2


def test_videos_that_begin_with_a_face_are_known():
    assert shows_face(VideoArray(np.stack(PORTRAIT), fps=FPS))
    assert not shows_face(VideoArray(np.stack([textured()] * 12), fps=FPS))
    assert not shows_face(VideoArray(np.stack([textured()] * 12 + PORTRAIT), fps=FPS))


def test_without_a_face_the_drawn_region_is_used_from_first_to_last():
    pictures = [textured()] * 12
    assert [place for _, place in FaceRegion(DRAWN, 0.5, FPS).follow(iter(pictures))] == [DRAWN] * 12


def test_a_face_that_comes_late_does_not_draw_the_region_to_it():
    pictures = [textured()] * 12 + PORTRAIT
    assert {place for _, place in ON_FACE.follow(iter(pictures))} == {DRAWN}


def test_a_face_that_is_lost_keeps_its_last_place():
    places = [place for _, place in ON_FACE.follow(iter(PORTRAIT[:12] + [textured()] * 12))]
    assert len(places) == 24
    assert len(set(places[-11:])) == 1
    assert places[-1].x == pytest.approx(places[11].x, abs=0.02)


def test_no_picture_is_lost_in_a_stream_shorter_than_the_search_for_a_face():
    for pictures in (PORTRAIT[:1], [textured()]):
        assert len(list(ON_FACE.follow(iter(pictures)))) == 1
    assert not list(ON_FACE.follow(iter([])))


def test_an_ellipse_is_opaque_inside_and_ends_at_its_border():
    opacity = Ellipse(0.5, 0.5, 0.25, 0.25, feather=0.2).opacity(80, 120)[:, :, 0]
    assert opacity[40, 60] == opacity[40, 60 + 22] == 1
    assert 0 < opacity[40, 60 + 27] < 1
    assert not opacity[:, : 30 - 1].any()
    assert not opacity[: 20 - 1].any()


def test_a_wider_feather_is_a_softer_seam():
    steepest = [
        np.abs(np.diff(Ellipse(0.5, 0.5, 0.25, 0.25, feather).opacity(200, 200)[100, :, 0])).max()
        for feather in (0.1, 0.3, 0.5)
    ]
    assert steepest == sorted(steepest, reverse=True)
    assert steepest[0] == pytest.approx(5 * steepest[2], rel=0.1)


def test_a_drifting_ellipse_stays_inside_the_picture():
    drifting = Ellipse(0.5, 0.5, 0.2, 0.2, drift_x=0.1, drift_y=-0.1)
    places = [place for _, place in drifting.follow(iter([textured()] * 6))]
    assert [round(place.x, 6) for place in places] == [0.5, 0.6, 0.7, 0.8, 0.8, 0.8]
    assert [round(place.y, 6) for place in places] == [0.5, 0.4, 0.3, 0.2, 0.2, 0.2]
