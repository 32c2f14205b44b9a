"""Colour profiles for the tests, made of the numbers that define their spaces."""

import struct

import numpy as np

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(primaries, gamma=2.2):
    curve = b"curv" + struct.pack(">IIHxx", 0, 1, round(gamma * 256))
    tags = {f"{name}XYZ": _xyz(primary) for name, primary in zip("rgb", primaries, strict=True)}
    return _profile("mntr", "RGB ", "XYZ ", tags | {f"{name}TRC": curve for name in "rgb"})


def gray_profile(gamma):
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": b"curv" + struct.pack(">IIHxx", 0, 1, round(gamma * 256))})


def cmyk_profile(lab_of):
    """A table of two nodes an ink; ``lab_of(c, m, y, k)`` with inks 0 or 1."""
    ramp = bytes(range(256))
    nodes = [lab_of(*inks) for inks in np.ndindex(2, 2, 2, 2)]
    table = b"".join(bytes([round(l * 2.55), round(a + 128), round(b + 128)]) for l, a, b in nodes)  # noqa: E741
    identity = b"".join(_fixed(float(row == column)) for row in range(3) for column in range(3))
    lut = b"mft1" + struct.pack(">IBBBx", 0, 4, 3, 2) + identity + 4 * ramp + table + 3 * ramp
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": lut, "A2B1": lut})


def to_srgb(colors, primaries, gamma=2.2):
    """The definition of the conversion in float64: (..., 3) in 0..255."""
    linear = (np.asarray(colors) / 255.0) ** (round(gamma * 256) / 256)
    mixed = linear @ np.array(primaries) @ np.linalg.inv(np.array(SRGB))
    return encode(np.clip(mixed, 0.0, 1.0))


def encode(linear):
    return 255.0 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def lab_to_srgb(lab):
    lightness, a, b = lab
    y = (lightness + 16) / 116
    cubes = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29)) * D50
    return encode(np.clip(xyz @ np.linalg.inv(np.array(SRGB)), 0.0, 1.0))


def _profile(kind, space, connection, tags):
    tags = {
        "desc": b"desc" + struct.pack(">II", 0, 5) + b"test\0" + bytes(78),
        "cprt": b"text" + bytes(4) + b"none\0",
        "wtpt": _xyz(D50),
        **tags,
    }
    table, data, begin = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name.encode() + struct.pack(">II", begin + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s", begin + len(data), bytes(4), 0x02400000, *(s.encode() for s in (kind, space, connection))
    )
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(_fixed(value) for value in D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def _xyz(values):
    return b"XYZ " + bytes(4) + b"".join(_fixed(value) for value in values)


def _fixed(value):
    return struct.pack(">i", round(value * 65536))
