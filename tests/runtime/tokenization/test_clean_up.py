from convbert_onnx.runtime.tokenization.clean_up import clean_up_tokenization


def test_blanks_before_punctuation_and_contractions_are_removed() -> None:
    assert clean_up_tokenization("it is , or is n't ? yes ! .") == "it is, or isn't? yes!."
    assert clean_up_tokenization("i 'm , it 's , we 've , they 're") == "i'm, it's, we've, they're"
    assert clean_up_tokenization("the dust ' s path") == "the dust's path"


def test_other_blanks_stay() -> None:
    text = "a  b : c ; ( d ) do not 'll"
    assert clean_up_tokenization(text) == text
