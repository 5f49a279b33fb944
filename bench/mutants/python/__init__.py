"""Mutation testing of the Python rooms: mutmut proposes, the unit and property tests judge."""
