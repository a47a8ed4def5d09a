"""What every endpoint shares: errors, problem documents, headers, OpenAPI."""
