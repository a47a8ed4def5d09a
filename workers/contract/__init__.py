"""What users script against: errors, options, definitions, roles, and the version of the results."""
