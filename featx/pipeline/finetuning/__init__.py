"""Stage three: a run fine-tuned, from its head to the run that is written."""
