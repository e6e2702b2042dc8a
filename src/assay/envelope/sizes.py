"""How many bytes a model's weights are: as a file, in memory, and read for each token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from assay.catalog.model import Model
from assay.envelope.quantisation import Quantisation
from assay.envelope.shape import Shape, is_looked_up, is_routed
from assay.weights.gguf import Header, Tensor

__all__ = ["Sizes", "sized", "sizes_in", "sizes_of"]

REPACKED = {"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}
"""Types of which llama.cpp makes a second copy, in an order that its kernels for processors like
(`ggml_repack_get_optimal_repack_type`). Measured: a model with 596 MiB of Q4_K held 554 MiB more than expected."""


class Sizes(NamedTuple):
    """Bytes of weights.

    Attributes:
        file: all of them, once.
        second: those that the local engine holds a second time.
        dense, routed: what a step reads: weights that every token uses, and all experts, of which it reads a share.
        basis: where the figures come from.
    """

    file: int
    second: int
    dense: int
    routed: int
    basis: str

    def read(self, shape: Shape, sequences: int = 1) -> float:
        """Bytes that one step reads for so many sequences at once: each expert that any of them uses is read once.

        With tokens that choose their experts independently, a share of 1 - (1 - used / all) ** sequences is read.
        """
        if not self.routed:
            return float(self.dense)
        share = shape.experts_used / shape.experts if shape.experts else 0.0
        return self.dense + self.routed * (1.0 - (1.0 - share) ** sequences)


def sizes_in(header: Header) -> Sizes:
    """Exactly, from the header of a file.

    Embeddings that are only looked up are not read, where the output matrix is a tensor of its own.
    """
    tensors = header.tensors
    apart = any(tensor.name == "output.weight" for tensor in tensors)
    read = [tensor for tensor in tensors if not (apart and is_looked_up(tensor.name))]
    return Sizes(
        file=_bytes(tensors),
        second=sum(tensor.size_bytes or 0 for tensor in tensors if _is_repacked(tensor)),
        dense=_bytes(tensor for tensor in read if not is_routed(tensor.name)),
        routed=_bytes(tensor for tensor in read if is_routed(tensor.name)),
        basis=f"header of {header.path.name}",
    )


def sizes_of(model: Model, shape: Shape, kind: Quantisation) -> Sizes | None:
    """From the size of a known file of this format, else from parameters and bits; `None`: neither is known.

    Without parameters as many are taken as the file's bytes would be: what is held twice is then at most so much.
    """
    parameters, active = shape.parameters, shape.active
    exact = sized(model).get(kind.name.lower()) if model.weights else None
    if parameters is None:
        if exact is None:
            return None
        parameters = int(8 * exact / kind.bits)
    embedding = min(shape.embedding, parameters // 2)
    size = exact if exact is not None else kind.bytes_of(parameters, embedding, shape.hidden)
    second = min(size, kind.second_bytes(parameters, embedding, shape.hidden))
    routed = _routed_share(shape, parameters, active) * size
    basis = (
        "size of the file, as the catalogue has it"
        if exact is not None
        else f"{parameters / 1e9:.3g} B parameters x {8 * size / parameters:.3g} bits ({kind.name})"
    )
    return Sizes(size, second, int(size - routed), int(routed), basis)


def sized(model: Model) -> dict[str, int]:
    """Bytes of the files that the catalogue knows, by their format in lower case; of several the first."""
    found = [(one.quantisation.lower(), one.bytes) for one in model.weights if one.quantisation and one.bytes]
    return dict(reversed(found))


def _routed_share(shape: Shape, parameters: int, active: int | None) -> float:
    """Share of the weights that are experts: with `used` of `all`, active = dense + used / all x routed."""
    if not shape.is_mixture or active is None:
        return 0.0
    unused = 1.0 - shape.experts_used / shape.experts if shape.experts else 1.0
    return min(1.0, (parameters - active) / (parameters * unused)) if unused > 0 else 0.0


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.size_bytes or 0 for tensor in tensors)


def _is_repacked(tensor: Tensor) -> bool:
    """Rows of embeddings are only looked up, and stay as they are."""
    return tensor.type_name in REPACKED and not is_looked_up(tensor.name)
