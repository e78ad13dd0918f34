"""Stage three: a head behind its backbones as one Keras model, trained on."""
