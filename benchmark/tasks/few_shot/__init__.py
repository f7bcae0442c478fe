"""Few-shot transfer: what do features learned on other classes, or in another world, say about a handful of examples?

Rules
  The harness trains one backbone per dataset and seed on base classes and hands it, or its features, to every method.
  An episode has 5 novel classes, K labelled images of each (the support) and 15 queries of each; it is drawn by the
  judge, and the labels of the queries stay there. Episodes of 1 and of 5 shots share their queries.
  `novel_classes`: the contestant `observe`s the features of the base classes with their labels, then gets all episodes
    of one K at once and answers `classify`. Features come from the backbone's last ReLU and are not negative. Which
    classes are base and which novel is fixed per dataset (`class_split`).
  `extreme`: base and target differ in kind. The contestant gets the trained backbone, the base images and unlabelled
    images of the target, and `adapt`s within a budget of steps. Then it `embed`s images of the target, among them those
    of the episodes, each by itself: the judge embeds some again in other company and compares. The judge fits the same
    linear head to every method's features. The backbone is trained on random views of its images, as the released code
    does and as students train, so that no student gains by augmentation what the backbone was denied. Two controls take
    the target away from what adapts: `startup-no-target` is STARTUP's student without any target image,
    `target-statistics` recomputes batch-norm's statistics and changes nothing else.
    Unlabelled images come from the target's training split, episodes from its test split: they show the same classes
    (Phoo & Hariharan 2021, section 4: 20 % of the target, without labels) but never the same images.
  Scale: features of both tracks are divided by one number, so that the root mean square of their entries is 1: of those
    of the base classes in `novel_classes`, of those of the pool in `extreme`. So C of a logistic regression means the
    same in both and for every backbone, and square roots (Tukey's transformation) change the features' size least.
  Head: multinomial logistic regression with scikit-learn's defaults (`logistic`).
  Hyperparameters that are not the papers' are tuned on held-out training data of other seeds (docs/tuning/few_shot.md).

Metrics: mean accuracy over episodes at 1 shot and at 5 shots; `raw` holds every episode's accuracy, for paired
  differences. The half width of the 95 % interval over episodes (Student's) is in the curve "shots". The curve
  "features" shows some images in a plane; records of real data hold scores alone, so that they can be published.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "few_shot", "What do features say about classes and worlds they were not learned on?", ("novel_classes", "extreme")
)
