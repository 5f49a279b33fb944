"""The planted-edge score: what the brain finds, claims and earns in markets whose truth is known."""
