"""What users script against: errors, options, definitions, roles."""
