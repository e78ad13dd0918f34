"""Training Keras models by epochs, for networks from scratch and fine-tuning alike."""
