"""Side by side with what a user would pick instead; each peer in an environment of its own."""
