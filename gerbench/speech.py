"""What people in the drawn videos say: short utterances for each expression, of our own writing.

They are written as somebody might say them, with no eye on any word list. Each line is one
situation; who is spoken of, and when it was, vary.
"""

import csv
from itertools import product
from pathlib import Path

import numpy as np

from gerbench.clips import clip_name
from gerbench.faces import EXPRESSIONS

MANIFEST = "manifest.csv"

WHO = (
    "my sister", "our neighbour", "the new manager", "a friend of mine", "my flatmate",
    "the coach",
)  # fmt: skip
WHEN = (
    "this morning", "last night", "on Monday", "after lunch", "yesterday evening",
    "at the weekend",
)  # fmt: skip

LINES = {
    "anger": (
        "I told {who} not to touch my desk, and {when} everything was turned over again!",
        "How dare {who} shout at me like that {when}, in front of everybody?",
        "I have had enough: {when} {who} took the credit for my work once more.",
        "Do not tell me to calm down; {when} {who} lied straight to my face.",
        "They cancelled without a word {when}, and {who} calls it a misunderstanding!",
        "I am furious with {who}; {when} I was left waiting for two hours.",
        "Who gave {who} the right to open my mail {when}?",
        "It is outrageous what {who} charged me {when} for doing nothing at all.",
        "Get out of my way; what {who} did {when} is not over yet!",
        "{When} {who} scratched my car and just drove off, what a nerve!",
        "I hate it when {who} talks over me, and {when} it was every single sentence.",
        "No, I will not apologise: {when} {who} broke the deal, not me.",
    ),
    "disgust": (
        "Ugh, {when} {who} left the milk out and there were maggots in it.",
        "The smell in the kitchen {when} turned my stomach, and {who} kept on eating.",
        "{When} {who} spat on the floor right beside my shoes, how revolting.",
        "I found a nest of hair in the drain {when}; {who} had never cleaned it.",
        "Do not show me that again, {who} sent me the picture {when} and I nearly threw up.",
        "Yuck, {who} wiped the knife on a sock {when} and went on slicing.",
        "There was mould all over the bread {when}, and {who} said to scrape it off.",
        "The bathroom was filthy {when}, I would not touch what {who} had touched.",
        "{When} {who} licked the spoon and put it back in the pot.",
        "It makes me sick how {who} crawled before the boss {when}.",
        "Something was rotting under the sofa {when}; {who} had dropped fish there.",
        "I cannot drink from that glass, {when} {who} kept false teeth in it.",
    ),
    "fear": (
        "Did you hear that? {When} {who} said somebody had been trying the door.",
        "I am scared to go down there alone since {who} saw a light {when}.",
        "Please do not switch off the lamp; {when} {who} heard steps in the attic.",
        "My hands are shaking, {who} should have called {when} and there is no answer.",
        "What if the lump is something bad? {When} {who} told me to see a doctor at once.",
        "A car followed {who} {when}, and now it is parked outside.",
        "I dare not look down; {when} {who} slipped on this very ledge.",
        "Keep still, the dog bit {who} {when} and it is not on a chain.",
        "I am terrified of that exam, {when} even {who} came out as white as a sheet.",
        "The brakes failed {when} while {who} was driving, and we are in the same car.",
        "Somebody was in the house {when}; {who} found the window open.",
        "The water is still rising, {who} barely got out {when}.",
    ),
    "happiness": (
        "Guess what, {when} {who} said yes and we are getting a dog!",
        "{When} {who} made me laugh until I had tears in my eyes.",
        "I got the job! {When} {who} brought a cake to celebrate.",
        "What a lovely surprise, {when} {who} came all the way to see me.",
        "The sun was out {when}, and {who} and I danced by the river.",
        "She is born, she is healthy, and {when} {who} held her for the first time!",
        "We won! {When} {who} scored in the very last minute.",
        "I could hug the whole world, {when} {who} and I made up at last.",
        "Thank you so much, {when} {who} gave me just the book I had wished for.",
        "It was such fun {when}; {who} sang and everybody joined in.",
        "I passed, can you imagine, and {when} {who} was so proud of me.",
        "Home at last: {when} {who} had the fire lit and soup on the table.",
    ),
    "neutral": (
        "{When} {who} moved the printer to the second floor.",
        "The bus takes twenty minutes, as {who} said {when}.",
        "{When} {who} put the keys in the top drawer.",
        "The form has four pages; {who} filled in the first one {when}.",
        "I spoke to {who} {when} about the dates in the calendar.",
        "{When} {who} bought paper, envelopes and a roll of tape.",
        "The meeting is in room twelve, {who} changed it {when}.",
        "According to {who} the parcel was handed in {when}.",
        "{When} {who} painted the shelf grey and the door white.",
        "I usually take the stairs; {when} {who} took them too.",
        "It was eleven degrees {when}, {who} looked it up.",
        "{When} {who} counted the chairs, there are thirty of them.",
    ),
    "sadness": (
        "The house has been so quiet since {who} moved out {when}.",
        "{When} {who} told me that the old dog had to be put to sleep.",
        "I miss my father; {when} {who} found his glasses and I had to sit down.",
        "Nobody came {when}, not even {who}.",
        "I tried so hard, and {when} {who} told me that it was all for nothing.",
        "{When} {who} stayed at the grave until it was dark.",
        "We used to talk every day, and {when} {who} walked past me like a stranger.",
        "They sold the garden where I grew up; {who} handed over the keys {when}.",
        "I cried all the way home {when}, and {who} just drove.",
        "It does not matter any more, {when} {who} said goodbye for good.",
        "I set the table for two again {when}, until {who} reminded me.",
        "My letters came back unopened {when}; {who} had lost hope long before.",
    ),
    "surprise": (
        "Wait, what? {When} {who} came home with a shaved head!",
        "I never saw that coming: {when} {who} turned out to own the whole street.",
        "No way, {who} was on television {when}?",
        "{When} I opened the door and there stood {who} in a full suit of armour!",
        "You are joking, {when} {who} answered the phone in fluent Finnish!",
        "Out of nowhere {who} won the lottery {when}, of all people!",
        "I had no idea of the second staircase until {who} walked out of the wall {when}.",
        "Oh! {When} {who} pulled a live rabbit out of that bag.",
        "Hold on, the shop was gone {when}; {who} and I stood before an empty lot.",
        "Unbelievable, {when} {who} finished the whole marathon without any training.",
        "My jaw dropped {when}, {who} had guessed the number exactly.",
        "Really? {When} {who} sold the boat for ten times the price?",
    ),
}


def utterances_of(expression: str, count: int, seed: int = 0) -> list[str]:
    """Return utterances of one expression; each depends on the seed and its number only.

    The first twelve are twelve situations. They are all different up to 432, then start anew.
    """
    at = list(EXPRESSIONS).index(expression)
    rng = np.random.default_rng((seed, 3, at))
    lines = [_filled(LINES[expression][line]) for line in rng.permutation(len(LINES[expression]))]
    orders = [rng.permutation(len(filled)) for filled in lines]
    return [
        lines[line][orders[line][turn % len(orders[line])]]
        for turn, line in (divmod(number, len(lines)) for number in range(count))
    ]


def write_utterances(folder: Path, per_class: int = 10, seed: int = 0) -> None:
    """Write what is said in each clip of `draw_clips` into `folder/manifest.csv`."""
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        manifest = csv.writer(file)
        manifest.writerow(("name", "label", "text"))
        for expression in EXPRESSIONS:
            for number, text in enumerate(utterances_of(expression, per_class, seed)):
                manifest.writerow((clip_name(expression, number), expression, text))


def _filled(line: str) -> list[str]:
    """Return a line about each person and time."""
    return [
        _capital(line.format(who=who, when=when, When=_capital(when)))
        for who, when in product(WHO, WHEN)
    ]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
