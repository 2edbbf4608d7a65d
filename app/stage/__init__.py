"""A picture of chosen views for an audience: presented on a screen, or rendered into a clip."""
