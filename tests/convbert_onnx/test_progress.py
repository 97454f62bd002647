from convbert_onnx.progress import Steps


def test_steps_counts_and_reports_each_step_before_it_begins() -> None:
    reports: list[tuple[str, int, int]] = []
    steps = Steps(lambda *report: reports.append(report), 3)
    steps.begin("reading")
    steps.begin("writing")
    steps.begin("writing")
    steps.finish("writing")
    assert reports == [("reading", 0, 3), ("writing", 1, 3), ("writing", 2, 3), ("writing", 3, 3)]


def test_remaining_reports_the_steps_of_a_nested_operation() -> None:
    reports: list[tuple[str, int, int]] = []
    steps = Steps(lambda *report: reports.append(report), 3)
    steps.begin("exporting")
    nested = Steps(steps.remaining, 2)
    nested.begin("quantizing")
    nested.begin("comparing")
    nested.finish("comparing")
    assert reports == [("exporting", 0, 3), ("quantizing", 1, 3), ("comparing", 2, 3), ("comparing", 3, 3)]
