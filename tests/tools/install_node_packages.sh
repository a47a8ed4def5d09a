#!/usr/bin/env bash
# Installs the pinned npm packages that results are checked with into .venv: the Khronos glTF validator
# (gltf-validator) and a second reader of FBX (three). Each in a folder of its own name; does nothing where it is there.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
command -v npm >/dev/null || { echo "npm is missing; install Node.js to check results with its packages" >&2; exit 1; }
while read -r name version; do
  folder="$root/.venv/$name"
  manifest="$folder/node_modules/$name/package.json"
  if [ -f "$manifest" ] && grep -q "\"version\": \"$version\"" "$manifest"; then
    continue
  fi
  mkdir -p "$folder"
  npm install --prefix "$folder" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "$name@$version" </dev/null
done <<'PACKAGES'
gltf-validator 2.0.0-dev.3.10
three 0.187.0
axe-core 4.14.1
PACKAGES
