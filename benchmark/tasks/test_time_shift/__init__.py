"""Test-time shift: a finished model is deployed where inputs look different; may it adapt, without labels or reward?

Rules of `corruption`
  The harness trains one network per dataset and seed on clean images (`benchmark.learning.pretraining`): a small ResNet
  with batch-norm. A contestant `begin`s with its weights and some of its training images without labels. Then come
  streams of test images under fifteen corruptions (`corruptions`). `reset` says that a stream begins; of each batch a
  contestant returns the scores and may adapt to it, as Tent does after it has answered; each image comes once, and an
  answer counts as it was given. Labels stay with the judge. References are told beforehand what nobody else may know:
  training images with labels under the corruptions and severities to come; the oracle trains the source's network on
  these. Images of all streams are the same, in the same order, but for the sorted ones; all methods of a seed meet the
  same. Streams: every corruption at severity 5 with a reset before each (primary), and images without corruption; but
  for the quick tier also the other severities, shorter; severity 5 in small batches; the same sorted by class, which is
  known to break adaptation by batches (arXiv:2302.12400); all corruptions in a row without reset, in the published
  order. Batches of the quick tier hold 25 images, not 200 as in the released code: adaptation takes updates to show.
  A batch may be short, down to one image, which methods that normalise by the batch must stand (`adaptation` says how
  ours do). Nothing may be tuned on the fifteen corruptions: the four of `corruptions.HELD_OUT` are for that.

Rules of `control`
  The harness trains policies over pixels, several per environment and seed, each on demonstrations and weights of its
  own: they imitate an expert that knows the state, jointly with a self-supervised task (`policy_training`), in one look
  of the environment. A contestant says which of three networks it deploys: trained with inverse dynamics ("inverse"),
  with the prediction of rotations ("rotation"), or with inverse dynamics over randomised looks ("randomised"); all have
  the same size and training. Policies of the quick tier's first seeds come with the harness, as files that are refused
  if the present settings would train others (`policy_files`, `make policies`); the hash of the files is part of what
  results must share to compare.
  Then come batches of episodes, as many with each policy, without shift or with one of three strengths of four kinds
  (`benchmark.data.control.shifts`), all kinds of a strength in a batch, each episode in a look of its own. `observe`
  shows the frames of a step, and is where to adapt; `act` returns the actions. Rewards and states stay with the judge.
  `reset` says that a batch begins: every episode is deployed on its own, with the trained weights, and must learn from
  itself alone. All methods meet the same policies, starts and looks, and a start comes back under every shift.
  The four kinds are for judging alone. Randomised looks in training, and whatever is tuned, are of other kinds
  (`shifts.HELD_OUT`: dots on the ground, a shadow, a tint), so that no method has met what it is judged under. The
  paper's domain randomisation is another: trained on milder shifts of the kind that is tested.
  How much is mild, medium and strong is the environment's to say, chosen on other seeds by the frozen policy alone:
  under mild shifts it keeps half to three quarters of its return.
  Frames on a crop: see `pixel_policy`; offsets of random crops are multiples of two pixels.

Metrics of `corruption`: errors (%), in the mean over corruptions; `raw` holds each corruption's.
  `error_all_severities` takes as many images of each severity, for severity 5 the first of the long stream;
  `error_short` is what no reset, small batches and sorted streams compare with: the same images, in usual batches, with
  a reset before each corruption.
  The curve "stream" has error and entropy by place in the long stream, in the mean over corruptions. The rate counts
  images of the long streams: what adaptation costs shows against the source model's.

Metrics of `control`: returns in % of the expert's mean return in the same episodes without shift; kinds of shift weigh
  alike. `raw` holds every policy's: intervals count policies, trained apart, not their episodes, which are alike. A
  curve per kind has each policy's return by strength (0 is none); others have it by step, under mild shifts. The
  phases "adapt" and "act" tell what adaptation costs; the rate counts steps of episodes.
"""

from __future__ import annotations

from benchmark.tasks.track import Task

task = Task(
    "test_time_shift",
    "Deployed where inputs look different, does a model adapt without being told?",
    ("corruption", "control"),
)
