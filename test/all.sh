#!/bin/bash
# Everything: build, types, lint, and the tests of all projects. As root on Debian it installs what the
# native library and the system tests need; elsewhere, tests that lack something are skipped by name.
#
#   WG_TS_REQUIRE_SYSTEM=1  a skipped test is a failure
#   WG_TS_SKIP_LONG=1       leave out the tests that take minutes
#
# The last line is `N passed, N failed, N skipped`.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$PATH:/usr/sbin:/sbin"

programs=(wireguard-go wg wg-quick iperf3 ping nft iptables tcpdump ip nstat sysctl setpriv tmux gcc clang)
# Shells with completion, and programs that read manual pages and units.
programs+=(zsh fish groff mandoc systemd-analyze)
# Programs that run Windows code, on x86-64 only.
windows_programs=(wine x86_64-w64-mingw32-gcc)
windows_packages=(wine wine64 gcc-mingw-w64-x86-64)
# Programs that compile a release for the other machines, and run it.
release_programs=(musl-gcc aarch64-linux-gnu-gcc qemu-aarch64)
release_packages=(musl-tools gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
if [ "$(uname -m)" = x86_64 ]; then programs+=("${windows_programs[@]}" "${release_programs[@]}"); fi
packages=(
  wireguard-go wireguard-tools iperf3 iputils-ping nftables iptables tcpdump iproute2 procps util-linux tmux
  gcc clang libc6-dev zsh fish groff mandoc systemd android-libboringssl
)
if [ "$(uname -m)" = x86_64 ]; then packages+=("${windows_packages[@]}" "${release_packages[@]}"); fi

has_sanitizers() {
  local runtimes
  runtimes=$(clang -print-resource-dir 2>/dev/null) || return 1
  compgen -G "$runtimes/lib/*/libclang_rt.fuzzer*" >/dev/null
}

# Electron has it in place of OpenSSL.
has_boringssl() {
  compgen -G '/usr/lib/*/android/libcrypto.so.0' >/dev/null
}

lacks_programs() {
  local program
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || return 0
  done
  ! has_sanitizers || ! has_boringssl
}

install() {
  apt-get install -q -y --no-install-recommends "$@" </dev/null
}

# Debian names the package after clang's version; the name without a version is newer.
install_sanitizers() {
  has_sanitizers && return 0
  local version
  version=$(clang -dumpversion | cut -d. -f1)
  install "libclang-rt-$version-dev" || install libclang-rt-dev
}

install_programs() {
  lacks_programs || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo 'all.sh: not root on Debian; tests that lack a program are skipped'
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q </dev/null && install "${packages[@]}" && install_sanitizers; } ||
    echo 'all.sh: apt-get failed; tests that lack a program are skipped'
}

failed=0
step() {
  echo "== $*"
  "$@" </dev/null || { failed=1; echo "== failed: $*"; }
}

reports=$(mktemp -d)
beside=
# What runs beside is a process group of its own, which an interrupt of this script does not reach.
end() {
  [ -z "$beside" ] || kill -TERM -- "-$beside" 2>/dev/null
  rm -rf "$reports"
}
trap end EXIT
trap 'exit 130' INT TERM

run_project() {
  step npx vitest run --project "$1" --reporter=default --reporter=json \
    --outputFile.json="$reports/$1"
}

# `npm run build` only tries this; where there is a compiler, it must succeed.
build_native() {
  if [ "$(uname)" = Linux ] && command -v cc gcc clang >/dev/null; then
    step npm run build:native
  else
    echo 'all.sh: no C compiler, or not Linux; tests of the native data plane are skipped'
  fi
}

# A short run; `npm run fuzz -- --seconds 600` is a long one.
fuzz() {
  if command -v clang >/dev/null && has_sanitizers; then
    step npm run fuzz -- --seconds 15
  elif [ -n "${WG_TS_REQUIRE_SYSTEM:-}" ]; then
    step false 'no clang with libFuzzer'
  else
    echo 'all.sh: no clang with libFuzzer; the native library is not fuzzed'
  fi
}

# What computes goes in a row; what mostly waits runs beside it, and is printed at the end.
checks() {
  step npm run check
  step npm run check:package
  step npm run check:api
  step npm run docs
}

computing() {
  checks
  run_project core
  run_project program
  run_project install
  run_project wine
  step node test/sanitize.mjs "$reports/sanitized"
  fuzz
}

waiting() {
  run_project netns-native
  run_project netns-portable
  [ -n "${WG_TS_SKIP_LONG:-}" ] || run_project soak
}

projects=(core program install wine netns-native netns-portable)
[ -n "${WG_TS_SKIP_LONG:-}" ] || projects+=(soak)

install_programs
step npm run build
build_native
set -m
waiting >"$reports/waiting.txt" 2>&1 &
beside=$!
set +m
computing
wait "$beside"
beside=
cat "$reports/waiting.txt"
! grep -q '^== failed' "$reports/waiting.txt" || failed=1
shopt -s nullglob
sanitized=("$reports"/sanitized-*)

node test/total.mjs "${projects[@]/#/$reports/}" "${sanitized[@]}" || failed=1
exit "$failed"
