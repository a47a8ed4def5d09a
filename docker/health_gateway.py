"""Health of a gateway container: 0 if /healthz answers 200 on this machine within 3 s."""

import os
import sys
import urllib.request

address = f"http://127.0.0.1:{os.environ.get('RETARGET_PORT', '8000')}/healthz"
try:
    with urllib.request.urlopen(address, timeout=3.0) as answer:
        healthy = answer.status == 200
except OSError as error:
    print(f"{address}: {error}", file=sys.stderr)
    healthy = False
sys.exit(0 if healthy else 1)
