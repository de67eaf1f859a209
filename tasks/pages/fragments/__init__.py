"""What live pages show: values, the parts of HTML that show them, and what of that has changed."""
