"""The rules of `core.rules.classes` as SQL: which class a target or an answer falls into."""

from sqlalchemy import ColumnElement, and_, case, false, or_

from core.rules.classes import Classes
from core.rules.scoring import OUT_OF_VOCABULARY
from core.tables import Prediction, Sample


def target_code(classes: Classes, *, undecided: int) -> ColumnElement[int]:
    """Return the place of the class of a sample's target; `undecided` where it has none."""
    place = {name: code for code, name in enumerate(classes.names)}
    number = Sample.target_number
    if classes.signed:
        signs = [
            (number > 0, classes.of_target(None, 1)),
            (number < 0, classes.of_target(None, -1)),
        ]
        return case(*((sign, place[name]) for sign, name in signs if name), else_=undecided)
    spelled = {word: place[name] for word, name in classes.words.items()}
    return case(spelled, value=Sample.target, else_=undecided)


def target_is(classes: Classes, wanted: str) -> ColumnElement[bool]:
    """Return the condition that a target is of a class, or spelled so where that is no class."""
    number = Sample.target_number
    if classes.signed:
        of = {classes.of_target(None, 1): number > 0, classes.of_target(None, -1): number < 0}
        return of.get(wanted, false())
    if wanted not in classes.names:
        return Sample.target == wanted
    return Sample.target.in_([word for word, name in classes.words.items() if name == wanted])


def answer_is(classes: Classes, wanted: str) -> ColumnElement[bool]:
    """Return the condition that an answer is in a column of the confusion matrix.

    What names no column is the answer as it is spelled.
    """
    if wanted in classes.names:
        return Prediction.label.in_(classes.within(wanted))
    spelled = Prediction.label == wanted
    if wanted == OUT_OF_VOCABULARY:
        return or_(spelled, Prediction.in_vocabulary.is_(False))
    return spelled


def answer_class(classes: Classes) -> ColumnElement[str | None]:
    """Return the class of an answer; that outside the labels is one more, or null if dropped."""
    beyond = case((Prediction.label.is_not(None), None if classes.drops else OUT_OF_VOCABULARY))
    return case(dict(classes.labels), value=Prediction.label, else_=beyond)


def scored(classes: Classes) -> ColumnElement[bool]:
    """Return the condition that a prediction is right or wrong, and not left out."""
    known = Prediction.in_vocabulary.is_(True)
    answered = known if classes.drops else Prediction.label.is_not(None)
    decided = Sample.target_number != 0 if classes.signed else Sample.target.is_not(None)
    return and_(answered, decided)
