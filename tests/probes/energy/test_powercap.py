"""Claims about the counters of a processor: each joule is counted once, and what cannot be read says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench_suite.probes.energy import powercap
from bench_suite.probes.energy.powercap import NoCounter, domains


def test_of_domains_that_overlap_each_package_and_its_memory_are_left(laptop):
    chosen = domains(laptop().root)
    assert [(domain.folder.name, domain.label, domain.hardware) for domain in chosen] == [
        ("intel-rapl:0", "package-0", "cpu"),
        ("intel-rapl:0:2", "package-0/dram", "memory"),
    ]
    assert [domain.joules() for domain in chosen] == [5.0, 2.0]
    assert chosen[0].wraps_at == pytest.approx(65_532.610987)


def test_two_packages_and_their_memories_are_four_counters(tree):
    for number in (0, 1):
        tree.add(f"intel-rapl:{number}", f"package-{number}", 10**9 * (number + 1))
        tree.add(f"intel-rapl:{number}:0", "dram", 10**9 * (number + 5))
    assert [domain.label for domain in domains(tree.root)] == [
        "package-0", "package-1", "package-0/dram", "package-1/dram",
    ]  # fmt: skip


@pytest.mark.parametrize(("apart", "expected"), [(300_000, 1), (2_000_000, 2), (-300_000, 1)])
def test_dies_that_show_one_counter_are_counted_once_and_dies_with_their_own_are_not(tree, apart, expected):
    tree.add("intel-rapl:0", "package-0-die-0", 7_000_000_000)
    tree.add("intel-rapl:1", "package-0-die-1", 7_000_000_000 + apart)
    tree.add("intel-rapl:2", "package-1-die-0", 7_000_000_000)
    labels = [domain.label for domain in domains(tree.root)]
    assert labels == [*["package-0-die-0", "package-0-die-1"][:expected], "package-1-die-0"]


def test_two_readings_of_one_counter_around_its_wrap_are_one_counter(tree):
    tree.add("intel-rapl:0", "package-0-die-0", 65_532_500_000)
    tree.add("intel-rapl:1", "package-0-die-1", 100_000)
    assert len(domains(tree.root)) == 1


def test_a_package_that_only_mmio_shows_is_read_there(tree):
    tree.add("intel-rapl-mmio:0", "package-0")
    assert [domain.folder.name for domain in domains(tree.root)] == ["intel-rapl-mmio:0"]


def test_a_memory_that_never_counts_is_none(tree):
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:0:0", "dram", 0)
    assert [domain.label for domain in domains(tree.root)] == ["package-0"]


def test_without_the_folder_or_without_a_package_the_reason_says_so(tree, tmp_path):
    with pytest.raises(NoCounter, match=r"nowhere does not exist, as in most virtual machines and containers"):
        domains(tmp_path / "nowhere")
    with pytest.raises(NoCounter, match=r"shows no package of the processor \(it shows: nothing\)"):
        domains(tree.root)
    tree.add("intel-rapl:0", "psys")
    with pytest.raises(NoCounter, match=r"\(it shows: psys\)"):
        domains(tree.root)


def test_a_counter_that_only_the_administrator_reads_comes_with_the_command(tree, monkeypatch):
    """Root may read any file, so the refusal is simulated where the tests run as root."""
    file = tree.add("intel-rapl:0", "package-0") / "energy_uj"
    file.chmod(0o000)
    if os.access(file, os.R_OK):
        read = Path.read_text

        def refused(path, *arguments):
            if path.name == "energy_uj":
                raise PermissionError(13, "Permission denied")
            return read(path, *arguments)

        monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(NoCounter, match=r"only the administrator may read .*: sudo chmod a\+r .*/intel-rapl\*/energy"):
        domains(tree.root)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [("energy_uj", "", "cannot be read"), ("energy_uj", "many", "cannot be read"),
     ("max_energy_range_uj", "0", "its wrap-around is not known")],
)  # fmt: skip
def test_a_counter_with_a_strange_content_is_none(tree, file, content, reason):
    (tree.add("intel-rapl:0", "package-0") / file).write_text(content)
    with pytest.raises(NoCounter, match=reason):
        domains(tree.root)


def test_a_folder_whose_name_is_no_text_is_passed_over(tree):
    tree.add("intel-rapl:0", "package-0")
    (tree.add("intel-rapl:1", "x") / "name").write_bytes(b"\xff\xfe")
    (tree.root / "intel-rapl:2").write_text("a file in place of a folder")
    assert [domain.label for domain in domains(tree.root)] == ["package-0"]


def test_one_package_that_cannot_be_read_makes_the_whole_processor_unknown(tree):
    tree.add("intel-rapl:0", "package-0")
    (tree.add("intel-rapl:1", "package-1") / "energy_uj").unlink()
    with pytest.raises(NoCounter, match="intel-rapl:1/energy_uj cannot be read"):
        domains(tree.root)


def test_the_root_is_that_of_the_kernel():
    assert Path("/sys/class/powercap") == powercap.ROOT
