"""Sample text to compare two files on without labelled data, written for this project."""

__all__ = ["QUESTIONS", "SENTENCES"]

_RIVER = (
    "The river rises in the hills above Karlsfeld, where three springs meet beneath an old stone bridge. For the "
    "first forty kilometres it runs north through narrow valleys, and mills that once ground rye still stand "
    "along its banks. Below Ebersbach it widens. Barges carried timber and slate from here until 1926, when the "
    "railway reached the town and most of the boatmen found work in its yards. Today the towpath is used by "
    "cyclists, and the Hydrology Office measures the water every six hours, because a flood in March 1983 rose "
    "four metres within a single night."
)
_CLOCK = (
    "Anna Lindqvist repaired clocks in Uppsala for fifty-two years. She learned the trade from her uncle, a quiet "
    "man who kept his tools in cigar boxes, and opened a shop of her own opposite the university library in 1948. "
    "Professors brought her their pocket watches; students came to keep warm. When the city asked her to mend the "
    "astronomical clock in the cathedral, which had not struck since a lightning storm, she refused to be paid. "
    "The repair took eleven months, and required a brass wheel that she cut by hand after two workshops in "
    "Stockholm had failed to match it."
)
_BREAD = (
    "Bread rises because yeast turns sugar into carbon dioxide, and gluten holds the gas. Kneading lines up the "
    "protein, so that the dough becomes elastic; salt slows the yeast and tightens the dough. Bakers at Green "
    "Street Bakery let theirs rest overnight at five degrees, which gives acids time to form and makes the crust "
    "darker. Too warm a room ruins it: on hot days the second batch is mixed with ice. A loaf is done when the "
    "middle reaches ninety-six degrees."
)

QUESTIONS = (
    ("Where does the river rise?", _RIVER),
    ("What did barges carry?", _RIVER),
    ("When did the railway reach the town?", _RIVER),
    ("Who measures the water?", _RIVER),
    ("How far did the flood rise in one night?", _RIVER),
    ("What stands along the banks of the river?", _RIVER),
    ("Who repaired clocks in Uppsala?", _CLOCK),
    ("Where did her uncle keep his tools?", _CLOCK),
    ("When did she open her own shop?", _CLOCK),
    ("How long did the repair take?", _CLOCK),
    ("Why had the clock not struck?", _CLOCK),
    ("What did she cut by hand?", _CLOCK),
    ("Why does bread rise?", _BREAD),
    ("What slows the yeast?", _BREAD),
    ("What is mixed into the dough on hot days?", _BREAD),
    ("How hot is the middle of a loaf that is done?", _BREAD),
)
"""Questions with the text that contains the answer."""

SENTENCES = tuple(
    sentence if sentence.endswith(".") else f"{sentence}."
    for text in (_RIVER, _CLOCK, _BREAD)
    for sentence in text.split(". ")
)
"""Sentences of different lengths."""
