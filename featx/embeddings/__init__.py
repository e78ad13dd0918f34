"""Stage one: frozen backbones turn images into embeddings, cached by content."""
