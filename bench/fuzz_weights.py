"""Mutate MATLAB weights in thousands of seeded ways: each must give one sentence, in seconds, in little memory.

python bench/fuzz_weights.py [MUTATIONS]    # of each of five small files; of a whole one a tenth as many
"""

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from neurotransfer.system.errors import InputError
from neurotransfer.vgg.weights import load_weights
from tests.mutations import bases, mutated
from tests.vgg.matconvnet import matconvnet, write


def _whole(path: Path) -> bytes:
    return write(path, matconvnet(load_weights("builtin"), "newer", fully_connected=True)).read_bytes()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    outcomes: Counter[str] = Counter()
    slowest = busiest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutated.mat"
        files = bases() | {"all channels": _whole(Path(folder) / "whole.mat")}
        for name, whole in files.items():
            for seed in range(count if len(whole) < 1e7 else count // 10):
                path.write_bytes(mutated(whole, seed))
                begun, worked = time.perf_counter(), time.process_time()
                try:
                    load_weights(path)
                    outcomes["read"] += 1
                except InputError as error:
                    assert "\n" not in str(error), (name, seed)
                    outcomes["one sentence"] += 1
                except BaseException as error:
                    outcomes[f"LOST: {type(error).__name__}"] += 1
                    print(f"{name}, seed {seed}: {type(error).__name__}: {error}")
                slowest = max(slowest, time.perf_counter() - begun)
                busiest = max(busiest, time.process_time() - worked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{sum(outcomes.values())} files: {dict(outcomes)}")
    print(f"slowest {slowest:.2f} s, at most {busiest:.2f} s of processor time, peak {peak:.2f} GB")
    sys.exit(any(name.startswith("LOST") for name in outcomes))


if __name__ == "__main__":
    main()
