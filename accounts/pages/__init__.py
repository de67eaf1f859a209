"""The pages of accounts: they translate, services decide."""
