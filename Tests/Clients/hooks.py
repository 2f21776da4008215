"""Teaches schemathesis to send the bytes of tus."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
