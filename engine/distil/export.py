"""Stage three: the student as a Hugging Face folder and as GGUF files, with a card."""

# pyright: basic
from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import quants
from gguf.constants import GGMLQuantizationType as Kind
from safetensors.torch import save_file

from engine.distil.student import Student
from engine.distil.target import FAMILIES, Target
from engine.trimming import KEY

QUANTISATIONS = {
    "F16": (Kind.F16, Kind.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (Kind.Q8_0, Kind.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "Q4_0": (Kind.Q4_0, Kind.Q8_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
"""Of the layers, and of embeddings and head, which suffer more from four bits."""
_PER_TOKEN = ("tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type")
_MERGES = "tokenizer.ggml.merges"


def write_folder(student: Student, target: Target, folder: Path) -> None:
    """Write an ordinary Hugging Face folder, weights in bfloat16."""
    folder.mkdir(parents=True)
    tensors = {
        name: p.detach().to("cpu", torch.bfloat16).contiguous()
        for name, p in student.network.named_parameters()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = copy.deepcopy(student.network.config)
    config.dtype = torch.bfloat16
    config.architectures = [type(student.network).__name__]
    if student.trimming is not None:
        config.draftscope_trimming = student.trimming.text()
    config.save_pretrained(folder)
    target.tokenizer.save_pretrained(folder)
    if student.trimming is not None:
        _trim_tokenizer(student, folder)


def _trim_tokenizer(student: Student, folder: Path) -> None:
    """Leave out of tokenizer.json what the student lacks, and give the rest its ids."""
    assert student.trimming is not None
    own = {int(kept): i for i, kept in enumerate(student.trimming.kept)}
    path = folder / "tokenizer.json"
    stored = json.loads(path.read_text("utf-8"))
    model = stored["model"]
    model["vocab"] = {name: own[i] for name, i in model["vocab"].items() if i in own}
    names = set(model["vocab"])

    def known(merge: Any) -> bool:
        left, right = merge if isinstance(merge, list) else merge.split(" ", 1)
        return left in names and right in names and left + right in names

    model["merges"] = [merge for merge in model["merges"] if known(merge)]
    added = [token for token in stored["added_tokens"] if token["id"] in own]
    stored["added_tokens"] = [{**token, "id": own[token["id"]]} for token in added]
    path.write_text(json.dumps(stored, ensure_ascii=False), "utf-8")
    settings = folder / "tokenizer_config.json"
    described = json.loads(settings.read_text("utf-8"))
    if described.pop("added_tokens_decoder", None) is not None:
        settings.write_text(json.dumps(described, ensure_ascii=False, indent=2), "utf-8")


def file_name(quantisation: str) -> str:
    return f"draft-{quantisation}.gguf"


def write_gguf(
    student: Student, target: Target, taken_over: Path, path: Path, quantisation: str
) -> None:
    """Write one GGUF file. taken_over: a GGUF file with the target's tokenizer, chat template and
    rotation: its own, or one of metadata alone."""
    source = gguf.GGUFReader(taken_over)
    config = student.network.config
    arch = FAMILIES[config.model_type]
    kind, head_kind, file_type = QUANTISATIONS[quantisation]
    writer = gguf.GGUFWriter(path, arch)
    writer.add_name(f"Draft for {target.name}")
    if target.licence:
        writer.add_license(target.licence)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(size)
    writer.add_value_length(size)
    for key, field in source.fields.items():
        if key.startswith(f"{arch}.rope."):
            _copy(writer, key, field.contents(), field)
    _write_tokenizer(writer, source, student)
    if student.trimming is not None:
        writer.add_string(KEY, student.trimming.text())
    names = gguf.get_tensor_name_map(
        next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == arch),
        config.num_hidden_layers,
    )
    for own_name, p in student.network.named_parameters():
        named = names.get_name(own_name, try_suffixes=(".weight", ".bias"))
        assert named is not None, own_name
        values = p.detach().cpu().float().numpy()
        if arch == "llama" and own_name.endswith(("q_proj.weight", "k_proj.weight")):
            queries = own_name.endswith("q_proj.weight")
            values = _rotated(
                values, config.num_attention_heads if queries else config.num_key_value_heads
            )
        outer = named.startswith(("token_embd", "output."))
        store = Kind.F32 if values.ndim < 2 else head_kind if outer else kind
        writer.add_tensor(named, quants.quantize(values, store), raw_dtype=store)
    for tensor in source.tensors:
        if tensor.name == "rope_freqs.weight":
            writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _rotated(weights: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection in the order that llama.cpp rotates them in: pairs side by
    side, not half a head apart."""
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def _write_tokenizer(writer: Any, source: Any, student: Student) -> None:
    trimming = student.trimming
    kept = None if trimming is None else trimming.kept.tolist()
    names: set[str] = set()
    if kept is not None:
        all_names = source.get_field(_PER_TOKEN[0]).contents()
        names = {all_names[i] for i in kept}
    for key, field in source.fields.items():
        if not key.startswith("tokenizer."):
            continue
        value = field.contents()
        if trimming is not None and kept is not None:
            if key in _PER_TOKEN:
                value = [value[i] for i in kept]
            elif key == _MERGES:
                value = [merge for merge in value if _known(merge, names)]
            elif key.endswith("_token_id"):
                value = int(trimming.own[value])
        _copy(writer, key, value, field)


def _known(merge: str, names: set[str]) -> bool:
    left, _, right = merge.partition(" ")
    return left in names and right in names and left + right in names


def _copy(writer: Any, key: str, value: Any, field: Any) -> None:
    sub_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
    writer.add_key_value(key, value, field.types[0], sub_type=sub_type)
