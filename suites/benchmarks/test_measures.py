"""Measures of spectra and storage against their brute-force forms: SmolLM2's largest judged matrix (1536 x 576), empty caches."""

import harness as h
from suites.benchmarks.brute_force import SIZES, cold, faster, one, sides

@faster("singular-values", than="svdvals")
def test_singular_values(race, noise, contender="ours"):
    """The Gram matrix's eigenvalues in fp64; the smallest singular value differs most, by 4 sqrt(q) eps condition^2."""
    import torch
    from harness.spectra import singular_values

    matrix = sides(one(noise), 1.0)[0]
    return race(contender, ours=lambda: singular_values(matrix), reference=lambda: torch.linalg.svdvals(matrix), agree=1e-6)


@faster("spectral-shift", than="svdvals of both sides at every checkpoint")
def test_spectral_shift(race, noise, contender="ours"):
    from torch.linalg import svdvals, vector_norm

    def brute():
        pairs = [(svdvals(w0), svdvals(w)) for w0, w, _ in (sides(change, size) for size in SIZES)]
        return [(vector_norm(after - before) / vector_norm(before)).item() for before, after in pairs]

    change = one(noise)
    ours = lambda: cold(h.normalized_spectral_shift, change, SIZES)  # noqa: E731
    return race(contender, ours=ours, reference=brute, agree=1e-5)


@faster("perturbation-bounds", than="svdvals of base, tuned weights and update for each theorem")
def test_perturbation_bounds(race, noise, contender="ours"):
    """Three theorems share three spectra."""
    from torch.linalg import svdvals

    def brute():
        slacks = []
        for reduce in (
            lambda moved, own: (1 - moved.abs() / own[0]).min(),
            lambda moved, own: 1 - moved.square().sum() / own.square().sum(),
            lambda moved, own: (1 - moved.cumsum(0).abs() / own.cumsum(0)).min(),
        ):
            w0, w, update = sides(change, 1.0)
            slacks.append(reduce(svdvals(w) - svdvals(w0), svdvals(update)).item())
        return slacks

    def all_three(each):
        theorems = (h.weyl_slack, h.mirsky_slack, h.ky_fan_slack)
        return dict(enumerate(value for theorem in theorems for value in theorem(each).values()))

    change = one(noise)
    return race(contender, ours=lambda: cold(all_three, change), reference=brute, agree=1e-5)


@faster("principal-energy", than="a singular value decomposition at every checkpoint")
def test_principal_energy(race, noise, contender="ours"):
    """A trajectory costs one decomposition and one product each."""
    from torch.linalg import svd

    def brute():
        shares = []
        for w0, _, update in (sides(change, size) for size in SIZES):
            u, _, vh = svd(w0, full_matrices=False)
            block = (u.T @ update @ vh.T)[:k, :k]
            shares.append((block.square().sum() / update.square().sum()).item())
        return shares

    change = one(noise)
    k = min(sides(change, 1.0)[0].shape) // 8
    ours = lambda: cold(lambda each: h.principal_energy(each, k=k), change, SIZES)  # noqa: E731
    return race(contender, ours=ours, reference=brute, agree=1e-7)


@faster("mask-overlap", than="a low-rank approximation and a full sort at every checkpoint")
def test_mask_overlap(race, noise, contender="ours"):
    from torch.linalg import svd

    def brute():
        shares = []
        for w0, w, _ in (sides(change, size) for size in SIZES):
            u, s, vh = svd(w0, full_matrices=False)
            scores = ((u[:, :k] * s[:k]) @ vh[:k]).abs().flatten()
            principal = scores.argsort(descending=True)[: round(0.3 * len(scores))]
            moved = (w0.bfloat16() != w.float().bfloat16()).flatten()
            shares.append((moved[principal].sum() / moved.sum()).item())
        return shares

    change = one(noise)
    k = round(min(sides(change, 1.0)[0].shape) / 8)
    ours = lambda: cold(lambda each: h.mask_overlap(each, "principal", alpha=0.3), change, SIZES)  # noqa: E731
    return race(contender, ours=ours, reference=brute, agree=1e-5)


@faster("at-density", than="40 bisections through bf16")
def test_at_density(race, noise, contender="ours"):
    """The scale that gives a density is one order statistic. 40 halvings of the logarithm meet it to a part in 1e9."""
    density = 0.2776

    def brute():
        w0, _, update = sides(change, 1.0)
        stored, low, high = w0.bfloat16(), 1e-3, 1e3
        for _ in range(40):
            middle = (low * high) ** 0.5
            shown = (stored != (w0 + middle * update).float().bfloat16()).double().mean().item()
            low, high = (middle, high) if shown < density else (low, middle)
        return [high * update.norm().item()]

    change = one(noise)
    ours = lambda: list(h.at_density(change, density).norm().values())  # noqa: E731
    return race(contender, ours=ours, reference=brute, agree=1e-4)


@faster("change-density", than="a comparison entry by entry in Python")
def test_change_density(race, noise, contender="ours"):
    def brute():
        w0, w, _ = sides(change, 1.0)
        pairs = zip(w0.bfloat16().flatten().tolist(), w.float().bfloat16().flatten().tolist(), strict=True)
        return [sum(a != b for a, b in pairs) / w0.numel()]

    change = one(noise)
    return race(contender, ours=lambda: cold(h.change_density, change), reference=brute)
