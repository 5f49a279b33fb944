"""Markouts of quotes at the touch of real captures: all of them, and those that were filled."""
