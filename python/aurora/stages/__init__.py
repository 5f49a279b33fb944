"""The three stages, their graph, and the inline runner."""
