"""The ground of every app: errors, Redis, databases, what views share, counting, logging. It knows
no app.
"""
