"""Many policies at once, over all crops at once, against one policy on one crop after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.errors import UsageError
from benchmark.tasks.test_time_shift.pixel_policy import Architecture, PixelPolicy, copied

PLAN = Architecture(
    channels=9, size=24, crop=20, actions=2, filters=5, shared=2, own=1, embedding=6, hidden=7
)  # fmt: skip
COPIES, EACH = 3, 2


def policy(head: str = "inverse", copies: int = COPIES) -> PixelPolicy:
    """Copies that differ."""
    made = PixelPolicy(PLAN, head, copies=copies, generator=torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng)
    return made


def frames(seed: int = 0, count: int = EACH) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(256, (COPIES, count, 9, 24, 24), generator=rng, dtype=torch.uint8)


def embedded(made: PixelPolicy, branch: str, copy: int, frame: Tensor, place: int) -> Tensor:
    """One crop (9, 24, 24) through one copy's layers, as anybody would write it."""
    state = {name: tensor[copy] for name, tensor in made.state_dict().items()}
    row, column = 2 * (place // 3), 2 * (place % 3)
    x = frame[None, :, row : row + 20, column : column + 20].float() / 255
    x = F.conv2d(x, state["shared.0.weight"], state["shared.0.bias"], stride=2).relu()
    x = F.conv2d(x, state["shared.2.weight"], state["shared.2.bias"]).relu()
    x = F.conv2d(x, state[f"{branch}.own.0.weight"], state[f"{branch}.own.0.bias"]).relu()
    x = F.linear(x.flatten(1), state[f"{branch}.project.weight"].flatten(1), state[f"{branch}.project.bias"])
    return F.layer_norm(x, (6,), state[f"{branch}.gain"], state[f"{branch}.shift"]).tanh()[0]


def answered(made: PixelPolicy, branch: str, copy: int, x: Tensor) -> Tensor:
    state = {name: tensor[copy] for name, tensor in made.state_dict().items()}
    x = F.linear(x, state[f"{branch}.hidden.weight"], state[f"{branch}.hidden.bias"]).relu()
    return F.linear(x, state[f"{branch}.out.weight"], state[f"{branch}.out.bias"])


@torch.no_grad()
def test_actions_come_from_the_middle_crop() -> None:
    made, seen = policy(), frames()
    found = made.act(seen)
    assert found.shape == (COPIES, EACH, 2)
    for copy in range(COPIES):
        for row in range(EACH):
            expected = answered(made, "policy", copy, embedded(made, "policy", copy, seen[copy, row], 4)).tanh()
            assert torch.allclose(found[copy, row], expected, atol=1e-5)


@torch.no_grad()
def test_inverse_losses_over_random_crops() -> None:
    made, before, after = policy(), frames(0), frames(1)
    actions = torch.rand(COPIES, EACH, 2)
    places = made.draw_places(EACH, 4, torch.Generator().manual_seed(2), 2)
    found = made.inverse_losses(made.maps(before), made.maps(after), actions, places)
    for copy in range(COPIES):
        errors = []
        for row in range(EACH):
            for first, second in zip(places[0, copy, row].tolist(), places[1, copy, row].tolist(), strict=True):
                both = [
                    embedded(made, "self_supervised", copy, seen[copy, row], place)
                    for seen, place in ((before, first), (after, second))
                ]
                guess = answered(made, "self_supervised", copy, torch.cat(both))
                errors.append((guess - actions[copy, row]).square().mean())
        assert float(found[copy]) == pytest.approx(float(torch.stack(errors).mean()), rel=1e-4)


@torch.no_grad()
def test_rotation_losses_turn_all_frames_of_an_observation_together() -> None:
    made, seen = policy("rotation"), frames()
    places = made.draw_places(4 * EACH, 3, torch.Generator().manual_seed(2))
    found = made.rotation_losses(seen, places)
    for copy in range(COPIES):
        losses = []
        for quarter in range(4):
            for row in range(EACH):
                turned = torch.rot90(seen[copy, row], quarter, (1, 2))
                for place in places[copy, quarter * EACH + row].tolist():
                    x = answered(made, "self_supervised", copy, embedded(made, "self_supervised", copy, turned, place))
                    losses.append(F.cross_entropy(x[None], torch.tensor([quarter])))
        assert float(found[copy]) == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


def test_a_copy_learns_from_its_own_loss_alone() -> None:
    made, before, after = policy(), frames(0), frames(1)
    places = made.draw_places(EACH, 2, torch.Generator().manual_seed(2), 2)
    losses = made.inverse_losses(made.maps(before), made.maps(after), torch.rand(COPIES, EACH, 2), places)
    gradients = torch.autograd.grad(losses[1], list(made.shared.parameters()))
    for gradient in gradients:
        assert not gradient[[0, 2]].any()
        assert gradient[1].any()


def test_copies_start_equal_and_take_weights_of_several_policies() -> None:
    made = PixelPolicy(PLAN, "inverse", copies=2, generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(weight[0], weight[1]) for weight in made.parameters())
    weights = policy().state_dict()
    many = PixelPolicy(PLAN, "inverse", copies=2 * COPIES, generator=None)
    many.load_state_dict(copied(weights, 2))
    for name, tensor in weights.items():
        for place in range(2 * COPIES):
            assert torch.equal(many.state_dict()[name][place], tensor[place // 2])


def test_crops_are_counted() -> None:
    assert (PLAN.places, PLAN.left) == (9, 5)
    drawn = policy().draw_places(1, 10_000, torch.Generator().manual_seed(0))
    assert drawn.shape == (COPIES, 1, 10_000)
    assert drawn.unique().tolist() == list(range(9))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 22}, "multiple of 4"),
        ({"crop": 28}, "multiple of 4"),
        ({"size": 12, "crop": 8, "shared": 3}, "used up"),
    ],
)
def test_sizes_that_do_not_fit(changes: dict[str, int], message: str) -> None:
    sizes = {name: getattr(PLAN, name) for name in Architecture.__dataclass_fields__}
    with pytest.raises(UsageError, match=message):
        Architecture(**{**sizes, **changes})


def test_an_unknown_head() -> None:
    with pytest.raises(UsageError, match="choose from inverse, rotation"):
        policy("jigsaw")
