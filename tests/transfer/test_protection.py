"""Protection: what is found or given becomes a mask over the photo."""

import logging

import numpy as np
import pytest
from PIL import Image

from neurotransfer import Settings, load_image, stylize
from neurotransfer.image_io.arrays import open_picture
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.content_map import content_map
from neurotransfer.transfer.protection import find_protection
from tests.conftest import IMAGES

FACE = (slice(95, 145), slice(200, 255))
"""Of the astronaut, in pixels of 512x512."""
WALL = (slice(0, 60), slice(0, 100))


@pytest.fixture(scope="module")
def astronaut():
    return open_picture(IMAGES / "astronaut.jpg")


def test_faces_are_protected_by_default(astronaut):
    found = find_protection(astronaut, Settings())
    assert len(found.faces) == 1
    assert found.mask is not None
    assert found.mask[FACE].min() > 0.7
    assert found.mask[WALL].max() < 0.01
    told = found.to_json()
    assert told["share"] == pytest.approx(found.mask.mean(), abs=1e-3)
    assert told["faces"][0]["score"] > 0.9


def test_without_a_face_nothing_is_protected():
    found = find_protection(open_picture(IMAGES / "roebling_bridge.jpg"), Settings())
    assert found == (None, ())
    assert found.to_json() == {"share": 0.0, "faces": []}


def test_none_protects_nothing_and_person_the_whole_of_her(astronaut):
    assert find_protection(astronaut, Settings(protect="none")).mask is None
    mask = find_protection(astronaut, Settings(protect="person")).mask
    assert mask is not None
    assert mask.mean() > 0.3
    assert find_protection(open_picture(IMAGES / "roebling_bridge.jpg"), Settings(protect="person")).mask is None


def test_a_mask_takes_the_place_of_what_is_found(astronaut):
    mask = np.zeros((256, 256, 3), np.float32)
    mask[:128] = 255.0
    mask[128:, :128] = 127.5  # gray: half
    found = find_protection(astronaut, Settings(), open_picture(mask))
    assert found.faces == ()
    assert found.mask is not None
    assert [found.mask[20, 100], found.mask[200, 20], found.mask[200, 200]] == pytest.approx([1.0, 0.5, 0.0], abs=0.01)


def test_a_mask_of_another_shape_is_refused(astronaut):
    with pytest.raises(InputError, match=r"is 200x100 pixels, expected the shape of the photo, 512x512"):
        find_protection(astronaut, Settings(), open_picture(Image.new("RGB", (200, 100))))


@pytest.mark.parametrize(("level", "word"), [(0, "black"), (255, "white")])
def test_a_mask_of_one_tone_is_said(astronaut, caplog, level, word):
    with caplog.at_level(logging.WARNING):
        find_protection(astronaut, Settings(), open_picture(Image.new("RGB", (64, 64), (level,) * 3)))
    assert f"all {word}" in caplog.text


def test_protected_places_count_four_times_as_much():
    photo = load_image(IMAGES / "astronaut.jpg")
    mask = np.zeros((128, 128), np.float32)
    mask[:64] = 1.0
    ratio = content_map(photo, 0.8, mask) / content_map(photo, 0.8)
    assert ratio[:240] == pytest.approx(4.0, rel=1e-5)
    assert ratio[270:] == pytest.approx(1.0, rel=1e-5)
    assert content_map(photo, 0.0, mask)[100, 100] == pytest.approx(4.0, rel=1e-5)


def test_a_protected_face_stays_more_like_the_photo(astronaut):
    photo, painting = load_image(IMAGES / "astronaut.jpg"), IMAGES / "ducks.jpg"

    def distance(protect):
        settings = Settings(size=160, steps=20, precision="float32", protect=protect)
        *_, last = stylize(astronaut, painting, settings)
        small = np.asarray(Image.fromarray(photo.astype(np.uint8)).resize((160, 160)), np.float32)
        face = tuple(slice(part.start * 160 // 512, part.stop * 160 // 512) for part in FACE)
        return np.corrcoef(last.image[face].mean(axis=2).ravel(), small[face].mean(axis=2).ravel())[0, 1]

    assert distance("faces") > distance("none") + 0.02
