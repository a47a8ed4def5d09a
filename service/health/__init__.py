"""Health of the gateway: is it alive, can it do its work."""
