"""Methods that break in every way a contestant can; tests load this file as a plug-in."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import torch

from benchmark.tasks.forgetting import permuted
from benchmark.tasks.forgetting.learner import SequentialForgettingLearner


class Idle(SequentialForgettingLearner):
    """Learns nothing, quickly."""

    def learn(self, index, images, labels):
        pass


@permuted.track.method("well-behaved")
class WellBehaved(Idle):
    pass


@permuted.track.method("raises")
class Raises(Idle):
    def learn(self, index, images, labels):
        raise ValueError("the learning rate must be positive")


@permuted.track.method("raises-at-birth")
class RaisesAtBirth(Idle):
    def __init__(self, setup):
        raise RuntimeError("no such optimiser")


@permuted.track.method("kills-itself")
class KillsItself(Idle):
    def learn(self, index, images, labels):
        print("about to die", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


@permuted.track.method("segfaults")
class Segfaults(Idle):
    def learn(self, index, images, labels):
        import ctypes

        ctypes.string_at(0)


@permuted.track.method("exits")
class Exits(Idle):
    def learn(self, index, images, labels):
        os._exit(0)


@permuted.track.method("leaves")
class Leaves(Idle):
    def learn(self, index, images, labels):
        sys.exit("had enough")


@permuted.track.method("sleeps")
class Sleeps(Idle):
    def learn(self, index, images, labels):
        time.sleep(3600)


@permuted.track.method("spawns-and-sleeps")
class SpawnsAndSleeps(Idle):
    def learn(self, index, images, labels):
        child = subprocess.Popen(["sleep", "3600"])
        print(f"child {child.pid}", flush=True)
        time.sleep(3600)


@permuted.track.method("hoards")
class Hoards(Idle):
    def learn(self, index, images, labels):
        kept = []
        while True:
            kept.append(torch.ones(2**22))


@permuted.track.method("hoards-python")
class HoardsPython(Idle):
    def learn(self, index, images, labels):
        kept = []
        while True:
            kept.append(bytearray(2**24))


@permuted.track.method("nan")
class NaN(Idle):
    def predict(self, index, images):
        return super().predict(index, images) * float("nan")


@permuted.track.method("one-nan")
class OneNaN(Idle):
    def predict(self, index, images):
        scores = super().predict(index, images)
        scores[3, 1] = float("inf")
        return scores


@permuted.track.method("wrong-shape")
class WrongShape(Idle):
    def predict(self, index, images):
        return super().predict(index, images).argmax(1)


@permuted.track.method("wrong-type")
class WrongType(Idle):
    def predict(self, index, images):
        return super().predict(index, images).tolist()


@permuted.track.method("integers")
class Integers(Idle):
    def predict(self, index, images):
        return super().predict(index, images).long()


@permuted.track.method("object")
class Object(Idle):
    def predict(self, index, images):
        return {"scores": np.random}


@permuted.track.method("negative-memory")
class NegativeMemory(Idle):
    def memory(self):
        return -1


@permuted.track.method("unpickle-me")
class UnpickleMe(Idle):
    """Writes a pickle to the judge's pipe in place of a reply."""

    def learn(self, index, images, labels):
        import gc
        import pickle
        from multiprocessing.connection import Connection

        class Bomb:
            def __reduce__(self):
                return os.system, ("touch /tmp/heptathlon-bomb-went-off",)

        gc.unfreeze()
        for thing in gc.get_objects():
            if isinstance(thing, Connection) and not thing.closed and thing.writable:
                thing.send_bytes(pickle.dumps(Bomb()))


@permuted.track.method("self-made-failure")
class SelfMadeFailure(Idle):
    """Reports a failure with a status that does not exist."""

    def learn(self, index, images, labels):
        import gc
        from multiprocessing.connection import Connection

        from benchmark.processes import wire

        gc.unfreeze()
        for thing in gc.get_objects():
            if isinstance(thing, Connection) and not thing.closed and thing.writable:
                thing.send_bytes(wire.encode({"failure": 7}))


@permuted.track.method("random")
class Random(Idle):
    """Depends on where in memory things lie and when it runs: not reproducible."""

    def predict(self, index, images):
        return torch.rand(
            len(images), self.setup.classes, generator=torch.Generator().manual_seed(time.time_ns() % 2**40)
        )


@permuted.track.method("nosy")
class Nosy(Idle):
    """Looks through its own process for labels of evaluation data: any integer tensor as long as what it is shown."""

    def predict(self, index, images):
        import gc

        found = [
            t for t in gc.get_objects() if isinstance(t, torch.Tensor) and t.dtype == torch.int64 and len(t.shape) == 1
        ]
        if any(len(t) == len(images) for t in found):
            raise AssertionError("labels of the evaluation data are here")
        return super().predict(index, images)
