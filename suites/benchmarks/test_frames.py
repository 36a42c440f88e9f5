"""Measures that read an update in its base's frame, and stripes, against their brute-force forms on the same real matrix."""

import harness as h
from suites.benchmarks.brute_force import SIZES, cold, faster, one, sides


@faster("subspace-rotation", than="singular value decompositions of both sides at every checkpoint and scipy's angles")
def test_subspace_rotation(race, noise, contender="ours"):
    """The base is decomposed once; the angles are those of both sides at the cut that ours chooses."""
    from scipy.linalg import subspace_angles
    from torch.linalg import svd

    def brute():
        found = []
        for w0, w, _ in (sides(change, size) for size in SIZES):
            (u0, _, v0), (u, _, v) = (svd(side, full_matrices=False) for side in (w0, w))
            pairs = ((u0[:, :k], u[:, :k]), (v0[:k].T, v[:k].T))
            found.append(max(subspace_angles(a.numpy(), b.numpy())[0] for a, b in pairs))
        return found

    change = one(noise)
    [k] = map(int, h.rotation(change).k.values())
    ours = lambda: cold(lambda each: h.rotation(each, k=k, gapped=False).angle, change, SIZES)  # noqa: E731
    return race(contender, ours=ours, reference=brute, agree=1e-5)


@faster("energy-profile", than="a singular value decomposition at every checkpoint and a sum over single directions")
def test_energy_profile(race, noise, contender="ours"):
    from torch.linalg import svd

    def brute():
        found = []
        for w0, _, update in (sides(change, size) for size in SIZES):
            u, _, _ = svd(w0, full_matrices=False)
            energy = [((u[:, i] @ update) ** 2).sum() for i in range(u.shape[1])]
            size = len(energy) // 8
            bins = [sum(energy[i : i + size]) / size for i in range(0, len(energy), size)]
            found += [(each / update.square().sum() * len(u)).item() for each in bins]
        return found

    def profile(each):
        return dict(enumerate(value for part in h.energy_profile(each, "left") for value in part.values()))

    change = one(noise)
    return race(contender, ours=lambda: cold(profile, change, SIZES), reference=brute, agree=1e-7)


@faster("row-stripes", than="200 draws of noise through bf16", expect="open")
def test_row_stripes(race, noise, contender="ours"):
    """What noise shows of every row has a closed form; draws approach it as one over their root."""
    import torch

    def brute():
        w0, w, update = sides(change, 1.0)
        stored, generator = w0.bfloat16(), torch.Generator().manual_seed(0)
        deviation, chance = update.norm() / update.numel() ** 0.5, torch.zeros(w0.shape, dtype=torch.float64)
        for _ in range(200):
            drawn = w0 + deviation * torch.randn(w0.shape, generator=generator)
            chance += (drawn.float().bfloat16() != stored) / 200
        ratios = (w.float().bfloat16() != stored).double().mean(1)
        coins = (chance * (1 - chance)).mean() / w0.shape[1]
        return [((ratios - chance.mean(1)).var() / coins).item()]

    change = one(noise)
    ours = lambda: cold(lambda each: h.gated_stripe_score(each, axis="rows"), change)  # noqa: E731
    return race(contender, ours=ours, reference=brute, rounds=3, agree=0.1)
