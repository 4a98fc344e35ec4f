"""Problems: what is learnt, its loss and its predictions."""
