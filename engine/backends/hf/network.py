"""A transformers model behind one call: ids in, logits of the last rows out."""

# pyright: basic
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch._dynamo
import torch.utils._triton
from torch import Tensor, nn

from engine.backends.hf.attention import Lane
from engine.errors import ModelError


class Compiled(nn.Module):
    """A module compiled on its own: the same code serves all layers alike.

    Products with a single row become reductions that read the weights at the speed of the memory,
    which the library's own do not (what gpt-fast found).
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        options: dict[str, Any] = {"coordinate_descent_tuning": True}
        self._run = torch.compile(layer, dynamic=False, fullgraph=True, options=options)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:  # what a model asks of its layers
            return getattr(super().__getattr__("layer"), name)


class Network:
    """Runs passes that the lane describes. model: of transformers, with our attention."""

    def __init__(self, model: Any, lane: Lane) -> None:
        self.model: Any = model
        self.lane = lane
        self._fast: Network | None = None
        self.compiles = lane.device.type == "cuda" and torch.utils._triton.has_triton()
        config = model.config.get_text_config()
        self.config = config
        self.n_layers: int = config.num_hidden_layers
        self.vocabulary_size: int = model.get_output_embeddings().weight.shape[0]
        weights = {p.data_ptr(): p for p in model.parameters()}.values()
        self.parameters: int = sum(p.numel() for p in weights)
        self.size_bytes: int = sum(p.numel() * p.element_size() for p in weights)
        for module in model.modules():
            if isinstance(getattr(module, "layer_idx", None), int):
                module.lane = lane

    def __call__(self, ids: Tensor, keep: int) -> Tensor | None:
        """ids [1, n] -> logits [keep, V] of the last `keep` rows; None if there are none."""
        assert self.lane.positions is not None
        where: dict[str, Any] = {
            "position_ids": self.lane.positions[None], "use_cache": False
        }  # fmt: skip
        if keep == 0:
            self.model.base_model(input_ids=ids, **where)
            return None
        return self.model(input_ids=ids, logits_to_keep=keep, **where).logits[0]

    @property
    def windowed(self) -> bool:
        """Whether some layers see only the last tokens: they cannot hold trees."""
        return any(window is not None for window in self.lane.windows)

    def check(self, name: str) -> None:
        """Raise ModelError unless every layer wrote to the cache in the passes made so far."""
        if len(self.lane.layers) != self.n_layers:
            raise ModelError(
                f"{name} keeps {self.n_layers - len(self.lane.layers)} of its {self.n_layers} "
                "layers' memory in a way of its own, which cannot be rolled back.",
                "Look for a GGUF version of the model.",
            )

    def first(self, layers: int) -> Network:
        """The first `layers` layers, the final norm and the head; weights and cache are shared."""
        return self._with_layers(list(self._stack)[:layers])

    @property
    def _stack(self) -> nn.ModuleList:
        stack = getattr(self.model.base_model, "layers", None)
        if not isinstance(stack, nn.ModuleList) or len(stack) != self.n_layers:
            raise ModelError(
                "The layers of this architecture cannot be left out.",
                "Choose another drafter, such as 'ngram'.",
            )
        return stack

    def _with_layers(self, layers: list[Any], wrap: Callable[[Any], Any] | None = None) -> Network:
        """The same model around other layers; wrap: makes something of its head and last norm."""
        model = copy.copy(self.model)
        base = copy.copy(model.base_model)
        model._modules = dict(model._modules)
        base._modules = dict(base._modules)
        base._modules["layers"] = nn.ModuleList(layers)
        base.config = copy.copy(base.config)
        base.config.num_hidden_layers = len(layers)
        model._modules[model.base_model_prefix] = base
        if wrap is not None:
            ends = {id(model.get_output_embeddings()), id(getattr(base, "norm", None))}
            for owner in (model, base):
                for name, module in owner._modules.items():
                    if id(module) in ends:
                        owner._modules[name] = wrap(module)
        part = copy.copy(self)
        part.model, part.n_layers, part._fast = model, len(layers), None
        weights = {p.data_ptr(): p for p in model.parameters()}.values()
        part.parameters = sum(p.numel() for p in weights)
        part.size_bytes = sum(p.numel() * p.element_size() for p in weights)
        return part

    @property
    def fast(self) -> Network:
        """The same with compiled layers where torch can compile for the device, for passes of
        fixed shapes: each shape is compiled once for all layers alike."""
        if self._fast is None:
            self._fast = self._compiled() if self.compiles else self
        return self._fast

    def _compiled(self) -> Network:
        if not isinstance(getattr(self.model.base_model, "layers", None), nn.ModuleList):
            return self
        torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
        return self._with_layers([Compiled(layer) for layer in self._stack], Compiled)

    @property
    def key(self) -> tuple[int, int]:
        """Tells networks apart as long as they are open."""
        return id(self.lane), self.n_layers

    @property
    def closed(self) -> bool:
        return self.model is None

    def close(self) -> None:
        if self._fast not in (None, self):
            self._fast.model = None
            torch.compiler.reset()  # compiled code holds on to the first layer that it was made for
        self.model = self._fast = None
