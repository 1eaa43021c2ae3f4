#!/bin/sh
# Refreshes static/vendor from npm, at the versions that package.json and
# package-lock.json pin. The page itself has no build step: what is copied here
# is what browsers load, with its licence beside it.
set -eu
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp package.json package-lock.json "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
mods=$work/node_modules
out=$here/static/vendor
rm -rf "$out"
mkdir -p "$out/highlight"

# A source map would be asked for by open developer tools and is not shipped.
plain() { sed -e '/^\/\/# sourceMappingURL=/d' "$1"; }

plain "$mods/preact/dist/preact.mjs" >"$out/preact.js"
# Without a bundler or an inline import map, which the content security policy
# forbids, a bare specifier cannot be resolved.
plain "$mods/preact/hooks/dist/hooks.mjs" | sed -e 's#from"preact"#from"./preact.js"#' >"$out/preact-hooks.js"
cp "$mods/preact/LICENSE" "$out/preact.LICENSE"

plain "$mods/htm/dist/htm.mjs" >"$out/htm.js"
cp "$mods/htm/LICENSE" "$out/htm.LICENSE"

hljs=$mods/@highlightjs/cdn-assets
cp "$hljs/es/core.min.js" "$out/highlight/core.js"
for lang in css graphql javascript json xml yaml; do
    cp "$hljs/es/languages/$lang.min.js" "$out/highlight/$lang.js"
done
cp "$hljs/LICENSE" "$out/highlight/LICENSE"

if grep -rlE '(\}from|^import) ?"[^./]' "$out" --include='*.js'; then
    echo "vendor.sh: the files above import a bare specifier, which browsers cannot resolve" >&2
    exit 1
fi
