"""What is said of the machine and its GPUs."""

from __future__ import annotations

import types

import pytest

import engine
from engine import host as module
from engine.host import Build, Gpu, advice, host, merged, named_gpus, nvidia_gpus, pci_gpus

CPU_BUILD = Build("llama-cpp-python 0.3.36", False, ())
RTX = Gpu("nvidia", "NVIDIA RTX 4090", 24 << 30, (12, 4), (8, 9))


class NvmlError(Exception):
    pass


def nvml(*, cuda=12040, names=("NVIDIA RTX 4090",), memory=24 << 30, fails=False):
    """A stand-in for pynvml."""

    def init():
        if fails:
            raise NvmlError

    def info(device):
        if memory is None:
            raise NvmlError
        return types.SimpleNamespace(total=memory)

    return types.SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlSystemGetCudaDriverVersion_v2=lambda: cuda,
        nvmlDeviceGetCount=lambda: len(names),
        nvmlDeviceGetHandleByIndex=lambda i: i,
        nvmlDeviceGetName=lambda device: names[device],
        nvmlDeviceGetMemoryInfo=info,
        nvmlDeviceGetCudaComputeCapability=lambda device: (8, 9),
    )


def test_host():
    found = host()
    assert found is host()
    assert found.cores >= 1
    assert found.memory_bytes > 1 << 28
    assert found.system
    assert found.cpu
    assert found.draftscope == engine.__version__


def test_nvidia():
    assert nvidia_gpus(nvml()) == (RTX,)
    assert nvidia_gpus(nvml(memory=None))[0].memory_bytes == 0
    assert nvidia_gpus(nvml(names=())) == ()
    assert nvidia_gpus(nvml(fails=True)) == ()


@pytest.fixture
def drm(tmp_path):
    def card(name, vendor, device):
        folder = tmp_path / name / "device"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "device").write_text(f"{device}\n")

    card("card0", "0x8086", "0x3e92")
    card("card0-HDMI-A-1", "0x8086", "0x3e92")
    card("card1", "0x1002", "0x744c")
    card("card2", "0x1a03", "0x2000")  # a server's management chip
    (tmp_path / "version").write_text("drm")
    return tmp_path


def test_pci_cards(drm, tmp_path):
    ids = tmp_path / "pci.ids"
    ids.write_text(
        "# comment\n"
        "1001  Someone\n\t744c  Other card\n"
        "1002  Advanced Micro Devices, Inc. [AMD/ATI]\n"
        "\t66af  Vega 20\n"
        "\t744c  Navi 31 [Radeon RX 7900 XTX]\n\t\t1002 0e3b  A board\n"
        "8086  Intel Corporation\n\t0046  Core\n"
    )
    found = pci_gpus(drm, [tmp_path / "none", ids])
    assert [gpu.name for gpu in found] == ["Intel GPU", "AMD Radeon RX 7900 XTX"]
    assert [gpu.vendor for gpu in merged((), found)] == ["amd", "intel"]
    assert pci_gpus(tmp_path / "nowhere") == ()


def test_windows_adapters():
    names = [
        "Microsoft Basic Display Adapter",
        "Intel(R) UHD Graphics 770",
        "NVIDIA GeForce RTX 4090",
        "AMD Radeon(TM) Graphics",
    ]
    assert [gpu.vendor for gpu in named_gpus(names)] == ["intel", "nvidia", "amd"]


def test_nvidias_own_answer_comes_first():
    found = merged((RTX,), (Gpu("intel", "Intel GPU"), Gpu("nvidia", "NVIDIA GPU")))
    assert [gpu.name for gpu in found] == ["NVIDIA RTX 4090", "Intel GPU"]


def test_no_gpu_no_advice():
    assert advice((), CPU_BUILD, "linux") is None


def test_gpu_in_use():
    said = advice((RTX,), Build("llama-cpp-python 0.3.36", True, ("NVIDIA RTX 4090",)), "linux")
    assert said is not None
    assert said.used
    assert said.command == ""
    assert said.line == "Models can run on the NVIDIA RTX 4090."


def test_gpu_there_but_a_build_for_the_cpu():
    said = advice((RTX,), CPU_BUILD, "linux")
    assert said is not None
    assert not said.used
    assert said.line == (
        "NVIDIA RTX 4090 found, but the installed llama-cpp-python 0.3.36 uses the CPU only."
    )
    assert "/whl/cu124 llama-cpp-python==0.3.36" in said.command
    assert "--only-binary llama-cpp-python" in said.command
    assert '-C cmake.args="-DGGML_CUDA=on"' in said.build_command


def test_gpu_build_that_sees_none():
    said = advice((RTX,), Build("llama-cpp-python 0.3.36", True, ()), "linux")
    assert said is not None
    assert not said.used
    assert "sees none" in said.line


def test_nvidia_without_its_driver():
    said = advice((Gpu("nvidia", "NVIDIA GPU"),), CPU_BUILD, "linux")
    assert said is not None
    assert "driver" in said.line
    assert said.command == ""


@pytest.mark.parametrize(
    ("cuda", "compute", "index"),
    [
        ((12, 4), (8, 9), "cu124"),
        ((12, 8), (12, 0), "cu125"),
        ((13, 1), (8, 6), "cu130"),
        ((14, 0), (9, 0), "cu132"),
        ((13, 0), (6, 1), "cu125"),
        ((11, 8), (7, 0), "cu118"),
        ((11, 8), (9, 0), ""),
        ((11, 4), (7, 0), ""),
    ],
)
def test_newest_wheel_that_driver_and_gpu_can_run(cuda, compute, index):
    said = advice((Gpu("nvidia", "NVIDIA", 0, cuda, compute),), CPU_BUILD, "linux")
    assert said is not None
    if index:
        assert f"/whl/{index} " in said.command
    else:
        assert said.command == said.build_command


@pytest.mark.parametrize(
    ("vendor", "system", "wheel", "option"),
    [
        ("amd", "linux", "/whl/vulkan ", "GGML_VULKAN"),
        ("intel", "win32", "/whl/vulkan ", "GGML_VULKAN"),
        ("apple", "darwin", "/whl/metal ", "GGML_METAL"),
    ],
)
def test_other_vendors(vendor, system, wheel, option):
    said = advice((Gpu(vendor, "A GPU"),), CPU_BUILD, system)
    assert said is not None
    assert wheel in said.command
    assert option in said.build_command


def test_packaged_app_gives_no_pip_command(monkeypatch):
    monkeypatch.setattr(module, "gpus", lambda: (RTX,))
    said = module.gpu_advice()
    assert said is not None
    assert said.command
    monkeypatch.setattr(module.sys, "frozen", True, raising=False)
    said = module.gpu_advice()
    assert said is not None
    assert said.line
    assert said.command == said.build_command == ""
