"""HTTP routes, one file a kind of user. Thin: they translate, the rooms decide."""
