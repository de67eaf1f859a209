"""Below /api/: JSON in and out."""
