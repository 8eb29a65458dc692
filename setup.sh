#!/usr/bin/env bash
#
# Installs what pagereel needs to build, run and test on Debian 12 or Ubuntu.
# Elsewhere it says what to install. Safe to run again: what is there stays as it is.
#
#   ./setup.sh             everything, the tests' needs included (the same as --test)
#   ./setup.sh --run-only  only what building and rendering need

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

build_packages=(
  build-essential ca-certificates clang libclang-dev pkg-config
  libavcodec-dev libavdevice-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev
)
run_packages=(xvfb fonts-dejavu-core fonts-liberation fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji)
browser_packages=(chromium-headless-shell chromium) # Ubuntu has neither as a package
test_packages=(ffmpeg mediainfo mkvtoolnix sox gifsicle pngcheck webp) # independent judges of our files

libraries=(libavcodec libavformat libavutil libswresample libswscale)

# What fixtures load from npm packages: file in node_modules, fixtures that use it.
vendor_files=(
  "gsap/dist/gsap.min.js gsap gsap-500 gsap-late gsap-letters gsap-nested kinetic-text nested shadow-dom text-grid transitions transitions-library"
  "@hyperframes/shader-transitions/dist/index.global.js transitions-library"
  "animejs/dist/bundles/anime.umd.min.js anime4"
  "animejs3/lib/anime.min.js anime3"
  "lottie-web/build/player/lottie_svg.min.js lottie-svg"
  "lottie-web/build/player/lottie_canvas.min.js lottie-canvas"
  "@lottiefiles/dotlottie-web/dist/index.js dotlottie"
  "@lottiefiles/dotlottie-web/dist/dotlottie-player.wasm dotlottie"
  "three/build/three.module.js three-clock three-mixer three-seek webgl-three"
  "three/build/three.core.js three-clock three-mixer three-seek webgl-three"
  "d3/dist/d3.min.js d3"
  "leaflet/dist/leaflet.js leaflet"
  "leaflet/dist/leaflet.css leaflet"
  "vue/dist/vue.global.prod.js libraries"
  "fabric/dist/index.min.js libraries"
  "pixi.js/dist/pixi.min.js libraries"
  "p5/lib/p5.min.js libraries"
  "konva/konva.min.js libraries"
)

usage() {
  sed -n '3,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

say() { printf 'setup: %s\n' "$*" >&2; }

problems=0
problem() {
  say "$@"
  problems=$((problems + 1))
}

have() { command -v "$1" >/dev/null 2>&1; }

find_chrome() {
  local name
  if [[ -n "${PAGEREEL_CHROME:-}" ]]; then
    command -v "$PAGEREEL_CHROME" && return
  fi
  for name in chromium-headless-shell chrome-headless-shell chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
    command -v "$name" && return
  done
  return 1
}

installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# Whether apt knows a version of the package to install.
available() {
  local candidate
  candidate=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p')
  [[ -n "$candidate" && "$candidate" != "(none)" ]]
}

apt() {
  local as_root=()
  if [[ $EUID -ne 0 ]]; then as_root=(sudo); fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >&2
}

install_with_apt() {
  local package wanted=() browsers=() absent=()
  for package in "${build_packages[@]}" "${run_packages[@]}"; do
    installed "$package" || wanted+=("$package")
  done
  if $for_tests; then
    for package in "${test_packages[@]}"; do
      installed "$package" || wanted+=("$package")
    done
    have npm || wanted+=(nodejs npm)
  fi
  for package in "${browser_packages[@]}"; do
    installed "$package" || browsers+=("$package")
  done

  # A browser package that apt has never heard of is no reason to ask again, as long as there is a browser.
  local ask=${#wanted[@]}
  for package in "${browsers[@]}"; do
    if available "$package" || ! find_chrome >/dev/null; then ask=1; fi
  done
  if [[ $ask -gt 0 ]]; then
    if [[ $EUID -ne 0 ]] && ! have sudo; then
      say "packages are missing, and neither root nor sudo is at hand; as root, run:"
      say "apt-get update && apt-get install --no-install-recommends ${wanted[*]} ${browsers[*]}"
      exit 1
    fi
    apt update || say "apt-get update failed; going on with the package lists that are here"
    for package in "${browsers[@]}"; do
      if available "$package"; then wanted+=("$package"); else absent+=("$package"); fi
    done
    if [[ ${#wanted[@]} -gt 0 ]]; then
      say "installing ${wanted[*]}"
      apt install -y --no-install-recommends "${wanted[@]}"
    fi
  fi

  if [[ ${#absent[@]} -gt 0 ]]; then
    say "this system has no package ${absent[*]}; going on without"
  fi
}

explain_other_systems() {
  cat >&2 <<'TEXT'
setup: no apt-get here, so nothing is installed for you. What pagereel needs:

  Fedora  sudo dnf install gcc clang clang-devel pkgconf-pkg-config ffmpeg-devel ffmpeg \
            chromium chromium-headless xorg-x11-server-Xvfb dejavu-sans-fonts liberation-fonts \
            google-noto-sans-fonts google-noto-sans-cjk-fonts google-noto-color-emoji-fonts nodejs-npm
          (ffmpeg and ffmpeg-devel come from RPM Fusion; Fedora's own ffmpeg-free has no x264)
  Arch    sudo pacman -S --needed base-devel clang pkgconf ffmpeg chromium xorg-server-xvfb \
            ttf-dejavu ttf-liberation noto-fonts noto-fonts-cjk noto-fonts-emoji nodejs npm
  macOS   xcode-select --install; brew install pkgconf llvm ffmpeg node; brew install --cask google-chrome

TEXT
}

check_libraries() {
  if ! have pkg-config; then
    problem "pkg-config is missing"
  elif ! pkg-config --exists "${libraries[@]}"; then
    problem "the libav development files are missing: pkg-config does not find all of ${libraries[*]}"
  fi
}

check_chrome() {
  local chrome
  if chrome=$(find_chrome); then
    say "browser: $chrome"
  else
    problem "no Chrome or Chromium: install one (on Ubuntu, Google's own package or the chromium snap)," \
      "or name its program in PAGEREEL_CHROME"
  fi
}

check_rust() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml)
  wanted=${wanted:-1.90}
  if ! have cargo || ! have rustc; then
    if [[ -x "${HOME:-}/.cargo/bin/cargo" ]]; then
      problem "cargo is in ~/.cargo/bin, which is not in PATH; run: . ~/.cargo/env"
    else
      problem "cargo is missing: install Rust $wanted or newer with rustup (https://rustup.rs); Debian's own rustc is too old"
    fi
    return
  fi
  found=$(rustc --version | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
  if [[ -z "$found" ]]; then
    problem "rustc does not tell its version; is a toolchain installed? (rustup default stable)"
  elif [[ "${found%%.*}" -lt "${wanted%%.*}" ||
    ("${found%%.*}" -eq "${wanted%%.*}" && "$(minor "$found")" -lt "$(minor "$wanted")") ]]; then
    problem "Rust $found is too old, $wanted is needed: run rustup update, or install Rust with rustup (https://rustup.rs)"
  fi
}

minor() {
  local rest=${1#*.}
  printf '%s\n' "${rest%%.*}"
}

install_fixtures() {
  local entry source fixture target fixtures
  if ! have npm; then
    problem "npm is missing: the fixtures that use npm packages will not render (--run-only does without them)"
    return
  fi
  # npm writes its own copy of the lock file last: older or absent means unfinished or out of date.
  if [[ ! -f fixtures/node_modules/.package-lock.json || \
    fixtures/node_modules/.package-lock.json -ot fixtures/package-lock.json ]]; then
    say "installing the fixtures' npm packages"
    if ! (cd fixtures && npm ci --ignore-scripts --no-audit --no-fund >&2); then
      problem "npm ci failed in fixtures/: the fixtures that use npm packages will not render (--run-only does without them)"
      return
    fi
    touch fixtures/node_modules/.package-lock.json
  fi
  # A composition is served from its own directory only, so each gets its copy.
  for entry in "${vendor_files[@]}"; do
    read -r source fixtures <<<"$entry"
    for fixture in $fixtures; do
      target="fixtures/$fixture/vendor/$(basename "$source")"
      if ! cmp -s "fixtures/node_modules/$source" "$target"; then
        mkdir -p "$(dirname "$target")"
        cp "fixtures/node_modules/$source" "$target"
      fi
    done
  done
  # React comes in modules only.
  source=fixtures/libraries/react.jsx target=fixtures/libraries/vendor/react.js
  if [[ ! -f $target || $target -ot $source || $target -ot fixtures/package-lock.json ]]; then
    if ! fixtures/node_modules/.bin/esbuild "$source" --bundle --minify --log-level=error \
      '--define:process.env.NODE_ENV="production"' "--outfile=$target" >&2; then
      problem "esbuild failed: fixtures/libraries/react.html will not render (--run-only does without it)"
    fi
  fi
}

for_tests=true
for argument in "$@"; do
  case "$argument" in
    --test) for_tests=true ;;
    --run-only) for_tests=false ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      say "unknown argument $argument"
      usage >&2
      exit 2
      ;;
  esac
done

if have apt-get && have dpkg-query; then
  install_with_apt
  check_libraries
  check_chrome
else
  check_libraries
  check_chrome
  if $for_tests && ! have ffmpeg; then problem "ffmpeg, the program, is missing: the tests judge our files with it"; fi
  if [[ $problems -gt 0 ]]; then explain_other_systems; fi
fi
if $for_tests; then install_fixtures; fi
check_rust

if [[ $problems -gt 0 ]]; then
  say "not ready: see above"
  exit 1
fi
say "ready. Try: cargo run --release -- fixtures/title-card/job.json"
