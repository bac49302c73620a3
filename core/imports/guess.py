"""What a dataset seems to consist of, when its spec leaves that open."""

from pathlib import Path

from core.media import videos
from core.vocabulary import Modality


def modality_of(medium: Path | None, *, text: bool) -> Modality:
    """Return the modality of a sample with this medium, a folder being a video's frames."""
    if medium is None:
        return Modality.TEXT
    if medium.is_dir() or _is_video(medium):
        return Modality.VIDEO_TEXT if text else Modality.VIDEO
    return Modality.IMAGE_TEXT if text else Modality.IMAGE


def _is_video(path: Path) -> bool:
    with path.open("rb") as file:
        return videos.container(file.read(4096)) is not None
