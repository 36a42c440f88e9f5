"""Tuners built on data: the factors are those of the layer's inputs or gradient, a start is kept where the base lost it."""

import pytest
import torch
from harness.errors import ModelError
from harness.models.adapters import Adaptation
from harness.models.tuners import Calibration, adapt
from harness.models.tuners.calibrate import lengths

PATH = "model.layers.0.self_attn.q_proj"


def factors(adapted, path=PATH):
    layer = adapted.model.get_submodule(path)
    return layer.lora_A["default"].weight.detach(), layer.lora_B["default"].weight.detach(), layer.scaling["default"]


@pytest.fixture
def inputs(fresh, ids):
    """(tokens, 64): what the first q_proj sees of the base."""
    seen, model = [], fresh()
    model.get_submodule(PATH).register_forward_hook(lambda module, given, out: seen.append(given[0].detach().flatten(0, 1)))
    with torch.no_grad():
        model(ids)
    return seen[0]


def test_eva_reads_the_right_singular_vectors_of_the_inputs(put_on, inputs):
    a, b, scaling = factors(put_on("eva"))
    best = torch.linalg.svdvals(inputs)[: len(a)].square().sum()
    assert 0.99 * best < (inputs @ a.T).square().sum() < 1.0001 * best  # an incremental SVD finds the last of them only nearly
    assert b.abs().max() == 0 and scaling == 2.0


def test_eva_gives_layers_ranks_of_their_own_and_they_are_rebuilt(put_on, trained):
    ranks = {len(factors(put_on("eva"), path)[0]) for path, _ in trained("eva").adapted.layers()}
    assert len(ranks) > 1
    again = put_on("eva", rebuild=True)
    again.load(trained("eva").kept)
    assert {len(factors(again, path)[0]) for path, _ in again.layers()} == ranks


@pytest.mark.parametrize(("tuner", "leading"), [("corda_ipm", True), ("corda_kpm", False)])
def test_corda_begins_at_the_ends_of_weight_times_covariance(tuner, leading, put_on, fresh, inputs, ids):
    _, b, _ = factors(put_on(tuner))
    w0 = fresh().get_submodule(PATH).weight.detach()
    rows = inputs.view(*ids.shape, -1)
    cov = torch.stack([(x / x.max().abs()).T @ (x / x.max().abs()) for x in rows]).mean(0)
    cov = cov + 0.01 * cov.diagonal().mean() * torch.eye(len(cov))
    u = torch.linalg.svd(w0 @ cov).U
    own = u[:, :8] if leading else u[:, -8:]
    assert torch.linalg.svdvals(torch.linalg.qr(b).Q.T @ own).min() > 0.99


def test_lora_ga_begins_in_the_gradients_leading_directions(put_on, fresh, ids):
    a, b, _ = factors(put_on("lora_ga"))
    model = fresh()
    logits = model(ids).logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
    u, _, vh = torch.linalg.svd(model.get_submodule(PATH).weight.grad)
    assert (torch.linalg.qr(b).Q.T @ u[:, :16]).square().sum() > 8 * 0.99  # two r of them, half in A and half in B
    assert (torch.linalg.qr(a.T).Q.T @ vh[:16].T).square().sum() > 8 * 0.99


@pytest.mark.parametrize("tuner", ["corda_ipm", "lora_ga", "pissa_niter"])
def test_a_kept_start_is_exchanged_for_another(tuner, put_on, trained):
    """An adapter that has lost a start of its own takes that of a stored one, and loading twice changes nothing."""
    found, other = trained(tuner), put_on(tuner, seed=5, rank=8)
    for _ in range(2):
        other.load(found.kept)
    for name, weight in other.weights().items():
        torch.testing.assert_close(weight, found.after[name], atol=2e-6, rtol=0)


def test_the_base_is_as_it_was_but_for_its_start(put_on, fresh):
    adapted = put_on("lora_ga")
    model, bare = adapted.model, fresh()
    assert not [name for name, p in bare.named_parameters() if p.grad is not None or not p.requires_grad]
    assert not [name for name, p in model.named_parameters() if p.grad is not None]
    assert not model.training


@pytest.mark.parametrize("tuner", ["corda_ipm", "eva", "lora_ga"])
def test_padding_is_not_looked_at(tuner, fresh, ids):
    """Targets as training makes them, one shorter than the ids; what follows the last that is learned changes nothing."""
    targets = ids[:, 1:].clone()
    targets[:, 16:] = -100
    padded = ids.clone()
    padded[:, 17:] = 0
    one, two = (factors(adapt(fresh(), Adaptation(tuner), 0, lambda ids=ids: Calibration(ids, targets))) for ids in (ids, padded))
    torch.testing.assert_close(one[1] @ one[0], two[1] @ two[0])
    torch.testing.assert_close(one[0], two[0], atol=1e-4, rtol=1e-3)


def test_lengths_count_what_leads_to_something_learned():
    targets = torch.tensor([[-100, 3, -100, -100], [1, -100, 2, 4], [-100, -100, -100, -100]])
    assert lengths(targets).tolist() == [2, 4, 0]


def test_no_sequences_are_refused(fresh, ids):
    with pytest.raises(ModelError, match="corda_kpm was given no sequence with anything learned"):
        adapt(fresh(), Adaptation("corda_kpm"), 0, lambda: Calibration(ids[:0], ids[:0]))
