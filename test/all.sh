#!/bin/bash
# Everything: build, types, lint, and the tests of all three projects. As root on Debian it installs
# what the system tests need; elsewhere those that lack something are skipped by name.
#
#   WG_TS_REQUIRE_SYSTEM=1  a skipped test is a failure
#   WG_TS_SKIP_LONG=1       leave out the tests that take minutes
#
# The last line is `N passed, N failed, N skipped`.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$PATH:/usr/sbin:/sbin"

programs=(wireguard-go wg wg-quick iperf3 ping nft iptables tcpdump ip sysctl setpriv)
packages=(wireguard-go wireguard-tools iperf3 iputils-ping nftables iptables tcpdump iproute2 procps util-linux)

lacks_programs() {
  local program
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || return 0
  done
  return 1
}

install_programs() {
  lacks_programs || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo 'all.sh: not root on Debian; tests that lack a program are skipped'
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -q -y --no-install-recommends "${packages[@]}"; } </dev/null ||
    echo 'all.sh: apt-get failed; tests that lack a program are skipped'
}

failed=0
step() {
  echo "== $*"
  "$@" </dev/null || { failed=1; echo "== failed: $*"; }
}

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

projects=(unit system)
[ -n "${WG_TS_SKIP_LONG:-}" ] || projects+=(long)

run_project() {
  step npx vitest run --project "$1" --reporter=default --reporter=json \
    --outputFile.json="$reports/$1"
}

install_programs
step npm run build
step npm run check
for project in "${projects[@]}"; do run_project "$project"; done

node test/total.mjs "${projects[@]/#/$reports/}" || failed=1
exit "$failed"
