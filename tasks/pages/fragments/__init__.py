"""Fragments of live pages: values, the HTML that shows them, and what of that has changed."""
