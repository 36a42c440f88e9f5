"""A training step of every tuner on one transformer: forward, backward, optimizer, in CPU seconds; and what it holds in bytes.

    a Llama of random weights: 2 layers of width 512, MLP 1408, 8 heads, vocabulary 512 (6.4M weights in 14 projections)
    512 tokens a step (4 x 128), next-token loss; tuner on all seven projections, rank 8; AdamW(fused=True), no weight decay
    state    trained tensors + their gradients + the optimizer's moments + what the tuner keeps beside them (frozen factors, places)
    held     what autograd keeps from forward to backward, each storage once, parameters not counted

`full` trains the same fourteen projections themselves, with the same optimizer; embedding, head and norms are frozen in both.
Trap: in full fine-tuning a matrix costs three products a step (forward, into the input, into the weight); frozen, it costs two.
Two thirds is what the best adapter could take. And what multiplies matrices out (DoRA, LoKr, OFT) pays by the matrix, not by
the token: at more tokens a step its ratio falls.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from suites.benchmarks.diff_runs import timed
from suites.benchmarks.race import Seconds

if TYPE_CHECKING:
    from harness.models.tuners import Adapted
    from torch import Tensor, nn
    from torch.optim import Optimizer

TUNERS_FAMILY = "tuners"
"""Family, Holm-corrected on its own."""

FULL = "full"
WIDTH, MLP, LAYERS, HEADS, VOCABULARY = 512, 1408, 2, 8, 512
SEQUENCES, LENGTH = 4, 128
RANK, RATE = 8, 1e-4


class Stepping(NamedTuple):
    """A model in training.

    Attributes:
        model: the whole.
        trained: what the optimizer steps.
        kept: what else belongs to the tuner.
        optimizer: of the trained tensors.
        step: makes one, and says the CPU seconds that it took.
    """

    model: "nn.Module"
    trained: "dict[str, nn.Parameter]"
    kept: "dict[str, Tensor]"
    optimizer: "Optimizer"
    step: Callable[[], Seconds]


class Bytes(NamedTuple):
    """What a step needs beside the base's weights: see the top of the file."""

    trained: int
    gradients: int
    moments: int
    kept: int
    held: int

    @property
    def state(self) -> int:
        """All but what is held for the backward pass."""
        return self.trained + self.gradients + self.moments + self.kept


def model(seed: int, width: int = WIDTH, mlp: int = MLP) -> "nn.Module":
    """The Llama, fp32, in eval mode."""
    import torch
    from harness.models.init import materialise
    from transformers import LlamaConfig

    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=width, intermediate_size=mlp, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, max_position_embeddings=LENGTH, tie_word_embeddings=False, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    return materialise(config, seed=seed, std=0.02, dtype=torch.float32)


def tokens(seed: int) -> "Tensor":
    """(4, 128) random ids; they are their own labels."""
    import torch

    return torch.randint(VOCABULARY, (SEQUENCES, LENGTH), generator=torch.Generator().manual_seed(seed))


def stepping(tuner: str, seed: int = 0, width: int = WIDTH, mlp: int = MLP) -> Stepping:
    """A tuner on the model, or `full`, one step made: the first allocates and imports."""
    import torch
    from harness.models.adapters import PROJECTIONS, Adaptation
    from harness.models.tuners import Calibration, adapt

    made, ids = model(seed, width, mlp), tokens(seed)
    adapted: Adapted | None = None
    if tuner == FULL:
        for name, p in made.named_parameters():
            p.requires_grad_(name.removesuffix(".weight").rpartition(".")[2] in PROJECTIONS)
        trained, kept = {name: p for name, p in made.named_parameters() if p.requires_grad}, {}
    else:
        adapted = adapt(made, Adaptation(tuner, rank=RANK), seed, lambda: Calibration(ids, ids))
        trained, kept = adapted.trainable(), adapted.fixed()
    optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0.0, fused=True)
    made_steps = 0

    def step() -> None:
        nonlocal made_steps
        made_steps += 1
        loss = made(input_ids=ids, labels=ids).loss
        (loss if adapted is None else adapted.penalised(loss)).backward()
        optimizer.step()
        if adapted:
            adapted.after_step(made_steps)
        optimizer.zero_grad()

    step()
    return Stepping(made, trained, kept, optimizer, lambda: timed(step)[0])


def held(of: Stepping, ids: "Tensor") -> int:
    """Bytes that autograd keeps from a forward pass, each storage once, without parameters and buffers."""
    import torch

    own = {t.untyped_storage().data_ptr() for t in (*of.model.parameters(), *of.model.buffers(), *of.kept.values())}
    seen: dict[int, int] = {}
    alive = []

    def pack(tensor: "Tensor") -> "Tensor":
        for dense in (tensor._indices(), tensor._values()) if tensor.is_sparse else (tensor,):
            storage = dense.untyped_storage()
            if storage.data_ptr() not in own:
                seen[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)  # an address that is given back could be another tensor's
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        of.model(input_ids=ids, labels=ids).loss  # noqa: B018
    return sum(seen.values())


def counted(of: Stepping, seed: int = 0) -> Bytes:
    """Bytes by kind."""
    import torch

    trained = sum(p.numel() * p.element_size() for p in of.trained.values())
    states = (value for state in of.optimizer.state.values() for value in state.values() if isinstance(value, torch.Tensor))
    moments = sum(value.numel() * value.element_size() for value in states)
    kept = {t.untyped_storage().data_ptr(): t.numel() * t.element_size() for t in of.kept.values()}
    return Bytes(trained, trained, moments, sum(kept.values()), held(of, tokens(seed)))
