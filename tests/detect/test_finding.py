"""Faces and people: found where they are, at the sizes that matter, and nowhere else."""

import numpy as np
import pytest
from PIL import Image

from neurotransfer.detect.faces import find_faces
from neurotransfer.detect.person import find_people
from tests.conftest import IMAGES


def picture(name):
    return np.asarray(Image.open(IMAGES / name).convert("RGB"))


def with_faces(*places, size=(512, 384)):
    """The bridge, and the astronaut's head and shoulders at (left, top) with a face so many pixels wide."""
    scene = Image.fromarray(picture("roebling_bridge.jpg")).resize(size)
    head = Image.fromarray(picture("astronaut.jpg")).crop((136, 30, 336, 230))  # 200 pixels, the face 95 of them
    for left, top, face in places:
        side = round(200 * face / 95)
        scene.paste(head.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return np.asarray(scene)


def middle(face, photo):
    return (face.left + face.width / 2) * photo.shape[1], (face.top + face.height / 2) * photo.shape[0]


def test_the_astronauts_face_is_found():
    photo = picture("astronaut.jpg")
    (face,) = find_faces(photo)
    # The file's golden value, 0.442 and 0.252 of the square, is of the short-range network.
    assert middle(face, photo) == pytest.approx((0.442 * 512, 0.24 * 512), abs=15)
    assert face.width * 512 == pytest.approx(105, abs=15)
    assert face.score > 0.9


@pytest.mark.parametrize("name", ["chelsea_cat.jpg", "roebling_bridge.jpg", "ducks.jpg", "starry_night.jpg"])
def test_no_face_is_found_where_there_is_none(name):
    assert find_faces(picture(name)) == ()


@pytest.mark.parametrize("wide", [28, 40, 60, 120])
def test_faces_of_many_sizes_are_found(wide):
    photo = with_faces((60, 10, wide))
    (face,) = find_faces(photo)
    assert face.width * 512 == pytest.approx(wide, rel=0.25)
    centre = 60 + (0.442 * 512 - 136) / 200 * 200 * wide / 95
    assert middle(face, photo)[0] == pytest.approx(centre, abs=0.15 * wide)


def test_two_people_are_two_faces_and_one_is_not_found_twice():
    photo = with_faces((20, 20, 60), (300, 150, 90))
    assert sorted(round(face.width * 512 / 30) for face in find_faces(photo)) == [2, 3]


def test_faces_are_found_in_a_panorama():
    photo = with_faces((1200, 20, 80), size=(2000, 240))
    (face,) = find_faces(photo)
    assert middle(face, photo)[0] == pytest.approx(1280, abs=20)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5)])
def test_tiny_photos_have_no_faces(shape):
    assert find_faces(np.zeros((*shape, 3), np.uint8)) == ()


def test_people_are_where_the_astronaut_is():
    mask = find_people(picture("astronaut.jpg"))
    assert mask.shape == (256, 256)
    assert mask[50:75, 95:130].min() > 0.9  # the face
    assert mask[:20, :40].max() < 0.1  # the wall
    assert find_people(picture("roebling_bridge.jpg")).mean() < 0.05
