"""Kills and signals: what is on disk is whole."""

import json
import os
import random
import shutil
import signal
import time

import numpy as np

from tests.runs.conftest import ENDLESS, FOLDER, INPUTS, STEADY, assert_readable, losses, start, wait_for


def test_run_killed_at_twenty_instants_can_be_resumed(command, photo, painting, tmp_path):
    """The run and its resumptions are killed, half while they start, half while they step and save every step."""
    generator = random.Random(5)
    folder = tmp_path / "out" / FOLDER
    state = folder / "state.npz"
    arguments = ("run", *ENDLESS, "--snapshot-every", "1", "-o", "out/")
    for kill in range(20):
        if state.exists():
            process = start(tmp_path, "resume", f"out/{FOLDER}", "--save-every", "0.001s")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            process = start(tmp_path, *arguments)
        if kill % 2:
            before = state.stat().st_mtime_ns if state.exists() else 0
            wait_for(lambda: state.exists() and state.stat().st_mtime_ns > before + 1, process)  # noqa: B023
            time.sleep(generator.uniform(0.0, 0.3))
        else:
            time.sleep(generator.uniform(0.1, 1.5))
        process.kill()
        process.wait()
        if folder.exists():
            assert_readable(folder)
    reached = max(int(path.stem) for path in folder.glob("*.png"))  # the state may lag behind the snapshots
    process = start(tmp_path, "resume", f"out/{FOLDER}")
    wait_for((folder / f"{reached + 3}.png").exists, process)
    process.terminate()
    assert process.wait() == 143
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".png") == ["run.json", "state.npz"]
    assert [step["step"] for step in losses(folder)] == list(range(len(losses(folder))))
    assert len(losses(folder)) > reached > 0


def test_overwriting_a_killed_run_removes_its_snapshots(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *ENDLESS, "--snapshot-every", "1", "-o", "out/")
    wait_for((folder / "7.png").exists, process)
    process.kill()
    process.wait()
    assert not (folder / "run.json").exists()
    done = command("run", *STEADY, "--steps", "1", "--snapshot-every", "1", "-o", "out/", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.glob("*.png")) == ["0.png", "1.png", "final.png"]


def test_ctrl_c_after_the_end_of_the_reader_saves_the_state(photo, painting, tmp_path):
    """As of ``neurotransfer run ... 2>&1 | tee log``, where Ctrl-C ends both."""
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *INPUTS, "--size", "64", "--steps", "5000", "--tolerance", "0", "-o", "out/")
    wait_for(lambda: (folder / "40.png").exists(), process)
    process.stderr.close()
    time.sleep(5.5)  # a line every five seconds
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert json.loads((folder / "run.json").read_text())["status"].startswith("stopped: Interrupted at step ")
    with np.load(folder / "state.npz") as state:
        assert "image" in state


def test_ctrl_c_while_a_large_painting_is_looked_at(photo, painting, tmp_path):
    """At 4180 pixels, its features take half a minute and more: the signal waits for nothing."""
    folder = tmp_path / "out" / FOLDER
    process = start(
        tmp_path, "run", *INPUTS, "--size", "220", "--enlarge", "--style-scale", "19", "--no-octaves", "-o", "out/"
    )
    wait_for((folder / "run.lock").exists, process)
    time.sleep(8.0)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert process.wait(timeout=20) == 130
    assert time.monotonic() - begun < 4.0
    assert "Interrupted" in process.stderr.read()
    assert not (folder / "final.png").exists()


def test_run_under_nohup_outlives_its_terminal(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(
        tmp_path, "run", *ENDLESS, "--snapshot-every", "1", "-o", "out/",
        limits=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_for((folder / "2.png").exists, process)
    os.kill(process.pid, signal.SIGHUP)
    reached = len(list(folder.glob("*.png")))
    wait_for((folder / f"{reached + 3}.png").exists, process)
    process.terminate()
    assert process.wait() == 143


def test_hang_up_saves_picture_and_state(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *ENDLESS, "-o", "out/")
    wait_for(lambda: (folder / "0.png").exists(), process)
    os.kill(process.pid, signal.SIGHUP)
    assert process.wait() == 129
    assert (folder / "final.png").exists()
    assert_readable(folder)
