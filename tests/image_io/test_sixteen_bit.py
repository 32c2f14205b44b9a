"""Pictures of 16 bits a channel keep them, in every format and layout."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture, pixels
from tests.image_io import tiff
from tests.image_io.pictures import RAMP, deep_png


@pytest.mark.parametrize(
    "kind",
    [
        "grey png",
        "grey tif",
        "rgb png",
        "rgba png",
        "la png",
        "rgb tif",
        "big-endian tif",
        "zlib tif",
        "planes tif",
        "zlib planes tif",
        "rgba tif",
        "premultiplied tif",
        "rgba planes tif",
        "premultiplied planes tif",
        "la tif",
        "big-endian la tif",
        "premultiplied la tif",
    ],
)
def test_16_bit_files_keep_16_bits(tmp_path, kind):
    rgb = np.stack([RAMP, RAMP[::-1], RAMP + 5], axis=-1).reshape(20, 30, 3)
    opaque = np.full((20, 30, 1), 65535, dtype=np.uint16)
    expected = rgb
    path = tmp_path / f"deep.{kind.split()[-1]}"
    if kind == "grey png":
        deep_png(path, rgb[..., 0], "L;16")
    elif kind == "rgb png":
        deep_png(path, rgb, "RGB;16")
    elif kind == "rgba png":
        deep_png(path, np.dstack([rgb, opaque]), "RGBA;16")
    elif kind == "la png":
        deep_png(path, np.dstack([rgb[..., :1], opaque]), "LA;16")
    elif kind == "grey tif":
        tifffile.imwrite(path, rgb[..., 0], photometric="minisblack")
    elif kind == "big-endian tif":
        tifffile.imwrite(path, rgb, photometric="rgb", byteorder=">")
    elif kind == "zlib tif":
        tifffile.imwrite(path, rgb, photometric="rgb", compression="zlib", predictor=True)
    elif kind == "planes tif":
        tifffile.imwrite(path, np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", byteorder=">")
    elif kind == "zlib planes tif":
        planes = np.moveaxis(rgb, -1, 0)
        tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", compression="zlib", predictor=True)
    elif "la" in kind.split():
        order, alpha = ">" if "big" in kind else "<", "assocalpha" if "premul" in kind else "unassalpha"
        gray = np.dstack([rgb[..., :1], opaque])
        tifffile.imwrite(path, gray, photometric="minisblack", extrasamples=[alpha], byteorder=order)
    elif kind in ("rgba tif", "premultiplied tif", "rgba planes tif", "premultiplied planes tif"):
        alpha = "assocalpha" if "premul" in kind else "unassalpha"
        rgba, config = np.dstack([rgb, opaque]), "contig"
        if "planes" in kind:
            rgba, config = np.moveaxis(rgba, -1, 0), "separate"
        tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=[alpha], planarconfig=config)
    else:
        tifffile.imwrite(path, rgb, photometric="rgb")
    if {"grey", "la"} & set(kind.split()):
        expected = rgb[..., :1]
    assert np.abs(load_image(path) - expected / 257.0).max() < 0.002
    assert len(np.unique(load_image(path))) > 400
    assert len(np.unique(expected >> 8)) <= 4  # what 8 bits would leave


def test_the_lzw_of_these_tests_is_read_by_pillow(tmp_path):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tags = {256: 16, 257: 16, 258: 8, 259: 5, 262: 1, 277: 1, 278: 16}
    (tmp_path / "a.tif").write_bytes(tiff.tiff_file(tags, [tiff.lzw(values.tobytes())]))
    with Image.open(tmp_path / "a.tif") as picture:
        assert np.array_equal(np.asarray(picture), values)


@pytest.mark.parametrize("order", ["<", ">"])
def test_lzw_planes_keep_16_bits(tmp_path, order):
    planes = np.stack([RAMP, RAMP[::-1], RAMP + 5]).reshape(3, 20, 30)
    (tmp_path / "a.tif").write_bytes(tiff.lzw_file(planes, order=order))
    expected = np.moveaxis(planes, 0, -1) / 257.0
    assert np.abs(load_image(tmp_path / "a.tif") - expected).max() < 0.002


@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_alpha_is_composited_over_white(tmp_path, channels, alpha, layout):
    """As the same colours and the same alpha of 8 bits are; colours that are multiplied by it say so."""
    colors = np.stack([RAMP, RAMP[::-1], RAMP + 5], axis=-1).reshape(20, 30, 3)[..., :channels]
    opacity = (np.arange(600) * 109).astype(np.uint16).reshape(20, 30, 1) // 257 * 257
    share = opacity / 65535.0
    stored = np.rint(colors * share).astype(np.uint16) if alpha == "assocalpha" else colors
    samples = np.dstack([stored, opacity])
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.moveaxis(samples, -1, 0) if layout == "separate" else samples,
        photometric="rgb" if channels == 3 else "minisblack",
        extrasamples=[alpha],
        planarconfig=layout,
    )
    picture = open_picture(tmp_path / "a.tif")
    assert np.array_equal(np.asarray(picture.alpha), opacity[..., 0] // 257)
    assert np.abs(load_image(tmp_path / "a.tif") - (colors * share / 257 + 255 * (1 - share))).max() < 0.006
    assert np.abs(load_image(tmp_path / "a.tif") - colors / 257).max() > 100


def test_lzw_planes_with_associated_alpha_keep_16_bits(tmp_path):
    planes = np.stack([RAMP // 2, RAMP // 2, RAMP // 2, np.full_like(RAMP, 0x8080)]).reshape(4, 20, 30)
    (tmp_path / "a.tif").write_bytes(tiff.lzw_file(planes, extra=[1]))
    expected = planes[0] / 257 + 255 * (1 - 0x80 / 255)
    assert np.abs(load_image(tmp_path / "a.tif")[..., 0] - expected).max() < 0.006


@pytest.mark.parametrize("orientation", range(9))
def test_orientation_of_16_bit_planes_is_applied(orientation, tmp_path):
    planes = np.stack([RAMP, RAMP[::-1], RAMP + 5]).reshape(3, 20, 30)
    tag = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", extratags=tag)
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(planes, 0, -1), photometric="rgb", extratags=tag)
    found = load_image(tmp_path / "a.tif")
    assert np.array_equal(found, load_image(tmp_path / "b.tif"))
    assert np.array_equal(found, np.moveaxis(planes, 0, -1) / np.float32(257.0)) == (orientation < 2)


def test_resampling_keeps_16_bits(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RAMP.reshape(20, 30)] * 3, axis=-1), photometric="rgb")
    small = pixels(open_picture(tmp_path / "a.tif"), (15, 10))
    assert small.shape == (10, 15, 3)
    assert len(np.unique(small)) > 140


def test_resampling_16_bits_does_not_wrap_around(tmp_path):
    """Lanczos overshoots there; 16 bits without a sign would wrap around."""
    edge = np.full((8, 8, 3), 65535, dtype=np.uint16)
    edge[:, :4] = 0
    tifffile.imwrite(tmp_path / "a.tif", edge, photometric="rgb")
    large = pixels(open_picture(tmp_path / "a.tif"), (32, 32))
    assert large[:, 19:].min() > 230
    assert large[:, :13].max() < 25
