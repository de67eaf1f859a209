"""What every app stands on: errors, Redis, databases, views, metrics, logging. It knows no app."""
