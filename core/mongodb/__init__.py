"""What third-party apps need on MongoDB: keys that it can generate, and migrations with them."""
