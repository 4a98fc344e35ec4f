"""Pretrained: what the models built on Transformers share, from where weights come from to what is trained of them."""
