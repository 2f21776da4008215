#!/bin/sh
# effects.sh RECORDING FORMAT TRIM SPECTRUM EFFECT…: the effects are SoX's own words, one after the other.
recording=$1 format=$2 trim=$3 spectrum=$4
shift 4
soxi "$recording" >/dev/null 2>&1 || { echo "the recording cannot be read as a sound" >&2; exit 2; }
silence=
[ "$trim" = true ] && silence="silence 1 0.05 1% reverse silence 1 0.05 1% reverse"
# shellcheck disable=SC2086
sox --no-show-progress "$recording" "changed.$format" $silence "$@" || exit 2
[ "$spectrum" = true ] || exit 0
sox "changed.$format" -n spectrogram -o spectrum.png -t "${TITLE-}" || exit 2
