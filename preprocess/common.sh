# What the pipelines of this folder share; sourced, not run.
# shellcheck shell=bash

set -euo pipefail

# Each pipeline sets these: names of its options with a value, and of those without.
: "${known=}" "${switches=}"

name=${0##*/}

usage() { # print the comment at the head of the pipeline
    sed -n '2,/^[^#]/{/^#/!d; s/^# \{0,1\}//; p}' "$0"
}

die() {
    echo "$name: error: $*" >&2
    exit 2
}

say() { printf '== %s\n' "$*"; }

# Options of the form --name VALUE into variables of that name; switches are listed in $switches.
parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit 0 ;;
            --*)
                local key=${1#--}
                key=${key//-/_}
                case " $known $switches " in
                    *" ${1#--} "*) ;;
                    *) die "unknown option $1; see $name --help" ;;
                esac
                if [[ " $switches " == *" ${1#--} "* ]]; then
                    printf -v "$key" yes
                    shift
                else
                    [ $# -gt 1 ] || die "$1 needs a value; see $name --help"
                    printf -v "$key" %s "$2"
                    shift 2
                fi
                ;;
            *) die "unexpected argument $1; see $name --help" ;;
        esac
    done
}

need() { # OPTION VALUE: an option that must be given
    [ -n "$2" ] || die "$1 must be given; see $name --help"
}

need_file() {
    [ -f "$1" ] || die "$1: the file must be there, but is not; see $name --help for what is expected"
}

count() { # lines of a plain or gzipped file; a last line without an end counts too
    if [[ $1 == *.gz ]]; then gzip -dc -- "$1"; else cat -- "$1"; fi | awk 'END { print NR }'
}

same_count() { # FILE FILE...: line n of each belongs together
    local first=$1 expected file found
    expected=$(count "$first")
    for file in "${@:2}"; do
        found=$(count "$file")
        [ "$found" = "$expected" ] ||
            die "$file: must have as many lines as $first, which has $expected, but has $found"
    done
}

expect_count() { # FILE EXPECTED: the size that its publishers name
    local found
    found=$(count "$1")
    [ "$found" = "$2" ] || die "$1: must hold $2 documents, as published, but holds $found;" \
        "download it again, or give --any-count for a part of it"
}

# What is there already was made with the options of the first start; with others it would be wrong.
same_options() { # FOLDER: makes it, and remembers the options in it
    local file=$1/options.txt option key
    mkdir -p "$1"
    for option in $known $switches; do
        key=${option//-/_}
        [[ $option == out || $option == workers || $option == any-count ]] || printf -- '--%s %s\n' "$option" "${!key}"
    done > "$file.new"
    local differing="" line
    [ ! -e "$file" ] || while IFS= read -r line; do
        # Of no importance before there is a data-bin; mclas roundtrip filters anew by itself.
        [[ ! -e $1/data-bin/manifest.json && $line =~ ^--(vocab-size|like|t1|t2)\  ]] && continue
        grep -qxF -e "$line" "$file.new" || differing+=${differing:+, }$line
    done < "$file"
    [ -z "$differing" ] ||
        die "$1: was made with other options ($differing); give those, or another --out"
    mv "$file.new" "$file"
}

# Run a command that writes FILE, unless FILE is there. FILE appears when it is complete.
step() { # FILE COMMAND...: the command gets FILE.new where it says OUT
    local file=$1
    shift
    if [ -e "$file" ]; then
        say "there already: $file"
        return
    fi
    say "$file"
    local words=() word
    for word in "$@"; do
        [ "$word" != OUT ] || word=$file.new
        words+=("$word")
    done
    rm -rf "$file.new"
    "${words[@]}"
    mv "$file.new" "$file"
}

# mclas prepare, unless the data-bin is there; it renames by itself.
data_bin() { # FOLDER FLAGS...
    local folder=$1
    shift
    if [ -e "$folder/manifest.json" ]; then
        say "there already: $folder"
        return
    fi
    say "$folder"
    mclas prepare --out "$folder" "$@"
}
