"""``python -m aurora.cli``."""

from aurora.cli import main

main()
