from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from core import datasets
from core.errors import InvalidInput, NotFound
from core.rules.profiles import Profile
from core.tables import Dataset, Sample
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Modality, Task
from tests import drawn
from tests.importing import NOW, Service, draw_faces, faces


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    service = Service(tmp_path, database_url)
    yield service
    service.database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def test_the_same_content_twice_is_one_version(service: Service, folder: Path) -> None:
    later = NOW + timedelta(days=1)
    first, _ = service.take(draw_faces(folder))

    again, report = service.take(folder, now=later)

    assert (again.id, again.imported_at) == (first.id, later)
    assert report.samples == 4
    assert (service.count(Dataset), service.count(Sample)) == (1, 4)


@pytest.mark.parametrize("change", ["medium", "label", "name", "spec"])
def test_any_change_is_another_version(service: Service, folder: Path, change: str) -> None:
    first, _ = service.take(draw_faces(folder))
    spec = faces()
    if change == "medium":
        drawn.write(folder / "anger" / "0.png", drawn.image(seed=99))
    elif change == "label":
        (folder / "anger" / "0.png").rename(folder / "happy" / "0.png")
    elif change == "name":
        (folder / "anger" / "0.png").rename(folder / "anger" / "zero.png")
    else:
        spec = faces(variant="small")

    second, _ = service.take(folder, spec)

    assert second.digest != first.digest
    assert service.count(Dataset) == 2


def test_the_order_of_a_manifest_does_not_matter(service: Service, folder: Path) -> None:
    spec = faces(modality=Modality.TEXT)
    one = drawn.write(folder / "1" / "x.csv", "name,text,gt\na,x,happy\nb,y,anger\n")
    two = drawn.write(folder / "2" / "y.csv", "gt,name,text\nANGER,b,y\nhappy,a,x\n")

    assert service.take(one, spec)[0].id == service.take(two, spec)[0].id


def test_versions_are_found_by_name_and_digest(service: Service, folder: Path) -> None:
    first, _ = service.take(draw_faces(folder, 2))
    second, _ = service.take(draw_faces(folder, 4), now=NOW + timedelta(hours=1))

    with service.database.read() as session:
        assert datasets.get(session, "faces").id == second.id
        assert datasets.get(session, f"faces@{first.digest[:8]}").id == first.id
        assert datasets.get(session, f"faces@{first.digest.upper()}").id == first.id
        for unknown in ("faces@0000000000", "faces@%", "faces@_"):
            with pytest.raises(NotFound, match=f"of faces there are faces@{second.digest[:12]}"):
                datasets.get(session, unknown)
        with pytest.raises(NotFound, match="there is no dataset 'fases'; there are faces"):
            datasets.get(session, "fases")


def test_before_the_first_import_nothing_is_found(service: Service) -> None:
    with (
        service.database.read() as session,
        pytest.raises(NotFound, match="none has been imported"),
    ):
        datasets.get(session, "faces")


def test_a_digest_too_short_to_tell_versions_apart_is_refused(
    service: Service, folder: Path
) -> None:
    with service.database.write.begin() as session:
        for digest in ("ab" + "0" * 62, "ab" + "1" * 62):
            spec = faces().model_dump(mode="json")
            session.add(
                Dataset(
                    team_id=DEFAULT_ID,
                    name="faces",
                    digest=digest,
                    task=Task.FACIAL_EMOTION,
                    modality=Modality.IMAGE,
                    spec=spec,
                    sample_count=1,
                    profile=Profile(1, 0, ()).to_json(),
                )
            )

    with service.database.read() as session, pytest.raises(InvalidInput, match="give more digits"):
        datasets.get(session, "faces@ab")


def test_lists_go_on_where_they_ended(service: Service, folder: Path) -> None:
    for count in (2, 4, 6):
        service.take(draw_faces(folder, count))

    with service.database.read() as session:
        first = datasets.page(session, after=None, limit=2)
        rest = datasets.page(session, after=first.next_key, limit=2)
        assert (len(first.rows), len(rest.rows), rest.next_key) == (2, 1, None)
        dataset = max([*first.rows, *rest.rows], key=lambda dataset: dataset.sample_count)
        some = datasets.samples(session, dataset, after=None, limit=4)
        others = datasets.samples(session, dataset, after=some.next_key, limit=4)
        names = [sample.name for sample in [*some.rows, *others.rows]]
        assert names == sorted(names)
        assert len(names) == 6


def test_media_of_a_sample(service: Service, folder: Path) -> None:
    dataset, _ = service.take(draw_faces(folder))
    sample = service.samples(dataset)["happy/1.png"]

    with service.database.read() as session:
        ref = datasets.sample_media(session, dataset, sample.id)
        assert service.store.get(ref.digest) == (folder / "happy" / "1.png").read_bytes()
        with pytest.raises(NotFound, match="has 1 media"):
            datasets.sample_media(session, dataset, sample.id, 1)
        with pytest.raises(NotFound, match="has no sample 99"):
            datasets.sample_media(session, dataset, 99)


def test_imports_of_the_same_content_at_the_same_time_make_one_version(
    service: Service, folder: Path
) -> None:
    draw_faces(folder)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: service.take(folder), range(4)))

    assert len({dataset.id for dataset, _ in made}) == 1
    assert sorted(report.new for _, report in made) == [False, False, False, True]
    assert (service.count(Dataset), service.count(Sample)) == (1, 4)
