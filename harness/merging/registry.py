"""Every merging rule by name: `RULES`."""

from harness.merging import averages, knots, ota, orthomerge, ram, regmean, singular_tasks, sphere, ties
from harness.merging import iso_merger as frames
from harness.merging.rule import Rule

_MATRICES = {"vectors": averages.mean, "others": averages.mean, "decomposes": True}
_FRAMES = {"vectors": averages.mean, "others": averages.copy, "decomposes": True, "as_stored": True}

_ALL = (
    Rule("mean", averages.mean, "(1/K) sum W_i", "-", entrywise=True),
    Rule("task-arithmetic", averages.task_arithmetic, "W0 + lam sum tau_i", "2212.04089", entrywise=True),
    Rule("ties", ties.ties, "W0 + lam mean of the largest entries that agree in sign", "2306.01708", prepare=ties.trimming,
         entrywise=True, local=ties.tensor_trimming),
    Rule("dare", ties.dare, "W0 + lam sum of tau_i, entries dropped at random and rescaled", "2311.03099",
         draws=True, entrywise=True),
    Rule("slerp", sphere.slerp, "great circle between two experts", "mergekit", most=2,
         entrywise=True, local=sphere.slerp_weights),
    Rule("karcher", sphere.karcher, "mean direction on the sphere, at the mean norm", "mergekit",
         entrywise=True, local=sphere.karcher_weights),
    Rule("model-stock", sphere.model_stock, "t mean + (1 - t) W0, t from the angles", "2403.19522", fewest=2,
         entrywise=True, local=sphere.stock_weights),
    Rule("fisher", averages.fisher, "sum F_i W_i / sum F_i", "2111.09832", extras="Fisher diagonals", entrywise=True),
    Rule("regmean", regmean.regmean, "(sum W_i G_i)(sum G_i)^-1", "2212.09849", **_MATRICES,
         extras="Gram matrices of the inputs", may_lack=True),
    Rule("knots", knots.knots, "TIES or DARE of U^T tau_i in the experts' common basis", "2410.19735",
         vectors=knots.knots_elsewhere, decomposes=True, draws=True),
    Rule("tsv-m", singular_tasks.tsv_m, "leading singular vectors of each tau_i, made orthogonal", "2412.00081", **_MATRICES),
    Rule("iso-c", singular_tasks.iso_c, "W0 + lam sum tau_i with a flat spectrum", "2502.04959", **_MATRICES),
    Rule("iso-cts", singular_tasks.iso_cts, "the same with directions of single tasks", "2502.04959", **_MATRICES),
    Rule("ram", ram.ram, "unique changes whole, shared ones averaged", "2601.13572", scales=False, entrywise=True),
    Rule("ram-plus", ram.ram_plus, "the same, unique changes made longer", "2601.13572", scales=False, entrywise=True,
         local=ram.lengths),
    Rule("ota", ota.ota, "W0 + sum v_i^p m_i tau_i / sum v_i^p m_i, m_i by FFG", "2509.11167",
         extras="second moments", prepare=ota.grafting, entrywise=True, local=ota.tensor_grafting),
    Rule("orthomerge", orthomerge.orthomerge, "W0 R + lam merged residuals, R by Cayley's map", "2602.05943",
         vectors=orthomerge.orthomerge_elsewhere, decomposes=True),
    Rule("iso", frames.iso, "U* S0 V*^T, official", "2607.19331", **_FRAMES, scales=False),
    Rule("iso-scaled", frames.iso_scaled, "the same with a relative ridge", "2607.19331", **_FRAMES),
    Rule("iso-subspace", frames.iso_subspace, "that, with mixed modes aligned as subspaces", "2607.19331", **_FRAMES),
)  # fmt: skip
RULES = {rule.name: rule for rule in _ALL}
