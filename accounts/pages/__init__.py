"""The pages of accounts. They translate between forms and services; services decide."""
