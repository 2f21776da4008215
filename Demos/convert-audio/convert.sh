#!/bin/sh
# Converts a sound file with SoX: convert.sh --format F [--rate HZ] [--mono] [--start S] [--length S] -- FILE
# writes converted.F into the current folder. What the caller can mend ends with code 2.
set -u

fail() {
    echo "convert-audio: $1" >&2
    exit 2
}

format= rate= mono= start= length=
while [ $# -gt 0 ]; do
    case $1 in
        --format) format=$2 && shift ;;
        --rate) rate=$2 && shift ;;
        --mono) mono=1 ;;
        --start) start=$2 && shift ;;
        --length) length=$2 && shift ;;
        --) shift && break ;;
        *) fail "unknown option $1" ;;
    esac
    shift
done
[ $# -eq 1 ] || fail "one sound file is needed"
case $format in mp3 | ogg | flac | wav) ;; *) fail "the format should be mp3, ogg, flac or wav" ;; esac

seconds=$(soxi -D "$1" 2>/dev/null) ||
    fail "the file is no sound that can be read (WAV, FLAC, Ogg Vorbis, MP3, AIFF, AU)"
echo "from: $(soxi -t "$1"), $(soxi -r "$1") Hz, $(soxi -c "$1") channel(s), $seconds s"
input=$1
set -- "$input"
[ -n "$rate" ] && set -- "$@" --rate "$rate"
[ -n "$mono" ] && set -- "$@" --channels 1
set -- "$@" "converted.$format"
if [ -n "$start$length" ]; then
    set -- "$@" trim "${start:-0}"
    [ -n "$length" ] && set -- "$@" "$length"
fi
sox --no-show-progress --guard "$@" || fail "SoX could not convert the file"
if [ "$(soxi -s "converted.$format")" = 0 ]; then
    rm "converted.$format"
    fail "nothing is left of the sound: it has $seconds s, and was to start at ${start:-0} s"
fi
echo "to: $(soxi -t "converted.$format"), $(soxi -r "converted.$format") Hz," \
    "$(soxi -c "converted.$format") channel(s), $(soxi -D "converted.$format") s, $(wc -c <"converted.$format") bytes"
