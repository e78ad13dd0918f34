"""An image set's inspection: its facts as JSON, its figures and its page."""
