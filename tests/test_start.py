"""The program starts at once, and keeps TensorFlow's chatter to itself."""

import signal
import subprocess
import sys
import time

from tests.conftest import COMMAND, clean_environment


def test_help_is_instant():
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([COMMAND, "--help"], check=True, capture_output=True, env=clean_environment())
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.3


def test_help_and_version_import_no_tensorflow():
    for arguments in (
        ["--help"],
        ["run", "--help"],
        ["--version"],
        ["evaluate", "--help"],
        ["weights", "fetch", "--help"],
    ):
        code = (
            f"import sys; sys.argv = ['neurotransfer', *{arguments}]\n"
            "from neurotransfer.cli.main import main\n"
            "try: main()\n"
            "except SystemExit as end: assert end.code == 0, end.code\n"
            "assert not {'tensorflow', 'numpy', 'PIL', 'requests'} & set(sys.modules), 'heavy'\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=clean_environment())


def test_importing_the_package_loads_no_tensorflow_and_prints_nothing():
    code = (
        "import sys, neurotransfer\n"
        "neurotransfer.Settings, neurotransfer.load_image, neurotransfer.stylize\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=clean_environment()
    )
    assert done.stdout == done.stderr == ""


def test_the_first_step_loads_tensorflow(photo, painting):
    code = (
        "import sys, neurotransfer\n"
        "steps = neurotransfer.stylize(*sys.argv[1:], neurotransfer.Settings(size=48, steps=1))\n"
        "assert 'tensorflow' not in sys.modules\n"
        "next(steps)\n"
        "assert 'tensorflow' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, photo, painting], check=True, env=clean_environment())


INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["neurotransfer", "evaluate", "-c", "a.png", "-s", "b.png", "c.png"]
from {home} import main
main()
"""


def interrupted(name, home="neurotransfer.__main__", number=signal.SIGINT):
    """Return the exit code and the standard error of a start that a signal meets as it imports ``name``."""
    code = INTERRUPTED.format(name=name, home=home, number=int(number))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment())
    return done.returncode, done.stderr


def test_an_early_interruption_is_quiet():
    assert interrupted("click") == (130, "")
    assert interrupted("click", number=signal.SIGTERM) == (143, "")
    assert "Traceback" in interrupted("click", "neurotransfer.cli.main")[1], "without the entry point's care"
    assert interrupted("neurotransfer.runs.evaluate") == (130, "\nInterrupted.\n"), "after the terminal's ^C"
    assert interrupted("neurotransfer.runs.evaluate", number=signal.SIGTERM) == (143, "Interrupted.\n")


TOLD = """
import os, signal, sys
from neurotransfer.cli import main as cli
from neurotransfer.__main__ import main

def echo_line(*args, **options):
    os.kill(os.getpid(), signal.SIGINT)
    print("still here")

cli.echo_line = echo_line
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["neurotransfer", "run", "--content", "missing.png"]
main()
"""


def test_an_interruption_while_an_error_is_told_is_quiet():
    done = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, env=clean_environment())
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_reader_that_leaves_is_no_interruption():
    done = subprocess.run(["sh", "-c", f"{COMMAND} doctor | true"], capture_output=True, text=True, timeout=120)
    assert "Interrupted" not in done.stderr


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "neurotransfer", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("neurotransfer, version ") or "version" in done.stdout


def test_no_arguments_show_help(command):
    done = command()
    assert done.returncode == 2
    assert "Usage: neurotransfer" in done.stderr
