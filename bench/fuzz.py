"""Hostile picture files by the thousand: is each a picture or one sentence, in time, in memory, without output?

python bench/fuzz.py [--cases 2500] [--seed 0] [--quick]

Real small files of every format are damaged as a seeded generator says; others are made to be absurd. Children read
them as the program does and save what they read. A failure is: a child that dies, takes 10 s of the processor (or 300
on the clock) or 1.5 GB, prints, or raises anything but an `InputError` of one line. Its file stays in fuzz-failures/.
``--quick`` leaves out the endless and the giants.
"""

import argparse
import io
import json
import logging
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

SECONDS, GIGABYTES = 10, 1.5
KINDS = (
    "truncated",
    "bits flipped",
    "bytes replaced",
    "numbers made extreme",
    "parts repeated",
    "parts cut out",
    "stuffed",
)


# --- the files


def honest():
    """Name -> a small real file's bytes."""
    import numpy as np
    import png
    import tifffile
    from PIL import Image, ImageCms
    from pillow_heif import register_heif_opener

    register_heif_opener()
    generator = np.random.default_rng(0)
    values = np.clip(generator.normal(0, 12, (48, 64, 3)) + np.linspace(20, 230, 64)[:, np.newaxis], 0, 255)
    photo = Image.fromarray(values.astype(np.uint8))
    clear = photo.copy()
    clear.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))))
    exif = Image.Exif()
    exif[271], exif[33432], exif[274] = "Maker", "(c) somebody", 6
    exif[0x8769], exif[0x8825] = {36867: "2024:05:06 07:08:09"}, {1: "N", 2: (48.0, 8.0, 0.0)}
    facts = {"exif": exif.tobytes(), "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}

    def saved(picture, kind, **options):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        return buffer.getvalue()

    def tiff(array, **options):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, array, **options)
        return buffer.getvalue()

    deep = (values * 257).astype(np.uint16)
    deep_png = io.BytesIO()
    png.from_array(deep.reshape(48, -1), "RGB;16").write(deep_png)
    color_space = chunk(b"cICP", bytes((9, 16, 0, 1))) + chunk(b"gAMA", (100_000).to_bytes(4))
    rows = b"".join(b"\0" + row.tobytes() for row in values.astype(np.uint8))
    return {
        "jpg": saved(photo, "JPEG", **facts),
        "progressive.jpg": saved(photo, "JPEG", progressive=True),
        "cmyk.jpg": saved(photo.convert("CMYK"), "JPEG"),
        "png": saved(photo, "PNG", **facts),
        "alpha.png": saved(clear, "PNG"),
        "palette.png": saved(photo.quantize(16), "PNG", transparency=3),
        "key.png": saved(photo, "PNG", transparency=(20, 20, 20)),
        "deep.png": deep_png.getvalue(),
        "webp": saved(clear, "WEBP", **facts),
        "animated.webp": saved(photo, "WEBP", save_all=True, append_images=[clear]),
        "tif": saved(photo, "TIFF", **facts),
        "lzw.tif": saved(clear, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": saved(photo, "TIFF", compression="jpeg"),
        "pages.tif": saved(photo, "TIFF", save_all=True, append_images=[photo]),
        "deep.tif": tiff(deep, photometric="rgb", compression="zlib"),
        "planes.tif": tiff(np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate"),
        "grey-alpha.tif": tiff(deep[..., :2], photometric="minisblack", extrasamples=["unassalpha"]),
        "multiplied.tif": tiff(deep[..., [0, 0, 0, 1]], photometric="rgb", extrasamples=["assocalpha"]),
        "float.tif": tiff(values[..., 0].astype(np.float32) / 255),
        "gif": saved(photo, "GIF", save_all=True, append_images=[photo.rotate(90)], comment=b"hello"),
        "bmp": saved(photo, "BMP"),
        "jp2": saved(photo, "JPEG2000"),
        "avif": saved(clear, "AVIF", **facts),
        "heic": saved(photo, "HEIF", **facts),
        "ppm": saved(photo, "PPM"),
        "plain.pgm": b"P2\n64 48 255\n" + b" ".join(b"%d" % value for value in values[..., 0].astype(int).flat),
        "color-space.png": png_of(64, 48, before=color_space, pixels=zlib.compress(rows)),
    }  # fmt: skip


def damaged(data, kind, generator):
    """Return the bytes of a file, damaged."""
    data, size = bytearray(data), len(data)
    near = min(size, 400) if generator.random() < 0.6 else size  # most of what can go wrong stands in front
    if kind == "truncated":
        return bytes(data[: generator.randrange(1, near)])
    if kind == "bits flipped":
        for _ in range(generator.choice((1, 1, 3, 20))):
            data[generator.randrange(near)] ^= 1 << generator.randrange(8)
    elif kind == "bytes replaced":
        begin, length = generator.randrange(near), generator.choice((1, 4, 30, 200))
        data[begin : begin + length] = generator.randbytes(min(length, size - begin))
    elif kind == "numbers made extreme":
        for _ in range(generator.choice((1, 2, 4))):
            begin = generator.randrange(max(1, near - 4))
            number = generator.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 100_000))
            form = generator.choice((">I", "<I", ">H", "<H"))
            data[begin : begin + struct.calcsize(form)] = struct.pack(
                form, number & (2 ** (8 * struct.calcsize(form)) - 1)
            )
    elif kind == "parts repeated":
        begin = generator.randrange(near)
        data[begin:begin] = data[begin : begin + generator.choice((8, 60, 400))] * generator.choice((1, 50, 2000))
    elif kind == "parts cut out":
        begin = generator.randrange(near)
        del data[begin : begin + generator.choice((1, 4, 30, 200))]
    else:  # stuffed
        begin = generator.randrange(near)
        data[begin:begin] = generator.choice((b"\0", b"\xff", b"\x21\xfe", b"A")) * generator.choice(
            (10, 5000, 300_000)
        )
    return bytes(data)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width, height, depth=8, colours=2, *, before=b"", pixels=b"\0"):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count):
    """Compressed zeros: a bomb."""
    packer, block = zlib.compressobj(1), bytes(1 << 20)
    return (
        b"".join(packer.compress(block) for _ in range(count >> 20))
        + packer.compress(bytes(count & 0xFFFFF))
        + packer.flush()
    )


def absurd(files):
    """Name -> bytes made by hand, or a function that makes what lies under a path."""
    jpeg, gif, tiff = files["jpg"], files["gif"], files["tif"]
    loop = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 0x8769, 4, 1, 8, 8)
    cases = {
        "nothing": b"",
        "text": b"Dear Sir or Madam,\n" * 9,
        "page": b"<!DOCTYPE html><html><body>404</body></html>",
        "archive": b"PK\3\4" + bytes(200),
        "program": b"\x7fELF" + bytes(200),
        "vector": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "png 2^31": png_of(2**31 - 1, 2**31 - 1),
        "png 60000": png_of(60_000, 60_000),
        "png 0": png_of(0, 0),
        "png 1 row": png_of(100_000_000, 1),
        "png says 190 million, has none": png_of(14_000, 13_600, colours=6),
        "png circular exif": png_of(4, 4, before=chunk(b"eXIf", loop[6:])),
        "jpeg 65535": jpeg.replace(b"\xff\xc0\0\x11\x08\0\x30\0\x40", b"\xff\xc0\0\x11\x08\xff\xff\xff\xff"),
        "jpeg circular exif": jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(loop) + 2) + loop + jpeg[2:],
        "gif 65535": gif[:6] + b"\xff" * 4 + gif[10:],
        "tiff circular": tiff[:4] + struct.pack("<I", 8) + struct.pack("<HI", 0, 8) + tiff[14:],
        "tiff 65535 tags": b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 4, 0xFFFFFFF, 8) * 65535,
        "bmp -2^31": files["bmp"][:18] + struct.pack("<ii", -(2**31), -(2**31)) + files["bmp"][26:],
        "webp 2^24": files["webp"][:24] + b"\xff" * 6 + files["webp"][30:],
        "avif 2^31": files["avif"].replace(struct.pack(">II", 64, 48), b"\x7f\xff\xff\xff" * 2),
        "heic 2^31": files["heic"].replace(struct.pack(">II", 64, 48), b"\x7f\xff\xff\xff" * 2),
        "heic 60000": files["heic"].replace(struct.pack(">II", 64, 48), struct.pack(">II", 60_000, 60_000)),
        "folder": Path.mkdir,
        "pipe": os.mkfifo,
        "dangling symlink": lambda path: path.symlink_to("nowhere"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "link to a device": lambda path: path.symlink_to("/dev/zero"),
        "link to random numbers": lambda path: path.symlink_to("/dev/urandom"),
    }  # fmt: skip
    return {f"absurd: {name}": content for name, content in cases.items()}


def endless(files):
    """Name -> a function that makes a file whose header goes on and on."""
    jpeg, gif = files["jpg"], files["gif"]
    cases = {
        "png text bomb": lambda path: path.write_bytes(png_of(4, 4, before=chunk(b"zTXt", b"a\0\0" + zeros(2**28)))),
        "png profile bomb": lambda path: path.write_bytes(png_of(4, 4, before=chunk(b"iCCP", b"a\0\0" + zeros(2**28)))),
        "png 200,000 texts": lambda path: path.write_bytes(png_of(4, 4, before=chunk(b"tEXt", b"a\0b") * 200_000)),
        "png own chunks": lambda path: path.write_bytes(png_of(4, 4, before=chunk(b"prVt", bytes(80_000_000)))),
        "jpeg 1,500 exifs": lambda path: path.write_bytes(
            jpeg[:2] + (b"\xff\xe1\xff\xffExif\0\0" + bytes(65527)) * 1500 + jpeg[2:]
        ),
        "jpeg junk": lambda path: path.write_bytes(jpeg[:2] + bytes(100_000_000)),
        "jpeg fill": lambda path: path.write_bytes(jpeg[:2] + b"\xff" * 50_000_000),
        "gif endless comment": lambda path: path.write_bytes(gif[:781] + b"!\xfe" + (b"\xff" + b"A" * 255) * 100_000),
        "gif endless extensions": lambda path: path.write_bytes(gif[:781] + b"\x21\xff\x01A\0" * 3_000_000),
        "jp2 endless boxes": lambda path: path.write_bytes(
            files["jp2"][:12] + struct.pack(">I4s", 8, b"free") * 5_000_000
        ),
        "10 GB of nothing": lambda path: sparse(path, b"", 10**10),
        "600 MB of jpeg": lambda path: sparse(path, jpeg[:2], 6 * 10**8),
        "600 MB of png": lambda path: sparse(
            path, png_of(4, 4)[:33] + struct.pack(">I", 5 * 10**8) + b"prVt", 6 * 10**8
        ),
        "600 MB after a png": lambda path: sparse(
            path, png_of(4, 4, pixels=zeros(52))[:-12] + struct.pack(">I", 5 * 10**8) + b"prVt", 6 * 10**8
        ),
    }  # fmt: skip
    return {f"endless: {name}": content for name, content in cases.items()}


def giants():
    """Honest as far as anybody can tell: about as large as is let in."""
    import numpy as np
    import tifffile
    from PIL import Image

    plain = Image.new("RGB", (8_000, 8_700), "teal")

    def large(width, height, form, **options):
        return lambda path: plain.resize((width, height), 0).save(path, form, **options)

    return {
        "giant: jpeg": large(14_100, 14_100, "JPEG"),
        "giant: tif": large(12_600, 12_600, "TIFF", compression="tiff_lzw"),
        "giant: webp": large(8_900, 8_900, "WEBP", method=0),
        "giant: jp2": large(8_300, 8_300, "JPEG2000"),
        "giant: gif": large(14_100, 14_100, "GIF"),
        "giant: bmp": large(14_100, 14_100, "BMP"),
        "giant: avif": large(11_800, 11_800, "AVIF", speed=10),
        "giant: heic": large(11_800, 11_800, "HEIF"),
        "giant: tif of 16 bits in planes": lambda path: tifffile.imwrite(
            path, np.zeros((3, 9_900, 9_900), np.uint16), photometric="rgb", planarconfig="separate"
        ),
        "giant: tif of 16 bits in planes, with alpha": lambda path: tifffile.imwrite(
            path, np.zeros((4, 9_300, 9_300), np.uint16), photometric="rgb", planarconfig="separate", extrasamples=[1]
        ),
        "giant: grey tif of 16 bits with alpha": lambda path: tifffile.imwrite(
            path, np.zeros((12_600, 12_600, 2), np.uint16), photometric="minisblack", extrasamples=[2]
        ),
        "giant: png with alpha": png_of(14_100, 14_100, colours=6, pixels=zeros(14_100 * (4 * 14_100 + 1))),
        "giant: png of 16 bits": png_of(9_900, 9_900, 16, pixels=zeros(9_900 * (6 * 9_900 + 1))),
        "giant: grey png of 16 bits": png_of(14_100, 14_100, 16, 0, pixels=zeros(14_100 * (2 * 14_100 + 1))),
        "giant: larger png of 16 bits": png_of(14_100, 14_100, 16, pixels=zeros(14_100 * (6 * 14_100 + 1))),
    }


def sparse(path, start, size):
    path.write_bytes(start)
    os.truncate(path, size)


# --- the children


def read_them(folder):
    """In a child: read each file whose name comes in; tell in one line of JSON what became of it."""
    import warnings

    from neurotransfer.image_io.arrays import opacity, open_picture, pixels
    from neurotransfer.image_io.saving import save_image
    from neurotransfer.system.errors import InputError

    warnings.simplefilter("error")
    logging.getLogger("neurotransfer").addHandler(logging.NullHandler())  # warnings of ours may be; others not
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))  # the machine's sake; what counts is measured
    for line in sys.stdin:
        path = Path(folder, json.loads(line))
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # on the clock, a busy machine takes longer
        signal.alarm(30 * SECONDS)
        begun = time.process_time()
        try:
            picture = open_picture(path)
            alpha = opacity(picture, (24, 20))
            save_image(Path(folder, "result.png"), pixels(picture, (24, 20)), alpha=alpha, exif=picture.exif)
            del picture  # of a giant, a gigabyte that would be the next file's
            told = {"end": "picture"}
        except InputError as error:
            good = "\n" not in str(error) and str(error).endswith(".")
            told = {"end": "sentence" if good else "no sentence", "text": str(error)}
        except BaseException as error:
            told = {"end": "raised", "text": repr(error)}
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        peak = next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
        print(
            json.dumps({**told, "seconds": time.process_time() - begun, "gb": int(peak.split()[1]) * 1024 / 1e9}),
            flush=True,
        )


class Child:
    """A process that reads files until one kills it."""

    def __init__(self, folder):
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--child", folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip

    def read(self, name):
        before = os.fstat(self._errors.fileno()).st_size
        self._process.stdin.write(json.dumps(name) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            return {
                "end": "hung" if code in (-signal.SIGALRM, -signal.SIGPROF) else "died",
                "text": f"exit code {code}",
                "seconds": 0,
                "gb": 0,
            }
        told = json.loads(line)
        if said := self._said(before):
            told |= {"end": "printed", "text": said}
        if told["seconds"] > SECONDS or told["gb"] > GIGABYTES:
            told["end"] = "hung" if told["seconds"] > SECONDS else "too much memory"
        return told

    def _said(self, begin):
        return os.pread(self._errors.fileno(), 2000, begin).decode(errors="replace")

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    @property
    def alive(self):
        return self._process.poll() is None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return read_them(options.child)

    generator, files = random.Random(options.seed), honest()
    names = [
        (name, KINDS[number % len(KINDS)]) for number, name in zip(range(options.cases), _around(files), strict=False)
    ]
    cases = [(f"honest: {name}", files[name]) for name in files]
    cases += [(f"{kind}: {name}", (name, kind)) for name, kind in names]
    cases += list(absurd(files).items()) + ([] if options.quick else [*endless(files).items(), *giants().items()])

    ends, slowest, largest, failures, begun = {}, ("", 0.0), ("", 0.0), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        child = Child(folder)
        for number, (name, content) in enumerate(cases):
            group, _, file = name.partition(": ")
            path = Path(folder, f"{number}.{file.rpartition('.')[2]}"[:60])
            if isinstance(content, tuple):
                content = damaged(files[content[0]], content[1], generator)
            content(path) if callable(content) else path.write_bytes(content)
            told = child.read(path.name)
            if group == "honest" and told["end"] != "picture":
                told["end"] = "not read"
            ends.setdefault(group, Counter())[told["end"]] += 1
            slowest, largest = (
                max(slowest, (name, told["seconds"]), key=_second),
                max(largest, (name, told["gb"]), key=_second),
            )
            if told["end"] not in ("picture", "sentence"):
                failures.append(
                    f"{name} ({path.name}): {told['end']}, {told['seconds']:.1f} s, {told['gb']:.2f} GB: "
                    f"{told.get('text', '')}"
                )
                if path.is_file() and path.stat().st_size < 10**7:
                    Path("fuzz-failures").mkdir(exist_ok=True)
                    shutil.copy(path, Path("fuzz-failures", path.name))
            if not child.alive:
                child = Child(folder)
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        child.close()

    print(f"| what was tried, seed {options.seed} | files | pictures | sentences | failures |")
    print("| --- | --- | --- | --- | --- |")
    for group, counts in {**ends, "all": sum(ends.values(), Counter())}.items():
        bad = counts.total() - counts["picture"] - counts["sentence"]
        print(f"| {group} | {counts.total()} | {counts['picture']} | {counts['sentence']} | {bad} |")
    print(
        f"\n{time.monotonic() - begun:.0f} s in all; most processor time {slowest[1]:.1f} s ({slowest[0]}); "
        f"most memory {largest[1]:.2f} GB ({largest[0]})"
    )
    print(*failures, sep="\n")
    return 1 if failures else 0


def _around(items):
    while True:
        yield from items


def _second(pair):
    return pair[1]


if __name__ == "__main__":
    sys.exit(main())
