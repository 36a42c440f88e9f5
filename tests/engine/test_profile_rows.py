"""A matrix's profile: what is planted is found where it was put, noise reads as its reference does, damage is said."""

import harness.engine.profile_rows as profile_rows
import torch
from harness import nulls
from harness.engine.profile_rows import ANGLES, KINDS, MatrixProfile
from harness.engine.profile_storage import MAPS, OVERLAPS
from harness.spectra import content_cache
from harness.spectra import frame as frames
from harness.spectra.change import Change
from harness.spectra.frame import decompose
from pytest import approx, fixture, mark


@fixture
def generator():
    return torch.Generator().manual_seed(0)


@fixture
def w0(generator):
    """64 x 64 with a gap after 6 singular values, entries of order one."""
    u, v = (torch.linalg.qr(torch.randn(64, 64, generator=generator, dtype=torch.float64)).Q for _ in range(2))
    s = torch.cat([torch.linspace(20, 15, 6), torch.linspace(8, 4, 58)]).double()
    return ((u * s) @ v.T).float()


def read(w0, w1, draws=2):
    """Rows by kind, and the profile."""
    found = MatrixProfile("layers.0.mlp.up_proj", w0, draws=draws).read(w1)
    assert {each["kind"] for each in found.rows} <= set(KINDS)
    return {each["kind"]: each for each in found.rows}, found


def noisy(w0, generator, relative=1e-2):
    noise = torch.randn(w0.shape, generator=generator, dtype=torch.float64)
    return w0.double() + relative * w0.double().norm() / noise.norm() * noise


# what is planted


def test_a_planted_block_is_where_it_was_put(w0, generator):
    """All energy between directions 8..11 on the left and 20..23 on the right: one block of 16 x 16, 256 times chance."""
    u, _, v = decompose(w0)
    block = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    rows, _ = read(w0, w0.double() + 1e-2 * u[:, 8:12] @ block @ v[:, 20:24].T)
    energy = torch.tensor(rows["energy"]["y"]).reshape(16, 16)
    assert (rows["energy"]["rows"], rows["energy"]["cols"]) == (16, 16)
    assert energy[2, 5].item() == approx(256, rel=1e-3)
    energy[2, 5] = 0.0
    assert energy.max().item() < 1e-6
    assert rows["energy"]["reference"] == [approx(1.0, abs=1e-3)]  # of noise on a square matrix all blocks together are 1


@mark.parametrize("side", [0, 1], ids=ANGLES)
@mark.parametrize("theta", [0.5, 30.0, 90.0], ids="theta={:g}".format)
def test_a_planted_tilt_is_recovered_on_its_side_alone(w0, side, theta):
    """One leading direction turned out of the space of six: angles 0, 0, 0, 0, 0, theta there, all 0 on the other side."""
    u, s, v = decompose(w0)
    turned = [u.clone(), v.clone()]
    angle = torch.deg2rad(torch.tensor(theta, dtype=torch.float64))
    for column, (near, far) in ((2, (angle.cos(), angle.sin())), (40, (-angle.sin(), angle.cos()))):
        turned[side][:, column] = near * (u, v)[side][:, 2] + far * (u, v)[side][:, 40]
    rows, _ = read(w0, (turned[0] * s) @ turned[1].T)
    assert rows[ANGLES[side]]["y"] == approx([0.0] * 5 + [theta], abs=1e-4)
    assert rows[ANGLES[1 - side]]["y"] == approx([0.0] * 6, abs=1e-4)
    assert rows["angles_left"]["x"] == [1, 2, 3, 4, 5, 6] and "k = 6, where" in rows["angles_left"]["detail"]


def test_a_planted_row_is_a_stripe(w0):
    """Row 5 moves by a tenth: its bin is full, no other row changes, and every column shows it once in 64."""
    w1 = w0.clone()
    w1[5] *= 1.1
    rows, _ = read(w0, w1)
    assert rows["bf16_rows"]["y"] == [float(i == 5) for i in range(64)]
    assert rows["bf16_cols"]["y"] == [1 / 64] * 64
    assert torch.tensor(rows["bf16_map"]["y"]).reshape(64, 64).sum(1).tolist() == [64.0 * (i == 5) for i in range(64)]
    assert max(rows["bf16_rows"]["reference"]) < 0.9


def test_rows_beyond_64_are_binned():
    w0 = torch.randn(128, 32, generator=torch.Generator().manual_seed(0))
    w1 = w0.clone()
    w1[9] *= 1.1
    rows, _ = read(w0, w1)
    assert (rows["bf16_map"]["rows"], rows["bf16_map"]["cols"]) == (64, 32)
    assert rows["bf16_rows"]["y"] == [0.5 * (i == 4) for i in range(64)]
    assert rows["bf16_rows"]["x"][:3] == [1, 3, 5] and len(rows["bf16_cols"]["y"]) == 32


def test_a_stretched_spectrum_is_all_drift(w0):
    rows, found = read(w0, 1.02 * w0.double())
    assert rows["drift"]["y"] == approx([0.02] * 64, rel=1e-4)
    assert rows["values_after"]["y"] == approx([1.02 * value for value in rows["values_before"]["y"]], rel=1e-6)
    assert [found.numbers[name].value for name in ("nss", "relative_norm")] == approx([0.02, 0.02], rel=1e-4)
    assert found.numbers["nss"].noise < 0.02 / 4  # noise puts an eighth of its norm there: 1 / sqrt(64)


def test_the_plant_scaled_spectrum_drifts_more_than_noise(w0, generator):
    size = Change({"w": w0}, {"w": 1e-2 * w0.double()})
    made = nulls.apply("scaled_spectrum", size, generator)
    rows, _ = read(w0, made.base["w"].double() + made.update["w"])
    drift, noise = (torch.tensor(rows["drift"][column]) for column in ("y", "reference"))
    assert (drift > 0).all() and drift.norm() > 4 * noise.norm()
    assert rows["angles_left"]["y"] == approx([0.0] * 6, abs=1e-3)


# noise reads as its reference


def test_noise_reads_as_the_reference_says(w0, generator):
    rows, found = read(w0, noisy(w0, generator), draws=8)
    drift, size = (torch.tensor(rows["drift"][column]) for column in ("y", "reference"))
    assert (drift / size).square().mean().sqrt().item() == approx(1.0, abs=0.25)
    for kind in ANGLES:
        assert sum(rows[kind]["y"]) == approx(sum(rows[kind]["reference"]), rel=0.2)
    assert rows["mask_overlap"]["y"] == approx(rows["mask_overlap_noise"]["y"], abs=0.03)
    assert sum(rows["bf16_rows"]["y"]) / 64 == approx(sum(rows["bf16_rows"]["reference"]) / 64, abs=0.03)
    assert found.numbers["enrichment"].value == approx(1.0, abs=0.7)  # sqrt(2) / 8 a draw
    assert found.numbers["enrichment"].noise == approx(1.0, abs=0.3)
    assert found.numbers["bf16_changed"].value == approx(found.numbers["bf16_changed"].noise, abs=0.03)
    assert found.numbers["nss"].value == approx(found.numbers["nss"].noise, rel=0.5)


def test_noise_that_bf16_shows_lies_in_m_low_more_than_chance_says(w0, generator):
    rows, _ = read(w0, noisy(w0, generator, 1e-3))
    princ, low, both = rows["mask_overlap_noise"]["y"]
    chance = rows["mask_overlap"]["reference"]
    assert chance[:2] == approx([0.3, 0.3], abs=1e-3) and both <= min(princ, low)
    assert low > 0.6 > 0.3 > princ


def test_a_pair_in_16_bits_has_noise_that_was_rounded_too(w0, generator):
    """At a relative size of 1e-3 rounding swallows most of it; matched after that, as many entries change as in the pair."""
    before = w0.bfloat16()
    after = noisy(before, generator, 1e-3).to(torch.bfloat16)
    _, found = read(before, after, draws=3)
    changed = found.numbers["bf16_changed"]
    assert 0.05 < changed.value < 0.5 and changed.noise == approx(changed.value, rel=0.15)
    assert found.numbers["nss"].noise == approx(found.numbers["nss"].value, rel=0.6)


def test_the_same_draws_come_again(w0, generator):
    w1 = noisy(w0, generator)
    assert read(w0, w1)[1].rows == read(w0, w1)[1].rows


def test_without_draws_only_closed_forms_have_a_reference(w0, generator):
    rows, found = read(w0, noisy(w0, generator), draws=0)
    assert {kind for kind, each in rows.items() if "reference" in each} == {"mask_overlap", *MAPS}
    assert "mask_overlap_noise" not in rows and found.numbers["nss"].noise is None


def test_references_name_what_they_are(w0, generator):
    rows, _ = read(w0, noisy(w0, generator))
    assert rows["drift"]["reference_name"] == "isotropic noise of this norm, root mean square of 2 draws"
    assert all(each["reference_name"] for each in rows.values() if "reference" in each)


# odd matrices


@mark.parametrize("value", [float("nan"), float("inf")], ids=str)
@mark.parametrize("side", ["base", "tuned"])
def test_weights_that_are_not_finite_have_no_curves_and_say_why(w0, generator, side, value):
    matrices = {"base": w0.clone(), "tuned": noisy(w0, generator)}
    matrices[side][3, 4] = value
    rows, found = read(matrices["base"], matrices["tuned"])
    assert set(rows) == set(KINDS) and {each["status"] for each in rows.values()} == {"nonfinite"}
    assert all("y" not in each and "holds 1 entries that are not finite" in each["detail"] for each in rows.values())
    assert "not finite" in found.damage and found.numbers == {}


def test_a_zero_update_has_values_and_no_map(w0):
    rows, found = read(w0, w0.clone())
    assert rows["drift"]["y"] == [0.0] * 64 and rows["angles_right"]["y"] == approx([0.0] * 6, abs=1e-5)
    assert {kind for kind, each in rows.items() if each["status"] == "undefined"} == {"energy", *OVERLAPS}
    assert "is zero" in rows["energy"]["detail"] and sum(rows["bf16_rows"]["y"]) == 0.0
    assert "enrichment" not in found.numbers and found.numbers["relative_norm"].value == 0.0


@mark.parametrize("shape", [(1, 8), (8, 1), (5, 3), (24, 70)], ids=str)
def test_small_and_oblong_matrices_are_no_error(shape, generator):
    w0 = torch.randn(shape, generator=generator)
    rows, found = read(w0, noisy(w0, generator))
    assert {each["status"] for each in rows.values()} == {"ok"}
    assert rows["energy"]["rows"] == min(16, *shape) and len(found.numbers) == 4


def test_a_base_of_zeros_is_no_error(generator):
    rows, found = read(torch.zeros(8, 8), torch.randn(8, 8, generator=generator))
    assert rows["drift"]["y"] == [None] * 8 and set(found.numbers) == {"enrichment", "bf16_changed"}


# how it is computed


def test_the_base_is_decomposed_once_for_all_steps(w0, generator, monkeypatch):
    content_cache.SHARED.clear()
    real, seen = frames.decompose, []
    monkeypatch.setattr(frames, "decompose", lambda matrix: seen.append(matrix) or real(matrix))
    reader = MatrixProfile("w", w0, draws=1)
    for relative in (1e-3, 1e-2, 1e-1):
        reader.read(noisy(w0, generator, relative))
    assert len(seen) == 1


def test_large_matrices_are_iterated_to_the_same_angles(w0, generator, monkeypatch):
    w1 = noisy(w0, generator)
    exact, _ = read(w0, w1)
    monkeypatch.setattr(profile_rows, "DIRECT_LIMIT", 32)
    iterated, _ = read(w0, w1)
    for kind in ANGLES:
        assert iterated[kind]["y"] == approx(exact[kind]["y"], rel=1e-3)
        assert iterated[kind]["reference"] == approx(exact[kind]["reference"], rel=1e-3)


def test_a_spectrum_of_more_than_256_values_is_thinned(generator):
    w0 = torch.randn(300, 300, generator=generator)
    rows, _ = read(w0, noisy(w0, generator), draws=0)
    x = rows["drift"]["x"]
    assert (len(x), x[0], x[-1]) == (256, 1, 300) and rows["drift"]["detail"] == "256 of 300 indices are kept"
    whole = torch.linalg.svdvals(w0.double())
    assert rows["values_before"]["y"] == approx([whole[i - 1].item() for i in x], rel=1e-6)
