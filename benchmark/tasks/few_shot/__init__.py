"""Few-shot transfer: what do features learned on other classes, or in another world, say about a handful of examples?

Rules
  The harness trains one backbone per dataset and seed on base classes and hands it, or its features, to every method.
  An episode has 5 novel classes, K labelled images of each (the support) and 15 queries of each; it is drawn by the
  judge, and the labels of the queries stay there. Episodes of 1 and of 5 shots share their queries.
  `novel_classes`: the contestant `observe`s the features of the base classes with their labels, then gets all episodes
    of one K at once and answers `classify`. Features come from the backbone's last ReLU and are not negative; they are
    divided by one number, their mean norm on the base classes, so that the strength of a regulariser means the same for
    every backbone. Which classes are base and which novel is fixed per dataset (`class_split`).
  `extreme`: base and target differ in kind. The contestant gets the trained backbone, the base images and unlabelled
    images of the target, and `adapt`s within a budget of steps. Then it `embed`s images of the target, among them those
    of the episodes, each by itself: the judge embeds some again in other company and compares. The judge fits the same
    linear head to every method's features, divided by their root mean square.
    Unlabelled images come from the target's training split, episodes from its test split: they show the same classes
    (Phoo & Hariharan 2021, section 4: 20 % of the target, without labels) but never the same images.
  Head: multinomial logistic regression with scikit-learn's defaults (`logistic`).

Metrics: mean accuracy over episodes at 1 shot and at 5 shots; `raw` holds every episode's accuracy, for paired
  differences. The half width of the 95 % interval over episodes (Student's) is in the curve "shots". The curve
  "features" shows some images in a plane; records of real data hold scores alone, so that they can be published.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "few_shot", "What do features say about classes and worlds they were not learned on?", ("novel_classes", "extreme")
)
