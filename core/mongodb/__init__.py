"""What other people's apps need to live on MongoDB: keys that it can make, and migrations with such
keys.
"""
