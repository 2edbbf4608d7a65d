"""Hugging Face models on torch. Nothing here is imported before such a model is asked for."""
