"""How sure a share is that was counted on a sample."""

import math


def wilson_lower(caught: int, count: int, z: float = 1.959964) -> float:
    """Lower bound of Wilson's interval for a share."""
    if count == 0:
        return 0.0
    share = caught / count
    middle = share + z * z / (2 * count)
    width = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - width) / (1 + z * z / count)
