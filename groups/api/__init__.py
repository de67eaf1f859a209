"""The REST addresses of groups and of the ways into them: they translate, services decide."""
