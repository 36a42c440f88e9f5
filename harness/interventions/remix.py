"""An update replaced by its nearest point in a family around the base: does what the family explains carry what was learned?

    W0 + P_U D P_V (remix),   W0 + P_U D (left),   W0 + D P_V (right),   U_W S0 V_W^T (iso)

The families, and what they leave unexplained, are those of harness.spectra.unexplained; "iso" is `restored_spectrum` at a = 0.
Trap: with all directions a square matrix is its own remix, whatever the update: give k or a fraction.
"""

from harness.interventions.intervened import each
from harness.spectra.change import Change, Changed
from harness.spectra.unexplained import explained


def remixed(change: Changed, family: str = "remix", k: int | None = None, fraction: float = 1.0) -> Change:
    """The part of an update that lies in a family; without trajectory.

    Args:
        change: whose update is projected.
        family: "remix", "left", "right" or "iso".
        k: leading directions; if None, `fraction` of min(m, n). "iso" has none to choose.
        fraction: in (0, 1].

    Raises:
        MeasureError: an unknown family, k or fraction out of range, or given for "iso".
    """
    return each(change.change(), lambda w0, d: explained(w0, d, family, k, fraction), f"its {family} part")
