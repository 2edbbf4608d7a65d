"""Drafters: each proposes tokens and hands over the very distribution that it drew them from."""
