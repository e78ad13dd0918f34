"""Training the networks of heads, in a way of its own on each of Keras' backends."""
