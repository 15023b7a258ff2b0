#!/bin/sh
# Installs __APP__ for the current user, or removes it again (--uninstall).
#
#   sh install.sh [--version VERSION] [--uninstall] [--help]
#
# The program is a link in ~/.local/bin, or in the folder in __INSTALL_VARIABLE__, to a version in the hidden folder
# .__APP__ there. A download is compared with its SHA-256 and started once before the link changes. A version that still
# runs keeps its file: a frozen program reads its modules from there when it needs them.
# All messages go to stderr. The exit code is 0, or 1 after an error, or 128 plus the number of the signal.

# The braces keep a shell from running half of a download.
{

set -eu

APP='__APP__'
VERSION='__VERSION__'
MANIFEST='__MANIFEST_URL__'
INSTALLER='__INSTALLER_URL__'
GLIBC_FLOOR='__GLIBC_FLOOR__'
MACOS_FLOOR='__MACOS_FLOOR__'
ATTEMPTS=5

# The archives of this version, as published.
read_built_in() {
    url='' size='' sha256=''
    case $platform in
        # __ARCHIVES__
    esac
}

main() {
    action=install wanted=$VERSION
    child='' work='' created='' staged='' is_installed=no
    while [ $# -gt 0 ]; do
        case $1 in
            --version)
                [ $# -gt 1 ] || fail '--version needs a version' "pass one, such as: --version $VERSION"
                wanted=${2#v}
                shift
                ;;
            --version=*) wanted=${1#--version=} wanted=${wanted#v} ;;
            --uninstall) action=uninstall ;;
            -h | --help) action=help ;;
            *) fail "unknown option '$1'" 'the options are --version VERSION, --uninstall and --help' ;;
        esac
        shift
    done
    case $action in
        help) print_help ;;
        install) install_program ;;
        uninstall) uninstall_program ;;
    esac
}

print_help() {
    say "Installs $APP $VERSION, or removes it."
    say ''
    say '  sh install.sh                      install, or upgrade'
    say '  sh install.sh --version VERSION    install another version'
    say '  sh install.sh --uninstall          remove the program; your files stay'
    say ''
    say 'It goes to ~/.local/bin, or to the folder in __INSTALL_VARIABLE__.'
}

install_program() {
    find_folder
    find_platform
    find_programs
    trap clean_up EXIT
    trap 'stop_by 1' HUP
    trap 'stop_by 2' INT
    trap 'stop_by 15' TERM
    create_work_folder
    find_archive

    say "Downloading $APP $wanted for $platform ..."
    download "$url" "$work/archive"
    verify
    unpack
    start_once
    replace

    say "Installed $APP $wanted: $target"
    [ -z "$previous" ] || [ "$previous" = "$printed" ] || say "It replaces: $previous"
    explain_path
}

uninstall_program() {
    find_folder
    [ -e "$target" ] || [ -L "$target" ] ||
        fail "$APP isn't installed in $folder" 'if you installed it elsewhere, set __INSTALL_VARIABLE__ to that folder'
    for installed in "$target" "$store"/*/"$APP"; do
        ! is_running "$installed" || fail "$APP is running" 'end it, then run this again'
    done
    refused=$(rm -rf "$target" "$store" 2>&1) || fail "can't remove $target: $refused" 'remove it as the user who owns it'
    say "Removed $target. Files that $APP created for you are still there."
}

# Sets folder, target, and store, the folder with the versions.
find_folder() {
    folder=${__INSTALL_VARIABLE__:-}
    if [ -z "$folder" ]; then
        [ -n "${HOME:-}" ] || fail 'HOME is not set' 'set __INSTALL_VARIABLE__ to the folder to install into'
        folder=$HOME/.local/bin
    fi
    case $folder in
        /*) ;;
        *) folder=$PWD/$folder ;;
    esac
    case $folder in
        /) ;;
        */) folder=${folder%/} ;;
    esac
    target=$folder/$APP
    store=$folder/.$APP
    [ ! -d "$target" ] || fail "$target is a folder" 'move it elsewhere, or set __INSTALL_VARIABLE__ to another folder'
}

# Sets platform.
find_platform() {
    system=$(uname -s) || fail "can't tell which system this is: uname doesn't work" "repair this system's PATH"
    machine=$(uname -m)
    case $system in
        Linux)
            [ "$(uname -o 2>/dev/null || :)" != Android ] ||
                fail "$APP doesn't run on Android, which has another C library than Linux" 'use a Linux machine'
            case $machine in
                x86_64 | amd64) platform=linux-amd64 ;;
                aarch64 | arm64) platform=linux-arm64 ;;
                *) refuse_platform ;;
            esac
            [ "$(getconf LONG_BIT 2>/dev/null || :)" != 32 ] ||
                fail "this is a 32-bit system on a 64-bit kernel, and $APP is a 64-bit program" 'use a 64-bit system'
            check_glibc
            ;;
        Darwin)
            case $machine in
                arm64) platform=darwin-arm64 ;;
                x86_64)
                    platform=darwin-amd64
                    # A shell under Rosetta says x86_64 on Apple silicon.
                    [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || :)" != 1 ] || platform=darwin-arm64
                    ;;
                *) refuse_platform ;;
            esac
            check_macos
            ;;
        MINGW* | MSYS* | CYGWIN* | Windows*)
            fail 'this script is for Linux and macOS' "on Windows, run in PowerShell: irm ${INSTALLER%.sh}.ps1 | iex"
            ;;
        *) refuse_platform ;;
    esac
}

refuse_platform() {
    fail "$APP isn't built for $system on $machine" 'it runs on Linux and macOS, x86_64 and arm64, and on Windows x86_64'
}

check_glibc() {
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || glibc=''
    glibc=${glibc#glibc }
    if [ -z "$glibc" ]; then
        # musl's loader is its ldd, which prints its name and fails.
        case $(ldd --version 2>&1 || :) in
            *musl*) refuse_musl ;;
            *) ! is_any_file /lib/ld-musl-*.so.1 || refuse_musl ;;
        esac
        return 0
    fi
    [ -n "$GLIBC_FLOOR" ] || return 0
    ! is_below "$glibc" "$GLIBC_FLOOR" ||
        fail "$APP needs glibc $GLIBC_FLOOR or later, and this system has $glibc" 'use a newer release of your Linux'
}

refuse_musl() {
    fail "$APP needs glibc, and this system has musl, as Alpine Linux does" 'use a system or container image with glibc'
}

check_macos() {
    [ -n "$MACOS_FLOOR" ] || return 0
    macos=$(sw_vers -productVersion 2>/dev/null) || return 0
    ! is_below "$macos" "$MACOS_FLOOR" ||
        fail "$APP needs macOS $MACOS_FLOOR or later, and this is $macos" 'update macOS'
}

# Whether version $1 is below version $2, by their first two numbers.
is_below() {
    set -- "${1%%.*}" "$1.0" "${2%%.*}" "$2.0"
    set -- "$1" "${2#*.}" "$3" "${4#*.}"
    set -- "$1" "${2%%.*}" "$3" "${4%%.*}"
    case $1$2$3$4 in
        *[!0-9]*) return 1 ;;
    esac
    [ "$1" -lt "$3" ] || { [ "$1" -eq "$3" ] && [ "$2" -lt "$4" ]; }
}

is_any_file() {
    [ -e "$1" ]
}

# Sets downloader and hasher.
find_programs() {
    if has curl; then
        downloader=curl
    elif has wget; then
        case $(wget --version 2>&1 || :) in
            *GNU*) downloader=gnu_wget ;;
            *) downloader=wget ;;
        esac
    else
        fail 'a download needs curl or wget, and neither is installed' 'install one of them with your package manager'
    fi
    hasher=''
    for candidate in sha256sum shasum openssl sha256; do
        if has "$candidate"; then
            hasher=$candidate
            break
        fi
    done
    [ -n "$hasher" ] ||
        fail "the download can't be verified: none of sha256sum, shasum, openssl and sha256 is installed" \
            'install coreutils or openssl with your package manager'
    for needed in awk tar gzip; do
        has "$needed" || fail "$needed isn't installed" "install $needed with your package manager"
    done
}

# Sets created, the topmost folder that didn't exist, and work, the temporary folder.
create_work_folder() {
    existing=$folder missing=''
    while [ ! -e "$existing" ] && [ ! -L "$existing" ]; do
        missing=$existing
        existing=$(dirname "$existing")
    done
    [ -d "$existing" ] || fail "$existing isn't a folder" 'move it elsewhere, or set __INSTALL_VARIABLE__ to another folder'
    created=$missing
    refused=$(mkdir -p "$folder" 2>&1) || refuse_folder "$refused"

    # Named after the process, so that those of killed ones can be found.
    for old in "$folder/.$APP-install."*; do
        owner=${old##*.}
        if [ "$owner" = "$$" ] || ! kill -0 "$owner" 2>/dev/null; then
            rm -rf "$old"
        fi
    done
    work=$folder/.$APP-install.$$
    refused=$(umask 077 && mkdir "$work" 2>&1) || refuse_folder "$refused"
}

refuse_folder() {
    explain_disk "$1"
    fail "can't write to $folder: $1" 'set __INSTALL_VARIABLE__ to a folder that you can write to'
}

# Sets url, size and sha256 of the wanted version's archive.
find_archive() {
    download "$MANIFEST" "$work/versions.json"
    read_built_in
    facts=$(read_manifest) || fail "$MANIFEST can't be read: $facts" 'try again later, and report it if that fails too'
    case $facts in
        newer)
            fail "this installer is too old to read $MANIFEST" "get the current one: $(command_for "$INSTALLER")"
            ;;
        none*)
            fail "there is no version $wanted" "the versions are: ${facts#none }"
            ;;
        yanked*)
            reason=${facts#yanked}
            fail "$APP $wanted was yanked, so it isn't installed${reason:+:}$reason" \
                "install the current version: $(command_for "$INSTALLER")"
            ;;
    esac
    [ "$wanted" != "$VERSION" ] || return 0
    url='' size='' sha256=''
    read -r url size sha256 <<FACTS
${facts#ok }
FACTS
    [ -n "$sha256" ] || fail "version $wanted has no archive for $platform" 'install another version'
}

command_for() {
    if [ "$downloader" = curl ]; then
        printf '%s' "curl -fsSL $1 | sh"
    else
        printf '%s' "wget -qO- $1 | sh"
    fi
}

# Prints `ok URL SIZE SHA256` for the wanted version and platform, `yanked REASON`, `none` and the versions there are, or
# `newer` for a list that it can't understand.
read_manifest() {
    awk -v wanted="$wanted" -v platform="$platform" '
        { text = text $0 "\n" }
        END {
            while (match(text, /"([^"\\]|\\.)*"|[][{},:]|[^][{},:" \t\r\n]+/)) {
                token = substr(text, RSTART, RLENGTH)
                text = substr(text, RSTART + RLENGTH)
                count++
                if (token == "{" || token == "[") {
                    depth++
                    kind[depth] = token
                    key[depth] = ""
                    is_key = token == "{"
                    if (in_version() && depth == 3) { version = ""; yanked = ""; reason = ""; found = "" }
                    if (in_file()) { type = ""; of = ""; url = ""; size = ""; sha256 = "" }
                } else if (token == "}" || token == "]") {
                    if (in_file() && type == "archive" && of == platform) found = url " " size " " sha256
                    if (in_version()) finish()
                    depth--
                } else if (token == ",") {
                    is_key = kind[depth] == "{"
                } else if (token != ":") {
                    value = token
                    if (value ~ /^"/) value = substr(value, 2, length(value) - 2)
                    if (is_key) {
                        key[depth] = value
                        is_key = 0
                    } else if (depth == 1 && key[1] == "schema") {
                        if (value + 0 > 1) answer = "newer"
                    } else if (in_version()) {
                        if (key[3] == "version") version = value
                        if (key[3] == "yanked") yanked = value
                        if (key[3] == "yank_reason") reason = value
                    } else if (in_file()) {
                        if (key[5] == "kind") type = value
                        if (key[5] == "platform") of = value
                        if (key[5] == "url") url = value
                        if (key[5] == "size") size = value
                        if (key[5] == "sha256") sha256 = value
                    }
                }
            }
            if (!count || depth != 0 || key[1] == "") { print "it is not JSON"; exit 1 }
            if (answer == "") answer = "none" known
            print answer
        }
        function in_version() { return depth == 3 && kind[1] == "{" && key[1] == "versions" && kind[2] == "[" && kind[3] == "{" }
        function in_file() {
            return depth == 5 && kind[3] == "{" && key[3] == "files" && kind[4] == "[" && kind[5] == "{" && key[1] == "versions"
        }
        function finish() {
            sub(/^v/, "", version)
            if (yanked == "" || yanked == "false" || yanked == "null") known = known " " version
            else if (version == wanted) answer = "yanked" (reason == "" ? "" : " " reason)
            if (version == wanted && answer == "") answer = "ok " found
        }
    ' "$work/versions.json"
}

# Downloads URL $1 to file $2, and resumes it where a connection was cut.
download() {
    attempt=1
    while :; do
        status=0 http=''
        : >"$work/log"
        start_download "$1" "$2" &
        child=$!
        wait "$child" || status=$?
        child=''
        http=$(sed -n 's/^http=//p; s/.*ERROR \([0-9][0-9][0-9]\).*/\1/p; s/.*HTTP\/[0-9.]* \([45][0-9][0-9]\).*/\1/p' \
            "$work/log" | tail -n 1)
        if [ "$status" -eq 0 ]; then
            # wget reports success for a body that ends early if the server doesn't say its length.
            return 0
        fi
        explain_disk "$(cat "$work/log")"
        case $http in
            # The server can't resume it.
            416) rm -f "$2" ;;
            408 | 429) ;;
            4*) break ;;
        esac
        [ "$downloader-$status" != curl-33 ] || rm -f "$2"
        # curl's own code for a failed write.
        [ "$downloader-$status" != curl-23 ] || refuse_space
        [ "$attempt" -lt "$ATTEMPTS" ] || break
        sleep "$attempt"
        attempt=$((attempt + 1))
    done
    explain_download "$1"
}

start_download() {
    case $downloader in
        curl)
            set -- --fail --silent --show-error --location --connect-timeout 30 --speed-limit 1 --speed-time 60 \
                --continue-at - --write-out 'http=%{http_code}\n' --output "$2" "$1"
            case $MANIFEST in
                https:*) set -- --proto '=https' --tlsv1.2 "$@" ;;
            esac
            exec curl "$@" >>"$work/log" 2>&1
            ;;
        gnu_wget) exec wget --no-verbose --tries=1 --timeout=60 --continue --output-document="$2" "$1" >>"$work/log" 2>&1 ;;
        # BusyBox 1.35 crashes with -T.
        wget) exec wget -q -c -O "$2" "$1" >>"$work/log" 2>&1 ;;
    esac
}

# Fails with what the downloader reported about URL $1.
explain_download() {
    reason=$(grep -v '^http=' "$work/log" | tail -n 1) || reason=''
    case $http in
        404 | 410)
            fail "not found on the server: $1" "get the current installer: $(command_for "$INSTALLER")"
            ;;
        407) fail "the proxy needs a password (HTTP 407): $1" 'set it in https_proxy: http://USER:PASSWORD@HOST:PORT' ;;
        4*) fail "the server refused the download (HTTP $http): $1" 'open the address in a browser to see why' ;;
        5*) fail "the server failed (HTTP $http): $1" 'try again later' ;;
    esac
    proxy=${https_proxy:-${HTTPS_PROXY:-${ALL_PROXY:-${all_proxy:-${http_proxy:-}}}}}
    hint='check your connection, then run this again; behind a proxy, set https_proxy'
    [ -z "$proxy" ] || hint="check the proxy, ${proxy##*@} by your environment, then run this again"
    case $downloader-$status in
        curl-35 | curl-51 | curl-58 | curl-60 | curl-77 | gnu_wget-5)
            hint="check this machine's clock and its CA certificates (package ca-certificates)" ;;
    esac
    fail "can't download $1: ${reason:-$downloader ended with exit code $status}" "$hint"
}

verify() {
    received=$(($(wc -c <"$work/archive")))
    [ "$received" -ge "$size" ] ||
        fail "the download ended after $received of $size bytes: $url" 'run this again; a proxy may have cut it'
    case $hasher in
        sha256sum) actual=$(sha256sum <"$work/archive") || actual='' ;;
        shasum) actual=$(shasum -a 256 <"$work/archive") || actual='' ;;
        openssl) actual=$(openssl dgst -sha256 -r <"$work/archive") || actual='' ;;
        sha256) actual=$(sha256 -q <"$work/archive") || actual='' ;;
    esac
    actual=${actual%% *}
    [ -n "$actual" ] || fail "$hasher can't compute the SHA-256 of the download" "repair or reinstall $hasher"
    [ "$actual" = "$sha256" ] ||
        fail "the download isn't what was published: its SHA-256 is $actual, not $sha256" \
            "run this again; if that fails too, something on the way changes downloads: don't use it, and report it"
}

unpack() {
    refused=$(tar -xzf "$work/archive" -C "$work" "$APP" 2>&1) || {
        explain_disk "$refused"
        fail "can't unpack the download: $refused" 'report this with the name of your system'
    }
    chmod 755 "$work/$APP"
    if [ "$system" = Darwin ] && has xattr; then
        xattr -d com.apple.quarantine "$work/$APP" 2>/dev/null || :
    fi
}

# Sets printed.
start_once() {
    status=0
    printed=$("$work/$APP" --version 2>&1 </dev/null) || status=$?
    [ "$status" -ne 126 ] || fail "programs can't be executed in $folder: $printed" \
        'it may be on a file system mounted noexec; set __INSTALL_VARIABLE__ to a folder elsewhere'
    [ "$status" -eq 0 ] || fail "$APP doesn't start on this system (exit code $status): $printed" 'report this with the name of your system'
    case $printed in
        *"$wanted"*) ;;
        *) fail "the archive contains another version than $wanted: $printed" 'report this' ;;
    esac
}

# Sets previous, and replaces the link in one step.
replace() {
    previous=''
    if [ -x "$target" ]; then
        previous=$("$target" --version 2>/dev/null </dev/null) || previous=''
    fi
    version_folder=$store/$wanted-$(printf '%.8s' "$sha256")
    [ -e "$version_folder" ] || staged=$version_folder
    refused=$({ mkdir -p "$version_folder" && mv -f "$work/$APP" "$version_folder/$APP"; } 2>&1) ||
        refuse_folder "$refused"
    refused=$({ ln -s ".$APP/${version_folder##*/}/$APP" "$work/link" && mv -f "$work/link" "$target"; } 2>&1) ||
        refuse_folder "$refused"
    is_installed=yes
    for old in "$store"/*; do
        [ "$old" = "$version_folder" ] || is_running "$old/$APP" || rm -rf "$old"
    done
}

# Whether a process of this user, or as root of any user, runs file $1.
is_running() {
    if [ -e /proc/self/exe ]; then
        for running in /proc/[0-9]*/exe; do
            # shellcheck disable=SC3013 # every sh of Linux has -ef: dash, bash, BusyBox, ksh, mksh, yash and zsh
            [ ! "$running" -ef "$1" ] || return 0
        done
        return 1
    fi
    # shellcheck disable=SC2009 # pgrep on macOS doesn't compare whole paths
    ps -A -o comm= 2>/dev/null | grep -F -q -x -e "$1"
}

# Says how to put the folder on the PATH, or what hides the program.
explain_path() {
    case ":$PATH:" in
        *":$folder:"*)
            found=$(command -v "$APP" || :)
            [ "$found" = "$target" ] ||
                say "note: '$APP' still runs $found, whose folder comes first on your PATH"
            return 0
            ;;
    esac
    shown=$folder
    case $folder in
        "${HOME:-/}"/*) shown="\$HOME${folder#"$HOME"}" ;;
    esac
    case $folder in
        *[!A-Za-z0-9/._-]*)
            say "To run it by its name, add $folder to your PATH."
            return 0
            ;;
    esac
    say 'To run it by its name, add its folder to your PATH, then open a new terminal:'
    say ''
    case ${SHELL:-} in
        */fish) say "  fish_add_path $shown" ;;
        */zsh) say "  echo 'export PATH=\"$shown:\$PATH\"' >> ~/.zshrc" ;;
        */bash)
            if [ "$system" = Darwin ]; then
                say "  echo 'export PATH=\"$shown:\$PATH\"' >> ~/.bash_profile"
            else
                say "  echo 'export PATH=\"$shown:\$PATH\"' >> ~/.bashrc"
            fi
            ;;
        *) say "  echo 'export PATH=\"$shown:\$PATH\"' >> ~/.profile" ;;
    esac
}

has() {
    command -v "$1" >/dev/null 2>&1
}

say() {
    printf '%s\n' "$1" >&2
}

fail() {
    say "error: $1"
    say "hint: $2"
    exit 1
}

# Fails if a program reported a full disk.
explain_disk() {
    case $1 in
        *'No space left'* | *'Disk quota exceeded'* | *'File too large'*) refuse_space ;;
    esac
}

refuse_space() {
    fail "there isn't enough space in $folder" 'free some space there, or set __INSTALL_VARIABLE__ to a folder elsewhere'
}

# shellcheck disable=SC2329 # called by traps
stop_by() {
    [ "$is_installed" = yes ] || say 'Interrupted; nothing was installed.'
    exit $((128 + $1))
}

# Removes what this run created, unless it's installed.
# shellcheck disable=SC2329 # called by a trap
clean_up() {
    code=$?
    trap '' HUP INT TERM
    trap - EXIT
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null || :
        wait "$child" 2>/dev/null || :
    fi
    [ -z "$work" ] || rm -rf "$work"
    if [ -n "$staged" ] && [ "$is_installed" = no ]; then
        rm -rf "$staged"
        rmdir "$store" 2>/dev/null || :
    fi
    if [ -n "$created" ] && [ "$is_installed" = no ]; then
        empty=$folder
        while rmdir "$empty" 2>/dev/null && [ "$empty" != "$created" ]; do
            empty=$(dirname "$empty")
        done
    fi
    exit "$code"
}

main "$@"
exit
}
