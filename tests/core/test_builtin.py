import pytest

from core import builtin
from core.errors import InvalidDataset
from core.imports.layouts import DatasetDraft
from core.vocabulary import Modality, Task


def test_there_are_21_datasets_of_6_tasks() -> None:
    found = builtin.benchmarks()

    assert len(found) == 21
    assert {each.task for each in found.values()} == set(Task)
    assert list(found["twitter1"].variants) == ["five_agree", "four_agree", "three_agree"]
    assert all(each.citation and each.obtain and each.batch_size for each in found.values())


def test_dynamic_faces_drop_stray_answers_and_the_others_count_them_as_wrong() -> None:
    for each in builtin.benchmarks().values():
        dynamic = each.task is Task.DYNAMIC_FACIAL_EMOTION
        assert (each.scoring.out_of_vocabulary == "dropped") == dynamic


def test_references_are_fractions_of_known_datasets() -> None:
    known = builtin.benchmarks()
    for reference in builtin.references():
        variants = known[reference.dataset].variants
        assert reference.variant in (variants or {None})
    values = {(r.dataset, r.system): r.value for r in builtin.references()}
    assert values["rafdb", "IPD-FER"] == 0.8889


def test_a_name_alone_completes_a_draft() -> None:
    draft = builtin.completed(DatasetDraft(name="abstract"))

    assert (draft.task, draft.modality) == (Task.VISUAL_SENTIMENT, Modality.IMAGE)
    assert draft.scoring.map is not None
    assert draft.files is not None
    assert draft.files.media == "evoke"


def test_what_is_given_wins() -> None:
    draft = builtin.completed(DatasetDraft(name="dfew", frames=5, modality=Modality.IMAGE))

    assert (draft.frames, draft.modality, draft.batch_size) == (5, Modality.IMAGE, 8)


@pytest.mark.parametrize(
    "draft",
    [
        DatasetDraft(name="abstract", task=Task.FACIAL_EMOTION),
        DatasetDraft(name="abstract", task=Task.VISUAL_SENTIMENT, labels=("calm", "loud")),
        DatasetDraft(name="mine", task=Task.FACIAL_EMOTION),
    ],
)
def test_a_dataset_that_only_shares_the_name_stays_as_it_is(draft: DatasetDraft) -> None:
    assert builtin.completed(draft) == draft


def test_a_variant_must_be_named() -> None:
    with pytest.raises(InvalidDataset, match="one of five_agree, four_agree, three_agree"):
        builtin.completed(DatasetDraft(name="twitter1"))
    draft = builtin.completed(DatasetDraft(name="twitter1", variant="four_agree"))
    assert draft.files is not None
    assert draft.files.labels == "label_at_least_four_agree.csv"


def test_an_unknown_name_needs_a_task() -> None:
    with pytest.raises(InvalidDataset, match="say what its task is"):
        builtin.completed(DatasetDraft(name="mine"))
