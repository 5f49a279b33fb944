"""Ask mutmut for every mutant of some sources and draw a sample; runs in the environment that has mutmut.

    python -m bench.mutants.python.propose --tree FOLDER --sample 200 --seed 7 FILE ...

Writes one JSON object: how many there are, how many were left out and why, and the sample, each mutant with the whole
of its source. Mutmut's trampolines are not used, so functions under a decorator and constants outside functions, which
they cannot hold, are proposed as well.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider
from mutmut.mutation.file_mutation import (
    NEVER_MUTATE_FUNCTION_NAMES,
    Mutation,
    MutationVisitor,
    deep_replace,
)
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ERRORS = "what an error says"
WORDING = "prose in a string"
NAMES = "__all__"


class Proposer(MutationVisitor):
    """Mutmut's visitor, which also enters decorated functions and knows what surrounds a mutant."""

    METADATA_DEPENDENCIES = (*MutationVisitor.METADATA_DEPENDENCIES, ParentNodeProvider)

    def __init__(self, *arguments: object):
        super().__init__(*arguments)
        self.reasons: list[str | None] = []
        """Why a mutation is left out, one each."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and node.name.value not in NEVER_MUTATE_FUNCTION_NAMES:
            return False
        return super()._skip_node_and_children(node)

    def _create_mutations(self, node: cst.CSTNode) -> None:
        before = len(self.mutations)
        super()._create_mutations(node)
        for mutation in self.mutations[before:]:
            self.reasons.append(self._reason(mutation))

    def _reason(self, mutation: Mutation) -> str | None:
        if is_wording(mutation):
            return WORDING
        node: cst.CSTNode | None = mutation.original_node
        while node is not None:
            if isinstance(node, cst.Raise):
                return ERRORS
            if isinstance(node, cst.Assign) and is_list_of_names(node):
                return NAMES
            node = self.get_metadata(ParentNodeProvider, node, None)
        return None


def is_prose(node: cst.CSTNode) -> bool:
    """Whether a node is a text for people: one with a space in it."""
    if isinstance(node, cst.ConcatenatedString):
        return True
    return isinstance(node, cst.SimpleString) and " " in str(node.evaluated_value)


def is_wording(mutation: Mutation) -> bool:
    """Whether a mutation changes a text for people and nothing else."""
    old, new = mutation.original_node, mutation.mutated_node
    if isinstance(old, cst.Call) and isinstance(new, cst.Call):
        kept = {id(argument) for argument in new.args}
        changed = [argument for argument in old.args if id(argument) not in kept]
        return bool(changed) and all(is_prose(argument.value) for argument in changed)
    return is_prose(old)


def is_list_of_names(node: cst.Assign) -> bool:
    targets = (target.target for target in node.targets)
    return any(isinstance(target, cst.Name) and target.value == "__all__" for target in targets)


@dataclass(frozen=True)
class Proposal:
    """One mutant, not yet written out."""

    file: str
    module: cst.Module
    mutation: Mutation

    def source(self) -> str:
        changed = deep_replace(self.module, self.mutation.original_node, self.mutation.mutated_node)
        if not isinstance(changed, cst.Module):
            raise TypeError(f"a mutant of {self.file} is no module")
        return changed.code


def proposals(tree: Path, file: str, left_out: Counter[str]) -> Iterator[Proposal]:
    """All mutants of one file, in the order of its text."""
    code = (tree / file).read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(code))
    visitor = Proposer(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    for mutation, reason in zip(visitor.mutations, visitor.reasons, strict=True):
        if reason is None:
            yield Proposal(file, module, mutation)
        else:
            left_out[reason] += 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.mutants.python.propose")
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--sample", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    left_out: Counter[str] = Counter()
    everything = [one for file in arguments.files for one in proposals(arguments.tree, file, left_out)]
    count = min(arguments.sample, len(everything))
    drawn = sorted(random.Random(arguments.seed).sample(range(len(everything)), count))
    json.dump(
        {
            "candidates": len(everything),
            "left_out": dict(sorted(left_out.items())),
            "sample": [{"file": everything[at].file, "source": everything[at].source()} for at in drawn],
        },
        sys.stdout,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
