"""One machine alone: an embedded Redis and the processes of `retarget serve`."""
