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
  `intrinsic_dimension`: a contestant is given clouds of points (n, D) float32, no two equal, and says of how many
    dimensions each is, at several numbers of neighbours k. The judge keeps the truth; clouds, their order and the
    quarters of them are drawn from secret streams.
    Of known dimension are a cube (`linear`), which has a boundary; a `sphere`; `waves`, a sphere bent by sinusoids;
    images of a random convolutional `decoder` with some latent entries free, one decoder for all dimensions of a seed;
    and one image of the dataset with 1 to 4 `factors` free: shift along x and y, turn, scale. Each family has a bias
    of its own at so few points (maximum likelihood gives a cube of 8 dimensions 7 at 2,000 points and a sphere of
    16 not 14, and waves are bent enough to make up for that), so that none stands for all.
    `gan`: an adversarial network, trained by the harness once per data and shared by all seeds, as the paper used one
    BigGAN. All but d of its latent entries are 0 (Pope et al., ICLR 2021, arXiv:2104.08894): d is the most that its
    images can have. `noise`, the paper's control: a decoder's images of which some pixels hold uniform noise. Images of
    the dataset, in [0, 1] at their own size, duplicates left out and counted. Of these three nobody knows the truth.
    The tie: two decoders make images of latent dimension d, and a network of the harness learns which of the two made
    an image. Samples until 90 % accuracy, searched as above, stand beside the estimated dimension of the same images:
    at several d, at one d in several sizes of images, and with pixels of noise. The network's one full layer makes
    nothing of copies of a pixel, so that images enlarged by copies are no test of it; reduced ones are.

Metrics
  `architecture`: the exponent of N90 in d (primary: the slope of a straight line through their logarithms, by least
  squares), in the primary setting and in the others; N90 at the largest d; the share of all dimensions at which 90 %
  were reached. Where they never are, the largest size tried stands for N90, a bound: it is drawn as such, and an
  exponent of the primary setting that rests on one is not ranked. Where the smallest size does, that is N90. Records
  hold a bootstrap interval of each exponent over repeats; tables and figures have Student's over seeds.
  `intrinsic_dimension`: relative error (primary), in % of the truth, mean over k and clouds of known dimension up to
  16. From 32 on, where so few points do not tell and estimates saturate, the error is a metric of its own. Over all
  clouds, without need of a truth: spread over k; change with a quarter of the points; change when decoders' images are
  enlarged to twice the side, by repeating pixels or between them, which keeps their dimension.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "sample_efficiency",
    "How many examples does a learner need, and of what dimension are the data that it learns from?",
    ("architecture", "intrinsic_dimension"),
)
