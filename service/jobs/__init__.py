"""Jobs: record (schemas, store, scripts), way to a worker (queue), HTTP face (endpoints), end (retention)."""
