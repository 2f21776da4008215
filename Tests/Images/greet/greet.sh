#!/bin/sh
. /etc/os-release
echo "$GREETING from Debian $VERSION_ID"
[ -e /usr/bin/apt-get ] && echo "host" || echo "no host"
