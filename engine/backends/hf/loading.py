"""From a folder, a cached hub id or a GGUF file to a model on its device."""

# pyright: basic
from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    modeling_gguf_pytorch_utils,
)
from transformers.utils import logging as transformers_logging

from engine.backends.hf import attention, devices
from engine.backends.hf.model import HfModel
from engine.config import ModelSpec
from engine.errors import ConfigError, DraftscopeError, ModelError
from engine.host import physical_cores
from engine.trimming import KEY, Trimming

Progress = Callable[[float], None]
T = TypeVar("T")
DEFAULT_CONTEXT = 4096
_LAYERS = {"full_attention", "sliding_attention"}
_UNPACKED, _READ = 0.6, 0.9  # where loading stands when a GGUF is unpacked, and weights are read


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model lies: a folder, and in it a GGUF file or none. name: as messages call it;
    title: what replaces the name that the files give."""

    folder: Path
    name: str
    gguf: str = ""
    title: str = ""


def load(source: Source, spec: ModelSpec, progress: Progress | None = None) -> HfModel:
    """Load the model. progress receives fractions, and may raise to stop.

    Nothing but safetensors and GGUF is read, and no code of a repository is run. Raises ModelError,
    with a hint, for whatever cannot be loaded; its memory is free again then.
    """
    return _guarded(lambda: _load(source, spec, progress or (lambda fraction: None)), source.name)


def open_network(
    source: Source, spec: ModelSpec, attending: str, progress: Progress | None = None
) -> Opened:
    """The same, without a cache: a bare network that attends by the implementation `attending`."""
    tell = progress or (lambda fraction: None)
    return _guarded(lambda: _open(source, spec, tell, attending), source.name)


def _guarded(work: Callable[[], T], name: str) -> T:
    failure: DraftscopeError
    try:
        return work()
    except DraftscopeError as error:
        failure = error.with_traceback(None)
    except Exception as error:
        failure = _explained(error, name)
    # Outside of the handler: the traceback keeps the tensors of the failed attempt alive.
    devices.release()
    raise failure


def cached_folder(repository: str) -> Path | None:
    """The newest snapshot of a hub repository in the cache; None if it is not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Opened:
    """A network of transformers on its device, without gradients, and its tokenizer."""

    network: Any
    tokenizer: Any
    config: Any
    device: torch.device
    dtype: torch.dtype


def _load(source: Source, spec: ModelSpec, progress: Progress) -> HfModel:
    opened = _open(source, spec, progress, attention.NAME)
    return HfModel(
        opened.network,
        opened.tokenizer,
        name=source.title or _title(opened.config, source),
        precision=_precision(spec, opened.dtype),
        device=opened.device,
        context=_context(opened.config, spec.context),
        threads=spec.threads or physical_cores(),
        synthetic=getattr(opened.config, "draftscope_synthetic", None) is not None,
        trimming=trimming_of(source, opened.config),
        progress=lambda fraction: progress(_READ + (1 - _READ) * fraction),
    )


def _open(source: Source, spec: ModelSpec, progress: Progress, attending: str) -> Opened:
    """attending: the attention implementation."""
    device = devices.device_of(spec.device)
    where: dict[str, Any] = {
        "pretrained_model_name_or_path": str(source.folder),
        "local_files_only": True,
        "trust_remote_code": False,
    }
    if source.gguf:
        where["gguf_file"] = source.gguf
    with _quiet():
        progress(0.0)
        with _quick_reading(source):
            whole = AutoConfig.from_pretrained(**where)
        config = getattr(whole, "text_config", None) or whole
        _check_architecture(config, source.name)
        # Not read quickly: some versions of transformers take the tokens themselves that way.
        # AutoTokenizer would read a whole GGUF file once more, which takes seconds.
        reader = PreTrainedTokenizerFast if source.gguf else AutoTokenizer
        try:
            tokenizer = reader.from_pretrained(**where)
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModelError(
                f"{source.name} has no tokenizer that can be read.",
                "Put the model's tokenizer.json and tokenizer_config.json into its folder.",
            ) from error
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{source.name} has no tokenizer.json.",
                "Convert its tokenizer to the fast format, or look for a GGUF version.",
            )
        stored = None if source.gguf else getattr(config, "dtype", None)
        dtype = devices.type_of(spec.precision, stored, device)
        _check_memory(source, dtype, spec, device)
        options: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}}
        quantisation = devices.quantisation_of(spec.precision, device)
        if quantisation is not None:
            options["quantization_config"] = quantisation
        elif source.gguf and hasattr(transformers, "GgufConfig"):
            # Packed weights are dequantised in every pass, which costs more than it saves here.
            options["quantization_config"] = transformers.GgufConfig(dequantize=True)
        if not source.gguf:
            options["use_safetensors"] = True
        with _quick_reading(source), _reported(progress, bool(source.gguf)):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                **where,
                **options,
                config=whole,
                attn_implementation=attending,
                output_loading_info=True,
            )
    network, found = loaded
    if found["missing_keys"]:  # transformers has filled them with random numbers
        raise ModelError(
            f"{source.name} lacks {len(found['missing_keys'])} of its tensors, such as "
            f"{min(found['missing_keys'])}.",
            "Download it again, or check that config.json belongs to these weights.",
        )
    network.requires_grad_(False)
    return Opened(network, tokenizer, config, device, dtype)


def _check_architecture(config: Any, name: str) -> None:
    kinds = set(getattr(config, "layer_types", None) or ()) - _LAYERS
    if kinds or getattr(config, "is_encoder_decoder", False):
        what = ", ".join(sorted(kinds)) or "an encoder"
        raise ModelError(
            f"{name} has layers that cannot be rolled back or are not supported: {what}.",
            "Choose a decoder-only model with ordinary attention, or a GGUF version of it.",
        )


def _context(config: Any, asked: int) -> int:
    trained = getattr(config, "max_position_embeddings", None) or DEFAULT_CONTEXT
    if not 0 <= asked <= trained:
        raise ConfigError(
            f"The model was trained for a context of {trained:,} tokens, not {asked:,}.",
            f"Choose a context of at most {trained:,} tokens; 0 leaves it to the model.",
        )
    return asked or min(trained, DEFAULT_CONTEXT)


def _check_memory(
    source: Source, dtype: torch.dtype, spec: ModelSpec, device: torch.device
) -> None:
    """Refuse what would drive the whole machine out of memory; a GPU says so by itself."""
    if device.type != "cpu" or source.gguf or spec.precision in ("int8", "int4"):
        return
    import psutil

    stored = sum(file.stat().st_size for file in source.folder.glob("*.safetensors"))
    widened = 2 if dtype == torch.float32 and _stored_small(source.folder) else 1
    free = psutil.virtual_memory().available
    if stored * widened > free:
        raise ModelError(
            f"{source.name} needs {stored * widened / 2**30:.1f} GiB of memory; "
            f"{free / 2**30:.1f} GiB are free.",
            "Close other programs, or choose a smaller model or precision.",
        )


def _stored_small(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        settings = json.loads((folder / "config.json").read_text("utf-8"))
        return "16" in str(settings.get("dtype") or settings.get("torch_dtype") or "")
    return False


def trimming_of(source: Source, config: Any) -> Trimming | None:
    """Which tokens of a larger vocabulary the model knows; None if its own is whole."""
    text = getattr(config, "draftscope_trimming", None)
    if source.gguf:
        from engine.backends.hf import gguf_reading

        text = gguf_reading.text_entry(source.folder / source.gguf, KEY)
    return Trimming.read(text) if text else None


def _precision(spec: ModelSpec, dtype: torch.dtype) -> str:
    return spec.precision.upper() if spec.precision in ("int8", "int4") else devices.SHORT[dtype]


def _title(config: Any, source: Source) -> str:
    return Path(source.gguf).stem if source.gguf else source.name


def _explained(error: Exception, name: str) -> ModelError:
    """What went wrong in one sentence, for a failure inside the libraries."""
    text = " ".join(str(error).split())
    first = text.partition(". ")[0][:200].rstrip(".") or type(error).__name__
    if devices.out_of_memory(error):
        return ModelError(
            f"There is not enough memory for {name}.",
            "Choose a smaller precision, model or context, or another device.",
        )
    if "does not recognize this architecture" in text or "Unrecognized configuration" in text:
        return ModelError(
            f"{name} has an architecture that transformers {transformers.__version__} does not "
            "know.",
            "Look for a newer transformers, or for a GGUF version of the model.",
        )
    if "trust_remote_code" in text or "custom code" in text:
        return ModelError(
            f"{name} needs code from its repository, which is never run.",
            "Look for a version that transformers knows by itself, or for a GGUF version.",
        )
    if "safetensors" in text and ("no file named" in text or "does not appear" in text):
        return ModelError(
            f"{name} has no weights in the safetensors format.",
            "Look for a version with *.safetensors: other formats can run code when read.",
        )
    if "does not support an attention implementation" in text or attention.NAME in text:
        return ModelError(
            f"{name} has an attention of its own that cannot be replaced.",
            "Look for a GGUF version of the model.",
        )
    if isinstance(error, ImportError):
        return ModelError(f"{name} needs another library: {first}.", "Install it, then try again.")
    return ModelError(f"{name} cannot be loaded: {first}.", "Check its files, or load them again.")


class _Bar:
    """What the libraries take for a progress bar: passes on how far it is, between two fractions of
    the whole."""

    def __init__(self, progress: Progress, span: tuple[float, float], items: Any) -> None:
        self._progress, self._span, self._items = progress, span, items

    def __iter__(self) -> Iterator[Any]:
        first, last = self._span
        total = max(1, len(self._items))
        for done, item in enumerate(self._items):
            self._progress(first + (last - first) * done / total)
            yield item
        self._progress(last)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None  # update, set_description, close …


@contextlib.contextmanager
def _reported(progress: Progress, gguf: bool) -> Iterator[None]:
    """Put our bars in the place of those that would go to the terminal."""
    weights = (_UNPACKED if gguf else 0.0, _READ)
    before = transformers_logging.set_tqdm_hook(
        lambda factory, args, options: _Bar(progress, weights, args[0] if args else ())
    )
    reader: Any = modeling_gguf_pytorch_utils
    unpacking = reader.tqdm
    reader.tqdm = lambda items, **_: _Bar(progress, (0.0, _UNPACKED), items)
    try:
        yield
    finally:
        transformers_logging.set_tqdm_hook(before)
        reader.tqdm = unpacking


def _quick_reading(source: Source) -> contextlib.AbstractContextManager[None]:
    if not source.gguf:
        return contextlib.nullcontext()
    from engine.backends.hf import gguf_reading

    return gguf_reading.quick()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """transformers writes warnings to the terminal, which the window does not have."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(level)
