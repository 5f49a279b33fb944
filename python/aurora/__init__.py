"""Aurora trades crypto perpetual futures from order-book microstructure, and proves every decision it took."""

from aurora._core import __version__
from aurora.errors import AuroraError

__all__ = ["AuroraError", "__version__"]
