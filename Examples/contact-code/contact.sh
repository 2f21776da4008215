#!/bin/sh
# contact.sh PICTURE OPTION…: options are qrencode's, what stands in the card is in the environment.
picture=$1
shift
# A comma, a semicolon, a backslash and the end of a line mean something in a vCard.
line() { [ -z "$2" ] || printf '%s:%s\r\n' "$1" "$(printf %s "$2" | sed 's/[\\,;]/\\&/g' | sed ':a;N;$!ba;s/\n/\\n/g')"; }
{
    printf 'BEGIN:VCARD\r\nVERSION:3.0\r\n'
    line FN "$FN"
    line N "$FN"
    line ORG "${ORG-}"
    line TEL "${TEL-}"
    line EMAIL "${EMAIL-}"
    line URL "${URL-}"
    line NOTE "${NOTE-}"
    printf 'END:VCARD\r\n'
} >contacto.vcf
exec qrencode --8bit -r contacto.vcf -o "$picture" --foreground="${COLOR#?}" --background="${BACKGROUND#?}" "$@"
