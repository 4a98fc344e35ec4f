"""Pretrained: the parts that models built on Transformers share: options, weights, tokenizers, encoders, training."""
