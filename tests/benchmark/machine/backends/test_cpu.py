"""The CPU's name, the words that tell generic names apart, its energy, its limits."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from benchmark.machine.backends import cpu

AMD_FLAGS = "fpu sse4_2 avx avx2 avx512f avx512_bf16"
KERNEL = (
    "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {name}\n"
    "flags\t\t: {flags}\n\nprocessor\t: 1\ncpu family\t: 99\nmodel\t\t: 99\n"
)
ARM = (
    "processor\t: 0\nFeatures\t: {flags}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\n"
    "CPU part\t: 0xD0C\nCPU revision\t: 1\n"
)


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's file, not there yet; no tool says anything either."""
    monkeypatch.setattr(cpu, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(cpu, "_output", lambda *_: "")
    monkeypatch.setattr(cpu, "available_cores", lambda: 2)
    return tmp_path / "cpuinfo"


def kernel(name: str, *, family: int = 25, model: int = 17, flags: str = AMD_FLAGS) -> str:
    return KERNEL.format(vendor="AuthenticAMD", family=family, model=model, name=name, flags=flags)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Intel(R) Xeon(R) Platinum 8592+", "intel-xeon-platinum-8592"),
        ("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", "intel-xeon-e5-2690-v4"),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "intel-core-i7-8550u"),
        ("12th Gen Intel(R) Core(TM) i7-12700K", "intel-core-i7-12700k"),
        ("Intel(R) Core(TM) Ultra 7 155H", "intel-core-ultra-7-155h"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-7763"),
        ("AMD EPYC", "amd-epyc"),
        ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "amd-ryzen-threadripper-pro-5995wx"),
        ("AMD Ryzen 7 5800H with Radeon Graphics", "amd-ryzen-7-5800h"),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", "amd-ryzen-ai-9-hx-370"),
        ("AMD FX(tm)-8350 Eight-Core Processor", "amd-fx-8350"),
        ("Apple M2 Pro", "apple-m2-pro"),
        ("Neoverse-N1", "neoverse-n1"),
        ("aarch64", "aarch64"),
        ("", "unknown"),
        ("龙芯", "unknown"),
    ],
)
def test_cpu_names(name: str, slug: str) -> None:
    assert cpu.slug(name) == slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Intel(R) Xeon(R) Platinum 8592+", "intel-xeon-platinum-8592-2c"),
        ("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", "intel-xeon-e5-2690-v4-2c"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-7763-2c"),
        ("12th Gen Intel(R) Core(TM) i7-12700K", "intel-core-i7-12700k-2c"),
        ("Apple M2 Pro", "apple-m2-pro-2c"),
    ],
)
def test_a_name_that_says_which_model_needs_no_more(name: str, slug: str, cpuinfo: Path) -> None:
    cpuinfo.write_text(kernel(name))
    found = cpu.facts("cpu")
    assert (found.slug, found.name) == (slug, name)
    assert (found.memory_bytes, found.driver) == (None, None)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("AMD EPYC", "amd-epyc-25-17-avx512-2c"),
        ("AMD EPYC Processor", "amd-epyc-25-17-avx512-2c"),
        ("Intel(R) Xeon(R) Processor", "intel-xeon-25-17-avx512-2c"),
        ("Intel(R) Xeon(R) Processor @ 2.70GHz", "intel-xeon-25-17-avx512-2c"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "intel-xeon-25-17-avx512-2c"),
        ("Intel Xeon Processor (Skylake, IBRS)", "intel-xeon-skylake-ibrs-25-17-avx512-2c"),
        ("QEMU Virtual CPU version 2.5+", "qemu-virtual-version-2-5-25-17-avx512-2c"),
        ("Common KVM processor", "common-kvm-25-17-avx512-2c"),
        ("Common 64-bit KVM processor", "common-64-bit-kvm-25-17-avx512-2c"),
    ],
)
def test_a_generic_name_gets_family_model_and_vector_instructions(name: str, slug: str, cpuinfo: Path) -> None:
    cpuinfo.write_text(kernel(name))
    found = cpu.facts("cpu")
    assert (found.slug, found.name) == (slug, name)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ("sse4_2 avx avx2 avx512f amx_tile", "-amx"),
        ("avx512f avx2 avx sse4_2", "-avx512"),
        ("sse4_2 avx avx2", "-avx2"),
        ("sse4_2 avx", "-avx"),
        ("sse4_1 sse4_2", "-sse4"),
        ("sse4_1 avx2_like", ""),
        ("", ""),
    ],
)
def test_the_widest_vector_instructions_count(flags: str, word: str, cpuinfo: Path) -> None:
    cpuinfo.write_text(kernel("AMD EPYC", flags=flags))
    assert cpu.facts("cpu").slug == f"amd-epyc-25-17{word}-2c"


def test_two_machines_of_one_generic_name_are_told_apart(cpuinfo: Path) -> None:
    slugs = set()
    for family, model, flags in [(25, 17, AMD_FLAGS), (25, 1, AMD_FLAGS), (23, 17, AMD_FLAGS), (25, 17, "avx2")]:
        cpuinfo.write_text(kernel("AMD EPYC", family=family, model=model, flags=flags))
        slugs.add(cpu.facts("cpu").slug)
    assert len(slugs) == 4


@pytest.mark.parametrize(("flags", "word"), [("fp asimd", "neon"), ("fp asimd sve", "sve"), ("asimd sve sve2", "sve2")])
def test_the_bare_architecture_gets_the_part(
    flags: str, word: str, cpuinfo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ARM under Linux, where the kernel says no name and no tool helps."""
    cpuinfo.write_text(ARM.format(flags=flags))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    found = cpu.facts("cpu")
    assert (found.slug, found.name) == (f"aarch64-0x41-0xd0c-{word}-2c", "aarch64")


def test_no_kernel_file_no_details(cpuinfo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert not cpuinfo.exists()
    assert cpu.facts("cpu").slug == "x86-64-2c"


@pytest.mark.parametrize(
    ("said", "tools", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\n", {}, "AMD EPYC 7763 64-Core Processor"),
        (
            "processor\t: 0\nCPU part\t: 0xd0c\n",
            {"lscpu": "Architecture: aarch64\nModel name:   Neoverse-N1\n"},
            "Neoverse-N1",
        ),
        ("", {"lscpu": "Model name:   -\n", "sysctl": "Apple M2 Pro\n"}, "Apple M2 Pro"),
        ("", {}, "riscv64"),
    ],
)
def test_where_the_name_of_the_cpu_comes_from(
    cpuinfo: Path, monkeypatch: pytest.MonkeyPatch, said: str, tools: dict[str, str], name: str
) -> None:
    cpuinfo.write_text(said)
    monkeypatch.setattr(cpu, "_output", lambda tool, *_: tools.get(tool, ""))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert cpu.cpu_name() == name


def test_a_tool_that_is_missing_or_fails_says_nothing() -> None:
    assert cpu._output("heptathlon-no-such-tool") == ""
    assert cpu._output("sh", "-c", "echo said; exit 1") == ""
    assert cpu._output("sh", "-c", "echo said") == "said\n"


def test_there_is_one_and_jobs_share_it() -> None:
    assert cpu.devices() == ["cpu"]
    assert cpu.lease("cpu") is None
    assert cpu.usable("cpu")
    assert cpu.available_cores() == (len(psutil.Process().cpu_affinity()) if psutil.LINUX else os.cpu_count())


def test_its_memory_is_the_process_s_own() -> None:
    assert cpu.settle("cpu") is None
    assert cpu.peak_bytes("cpu") is None
    cpu.synchronize("cpu")


@pytest.mark.parametrize(("feature", "fast"), [("avx512_bf16", True), ("amx_bf16", True), ("avx512_f", False)])
def test_bfloat16_needs_instructions(feature: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {feature: True, "avx2": True})
    assert cpu.fast_bfloat16("cpu") is fast


def test_energy_of_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "_RAPL", tmp_path / "energy_uj")
    assert cpu.joules("cpu") is None
    (tmp_path / "energy_uj").write_text("2500000\n")
    read = cpu.joules("cpu")
    assert read is not None
    assert read() == 2.5
    (tmp_path / "energy_uj").write_text("what")
    assert read() is None
    assert cpu.joules("cpu") is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the data of a process")
def test_allocations_beyond_the_limit_fail_with_a_traceback() -> None:
    program = (
        "from benchmark.machine.backends import cpu\n"
        "cpu.confine('cpu', 2**26)\n"
        "held = bytearray(2**25)\n"
        "print('within', flush=True)\n"
        "bytearray(2**27)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "within\n")
    assert ended.stderr.rstrip().endswith("MemoryError")
