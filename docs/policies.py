"""Train the policies that come with the harness, and write their files: `make policies`, ten minutes on one core.

As a command: `python docs/policies.py`. What was trained already is kept and not
trained again, as in any run. Equal bytes come out on one CPU model and torch alone.
"""

from __future__ import annotations

from torch import Tensor

from benchmark import plugins
from benchmark.data.catalogue import catalogue
from benchmark.data.source import Source
from benchmark.results.job import Tier
from benchmark.tasks.test_time_shift import policy_files
from benchmark.tasks.test_time_shift.control import track
from benchmark.tasks.test_time_shift.deployment import DeploymentBudget
from benchmark.tasks.test_time_shift.policy_training import PolicyRecipe, trained


def main() -> None:
    """Train, and write a file for every seed."""
    assert plugins.load_datasets() == []
    sizes = track.budget(Tier.QUICK)
    assert isinstance(sizes, DeploymentBudget)
    source = Source.of(catalogue.find(sizes.data))
    for seed in policy_files.SEEDS:
        made: dict[str, list[tuple[PolicyRecipe, dict[str, Tensor]]]] = {}
        for variant in policy_files.SHIPPED:
            made[variant] = []
            for number in range(sizes.policies):
                recipe = policy_files.recipe(sizes, source, seed=seed, variant=variant, number=number)
                made[variant].append((recipe, trained(recipe, source, device="cpu")))
                print(f"{sizes.data}, seed {seed}: {variant} policy {number}", flush=True)
        policy_files.write(policy_files.file_of(sizes.data, seed), made, source)


if __name__ == "__main__":
    main()
