"""Numbers from tidy tables of scores: what can be said of optimizers, and how surely."""
