"""Small objects: what does the padding of convolutions hide from a detector, and what brings it back?

Rules
  A contestant trains the standard detector of the tier on images with boxes and finds the objects of test images. It
  varies one thing, the padding of the detector's convolutions, and what belongs to it: the size at which it wants its
  images (`resolution`), from the given one to a quarter more a side. Drawn scenes are drawn at that size, photographs
  brought to it from their own. Architecture, initial weights, steps, batch size, learning rate are the setup's; boxes
  of test images stay with the judge.
  `padding`, two settings, a training from the initial weights in each: in `middle`, the primary one, objects of
    training lie in the middle 60 % of each axis and those of the test everywhere: a blind spot is a place that
    training did not teach. In `uniform`, its control, they lie everywhere in both. Photographs have one setting, as
    they are.

Metrics
  Of the first setting, boxes matched as COCO does (Lin et al. 2014, arXiv:1405.0312): AP of small objects (primary;
  smaller than a tenth of the image's shorter side in the geometric mean of their sides), AP, AP50, AP of small
  objects whose centre lies within an eighth of the side of the border. Recall at the score with the best F1, at IoU
  0.5: along each border, by distance to it, and over 6 x 6 cells, whose worst divided by their mean is the blind-spot
  index. Asymmetry of the deepest feature map, averaged over test images: mean |map - mirrored map| over mean |map|.
  What the contestant says of its inside (mean feature maps, foveation, kernels) is shown and is its own word.

Padding by hand
  `benchmark.tasks.small_objects.borders.convolution.repad(model, "symmetric")` does to any torchvision model or module
  of yours what the methods do here; `heptathlon padding resnet18 --size 224` says what padding does in it.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "small_objects",
    "What does the padding of convolutions hide from a detector, and what brings it back?",
    ("padding",),
)
