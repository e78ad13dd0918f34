"""What the tables of a run's page say of test images."""

from featx.reports.run.shown_images import shown_images


def test_rows_keep_their_order_and_say_what_was_predicted(make_run):
    run = make_run(12)
    found = run.predictions()
    shown = shown_images(run, found, [2, 0])
    assert [one["path"] for one in shown] == [found.paths[2], found.paths[0]]
    assert [one["true"] for one in shown] == [found.labels[2], found.labels[0]]
    assert shown[0]["predicted"] == found.predicted[2]
    # There are no files of these images.
    assert shown[0]["picture"] == ""
