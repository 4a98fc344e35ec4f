"""Attribution: what of an input moved a network's output, by Captum's methods, and how far to trust the answer."""
