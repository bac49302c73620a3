"""Tells what a reply says, and a refusal in plain prose from an answer that cannot be read."""

import re

MAX_REFUSAL = 2000
"""Characters; whoever writes more than this is not declining."""

_TAGS = re.compile(r"</?(?:answer|final_answer|output|result)>", re.IGNORECASE)

_UNWILLING = (
    r"(?:can ?not|can't|cant|could not|couldn't|do not|don't"
    r"|(?:won't|will not)(?: be able to)?"
    r"|am (?:not able|unable|not permitted|not allowed) to|must (?:decline|refuse) to"
    r"|(?:have to|need to|must) (?:decline|refuse))"
)
_ADVERB = r"(?:,? (?:unfortunately|however|therefore|currently|directly|really),?)?"
_REQUEST = (
    r"(?:assist|help|comply|identify|recogni[sz]e|analy[sz]e|determine|provide|process|fulfil+"
    r"|describe|classify|label|infer|evaluate|assess|interpret|judge|continue with|complete"
    r"|engage|support|answer|respond|do (?:that|this)|view|see images|perform|make (?:that|this"
    r"|inferences|judg)|give|offer|tell you|rank|rate|discuss|proceed|fulfill)\b"
)
_REFUSAL = re.compile(
    rf"\bi(?: am sorry,? (?:but )?i)?{_ADVERB} {_UNWILLING}{_ADVERB} (?:to )?{_REQUEST}"
    rf"|\bi(?: am|'m) (?:(?:sorry|afraid),? (?:but )?)?"
    rf"(?:unable|not able|not permitted|not allowed) to {_REQUEST}"
    r"|\bi (?:must |have to |need to |will have to )?(?:respectfully )?(?:decline|refuse)\b"
    r"|^(?:i(?: am|'m) )?sorry,? (?:but )?(?:i )?(?:can ?not|can't|cant)\b"
    r"|\b(?:your|this|the) request (?:was|has been|is) (?:rejected|declined|refused|blocked)\b"
    r"|\b(?:violates?|against) (?:the |our |my |openai'?s? )?"
    r"(?:usage |use |content |safety )?(?:policy|policies|guidelines)\b"
)
_ANSWER = re.compile(
    r"[\[{]"
    r"|\b(?:image|img|picture|pic|photo|photograph|video|vid|clip|text|tweet|sentence|post|sample"
    r"|item)[ _#.-]?[0-9]+\W{0,4}[:=|>\u2013\u2014\u2192-]"
    r"|^\W{0,8}(?:[0-9]{1,4}[.):|]|[-*+\u2022])[ \t]"
    r"|\b(?:emotions?|labels?|answers?|sentiments?|results?|predictions?|expressions?|ranking"
    r"|class(?:es)?|categor(?:y|ies)|outputs?|feelings?|classification|polarity|mood|responses?)"
    r"\W{0,4}[:=]",
    re.IGNORECASE | re.MULTILINE,
)


def spoken(text: str) -> str:
    """Return a reply without what reasoning models put around it: their thoughts, and tags.

    Nothing of a reply that was cut off while the model was still thinking.
    """
    reply = text.rpartition("</think>")[2]
    return "" if reply.lstrip().startswith("<think>") else _TAGS.sub("\n", reply)


def is_refusal(text: str) -> bool:
    """Tell whether a sentence declines to answer."""
    plain = " ".join(text[:MAX_REFUSAL].replace("\u2019", "'").casefold().split())
    return len(text) <= MAX_REFUSAL and _REFUSAL.search(plain) is not None


def is_refusal_prose(text: str) -> bool:
    """Tell whether a reply declines in plain prose to answer at all.

    Meant to be right when it says so, not to find all: never of a text from which an answer can
    be read, nor of one that has the marks of answers (JSON, lists, `Image 1: ...`).
    """
    reply = spoken(text)
    return is_refusal(reply) and _ANSWER.search(reply) is None
