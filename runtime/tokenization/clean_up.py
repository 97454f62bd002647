"""Clean-up of decoded text: blanks before punctuation and English contractions."""

__all__ = ["clean_up_tokenization"]

_REPLACEMENTS = {
    " .": ".",
    " ?": "?",
    " !": "!",
    " ,": ",",
    " ' ": "'",
    " n't": "n't",
    " 'm": "'m",
    " 's": "'s",
    " 've": "'ve",
    " 're": "'re",
}


def clean_up_tokenization(text: str) -> str:
    """Remove the blanks that joining tokens leaves before punctuation and English contractions."""
    for spaced, joined in _REPLACEMENTS.items():
        text = text.replace(spaced, joined)
    return text
