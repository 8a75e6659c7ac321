"""What this machine has: GPUs, driver, compiler, tools."""

import os
import pathlib
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass

from runner import ROOT

OLDEST = (7, 5)  # compute capability that the kernels are written for


class Unusable(Exception):
    """Why nothing can be checked here: a sentence."""


@dataclass
class Gpu:
    index: int
    uuid: str
    name: str
    driver: str
    capability: str  # "8.6"; empty where the driver does not tell
    memory_mib: int  # 0 where it does not tell

    def sentence(self) -> str:
        parts = [self.name, f"compute capability {self.capability or 'unknown'}", f"{self.memory_mib} MiB",
                 f"driver {self.driver}"]
        return f"GPU {self.index}: " + ", ".join(parts)

    @property
    def architecture(self) -> str:
        """As CMake takes it: 86; empty if unknown."""
        return self.capability.replace(".", "")


@dataclass
class Machine:
    gpus: list[Gpu]
    gpu: Gpu  # the one that is checked
    nvcc: str  # empty: there is none, and none is needed
    nvcc_release: str
    sanitizer: str  # empty: there is none
    system: str
    processor: str

    def facts(self) -> dict:
        return asdict(self)

    def lines(self) -> list[str]:
        """For the summary."""
        other = f" (the one that is checked, of {len(self.gpus)})" if len(self.gpus) > 1 else ""
        return [self.gpu.sentence() + other, f"nvcc {self.nvcc_release or 'not used'}; {self.system}; {self.processor}"]


def output_of(command: list[str]) -> str:
    """What it prints; nothing if it fails."""
    try:
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, cwd=ROOT)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return finished.stdout if finished.returncode == 0 else ""


def from_dependencies(words: str) -> list[str]:
    """A command that runs in the shell of tools/dependencies.sh."""
    return ["bash", "-c", f"source tools/dependencies.sh; {words}"]


def query(field: str) -> list[str]:
    """A value for each GPU; nothing where this driver does not know the field."""
    text = output_of(["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"])
    return [line.strip() for line in text.splitlines() if line.strip()]


def find_gpus() -> list[Gpu]:
    indices, uuids = query("index"), query("uuid")
    columns = {field: query(field) for field in ("name", "driver_version", "compute_cap", "memory.total")}
    gpus = []
    for place, (index, uuid) in enumerate(zip(indices, uuids)):
        value = {field: column[place] if place < len(column) else "" for field, column in columns.items()}
        capability = value["compute_cap"] if re.fullmatch(r"\d+\.\d+", value["compute_cap"]) else ""
        memory = int(value["memory.total"]) if value["memory.total"].isdigit() else 0
        if index.isdigit():
            gpus.append(Gpu(int(index), uuid, value["name"], value["driver_version"], capability, memory))
    return gpus


def choose_gpu(gpus: list[Gpu], wanted: int | None) -> Gpu:
    """The one that was asked for; else the first that CUDA_VISIBLE_DEVICES names, or the first of all."""
    if wanted is not None:
        for gpu in gpus:
            if gpu.index == wanted:
                return gpu
        raise Unusable(f"--gpu {wanted}: nvidia-smi lists {len(gpus)} GPU(s), numbered from 0")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return gpus[0]
    first = visible.split(",")[0].strip()
    for gpu in gpus:
        if first == str(gpu.index) or (first.startswith("GPU-") and gpu.uuid.startswith(first)):
            return gpu
    raise Unusable(f"CUDA_VISIBLE_DEVICES={visible} names no GPU that nvidia-smi lists")


def why_no_gpu() -> str:
    if shutil.which("nvidia-smi") is None:
        return "there is no NVIDIA GPU with a driver here (no nvidia-smi in PATH)"
    try:
        said = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, errors="replace", timeout=60)
        words = " ".join((said.stdout + said.stderr).split())
    except (OSError, subprocess.TimeoutExpired):
        words = "it does not answer"
    return f"there is no NVIDIA GPU here; nvidia-smi says: {words[:200] or 'nothing'}"


def find_sanitizer(nvcc: str) -> str:
    beside = pathlib.Path(nvcc).resolve().parent / "compute-sanitizer" if nvcc else None
    if beside and os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which("compute-sanitizer") or ""


def system_name() -> str:
    try:
        text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return "an unknown system"
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.MULTILINE)
    return found.group(1) if found else "an unknown system"


def processor_name() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return f"{found.group(1) if found else 'an unknown processor'}, {os.cpu_count()} threads"


def probe(wanted_gpu: int | None, needs_compiler: bool) -> Machine:
    """Throws Unusable."""
    gpus = find_gpus()
    if not gpus:
        raise Unusable(why_no_gpu())
    gpu = choose_gpu(gpus, wanted_gpu)
    if gpu.capability and tuple(int(part) for part in gpu.capability.split(".")) < OLDEST:
        raise Unusable(f"the GPU ({gpu.name}) has compute capability {gpu.capability}; Vitrine's kernels need 7.5 or newer")
    nvcc = output_of(from_dependencies("find_nvcc")).strip()
    if not nvcc and needs_compiler:
        raise Unusable("the CUDA toolkit is not installed (no nvcc in CUDACXX, PATH, CUDA_PATH, CUDA_HOME or "
                       "/usr/local/cuda)")
    release = re.search(r"release (\S+), (V\S+)", output_of([nvcc, "--version"]) if nvcc else "")
    return Machine(gpus, gpu, nvcc, release.group(2) if release else "", find_sanitizer(nvcc), system_name(),
                   processor_name())
