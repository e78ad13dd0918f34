"""How a folder says which image belongs to which class."""
