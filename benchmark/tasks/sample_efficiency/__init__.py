"""Sample efficiency: how many examples does a learner need, and of what dimension are the data that it learns from?

Rules
  `architecture`: a contestant is given training sets of two classes, in several sizes and repeats at once, learns each
    apart from the others, and classifies test inputs. The judge searches the smallest size N90 at which the mean
    accuracy over repeats reaches 90 %, at several input dimensions d. Sizes lie on a grid n_j = n_0 2^(j/2); windows of
    four are measured until the lowest fails and a higher one passes; between the two N90 is interpolated in log n.
    Smaller sets are the beginnings of larger ones. Steps and batch size are the setup's. Settings:
    `halves`, the primary one: Gaussian inputs in two channels, the label says which has more energy;
    `signs`: one entry is not 0, the label is its sign;  `pairs`: two entries are 1, neighbours or next but one;
    `canvases`: images of two classes at random places of growing canvases (quick tier);
    `energies`: photographs at growing sizes, the label says whether red or green has more energy (standard tier).
    The first three are the distributions of Li, Zhang, Arora (ICLR 2021, arXiv:2010.08515), the last its experiment.

Metrics
  `architecture`: the exponent of N90 in d (primary: the slope of a straight line through their logarithms, by least
  squares), in the primary setting and in the others; N90 at the largest d; the share of all dimensions at which 90 %
  were reached. Where they never are, the largest size tried stands for N90, a bound: it is drawn as such, and an
  exponent of the primary setting that rests on one is not ranked. Where the smallest size does, that is N90. Records
  hold a bootstrap interval of each exponent over repeats; tables and figures have Student's over seeds.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "sample_efficiency",
    "How many examples does a learner need, and of what dimension are the data that it learns from?",
    ("architecture",),
)
