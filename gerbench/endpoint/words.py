"""A small, honest scorer of texts: it counts words of feeling and minds negation.

The lexicon is written by hand and fitted to nothing. It knows no irony, no context and no
language but English; a text without any of its words says nothing.
"""

import re

from gerbench.endpoint.emotions import OUTPUTS, Feelings

LEXICON = {
    "happy": """
        adorable amazing amused awesome beautiful best better bless blessed bliss brilliant
        celebrate celebrated celebrating charming cheer cheerful cheers comfortable congrats
        congratulations cool cute delicious delight delighted delightful easy elegant enjoy
        enjoyable enjoyed enjoying excellent excited exciting fab fabulous fantastic favorite
        favourite fine friendly fun funny generous gift glad good gorgeous grateful great haha
        happier happiest happily happiness happy healthy helpful hilarious honest hope hopeful
        hug hugs impressive inspiring joy joyful keen kind kiss laugh laughed laughing laughter
        lol love loved lovely loves loving luck lucky magnificent marvellous marvelous nice
        optimistic outstanding paradise peaceful perfect perfectly pleasant pleased pleasure
        positive pretty proud recommend refreshing relaxed relaxing relief remarkable reward
        safe satisfied smart smile smiled smiles smiling splendid strong stunning succeed
        success successful sunny super superb support sweet talented terrific thank thankful
        thanks thrilled treasure treat triumph victory warm welcome well win winner winning wins
        won wonderful worth worthy yay yummy""",
    "sad": """
        abandoned alone bad bereaved boring broke broken cancelled cried cries cry crying dead
        death depressed depressing despair died disappointed disappointing disappointment dull
        empty exhausted fail failed failing failure fault funeral gloomy goodbye grief grieving
        heartbroken helpless homeless homesick hopeless hurt hurts ill injured lack lonely lose
        losing loss lost lousy melancholy miserable miss missed missing mourn mourning negative
        pain painful pathetic pity pointless poor regret rip sad sadly sadness sick sob sorrow
        sorry sucks suffer suffered suffering tears terrible tired tragedy tragic unfortunate
        unfortunately unhappy unlucky upset useless weak weep weeping worse worst""",
    "angry": """
        abuse angry annoyed annoying argue argued argument attack attacked banned blame bully
        cheat cheated corrupt cruel damn enemy evil fight fighting frustrated frustrating
        frustration furious hate hated hates hating hatred hell horrible hostile idiot idiotic
        idiots ignorant insult insulting irritated irritating jerk liar liars lie lied lies
        lying mad moron outrage outraged outrageous protest rage rant rude ruin ruined scam
        shame shout shouted stole stolen stupid unacceptable unfair violence violent wrong wtf
        yell yelled""",
    "disgust": """
        appalling awful creepy dirty disgrace disgraceful disgusted disgusting dreadful filth
        filthy foul garbage gross gruesome nasty nausea nauseating obscene offensive puke
        repulsive revolting rotten rubbish sickening sleazy slimy smelly stink stinks stinky
        toxic trash ugh ugly vile vomit yuck yucky""",
    "fear": """
        afraid alarm alarmed alarming anxiety anxious bomb crisis danger dangerous disaster
        dread emergency fear fearful fears frightened frightening ghost horrified horror murder
        nervous nightmare panic paranoid petrified risk risky scare scared scary scream
        screaming shaking terrified terrifying terror terrorist terrorists threat threatened
        threatening trembling unsafe victim warning worried worries worry worrying""",
    "surprise": """
        astonished astonishing astounding gosh incredible omg shock shocked shocking speechless
        stunned sudden suddenly surprise surprised surprising unbelievable unexpected
        unexpectedly whoa woah wow""",
}
SIGNS = {
    "happy": ":) :-) ;) <3 😀 😃 😄 😊 😍 😂 🙂 ❤ 🎉",
    "sad": ":( :-( :'( 😢 😭 😞 😔 💔 🙁",
    "angry": ">:( 😠 😡 🤬",
    "disgust": "🤢 🤮",
    "fear": "😨 😱 😰",
    "surprise": "😮 😲 😯",
}
NEGATIONS = """
    no not never none nobody nothing neither nor cannot without hardly barely ain't don't dont
    doesn't didn't isn't aren't wasn't weren't won't can't cant couldn't shouldn't wouldn't
    haven't hasn't hadn't"""
STRONGER = "very so really extremely absolutely totally completely such too incredibly"
STOPS = frozenset(".!?;,")
REACH = 3
"""A negation turns the next words of feeling this many words on."""

NEGATIVE_TURNED = {"happy": 0.5, "neutral": 0.5}
TURNED = {
    "happy": {"sad": 0.6, "angry": 0.4},
    "surprise": {"neutral": 1.0},
    "sad": NEGATIVE_TURNED,
    "angry": NEGATIVE_TURNED,
    "disgust": NEGATIVE_TURNED,
    "fear": NEGATIVE_TURNED,
}
"""What the negation of a feeling says."""

FEELING_OF = {word: name for name, words in LEXICON.items() for word in words.split()}
SIGN_OF = {sign: name for name, signs in SIGNS.items() for sign in signs.split()}
NEGATES = frozenset(NEGATIONS.split())
STRENGTHENS = frozenset(STRONGER.split())
CURLY_APOSTROPHE = "\u2019"

PIECE = re.compile(
    "|".join(re.escape(sign) for sign in sorted(SIGN_OF, key=len, reverse=True))
    + r"|[a-z]+(?:'[a-z]+)?|[.!?;,]"
)


def feelings_of(text: str) -> Feelings | None:
    """Return what a text says in the network's seven outputs, or None if it says nothing."""
    shares = dict.fromkeys(OUTPUTS, 0.0)
    since_negation, strength = REACH + 1, 1.0
    for piece in PIECE.findall(text.casefold().replace(CURLY_APOSTROPHE, "'")):
        since_negation += 1
        if piece in NEGATES:
            since_negation = 0
        elif piece in STRENGTHENS:
            strength = 1.5
            since_negation -= 1
        elif piece in STOPS:
            since_negation = REACH + 1
        else:
            turned = since_negation <= REACH and piece not in SIGN_OF
            for name, weight in meaning_of(piece, turned=turned).items():
                shares[name] += strength * weight
            strength = 1.0
    total = sum(shares.values())
    if total == 0:
        return None
    return tuple(shares[name] / total for name in OUTPUTS)


def meaning_of(piece: str, *, turned: bool) -> dict[str, float]:
    """Return the outputs a word or sign stands for, after a negation or without one."""
    name = SIGN_OF.get(piece) or FEELING_OF.get(piece)
    if name is None:
        return {}
    return TURNED[name] if turned else {name: 1.0}
