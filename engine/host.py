"""The machine: its processor and memory, its GPUs, and whether llama.cpp can use them."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import psutil

import engine
from engine.events import Host

Vendor = Literal["nvidia", "amd", "intel", "apple"]

_PCI_VENDORS: dict[str, Vendor] = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_ADAPTERS: dict[Vendor, str] = {
    "nvidia": r"\bnvidia\b",
    "amd": r"\b(?:amd|radeon)\b",
    "intel": r"\bintel\b",
}
_BRANDS: dict[Vendor, str] = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple"}
_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"

# Prebuilt wheels by the CUDA version they were built with:
# https://github.com/abetlen/llama-cpp-python#supported-backends
_WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
_CUDA_WHEELS = ((11, 8), (12, 1), (12, 2), (12, 3), (12, 4), (12, 5), (13, 0), (13, 2))
_PINNED = "llama-cpp-python==0.3.36"


class Gpu(msgspec.Struct, frozen=True):
    """A GPU as the system reports it. cuda: newest CUDA version that its driver can run; compute:
    its CUDA compute capability. None where unknown: for NVIDIA, that its driver does not answer."""

    vendor: Vendor
    name: str
    memory_bytes: int = 0
    cuda: tuple[int, int] | None = None
    compute: tuple[int, int] | None = None


class Build(msgspec.Struct, frozen=True):
    """What an installed llama.cpp can use. devices: names of the GPUs that it sees."""

    version: str
    offload: bool
    devices: tuple[str, ...]


class GpuAdvice(msgspec.Struct, frozen=True):
    """One line about the GPU for the window. used: models run on it. command: installs a build that
    can use it ("" if there is nothing to install); build_command: the same from source."""

    line: str
    used: bool
    command: str = ""
    build_command: str = ""


@cache
def host() -> Host:
    """The machine, looked at once."""
    return Host(
        system=_system(),
        cpu=_cpu(),
        cores=physical_cores(),
        memory_bytes=psutil.virtual_memory().total,
        gpus=tuple(gpu.name for gpu in gpus()),
        python=platform.python_version(),
        draftscope=engine.__version__,
    )


def physical_cores() -> int:
    """Physical cores that this process may use, at least 1."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if sys.platform == "linux":
        cores = min(cores, len(os.sched_getaffinity(0)))
    return max(cores, 1)


@cache
def gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine, NVIDIA's first."""
    if sys.platform == "darwin":
        return (Gpu("apple", _cpu()),) if platform.machine() == "arm64" else ()
    return merged(nvidia_gpus(), (*pci_gpus(), *named_gpus(_windows_adapters())))


def gpu_advice() -> GpuAdvice | None:
    """Whether models can run on this machine's GPU, and if not, what to install; None without one.

    Loads llama.cpp and may start a GPU driver: for the engine's thread, not the window's.
    """
    found = gpus()
    if not found:
        return None
    try:
        from engine.backends.llama_library import build
    except (ImportError, OSError, RuntimeError):  # loading a model will say so
        return None
    result = advice(found, build(), sys.platform)
    if result is not None and getattr(sys, "frozen", False):  # a packaged app has no pip
        return msgspec.structs.replace(result, command="", build_command="")
    return result


def advice(found: Sequence[Gpu], build: Build, system: str) -> GpuAdvice | None:
    """`gpu_advice` for given facts; `system` as `sys.platform` names it."""
    if not found:
        return None
    if build.devices:
        return GpuAdvice(f"Models can run on the {' and the '.join(build.devices)}.", used=True)
    gpu = found[0]
    if gpu.vendor == "nvidia" and gpu.cuda is None:
        return GpuAdvice(
            f"{gpu.name} found, but NVIDIA's driver does not answer: install or repair the driver.",
            used=False,
        )
    if build.offload:
        return GpuAdvice(
            f"{gpu.name} found, and {build.version} was built for GPUs, but it sees none: update "
            "the driver, or install a build for this GPU.",
            False,
            *_commands(gpu, system),
        )
    return GpuAdvice(
        f"{gpu.name} found, but the installed {build.version} uses the CPU only.",
        False,
        *_commands(gpu, system),
    )


def _commands(gpu: Gpu, system: str) -> tuple[str, str]:
    """Commands for any shell that install llama-cpp-python for this GPU: wheel, and from source."""
    option, index = "GGML_VULKAN", "vulkan"
    if gpu.vendor == "apple":
        option, index = "GGML_METAL", "metal"
    elif gpu.vendor == "nvidia":
        option, index = "GGML_CUDA", _cuda_index(gpu)
    install = "pip install --force-reinstall --no-deps --no-cache-dir"
    source = f'{install} {_PINNED} -C cmake.args="-D{option}=on"'
    if not index or (index == "vulkan" and system not in ("linux", "win32")):
        return source, source
    wheel = (
        f"{install} --only-binary llama-cpp-python --extra-index-url {_WHEELS}/{index} {_PINNED}"
    )
    return wheel, source


def _cuda_index(gpu: Gpu) -> str:
    """Index of the newest wheel that the driver and the GPU can run; "" if there is none."""
    if gpu.cuda is None:
        return ""
    compute = gpu.compute or (7, 5)

    def runs(version: tuple[int, int]) -> bool:
        oldest = (7, 5) if version >= (13, 0) else (6, 0)
        newest = (8, 9) if version < (12, 0) else (99, 0)
        return version <= gpu.cuda and oldest <= compute <= newest  # type: ignore[operator]

    usable = [version for version in _CUDA_WHEELS if runs(version)]
    return "cu{}{}".format(*usable[-1]) if usable else ""


def nvidia_gpus(nvml: Any = None) -> tuple[Gpu, ...]:
    """What NVIDIA's management library tells; empty without its driver. `nvml`: a stand-in."""
    try:
        if nvml is None:
            import pynvml as nvml  # pyright: ignore[reportMissingTypeStubs]
        nvml.nvmlInit()
    except Exception:  # no library, no driver, or one that does not answer
        return ()
    try:
        version = nvml.nvmlSystemGetCudaDriverVersion_v2()
        cuda = version // 1000, version % 1000 // 10
        found: list[Gpu] = []
        for i in range(nvml.nvmlDeviceGetCount()):
            device = nvml.nvmlDeviceGetHandleByIndex(i)
            name = nvml.nvmlDeviceGetName(device)
            try:
                memory = nvml.nvmlDeviceGetMemoryInfo(device).total
            except nvml.NVMLError:  # unified memory
                memory = 0
            compute = tuple(nvml.nvmlDeviceGetCudaComputeCapability(device))
            found.append(Gpu("nvidia", name, memory, cuda, compute))
        return tuple(found)
    except nvml.NVMLError:
        return ()
    finally:
        nvml.nvmlShutdown()


def pci_gpus(
    drm: Path = Path("/sys/class/drm"),
    names: Sequence[Path] = (Path("/usr/share/misc/pci.ids"), Path("/usr/share/hwdata/pci.ids")),
) -> tuple[Gpu, ...]:
    """Linux: graphics cards by PCI vendor, named by the system's list of PCI ids, if any."""
    found: list[Gpu] = []
    for card in sorted(drm.glob("card[0-9]*")):
        vendor_id, device_id = (_read(card / "device" / key) for key in ("vendor", "device"))
        vendor = _PCI_VENDORS.get(vendor_id)
        if vendor is None or "-" in card.name:  # card0-HDMI-A-1 and the like are its outputs
            continue
        model = next(filter(None, (_pci_name(path, vendor_id, device_id) for path in names)), "GPU")
        found.append(Gpu(vendor, f"{_BRANDS[vendor]} {model}"))
    return tuple(found)


def _pci_name(ids: Path, vendor_id: str, device_id: str) -> str:
    """Marketing name in brackets where the list has one: "Navi 31 [Radeon RX 7900 XTX]"."""
    text = _read(ids)
    block = re.search(rf"^{vendor_id[2:]}  .*\n((?:[\t#].*\n?)*)", text, re.MULTILINE)
    line = re.search(rf"^\t{device_id[2:]}  (.*)$", block[1], re.MULTILINE) if block else None
    if line is None:
        return ""
    bracket = re.search(r"\[(.+)\]", line[1])
    return bracket[1] if bracket else line[1]


def named_gpus(names: Iterable[str]) -> tuple[Gpu, ...]:
    """Windows: display adapters by their driver's description; others than GPUs are left out."""
    found: list[Gpu] = []
    for name in names:
        for vendor, word in _ADAPTERS.items():
            if re.search(word, name, re.IGNORECASE):
                found.append(Gpu(vendor, name))
                break
    return tuple(found)


def merged(nvidia: Sequence[Gpu], others: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """NVIDIA's own answer where it gave one, then the rest: likely discrete ones first."""
    rest = [gpu for gpu in others if not (nvidia and gpu.vendor == "nvidia")]
    order: tuple[Vendor, ...] = ("nvidia", "amd", "intel", "apple")
    return (*nvidia, *sorted(rest, key=lambda gpu: order.index(gpu.vendor)))


def _windows_adapters() -> list[str]:
    if sys.platform != "win32":
        return []
    import winreg

    names: list[str] = []
    for i in range(16):
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_DISPLAY_CLASS}\{i:04}") as key:
                names.append(str(winreg.QueryValueEx(key, "DriverDesc")[0]))
        except OSError:
            continue
    return names


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]} {platform.machine()}"
    if sys.platform == "linux":  # its release may be anything that a build was named
        return f"Linux {platform.machine()}"
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _cpu() -> str:
    """Name of the processor, else of its architecture."""
    name = ""
    if sys.platform == "linux":
        match = re.search(r"^model name\s*: (.*)$", _read(Path("/proc/cpuinfo")), re.MULTILINE)
        name = match[1] if match else ""
    elif sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            name = subprocess.check_output(command, text=True, timeout=5)
    elif sys.platform == "win32":
        import winreg

        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with (
            contextlib.suppress(OSError),
            winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key,
        ):
            name = str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    return " ".join(name.split()) or platform.processor() or platform.machine()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
