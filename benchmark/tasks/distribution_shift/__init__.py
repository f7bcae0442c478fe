"""Distribution shift: what is learned when training misleads, and does it hold where it matters?

Rules
  A contestant trains the standard network of the track on training sets that the judge gives one after another:
  `begin(images, labels)` starts anew from the setup's initial weights, then the judge asks for one `epoch(index)` after
  the other and for `scores` of test images in between; labels of test images stay with the judge. Images are raw, in
  [0, 1]. Optimiser, batch size, learning rate and number of epochs are the setup's. A method whose claim is to spend
  more (two gradients per step, twice the epochs) spends it inside `epoch`, and its time shows it.
  `spurious`: shapes of nine classes whose colour gives the class away in 80 % of the training images
    (`colouring`); where images have colours of their own, objects whose ground does. Tests: the
    same shapes in the colour of their class, in the colours of the training's minority, in new colours, and in the
    colours of other classes; and shapes of a tenth class.
    Which images are in the minority is told to references only; methods infer it, and are asked what they inferred.
  `label_noise`: of each training set a share of the labels is replaced by another class, uniformly; clean test images.
  `adversarial`: few clean training images. The contestant attacks its own network (`attacks`,
    without labels); the judge checks that the images it gets back lie in the ball, asks for their scores, and counts an
    image as robust only if it was right before and is right after. Its loss is the larger of the clean image's and the
    adversarial image's: an attack without labels helps answers that are wrong. A method that returned no real attack
    would cheat: files are read.

Metrics
  `spurious`: accuracy on swapped colours (primary); in the worst group, which is a class in its own or in the
    minority's colours; in distribution, both kinds of colour weighted as in training; on new colours; average precision
    of telling the unseen class from new colours by the largest probability; of the minority's inference, precision and
    recall.
  `label_noise`: accuracy after the last epoch (primary) and at the best one, averaged over noise levels; share of the
    wrong labels that the network has learned. The best epoch is that of the test images, which only the judge knows: it
    says what stopping early could gain at most.
  `adversarial`: accuracy under FGSM at the middle radius, of two the larger (primary), under PGD there, loss under FGSM
    at the smallest radius, clean accuracy, generalisation gap (test minus train loss), expected calibration error over
    15 bins (Guo et al. 2017, arXiv:1706.04599).

Values of hyperparameters that are no paper's were chosen on held-out training images of other seeds:
`docs/tuning/distribution_shift.md`.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "distribution_shift",
    "What is learned when training misleads, and does it hold where it matters?",
    ("spurious", "label_noise", "adversarial"),
)
