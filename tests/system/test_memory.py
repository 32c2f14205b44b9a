"""What this process may take: the system, its control groups and its own limits."""

import pytest

from neurotransfer.system import memory
from neurotransfer.system.memory import allowance


def test_limits_of_the_process_and_its_group_count(monkeypatch, tmp_path):
    unlimited = allowance()
    group = iter([5e8])
    monkeypatch.setattr(memory, "group_room", lambda: group)
    resident = memory.psutil.Process().memory_info().rss
    limited = allowance()
    assert limited == pytest.approx(resident + 0.8 * 5e8, rel=0.05)
    assert limited < unlimited


@pytest.mark.parametrize(
    ("line", "base", "limit", "usage"),
    [
        ("0::/user/me", "sys/fs/cgroup", "memory.max", "memory.current"),
        ("5:memory:/user/me", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
)
def test_the_groups_above_count_and_unused_cache_does_not(tmp_path, line, base, limit, usage):
    def group(path, allowed, used, stale):
        folder = tmp_path / base / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text(f"{allowed}\n")
        (folder / usage).write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {stale}\n")

    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"1:cpu:/elsewhere\n{line}\n")
    group("user/me", "max", 3, 0)
    group("user", 1000, 700, 50)
    group("", 9000, 800, 0)
    assert sorted(memory.group_room(tmp_path)) == [350.0, 8200.0]


def test_a_machine_without_limits_has_what_is_free(monkeypatch, tmp_path):
    """As most have: neither control groups that limit nor limits of the process."""
    assert list(memory.group_room(tmp_path)) == []
    monkeypatch.setattr(memory, "group_room", lambda: iter(()))
    monkeypatch.setattr(memory, "process_room", lambda: iter(()))
    assert allowance() > 0.5 * memory.psutil.virtual_memory().available
