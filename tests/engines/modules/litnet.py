"""The network of the textbooks, as their readers have it."""

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn

MODALITIES = ("image",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


class LitNet(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(28 * 28, 128)
        self.layer_2 = nn.Linear(128, 10)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = F.relu(self.layer_1(x))
        return self.layer_2(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def build(data, options):
    return LitNet()
