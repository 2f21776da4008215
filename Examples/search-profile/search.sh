#!/bin/sh
# search.sh FAMILY PROTEINS NAME EVALUE KEEP
set -u
hmmbuild --amino --cpu 0 -n "$3" "$3.hmm" "$1" >/dev/null || exit 2
hmmsearch --cpu 0 --noali -E "$4" --tblout hits -o report.txt "$3.hmm" "$2" || exit 2
printf 'name\te-value\tscore\tdescription\n' >relatives.tsv
grep -v '^#' hits | awk '{ printf "%s\t%s\t%s", $1, $5, $6; for (i = 19; i <= NF; i++) printf "%s%s", i == 19 ? "\t" : " ", $i; print "" }' >>relatives.tsv
rm hits
[ "$5" = true ] || rm "$3.hmm"
[ "$(wc -l <relatives.tsv)" -gt 1 ] || exit 3
