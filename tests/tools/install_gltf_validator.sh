#!/usr/bin/env bash
# Installs the pinned Khronos glTF validator (npm) for the tests into .venv/gltf-validator; does nothing if it is there.
set -euo pipefail
version="2.0.0-dev.3.10"
root="$(cd "$(dirname "$0")/../.." && pwd)"
folder="${1:-$root/.venv/gltf-validator}"
manifest="$folder/node_modules/gltf-validator/package.json"
if [ -f "$manifest" ] && grep -q "\"version\": \"$version\"" "$manifest"; then
  exit 0
fi
command -v npm >/dev/null || { echo "gltf-validator: npm is missing; install Node.js to check results with it" >&2; exit 1; }
mkdir -p "$folder"
npm install --prefix "$folder" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "gltf-validator@$version"
