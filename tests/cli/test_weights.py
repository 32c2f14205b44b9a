"""The commands of ``neurotransfer weights``: full weights from fetch or import to remove."""

import functools
import hashlib
import http.server
import json
import threading

import numpy as np
import pytest

from neurotransfer.system.errors import NeurotransferError
from neurotransfer.system.lock import FolderLock
from neurotransfer.vgg.cache import entry, used_by_runs
from neurotransfer.vgg.download import download_weights
from neurotransfer.vgg.layers import LAYERS
from neurotransfer.vgg.weights import find_weights, load_weights
from tests.vgg.matconvnet import matconvnet, write


def plain(weights, shift=0.0):
    arrays = {f"{name}.kernel": kernel + np.float32(shift) for name, (kernel, _) in weights.layers.items()}
    return arrays | {f"{name}.bias": bias for name, (_, bias) in weights.layers.items()}


@pytest.fixture
def npz(tmp_path, weights):
    np.savez(tmp_path / "mine.npz", **plain(weights, 0.25))
    return tmp_path / "mine.npz"


def test_import_use_verify_and_remove_change_what_runs_use(command, npz, cache, weights):
    done = command("weights", "import", npz)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"Installed: {cache / 'vgg19-full.npz'}, from mine.npz"
    assert 79e6 < (cache / "vgg19-full.npz").stat().st_size < 81e6
    full = load_weights("full")
    assert np.array_equal(full.layers["conv3_1"][0], weights.layers["conv3_1"][0] + np.float32(0.25))
    assert not np.array_equal(full.layers["conv3_1"][0], weights.layers["conv3_1"][0])

    assert json.loads(command("weights", "info", "--json").stdout)["layout"] == "one byte a weight"
    assert command("weights", "use", "full").stdout == "Runs use the full weights.\n"
    assert json.loads(command("weights", "info", "--json").stdout)["layout"] == "full precision"
    assert find_weights("builtin").name == "vgg19-8bit.npz"
    assert command("weights", "use", "builtin").returncode == 0
    assert find_weights().name == "vgg19-8bit.npz"

    info = command("weights", "verify")
    assert [line.split()[:2] for line in info.stdout.splitlines()] == [["builtin", "sound"], ["full", "sound"]]
    again = command("weights", "import", npz)
    assert again.returncode == 2
    assert "Full weights from mine.npz are installed already" in again.stderr
    command("weights", "use", "full")
    for name in ("0123456789abcdef.part", "vgg19-fullXnpz"):  # ours, and one of another program
        (cache / name).write_bytes(b"")
    assert command("weights", "remove").stdout == "Removed: 80 MB.\n"
    assert [path.name for path in cache.iterdir()] == ["vgg19-fullXnpz"]
    assert find_weights().name == "vgg19-8bit.npz"
    assert command("weights", "remove").stdout == "There was nothing to remove.\n"


@pytest.mark.parametrize("layout", ["newer", "older"])
def test_the_official_file_is_imported(command, tmp_path, weights, layout):
    write(tmp_path / "vgg.mat", matconvnet(weights, layout, fully_connected=True))
    assert command("weights", "import", "vgg.mat").returncode == 0
    full = load_weights("full", LAYERS[:3])
    assert np.array_equal(full.layers["conv1_2"][0], weights.layers["conv1_2"][0])
    assert full.mean_pixel == pytest.approx(weights.mean_pixel)
    assert entry().layout == f"MatConvNet, {layout} layout"


def test_a_changed_byte_is_found_by_verify_and_use(command, npz, cache):
    command("weights", "import", npz)
    data = bytearray((cache / "vgg19-full.npz").read_bytes())
    data[40_000_000] ^= 1
    (cache / "vgg19-full.npz").write_bytes(data)
    done = command("weights", "verify")
    assert done.returncode == 1
    expected, found = entry().sha256, hashlib.sha256(data).hexdigest()
    assert f"expected to be {expected}, found {found}; run 'neurotransfer weights remove'" in done.stderr
    assert command("weights", "use", "full").stderr == done.stderr
    assert not used_by_runs()
    (cache / "vgg19-full.npz").write_bytes(data[:1000])
    info = command("weights", "info", "--weights", "full")
    assert info.returncode == 2
    assert info.stderr.endswith(
        "run 'neurotransfer weights remove' and fetch or import them again, or give '--weights builtin'.\n"
    )


@pytest.mark.parametrize(
    "text", ["{", '{"source": null, "layout": null, "source_sha256": null, "sha256": null, "used": true}']
)
def test_a_damaged_record_is_reported_and_can_be_removed(command, npz, cache, text):
    command("weights", "import", npz)
    (cache / "vgg19-full.json").write_text(text)
    done = command("weights", "info")
    assert done.returncode == 2
    assert "vgg19-full.json is damaged; run 'neurotransfer weights remove'" in done.stderr
    assert command("weights", "info", "--weights", "builtin").returncode == 0
    assert command("weights", "remove").returncode == 0
    assert command("weights", "info").returncode == 0


def test_a_record_of_100000_brackets_is_reported_as_damaged(command, cache):
    cache.mkdir(parents=True)
    (cache / "vgg19-full.json").write_text("[" * 100_000)
    done = command("weights", "info")
    assert done.returncode == 2
    assert "vgg19-full.json is damaged; run 'neurotransfer weights remove'" in done.stderr


def test_a_cache_folder_may_be_a_link_but_not_a_dangling_one(command, npz, cache, tmp_path):
    cache.parent.mkdir(parents=True)
    (tmp_path / "roomy").mkdir()
    (tmp_path / "roomy" / "letter.txt").write_text("mine")
    cache.symlink_to(tmp_path / "roomy")
    assert command("weights", "import", npz).returncode == 0
    assert (tmp_path / "roomy" / "vgg19-full.npz").exists()
    assert command("weights", "remove").stdout == "Removed: 80 MB.\n"
    assert [path.name for path in (tmp_path / "roomy").iterdir()] == ["letter.txt"]
    (tmp_path / "roomy").rename(tmp_path / "away")
    done = command("weights", "import", npz)
    assert done.returncode == 1
    assert done.stderr == f"Error: {cache} is no folder, or a dangling symlink; remove it.\n"


def test_a_name_with_a_line_break_is_printed_on_one_line(command, npz, tmp_path):
    strange = npz.rename(tmp_path / "two\nlines.npz")
    lines = command("weights", "info", "--weights", strange).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["file", "layout", "sha256"]
    assert lines[0].endswith(r"two\nlines.npz")


@pytest.mark.parametrize("given", ["nan", "inf", "0", "2h"])
def test_unusable_time_outs_are_refused(command, given):
    done = command("weights", "fetch", "--url", "http://127.0.0.1:9/a.mat", "--timeout", given)
    assert done.returncode == 2
    assert "--timeout" in done.stderr
    assert "expected a time above 0" in done.stderr or "must be at most 3600 s; found 7200 s" in done.stderr


def test_a_second_fetch_is_refused_while_the_first_one_runs(command, cache):
    cache.mkdir(parents=True)
    lock = FolderLock(cache)
    line = ("weights", "fetch", "--url", "http://127.0.0.1:9/a.mat")
    done = command(*line)
    assert (done.returncode, done.stderr.startswith(f"Error: {cache} is in use by another run")) == (2, True)
    lock.release()
    assert "refused the connection" in command(*line).stderr


@pytest.mark.parametrize("address", ["http://localhost:99999999/", "http://[::1", "http:///x", "ftp://a/b"])
def test_unusable_addresses_are_refused(command, address):
    done = command("weights", "fetch", "--url", address)
    assert (done.returncode, "--url must be an address" in done.stderr) == (2, True)


def test_a_record_without_its_archive_is_reported_and_can_be_removed(command, npz, cache):
    command("weights", "import", npz)
    (cache / "vgg19-full.npz").unlink()
    sentence = (
        "vgg19-full.npz is gone, though its record is there; run 'neurotransfer weights remove' and fetch or import"
    )
    for arguments in (("info", "--weights", "full"), ("use", "full"), ("verify",)):
        done = command("weights", *arguments)
        assert done.returncode == 2
        assert sentence in done.stderr
    assert command("weights", "remove").returncode == 0
    assert command("weights", "import", npz).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("use", "full"), 2, "The full weights were expected in"),
        (("info", "--weights", "full"), 2, "The full weights were expected in"),
        (("import", "nowhere.mat"), 2, "The weights nowhere.mat were expected to be a file, found nothing; give"),
        (("import", "."), 2, "found a folder"),
        (("import", "builtin"), 2, "The weights builtin were expected to be a file, found nothing"),
        (("import", 300 * "x"), 2, "xxx were expected to be a file, found nothing (File name too long); give"),
        (("info", "--weights", 300 * "x"), 2, "xxx were expected to be a file, found nothing (File name too long)"),
        (("import", "page.mat"), 2, "page.mat cannot be read as a MATLAB file: it has no MATLAB 5 header"),
        (("fetch", "--url", "ftp://a/b"), 2, "must be an address that begins with http"),
        (("fetch", "--sha256", "abc"), 2, "must be 64 hexadecimal digits"),
    ],
)
def test_wrong_use_is_one_sentence_and_leaves_the_cache_as_it_was(command, tmp_path, cache, arguments, code, sentence):
    (tmp_path / "page.mat").write_text("<html>" * 100)
    done = command("weights", *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not cache.exists() or list(cache.iterdir()) == []


@pytest.fixture
def address(tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_fetch_installs_only_a_file_with_the_expected_hash(command, npz, cache, address):
    digest = hashlib.sha256(npz.read_bytes()).hexdigest()
    done = command("weights", "fetch", "--url", f"{address}/mine.npz")
    assert done.returncode == 1
    assert (
        "its MD5 was expected to be 106118b7cf60435e6d8e04f6a6dc3657 or 8ee3263992981a1d26e73b3ca028a123" in done.stderr
    )
    assert not cache.exists()
    done = command("weights", "fetch", "--url", f"{address}/mine.npz", "--sha256", digest)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in cache.iterdir()) == ["vgg19-full.json", "vgg19-full.npz"]
    assert entry().source == f"{address}/mine.npz"
    assert entry().source_sha256 == digest


def test_a_file_with_the_expected_hash_that_is_no_network_is_refused(command, tmp_path, cache, address):
    (tmp_path / "odd.npz").write_bytes(b"PK" + bytes(1000))
    digest = hashlib.sha256((tmp_path / "odd.npz").read_bytes()).hexdigest()
    done = command("weights", "fetch", "-q", "--url", f"{address}/odd.npz", "--sha256", digest)
    assert done.returncode == 2
    assert "cannot be read as a NumPy archive" in done.stderr
    assert not cache.exists()


def test_archives_of_objects_are_not_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    np.savez(tmp_path / "trap.npz", **{"conv1_1.kernel": np.array([Trap()], dtype=object)})
    with pytest.raises(
        NeurotransferError, match=r"cannot be read as a NumPy archive: conv1_1\.kernel does not hold numbers"
    ):
        load_weights(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()
    with np.load(tmp_path / "trap.npz", allow_pickle=True) as archive:
        archive["conv1_1.kernel"]
    assert (tmp_path / "sprung").exists(), "the trap would have worked"


def test_a_fetch_killed_while_it_installs_does_not_fetch_again(command, npz, cache, address):
    """The file is whole and verified; by the second fetch, the server has it no more."""
    digest = hashlib.sha256(npz.read_bytes()).hexdigest()
    url = f"{address.replace('//', '//me:s3cret@')}/mine.npz"
    cache.mkdir(parents=True)
    download_weights([url], digest, cache, timeout=5, report=lambda *_: None)
    npz.unlink()
    line = ("weights", "fetch", "--url", url, "--sha256")
    assert command(*line, "0" * 64).returncode == 1, "another file is asked for"
    done = command(*line, digest)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in cache.iterdir()) == ["vgg19-full.json", "vgg19-full.npz"]
    assert "s3cret" not in done.stdout + done.stderr + (cache / "vgg19-full.json").read_text()
    assert entry().source == f"{address}/mine.npz"


def test_what_killed_writers_left_is_cleared(command, npz, cache):
    cache.mkdir(parents=True)
    left, others = [f".neurotransfer-{'0' * 16}.tmp", "tmpab12_x9z"], ["tmpab12_x9y", "tmp.txt", "letter"]
    for clear in (("import", npz), ("remove",)):
        for name in (*left, *others):
            (cache / name).touch()
        (cache / "tmpab12_x9y").write_text("not empty")
        assert command("weights", *clear).returncode == 0
        assert {path.name for path in cache.iterdir()} >= set(others)
        assert not {path.name for path in cache.iterdir()} & set(left)
