"""Measures of subspaces, ranks and masks against their brute-force forms, on the same matrix of a real model."""

import harness as h
from suites.benchmarks.brute_force import cold, faster, one, sides


@faster("principal-angles", than="scipy's subspace_angles", expect="open")
def test_principal_angles(race, noise, contender="ours"):
    """The 64 leading left directions before and after the noise. Both ways are a QR and two small decompositions."""
    from harness.spectra.frame import Frame
    from harness.spectra.principal_angles import principal_angles
    from scipy.linalg import subspace_angles

    before, after = (Frame.of(side).U[:, :64] for side in sides(one(noise), 1.0)[:2])
    ours = lambda: principal_angles(before, after)  # noqa: E731
    return race(contender, ours=ours, reference=lambda: subspace_angles(before.numpy(), after.numpy())[::-1], rounds=51, agree=1e-6)


@faster("update-ranks", than="svdvals of the update for each count")
def test_update_ranks(race, noise, contender="ours"):
    """Stable, entropy and energy rank share one spectrum."""
    import torch
    from harness.spectra.effective_rank import energy_rank, entropy_rank, stable_rank

    def brute():
        def values():
            return torch.linalg.svdvals(sides(change, 1.0)[2])

        energy, shares = values().square(), values() / values().sum()
        stable = energy.sum() / energy[0]
        entropy = torch.exp(-(shares * shares.log()).sum())
        within = values().square().cumsum(0)
        return [stable.item(), entropy.item(), int((within < 0.99 * within[-1]).sum()) + 1]

    def all_three(each):
        return dict(enumerate(value for rank in (stable_rank, entropy_rank, energy_rank) for value in rank(each).values()))

    change = one(noise)
    return race(contender, ours=lambda: cold(all_three, change), reference=brute, agree=1e-6)


@faster("jaccard", than="Python sets of the changed entries")
def test_jaccard(race, noise, rng, contender="ours"):
    from harness.spectra.mask_agreement import jaccard

    def brute():
        sets = []
        for each in (change, other):
            w0, w, _ = sides(each, 1.0)
            pairs = zip(w0.bfloat16().flatten().tolist(), w.float().bfloat16().flatten().tolist(), strict=True)
            sets.append({i for i, (a, b) in enumerate(pairs) if a != b})
        return [len(sets[0] & sets[1]) / len(sets[0] | sets[1])]

    change = one(noise)
    other = h.isotropic(change, rng)
    return race(contender, ours=lambda: cold(lambda each: jaccard(each, other), change), reference=brute)


@faster("ulp-distance", than="walking from number to number")
def test_ulp_distance(race, noise, contender="ours"):
    """64 steps settle every quantile below the share of the entries that moved no further."""
    import torch
    from harness.spectra.ulp_distance import ulp_distance

    def brute():
        w0, w, _ = sides(change, 1.0)
        at, goal = w0.bfloat16(), w.float().bfloat16()
        steps = torch.zeros(at.shape, dtype=torch.int64)
        for _ in range(64):
            steps += at != goal
            at = torch.nextafter(at, goal)
        return [steps.flatten().sort().values[round(0.9 * steps.numel()) - 1].item()]

    change = one(noise)
    ours = lambda: cold(lambda each: ulp_distance(each, quantile=0.9, moved_only=False), change)  # noqa: E731
    return race(contender, ours=ours, reference=brute)
