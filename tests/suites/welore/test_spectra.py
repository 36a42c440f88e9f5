"""What stands in for a model's spectra, and how they are read from a folder."""

import pytest
import torch
from harness import value_spectra
from harness.models.handle import Handle
from harness.models.scales import custom
from suites.welore.spectra import mean_reduction, module, noise, of_model, stand_in, without_first

SHAPES = {"self_attn.q_proj": (24, 24), "self_attn.k_proj": (12, 24), "mlp.up_proj": (48, 24)}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(5)


@pytest.fixture
def spectra(generator):
    """Four layers of noise with a spike of its own norm in every matrix."""
    found = {}
    for layer in range(4):
        for kind, (m, n) in SHAPES.items():
            spike = 10 * (m * n) ** 0.5 / (m * n) ** 0.5
            found[f"layers.{layer}.{kind}"] = torch.randn(m, n, generator=generator) + spike
    return value_spectra(found)


def share_of_first(spectrum):
    return (spectrum.values[0] / spectrum.values[1:].norm()).item()


def test_the_weights_stand_in_for_themselves(spectra, generator):
    assert stand_in(spectra, "weights", generator) is spectra


def test_noise_has_the_shapes_and_is_drawn_for_three_layers(spectra, generator):
    drawn = noise(spectra, generator)
    assert {name: each.shape for name, each in drawn.items()} == {name: each.shape for name, each in spectra.items()}
    assert list(drawn) == list(spectra)
    first, second, fourth = (drawn[f"layers.{i}.mlp.up_proj"].values for i in (0, 1, 3))
    assert torch.equal(first, fourth) and not torch.equal(first, second)


def test_a_spike_is_as_large_beside_the_rest_as_that_of_the_weights(spectra, generator):
    for name, each in stand_in(spectra, "spiked", generator).items():
        assert share_of_first(each) == pytest.approx(share_of_first(spectra[name]), rel=1e-9)
        assert each.values[1] < 3 * each.values[2]  # the rest is noise


def test_two_spikes_are_both_as_large_beside_the_rest(spectra, generator):
    for name, each in stand_in(spectra, "two spikes", generator).items():
        own, theirs = each.values / each.values[2:].norm(), spectra[name].values / spectra[name].values[2:].norm()
        assert torch.allclose(own[:1], theirs[:1])
        assert own[1] == pytest.approx(max(theirs[1].item(), own[2].item()), rel=1e-9)


def test_a_spike_smaller_than_noise_has_is_no_spike(generator):
    flat = {name: each._replace(values=torch.ones_like(each.values)) for name, each in noise(value_spectra({
        "layers.0.q_proj": torch.randn(24, 24, generator=generator)}), generator).items()}  # fmt: skip
    found = stand_in(flat, "spiked", generator)["layers.0.q_proj"].values
    assert found[0] == found[1]


def test_planted_queries_and_keys_have_a_quarter_of_the_rank(spectra, generator):
    planted = stand_in(spectra, "planted", generator)
    drawn = noise(spectra, torch.Generator().manual_seed(0))
    for name, each in planted.items():
        q = each.q
        low = each.values[q // 4] < 0.1 * each.values[q // 4 - 1]
        assert low == (module(name) in ("q_proj", "k_proj"))
        assert each.shape == drawn[name].shape


def test_a_spectrum_without_its_first_value_is_that_of_a_smaller_matrix(spectra):
    for name, each in without_first(spectra).items():
        assert each.q == spectra[name].q - 1 == min(each.shape)
        assert torch.equal(each.values, spectra[name].values[1:])


def test_reductions_are_averaged_over_layers(spectra):
    import harness as h

    kept = {name: 6 if module(name) == "q_proj" and "layers.0" in name else each.q for name, each in spectra.items()}
    from harness.compression import Allocation

    found = mean_reduction(Allocation.of(kept, spectra), ("q_proj", "k_proj"))
    assert found == {"q_proj": pytest.approx(0.75 / 4), "k_proj": 0.0}
    assert h.energy_allocation(spectra).kept.keys() == kept.keys()


def test_every_layer_of_a_folder_is_read(checkpoint):
    of_model.cache_clear()
    handle = Handle(custom(checkpoint("model")))
    found = of_model(handle)
    assert list(found) == [f"layers.{layer}.mlp.{kind}_proj" for layer in (0, 1) for kind in ("gate", "up")]
    assert all(each.shape == (48, 32) for each in found.values())
    assert of_model(handle) is found
    of_model.cache_clear()


def test_a_seed_repeats(spectra):
    one, two = (stand_in(spectra, "spiked", torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(one[name].values, two[name].values) for name in one)
