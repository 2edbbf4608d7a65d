"""Model backends behind one Protocol; each imports its library only when a model is loaded."""
