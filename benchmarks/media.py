"""Preparing media: images passed through, frames of clips, and a second run over the same.

Run as `python -m benchmarks.media` from the root. It draws its own images and clips. Each figure
has its peer or its limit in the same run: read the ratios, for milliseconds are this machine's.
"""

import argparse
import base64
import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from core.media import images, videos
from core.media.pixels import Pixels
from core.media.store import MediaStore
from core.prompts import RunContext, SampleInput, write
from core.providers import openai_chat
from core.rules.classes import Classes
from core.rules.frames import frame_indices
from core.rules.pictures import MediaRef
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.vocabulary import Color, Modality, Task
from gerbench.clips import frames_of
from gerbench.faces import film

SPEC = DatasetSpec(
    name="benchmark",
    task=Task.FACIAL_EMOTION,
    modality=Modality.IMAGE,
    labels=("happiness", "sadness"),
)
MODEL = ModelSpec(name="benchmark", base_url="http://127.0.0.1/v1", model="gpt-4o")
BATCH = 20
IN_FLIGHT = 64
"""Bodies that live at once, as they do while a provider thinks."""

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 25, 10
BIT_RATE = 1_000_000
WALL = (210, 215, 220)
CLIPS = {
    "mp4v": ("mpeg4.mp4", "mpeg4", {}),
    "h264": ("h264.mp4", "libx264", {"g": "250", "sc_threshold": "0"}),
    "vp9": ("vp9.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "128"}),
}
"""File, encoder and its options. All 250 frames of the H.264 clip hang on one keyframe."""

Read = Callable[[Path, Sequence[int]], list[Pixels]]
Build = Callable[[MediaStore, Sequence[MediaRef]], bytes]


def context(modality: Modality, **values: Any) -> RunContext:
    """Return what the requests of a run have in common."""
    condition = Condition(modality=modality, template="default@1", **values)
    text = "Name the emotion in each of {count} pictures: {labels}."
    return RunContext(condition, text, SPEC.labels, Classes.of(SPEC))


IMAGES = context(Modality.IMAGE)


def photos(store: MediaStore, count: int) -> list[MediaRef]:
    """Store JPEGs of about 30 KB that need no change, and return them."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)
        shown = cv2.resize(coarse, (320, 320), interpolation=cv2.INTER_CUBIC)
        data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
        store.put(data)
        made.append(images.inspect(data, "photo.jpg"))
    return made


def ours(store: MediaStore, refs: Sequence[MediaRef]) -> bytes:
    """Return the body of a request as a worker builds it."""
    samples = [SampleInput(SPEC.labels[0], None, None, (ref,)) for ref in refs]
    prompt = write(store, IMAGES, samples)
    return openai_chat.build(MODEL, prompt, IMAGES.condition.detail).content


def plain(store: MediaStore, refs: Sequence[MediaRef]) -> bytes:
    """Return such a body as a script builds it: base64, then `json.dumps` over all of it."""
    content: list[dict[str, Any]] = [{"type": "text", "text": IMAGES.instructions(len(refs))}]
    for number, ref in enumerate(refs, start=1):
        path = store.local_path(ref.digest)
        assert path is not None
        url = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
        content.append({"type": "text", "text": f"Image {number}"})
        content.append({"type": "image_url", "image_url": {"url": url, "detail": "low"}})
    message = {"role": "user", "content": content}
    body = {"model": MODEL.model, "max_tokens": 1000, "temperature": 0.0, "messages": [message]}
    return json.dumps(body).encode()


def pass_through(store: MediaStore, refs: Sequence[MediaRef], requests: int) -> None:
    """Print what requests of images cost that need no change, from the store to the body."""
    groups = [refs[at : at + BATCH] for at in range(0, len(refs), BATCH)]
    alive: deque[bytes] = deque(maxlen=IN_FLIGHT)

    def build(one: Build, count: int) -> None:
        for group in islice(cycle(groups), count):
            alive.append(one(store, group))

    seconds: dict[str, tuple[float, float]] = {}
    for name, one in (("a script", plain), ("gerbench", ours)):
        build(one, IN_FLIGHT)
        seconds[name] = measured(lambda one=one: build(one, requests))
    size = sum(map(len, alive)) / len(alive) / 1e3
    print(
        f"images passed through, {BATCH} of them in a body of {size:.0f} KB; wanted 2,000 a second"
    )
    for name, (busy, clock) in seconds.items():
        print(
            f"  {name:10} {requests * BATCH / clock:8,.0f} images/s"
            f" {busy / requests * 1e3:8.2f} ms CPU a body"
        )
    print(f"  a script / gerbench: {seconds['a script'][0] / seconds['gerbench'][0]:.1f}\n")


def film_face() -> Iterator[Pixels]:
    """Yield the frames of a 720p clip: a drawn face that comes to an expression before a wall."""
    drawn = [cv2.GaussianBlur(face, (3, 3), 0) for face in frames_of("happiness", 0, 0, film(0))]
    left = (WIDTH - HEIGHT) // 2
    for at in np.linspace(0, len(drawn) - 1, FPS * SECONDS):
        first, second, share = drawn[int(at)], drawn[min(int(at) + 1, len(drawn) - 1)], at % 1
        face = cv2.addWeighted(first, 1 - share, second, share, 0)
        shown = cv2.resize(face, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
        right = WIDTH - HEIGHT - left
        yield cv2.copyMakeBorder(shown, 0, 0, left, right, cv2.BORDER_CONSTANT, value=WALL)


def encode(path: Path, encoder: str, options: dict[str, str], frames: Sequence[Pixels]) -> Path:
    """Write frames as a video."""
    with av.open(path, "w") as file:
        stream = file.add_stream(encoder, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = BIT_RATE
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        file.mux(stream.encode())
    return path


def read_all(path: Path, indices: Sequence[int]) -> list[Pixels]:
    """Return the frames at `indices`, as whoever reads all of a clip gets them."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    wanted, found, at = set(indices), [], 0
    while (read := capture.read())[0]:
        if at in wanted:
            found.append(read[1])
        at += 1
    capture.release()
    return found


def clips(folder: Path, rounds: int) -> list[Path]:
    """Print what three frames of a clip cost, and that they are the right ones."""
    frames = list(film_face())
    indices = frame_indices(len(frames), 3)
    paths = [encode(folder / name, *how, frames) for name, *how in CLIPS.values()]
    print(f"3 of {len(frames)} frames of a {SECONDS} s {HEIGHT}p clip; wanted 1.7 times faster")
    for codec, path in zip(CLIPS, paths, strict=True):
        exact = np.array_equal(videos.read_frames(path, indices), read_all(path, indices))
        whole, few = (best(read, path, indices, rounds) for read in (read_all, videos.read_frames))
        print(
            f"  {codec:5} {path.stat().st_size * 8 / SECONDS / 1e6:.1f} Mb/s"
            f"  all {whole[0] * 1e3:4.0f} ms CPU, {whole[1] * 1e3:4.0f} ms"
            f"  three {few[0] * 1e3:4.0f} ms CPU, {few[1] * 1e3:4.0f} ms"
            f"  CPU {whole[0] / few[0]:.2f} x, wall {whole[1] / few[1]:.2f} x"
            f"  {'pixel-identical' if exact else 'NOT THE SAME PIXELS'}"
        )
    return paths


def best(read: Read, path: Path, indices: Sequence[int], rounds: int) -> tuple[float, float]:
    """Return the least CPU seconds and the least seconds of some rounds."""
    busy, clock = zip(*(measured(lambda: read(path, indices)) for _ in range(rounds)), strict=True)
    return min(busy), min(clock)


def twice(store: MediaStore, photo_refs: Sequence[MediaRef], paths: Sequence[Path]) -> None:
    """Print what a first and a second run over the same media prepare, counted in files."""
    films = [videos.inspect(path, path.name) for path in paths]
    for path, ref in zip(paths, films, strict=True):
        store.put_file(path, ref.digest)
    runs = (
        (context(Modality.IMAGE, color=Color.GRAY), photo_refs),
        (context(Modality.VIDEO, frames=3), films),
    )
    for name in ("first", "second"):
        before = set(prepared(store))
        for shared, refs in runs:
            write(store, shared, [SampleInput(None, None, None, (ref,)) for ref in refs])
        after = set(prepared(store))
        print(f"{name:6} run over the same media: {len(after - before)} pictures prepared")


def prepared(store: MediaStore) -> Iterator[tuple[Path, int]]:
    """Yield each prepared file and when it was written."""
    path = store.local_path(store.put(b"a place in the store"))
    assert path is not None
    for file in (path.parents[1] / "prepared").rglob("*"):
        if file.is_file():
            yield file, file.stat().st_mtime_ns


def measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that something takes: CPU of this process, and by the clock."""
    busy, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - busy, time.perf_counter() - clock


def main() -> None:
    """Measure images, clips, and a second run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="bodies built of 20 images")
    parser.add_argument("--rounds", type=int, default=5, help="of each clip; the best counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = MediaStore((Path(folder) / "media").as_uri())
        refs = photos(store, 2_000)
        pass_through(store, refs, arguments.requests)
        paths = clips(Path(folder), arguments.rounds)
        print()
        twice(store, refs[:200], paths)


if __name__ == "__main__":
    main()
