"""Per-layer weight updates: a parameter is stepped as soon as its gradient is there, and the gradient freed.

    loss.backward()          # steps every parameter; no more than one gradient is alive

Source: GaLore 2403.03507, Sec. 4.3; torch's register_post_accumulate_grad_hook.
One optimizer holds all states, so a checkpoint of it is complete; the Trainer's layer-wise modes make one per parameter, and
lose them.
Trap: nobody sees all gradients at once, so they cannot be clipped by their joint norm or accumulated over batches, and a
gradient that is not finite raises from `backward`, when the layers after it have moved already.
"""

from torch import nn

from harness.optimizers.subspace import SubspaceOptimizer


class PerLayer:
    """Attaches the steps of an optimizer to the backward pass; `remove` detaches them.

    Args:
        optimizer: steps its parameters; its own `step` then finds no gradient and does nothing.
    """

    def __init__(self, optimizer: SubspaceOptimizer) -> None:
        self.optimizer = optimizer
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        self._handles = [p.register_post_accumulate_grad_hook(self._step) for p in parameters]

    def _step(self, parameter: nn.Parameter) -> None:
        self.optimizer.step_parameter(parameter)
        parameter.grad = None

    def remove(self) -> None:
        """Leave gradients alone again."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
