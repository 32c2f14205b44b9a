"""Color profiles: what they mean is what is read, results carry one, broken ones are left out."""

import logging

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from neurotransfer.image_io.arrays import load_image
from neurotransfer.image_io.saving import save_image
from tests.image_io import icc
from tests.image_io.pictures import COLORS


@pytest.mark.parametrize("space", ["ADOBE_RGB", "DISPLAY_P3"])
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_rgb_profiles_are_converted_to_srgb(tmp_path, space, extension):
    primaries = getattr(icc, space)
    picture = Image.fromarray(COLORS.astype(np.uint8))
    picture.save(tmp_path / f"a.{extension}", icc_profile=icc.rgb_profile(primaries))
    found = load_image(tmp_path / f"a.{extension}")
    assert np.abs(found - icc.to_srgb(COLORS, primaries)).max() < 1.6
    assert np.abs(found - COLORS).max() > 5


def test_srgb_profile_leaves_pixels_unchanged(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(load_image(tmp_path / "a.png"), noise)
    Image.fromarray(noise).save(tmp_path / "b.png", icc_profile=icc.rgb_profile(icc.SRGB, 1.8))
    assert not np.array_equal(load_image(tmp_path / "b.png"), noise)


def test_cmyk_profile_is_applied(tmp_path):
    def lab_of(cyan, magenta, yellow, black):
        return (100 - 40 * cyan - 30 * magenta - 10 * yellow) * (1 - black), 20 * (magenta - cyan), 30 * (yellow - cyan)

    picture = Image.new("CMYK", (3, 1))
    inks = [(0, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]
    for x, ink in enumerate(inks):
        picture.putpixel((x, 0), tuple(255 * share for share in ink))
    picture.save(tmp_path / "inks.tif", icc_profile=icc.cmyk_profile(lab_of))
    expected = [icc.lab_to_srgb(lab_of(*ink)) for ink in inks]
    assert np.abs(load_image(tmp_path / "inks.tif")[0] - expected).max() < 3
    picture.save(tmp_path / "plain.tif")
    assert np.abs(load_image(tmp_path / "plain.tif")[0] - expected).max() > 20


def test_gray_profile_is_applied(tmp_path):
    Image.new("L", (2, 2), 100).save(tmp_path / "grey.png", icc_profile=icc.gray_profile(1.0))
    expected = icc.encode(np.array(100 / 255))
    assert np.abs(load_image(tmp_path / "grey.png") - expected).max() < 1
    assert expected > 160


def test_broken_profile_is_ignored_with_a_warning(tmp_path, caplog):
    for number, profile in enumerate((b"junk", icc.rgb_profile(icc.ADOBE_RGB)[:200], icc.gray_profile(1.0))):
        Image.fromarray(COLORS.astype(np.uint8)).save(tmp_path / "a.png", icc_profile=profile)
        with caplog.at_level(logging.WARNING):
            assert np.array_equal(load_image(tmp_path / "a.png"), COLORS)
        assert len(caplog.records) == number + 1
        assert "its colours are taken for sRGB." in caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("name", "bits"), [(f"a.{e}", 8) for e in ("png", "jpg", "webp", "tif")] + [("a.png", 16), ("a.tif", 16)]
)
def test_results_embed_an_srgb_profile(tmp_path, name, bits):
    save_image(tmp_path / name, COLORS.astype(np.float32), bits=bits)
    with Image.open(tmp_path / name) as picture:
        profile = ImageCms.getOpenProfile(__import__("io").BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_profile_of_a_16_bit_picture_makes_no_steps_of_8_bits(tmp_path):
    ramp = np.repeat(np.linspace(8000, 50_000, 4000), 3).reshape(1, -1, 3)
    tifffile.imwrite(
        tmp_path / "a.tif", ramp.astype(np.uint16), photometric="rgb", iccprofile=icc.rgb_profile(icc.ADOBE_RGB, 1.8)
    )
    found = load_image(tmp_path / "a.tif")
    assert np.abs(found - icc.to_srgb(ramp / 257, icc.ADOBE_RGB, 1.8)).max() < 1.0
    assert len(np.unique(found[..., 0])) > 3000
    assert np.diff(found[0, :, 1]).min() >= 0.0


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("depth", [8, 16])
def test_profiles_are_exact_near_black(tmp_path, gamma, depth):
    levels = np.repeat(np.linspace(0, 255, 2041), 3).reshape(1, -1, 3)
    ramp = np.rint(levels * (257 if depth == 16 else 1)).astype(np.uint16 if depth == 16 else np.uint8)
    levels = ramp / (257 if depth == 16 else 1)
    gray, color = icc.gray_profile(gamma), icc.rgb_profile(icc.SRGB, gamma)
    tifffile.imwrite(tmp_path / "colour.tif", ramp, photometric="rgb", iccprofile=color)
    tifffile.imwrite(tmp_path / "grey.tif", ramp[..., 0], photometric="minisblack", iccprofile=gray)
    assert np.abs(load_image(tmp_path / "colour.tif") - icc.to_srgb(levels, icc.SRGB, gamma)).max() < 0.6
    assert (
        np.abs(load_image(tmp_path / "grey.tif") - icc.encode((levels / 255) ** (round(gamma * 256) / 256))).max() < 0.6
    )
