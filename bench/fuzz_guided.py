"""Coverage-guided fuzzing of what is written in Python here: the readers of MATLAB files and of pictures.

    pip install atheris          # Linux; not among this project's own tools
    python bench/fuzz_guided.py matlab [--seconds 300]
    python bench/fuzz_guided.py photos [--seconds 300]

atheris (libFuzzer for Python) changes small real files, keeps each change that reaches new lines of ours or of Pillow's
plug-ins, and goes on from there. It stops at anything but a result or an `InputError` of one line, at 10 s or 1.5 GB;
the file that did it is then named at the end. bench/fuzz.py and bench/fuzz_weights.py damage files blindly, but more.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

with atheris.instrument_imports(include=["neurotransfer", "PIL"]):
    from neurotransfer.image_io.arrays import open_picture
    from neurotransfer.system.errors import InputError
    from neurotransfer.vgg.weights import load_weights


def seeds(target: str) -> dict[str, bytes]:
    if target == "matlab":
        from tests.mutations import bases

        return bases()
    from fuzz import honest

    return honest()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=["matlab", "photos"])
    parser.add_argument("--seconds", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        for kind, content in seeds(arguments.target).items():
            (folder / "corpus" / kind.replace(" ", "-")).write_bytes(content)
        given = folder / ("given.mat" if arguments.target == "matlab" else "given")
        read = load_weights if arguments.target == "matlab" else open_picture

        def once(content: bytes) -> None:
            given.write_bytes(content)
            try:
                read(given)
            except InputError as error:
                assert "\n" not in str(error), error

        limits = [f"-max_total_time={arguments.seconds}", "-timeout=10", "-rss_limit_mb=1500", "-max_len=300000"]
        atheris.Setup(
            [
                sys.argv[0],
                *limits,
                "-print_final_stats=1",
                "-verbosity=0",
                f"-artifact_prefix={Path.cwd()}/",
                str(folder / "corpus"),
            ],
            once,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
